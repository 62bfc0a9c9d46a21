#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# events: what a container uses, and when it runs out of memory.

load lib

setup() {
	test_begin
	differs crun "has no events"
	set_daemon
}

@test "events --stats prints one object, with runc's keys" {
	start
	run -0 oci events --stats "$ID"
	[ ${#lines[@]} -eq 1 ]
	[ "$(jq -r .type <<<"$output")" = stats ]
	[ "$(jq -r .id <<<"$output")" = "$ID" ]
	[ "$(jq -c '.data | keys' <<<"$output")" = \
		'["blkio","cpu","cpuset","hugetlb","intel_rdt","memory","network_interfaces","pids"]' ]
}

@test "events --stats counts as the container's cgroup does" {
	requires memory pids cpu
	update_config '.linux.resources += {memory: {limit: 67108864, swap: 100663296}, pids: {limit: 20}}'
	set_script 'dd if=/dev/zero of=/dev/null bs=1M count=200 2>/dev/null; sleep 1000 & echo worked; wait'
	start
	wait_for grep -q worked "$DIR/out"
	run -0 oci events --stats "$ID"
	[ "$(jq .data.memory.usage.limit <<<"$output")" = 67108864 ]
	[ "$(jq .data.memory.swap.limit <<<"$output")" = 100663296 ]
	[ "$(jq .data.memory.usage.usage <<<"$output")" -gt 0 ]
	[ "$(jq '.data.memory.raw | has("anon") and has("file")' <<<"$output")" = true ]
	[ "$(jq .data.pids.current <<<"$output")" -eq 2 ]
	[ "$(jq .data.pids.limit <<<"$output")" -eq 20 ]
	# Nanoseconds, and no less than the first process' own.
	[ "$(jq .data.cpu.usage.total <<<"$output")" -ge 1000000 ]
}

@test "events prints statistics at each interval, and ends with the container" {
	start
	oci_background events --interval 100ms "$ID"
	has_two() { [ "$(grep -c '"type":"stats"' "$DIR/out")" -ge 2 ]; }
	wait_for has_two
	oci kill "$ID" KILL
	wait "$pid"
	jq -e .data.cpu "$DIR/out" >/dev/null
}

@test "events says that the container ran out of memory" {
	requires memory
	update_config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	set_script 'while [ ! -e /tmp/go ]; do sleep 0.05; done; tail /dev/zero; sleep 1000'
	update_config '.root.readonly = false'
	start
	oci_background events --interval 1h "$ID"
	watches() { readlink "/proc/$pid/fd"/* | grep -q "$ID/memory.events\|inotify"; }
	wait_for watches
	: >rootfs/tmp/go
	wait_for grep -qxF "{\"type\":\"oom\",\"id\":\"$ID\"}" "$DIR/out"
	oci kill "$ID" KILL
	wait "$pid"
}

@test "events refuses a container that is not running, and an interval of nothing" {
	run ! oci events --stats "$ID"
	start
	run ! oci events --interval 0s "$ID"
	run ! oci events --interval soon "$ID"
	oci kill "$ID" KILL
	wait_for is stopped
	run ! oci events --stats "$ID"
	[[ $output == *"container with id $ID is not running"* ]]
}
