#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# delete: takes away what is left of a container.

load lib

@test "delete takes a stopped container away with its state and cgroup" {
	start
	wait_for is stopped
	oci delete "$ID"
	run ! oci state "$ID"
	[ ! -e "$(cgroup_of)" ]
	[ ! -e "$ROOT/$ID" ]
}

@test "delete refuses a running container" {
	set_daemon
	start
	run ! oci delete "$ID"
	is running
}

@test "delete takes a created container away" {
	set_daemon
	create
	oci delete "$ID"
	run ! oci state "$ID"
}

@test "delete --force takes a running container away" {
	set_script 'trap "" TERM; while :; do sleep 0.1; done'
	start
	local pid
	pid=$(pid_of)
	oci delete --force "$ID"
	run ! oci state "$ID"
	gone() { ! kill -0 "$pid" 2>/dev/null || grep -q '^State:.*Z' "/proc/$pid/status"; }
	wait_for gone
}

@test "delete of a container that does not exist says so" {
	differs crun "says that it cannot open the container's directory"
	run ! oci delete "$ID"
	[[ $output == *"does not exist"* ]]
}

@test "delete --force of a container that does not exist succeeds" {
	run -0 oci delete --force "$ID"
}

@test "delete leaves the other containers alone" {
	set_daemon
	start
	update_config '.linux.cgroupsPath += "b"'
	start "${ID}b"
	oci delete --force "$ID"
	is running "${ID}b"
}

@test "an id can be used again after delete" {
	set_daemon
	start
	oci delete --force "$ID"
	start
	is running
}

@test "the rootfs can be unmounted as soon as delete has returned" {
	mv rootfs rootfs.lower
	mkdir rootfs
	mount --bind rootfs.lower rootfs
	set_daemon
	start
	oci delete --force "$ID"
	umount rootfs
}
