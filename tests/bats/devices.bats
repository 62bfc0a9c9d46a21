#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# /dev: the devices that every container has, and linux.devices.

load lib

@test "the default devices are there and work" {
	set_script 'for d in null zero full random urandom tty; do
			stat -c "%F %t:%T %a $d" /dev/$d; done
		head -c 3 /dev/zero | od -An -tx1; echo x >/dev/null; head -c 1 /dev/urandom | wc -c'
	run -0 oci run "$ID"
	[ "${lines[0]}" = "character special file 1:3 666 null" ]
	[ "${lines[1]}" = "character special file 1:5 666 zero" ]
	[ "${lines[2]}" = "character special file 1:7 666 full" ]
	[ "${lines[3]}" = "character special file 1:8 666 random" ]
	[ "${lines[4]}" = "character special file 1:9 666 urandom" ]
	[ "${lines[5]}" = "character special file 5:0 666 tty" ]
	[ "${lines[6]}" = " 00 00 00" ]
	[ "${lines[7]}" = 1 ]
}

@test "/dev has the links to the standard streams, and ptmx" {
	set_script 'for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done'
	run -0 oci run "$ID"
	[ "${lines[*]}" = "/proc/self/fd /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 pts/ptmx" ]
}

@test "linux.devices are made with their mode and owner" {
	update_config '.linux.devices = [
		{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 432, uid: 7, gid: 8},
		{path: "/dev/sub/pipe", type: "p", fileMode: 384}]'
	set_script 'stat -c "%F %t:%T %a %u:%g" /dev/mine; stat -c "%F %a" /dev/sub/pipe'
	run -0 oci run "$ID"
	[ "${lines[0]}" = "character special file 1:3 660 7:8" ]
	[ "${lines[1]}" = "fifo 600" ]
}

@test "the machine's other devices are not there" {
	set_script 'ls /dev'
	run -0 oci run "$ID"
	[[ $output != *mem* && $output != *loop* && $output != *vda* && $output != *kmsg* ]]
}

@test "a device that no rule allows can't be opened" {
	requires bpf fuse
	update_config '.linux.resources.devices = [{allow: false, access: "rwm"}] |
		.linux.devices = [{path: "/dev/fuse2", type: "c", major: 10, minor: 229, fileMode: 438}]'
	set_script 'cat </dev/zero | head -c 1 | wc -c; exec cat </dev/fuse2'
	run ! oci run "$ID"
	[[ ${lines[0]} == 1 ]]
	[[ $output == *"Operation not permitted"* ]]
}

@test "a device that a rule allows can be opened" {
	requires bpf fuse
	update_config '.linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, minor: 229, access: "rw"}] |
		.linux.devices = [{path: "/dev/fuse2", type: "c", major: 10, minor: 229, fileMode: 438}]'
	set_script 'exec 3</dev/fuse2 && echo opened'
	run -0 oci run "$ID"
	prints opened
}

@test "a rule for reading does not allow writing" {
	requires bpf fuse
	update_config '.linux.resources.devices = [{allow: false, access: "rwm"},
		{allow: true, type: "c", major: 10, minor: 229, access: "r"}] |
		.linux.devices = [{path: "/dev/fuse2", type: "c", major: 10, minor: 229, fileMode: 438}]'
	set_script 'exec 3</dev/fuse2 && echo opened; exec 4>/dev/fuse2 && echo written'
	run oci run "$ID"
	[[ $output == opened* && $output != *written* && $output == *"Operation not permitted"* ]]
}
