#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.resources: what the container may use, as cgroup v2 has it.

load lib

setup() {
	test_begin
	set_daemon
}

@test "memory.limit, reservation and swap become memory.max, low and swap.max" {
	requires memory
	update_config '.linux.resources.memory = {limit: 67108864, reservation: 33554432, swap: 100663296}'
	start
	[ "$(value memory.max)" = 67108864 ]
	[ "$(value memory.low)" = 33554432 ]
	# The specification's swap is memory and swap together.
	[ "$(value memory.swap.max)" = 33554432 ]
}

@test "memory.limit -1 is no limit" {
	requires memory
	update_config '.linux.resources.memory = {limit: -1}'
	start
	[ "$(value memory.max)" = max ]
}

@test "a container that outgrows its memory limit is killed, and memory.events says so" {
	requires memory
	update_config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	set_script 'tail /dev/zero'
	start
	wait_for is stopped
	[ "$(value memory.events | awk '$1 == "oom_kill" { print $2 }')" -ge 1 ]
}

@test "run returns 137 when the command outgrows its memory limit" {
	requires memory
	update_config '.linux.resources.memory = {limit: 33554432, swap: 33554432}'
	set_script 'exec tail /dev/zero'
	run -137 oci run "$ID"
}

@test "pids.limit becomes pids.max and stops a fork bomb" {
	requires pids
	update_config '.linux.resources.pids = {limit: 10}'
	set_script 'i=0; while [ $i -lt 30 ]; do sleep 100 & i=$((i + 1)); done; wait'
	start
	[ "$(value pids.max)" = 10 ]
	denied() { grep -qi "can't fork\|cannot fork" "$DIR/err"; }
	wait_for denied
	[ "$(value pids.current)" -le 10 ]
}

@test "pids.limit -1 is no limit" {
	requires pids
	update_config '.linux.resources.pids = {limit: -1}'
	start
	[ "$(value pids.max)" = max ]
}

@test "cpu.quota and period become cpu.max" {
	requires cpu
	update_config '.linux.resources.cpu = {quota: 25000, period: 50000}'
	start
	[ "$(value cpu.max)" = "25000 50000" ]
}

@test "cpu.shares become cpu.weight" {
	requires cpu
	update_config '.linux.resources.cpu = {shares: 2}'
	start
	[ "$(value cpu.weight)" = 1 ]
	oci delete --force "$ID"
	update_config '.linux.resources.cpu = {shares: 262144}'
	start
	[ "$(value cpu.weight)" = 10000 ]
}

@test "1024 cpu.shares are the default weight" {
	requires cpu
	differs crun-1.8 "has the older, linear rule"
	differs runc-1.1 "has the older, linear rule"
	update_config '.linux.resources.cpu = {shares: 1024}'
	start
	[ "$(value cpu.weight)" = 100 ]
}

@test "cpu.cpus and mems become cpuset.cpus and mems" {
	requires cpuset
	update_config '.linux.resources.cpu = {cpus: "0", mems: "0"}'
	start
	[ "$(value cpuset.cpus)" = 0 ]
	[ "$(value cpuset.mems)" = 0 ]
	[ "$(grep Cpus_allowed_list "/proc/$(pid_of)/status" | cut -f 2)" = 0 ]
}

@test "blockIO.weight becomes io.weight" {
	requires io
	differs hull "refuses it, until it is there"
	# The file is there when the scheduler is; Debian's kernel has it as a module.
	[ -e /sys/fs/cgroup/init/io.weight ] || modprobe bfq || skip "no bfq"
	update_config '.linux.resources.blockIO = {weight: 500}'
	start
	# Both scales are written, where they are there: 10 to 1000, and 1 to 10000.
	if [ -e "$(cgroup_of)/io.bfq.weight" ]; then
		grep -qxE '(default )?500' "$(cgroup_of)/io.bfq.weight"
	else
		grep -qx 'default 4950' "$(cgroup_of)/io.weight"
	fi
}

@test "hugepageLimits become hugetlb.SIZE.max" {
	requires hugetlb
	differs hull "refuses it, until it is there"
	[ -e /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip "no huge pages of 2 MB"
	update_config '.linux.resources.hugepageLimits = [{pageSize: "2MB", limit: 4194304}]'
	start
	[ "$(value hugetlb.2MB.max)" = 4194304 ]
}

@test "resources.unified writes the files that it names" {
	requires memory pids
	update_config '.linux.resources.unified = {"memory.high": "50331648", "pids.max": "44"}'
	start
	[ "$(value memory.high)" = 50331648 ]
	[ "$(value pids.max)" = 44 ]
}

@test "a key of resources.unified that is a path is refused" {
	requires cgroup2
	leaves crun "the cgroup"
	update_config '.linux.resources.unified = {"../memory.high": "1"}'
	run ! create
	run ! oci state "$ID"
}

@test "exec'd processes are under the container's limits" {
	requires pids
	update_config '.linux.resources.pids = {limit: 50}'
	start
	oci exec --detach --pid-file "$DIR/exec.pid" "$ID" sleep 1000 </dev/null >/dev/null 2>&1
	grep -q "/hull-test/$ID$" "/proc/$(cat "$DIR/exec.pid")/cgroup"
}

@test "a container without cgroupsPath gets a cgroup of its own" {
	requires memory
	update_config 'del(.linux.cgroupsPath)'
	start
	local own
	own=$(sed -n 's/^0:://p' "/proc/$(pid_of)/cgroup")
	[ "$own" != "$(sed -n 's/^0:://p' /proc/self/cgroup)" ]
	[ -d "/sys/fs/cgroup$own" ]
	oci delete --force "$ID"
	[ ! -d "/sys/fs/cgroup$own" ]
}

@test "the controllers of a container's cgroup are enabled" {
	requires memory pids cpu
	start
	local controller
	for controller in memory pids cpu; do
		grep -qw $controller "$(cgroup_of)/cgroup.controllers"
	done
	[ -e "$(cgroup_of)/memory.events" ]
}

@test "a limit that the cgroup's kernel has no controller for is an error" {
	requires cgroup2
	! have memory || skip "memory is there"
	leaves crun "the cgroup"
	update_config '.linux.resources.memory = {limit: 67108864}'
	run ! create
	run ! oci state "$ID"
}
