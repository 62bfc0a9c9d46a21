#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.namespaces: new ones, other processes' ones, and the caller's.

load lib

drop_ns() { # TYPE
	update_config '.linux.namespaces |= map(select(.type != $t))' --arg t "$1"
}

ns_path() { # TYPE PATH
	update_config '(.linux.namespaces[] | select(.type == $t)).path = $p' --arg t "$1" --arg p "$2"
}

@test "each namespace that is listed is a new one" {
	local type file
	set_daemon
	start
	for type in pid:pid network:net ipc:ipc uts:uts mount:mnt; do
		file=${type#*:}
		jq -e --arg t "${type%:*}" '.linux.namespaces | any(.type == $t)' config.json
		[ "$(readlink "/proc/$(pid_of)/ns/$file")" != "$(readlink /proc/self/ns/$file)" ]
	done
}

@test "a cgroup namespace hides the path of the cgroup" {
	update_config '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])'
	set_args grep '^0::' /proc/self/cgroup
	run -0 oci run "$ID"
	prints "0::/"
}

@test "a namespace that is not listed is the caller's" {
	drop_ns network
	drop_ns ipc
	set_daemon
	start
	[ "$(readlink "/proc/$(pid_of)/ns/net")" = "$(readlink /proc/self/ns/net)" ]
	[ "$(readlink "/proc/$(pid_of)/ns/ipc")" = "$(readlink /proc/self/ns/ipc)" ]
}

@test "a namespace with a path is joined" {
	set_daemon
	start
	local pid type
	pid=$(pid_of)
	update_config '.linux.cgroupsPath += "b"'
	for type in network:net ipc:ipc uts:uts pid:pid; do
		ns_path "${type%:*}" "/proc/$pid/ns/${type#*:}"
	done
	update_config 'del(.hostname)'
	start "${ID}b"
	for type in net ipc uts pid; do
		[ "$(readlink "/proc/$pid/ns/$type")" = "$(readlink "/proc/$(pid_of "${ID}b")/ns/$type")" ]
	done
}

@test "a namespace's path of the wrong type is refused" {
	leaves crun "the cgroup"
	ns_path network /proc/self/ns/uts
	run ! oci run "$ID"
	run ! oci state "$ID"
}

@test "a namespace that is listed twice is refused" {
	update_config '.linux.namespaces += [{type: "uts"}]'
	differs crun-1.8 "takes it"
	differs crun-1.28 "takes it"
	run ! oci run "$ID"
}

@test "an unknown namespace is refused" {
	leaves crun "the cgroup"
	update_config '.linux.namespaces += [{type: "nosuch"}]'
	run ! oci run "$ID"
}

@test "hostname is the container's own" {
	local before
	before=$(hostname)
	update_config '.hostname = "web"'
	set_args hostname
	run -0 oci run "$ID"
	prints web
	[ "$(hostname)" = "$before" ]
}

@test "hostname without a uts namespace is refused" {
	update_config '.hostname = "web"'
	drop_ns uts
	run ! oci run "$ID"
	[ "$(hostname)" != web ]
}

@test "domainname is the container's own" {
	differs runc-1.1 "does not know it"
	update_config '.domainname = "example"'
	set_args cat /proc/sys/kernel/domainname
	run -0 oci run "$ID"
	prints example
}

@test "a new network namespace has lo and nothing else, and lo is up" {
	set_script 'ls /sys/class/net; ifconfig lo'
	run -0 oci run "$ID"
	[ "${lines[0]}" = lo ]
	[[ $output == *"inet addr:127.0.0.1"* && $output == *UP* ]]
}

@test "linux.sysctl is set in the container and not outside" {
	local before
	before=$(cat /proc/sys/net/ipv4/ip_forward)
	update_config '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}'
	set_args cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
	run -0 oci run "$ID"
	[ "${lines[*]}" = "1 4096" ]
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = "$before" ]
}

@test "a sysctl of the whole machine is refused" {
	update_config '.linux.sysctl = {"kernel.panic": "77"}'
	run ! oci run "$ID"
	[ "$(cat /proc/sys/kernel/panic)" != 77 ]
}

@test "a sysctl of a namespace that is the caller's is refused" {
	drop_ns network
	update_config '.linux.sysctl = {"net.ipv4.ip_forward": "1"}'
	run ! oci run "$ID"
}

@test "a user namespace maps the container's root to another user" {
	requires userns
	update_config '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]'
	chown -R 100000:200000 rootfs
	chmod 755 "$DIR"
	set_script 'id -u; cat /proc/self/uid_map | tr -s " "; exec sleep 1000'
	start
	wait_for grep -q 100000 "$DIR/out"
	[ "$(head -n 1 "$DIR/out")" = 0 ]
	[ "$(stat -c %u:%g "/proc/$(pid_of)")" = 100000:200000 ]
}

@test "a time namespace has its own offsets" {
	requires timens
	differs runc-1.1 "does not know it"
	update_config '.linux.namespaces += [{type: "time"}] |
		.linux.timeOffsets = {boottime: {secs: 1000000, nanosecs: 0}}'
	set_script 'cut -d . -f 1 /proc/uptime'
	run -0 oci run "$ID"
	[ "$output" -ge 1000000 ]
}

@test "without a pid namespace the container's processes have the caller's numbers" {
	drop_ns pid
	set_daemon
	start
	[ "$(oci exec "$ID" sh -c 'ls -d /proc/[0-9]*' | wc -l)" -gt 3 ]
	[ "$(readlink "/proc/$(pid_of)/ns/pid")" = "$(readlink /proc/self/ns/pid)" ]
	oci kill "$ID" KILL
	wait_for is stopped
	empty() { grep -q "populated 0" "$(cgroup_of)/cgroup.events"; }
	wait_for empty
}
