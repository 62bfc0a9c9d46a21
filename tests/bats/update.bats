#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# update: other limits for a container that is there.

load lib

setup() {
	test_begin
	set_daemon
}

@test "update changes what its options say, and nothing else" {
	differs crun "takes bytes only"
	requires memory pids cpu cpuset
	update_config '.linux.resources += {memory: {limit: 67108864}, pids: {limit: 20}, cpu: {shares: 100}}'
	start
	oci update --memory 96m --memory-reservation 33554432 "$ID"
	[ "$(value memory.max)" = 100663296 ]
	[ "$(value memory.low)" = 33554432 ]
	[ "$(value pids.max)" = 20 ]
	[ "$(value cpu.weight)" = 17 ]
	oci update --pids-limit 10 --cpu-share 200 --cpuset-cpus 0 "$ID"
	[ "$(value pids.max)" = 10 ]
	[ "$(value cpu.weight)" != 17 ]
	[ "$(value cpuset.cpus)" = 0 ]
	[ "$(value memory.max)" = 100663296 ]
}

@test "update of a period or a quota alone keeps the other" {
	differs crun "forgets the quota"
	requires cpu
	update_config '.linux.resources.cpu = {quota: 50000, period: 100000}'
	start
	oci update --cpu-quota 30000 "$ID"
	[ "$(value cpu.max)" = "30000 100000" ]
	oci update --cpu-period 200000 "$ID"
	[ "$(value cpu.max)" = "30000 200000" ]
	oci update --cpu-quota -1 "$ID"
	[ "$(value cpu.max)" = "max 200000" ]
}

@test "update of memory to -1 takes the limit away, of swap too" {
	differs crun "leaves the limit on swap"
	requires memory
	update_config '.linux.resources.memory = {limit: 67108864, swap: 134217728}'
	start
	[ "$(value memory.swap.max)" = 67108864 ]
	oci update --memory=-1 "$ID"
	[ "$(value memory.max)" = max ]
	[ "$(value memory.swap.max)" = max ]
}

@test "update reads resources from a file and from stdin, in any case of letters" {
	differs crun "knows one case"
	requires memory cpu pids
	start
	echo '{"memory": {"limit": 67108864}}' >"$DIR/resources"
	oci update --resources "$DIR/resources" "$ID"
	[ "$(value memory.max)" = 67108864 ]
	echo '{"CPU": {"Shares": 100}, "Pids": {"LIMIT": 7}}' | oci update -r - "$ID"
	[ "$(value cpu.weight)" = 17 ]
	[ "$(value pids.max)" = 7 ]
	# What else is given doesn't count.
	echo '{"pids": {"limit": 8}}' | oci update -r - --memory 96m "$ID"
	[ "$(value pids.max)" = 8 ]
	[ "$(value memory.max)" = 67108864 ]
}

@test "update leaves the devices alone" {
	requires pids
	start
	echo '{"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 9}}' |
		oci update -r - "$ID"
	[ "$(value pids.max)" = 9 ]
	oci exec "$ID" sh -c ': </dev/zero'
}

@test "an update that fails leaves all limits as they were" {
	differs runc "leaves limits on processes"
	differs crun "leaves those before it"
	requires memory pids cpu cpuset
	update_config '.linux.resources += {memory: {limit: 67108864}, pids: {limit: 20}, cpu: {quota: 50000, period: 100000, shares: 100}}'
	start
	run ! oci update --pids-limit 30 --memory 96m --cpu-quota 70000 --cpuset-cpus 999 "$ID"
	[ "$(value pids.max)" = 20 ]
	[ "$(value memory.max)" = 67108864 ]
	[ "$(value cpu.max)" = "50000 100000" ]
	[ -z "$(value cpuset.cpus)" ]
	# One that becomes idle forgets its weight.
	weight=$(value cpu.weight)
	run ! oci update --cpu-idle 1 --cpuset-cpus 999 "$ID"
	[ "$(value cpu.idle)" = 0 ]
	[ "$(value cpu.weight)" = "$weight" ]
}

@test "update with checkBeforeUpdate refuses a limit below what is in use" {
	differs crun "says it in other words"
	requires memory
	update_config '.linux.resources.memory = {limit: 134217728}'
	start
	run ! oci update -r - "$ID" <<<'{"memory": {"limit": 4096, "checkBeforeUpdate": true}}'
	[[ $output == *"rejecting memory limit 4096"* ]]
	[ "$(value memory.max)" = 134217728 ]
	is running
}

@test "a created and a paused container can be updated" {
	requires pids
	create
	oci update --pids-limit 11 "$ID"
	[ "$(value pids.max)" = 11 ]
	oci start "$ID"
	oci pause "$ID"
	oci update --pids-limit 12 "$ID"
	[ "$(value pids.max)" = 12 ]
}

@test "update of a container that has stopped says so" {
	differs crun "updates it"
	set_args true
	start
	wait_for is stopped
	run ! oci update --pids-limit 11 "$ID"
	! runtime_is hull || [[ $output == *"container not running" ]]
}

@test "update refuses what is no number, no size and no resources" {
	differs crun "takes it for 0"
	requires pids
	start
	run ! oci update --memory lots "$ID"
	run ! oci update --pids-limit ten "$ID"
	run ! oci update -r - "$ID" <<<'{"pids": {"limit": "ten"}}'
	! runtime_is hull || [[ $output == *"stdin: pids.limit: a string, not a number" ]]
	run ! oci update -r - "$ID" <<<'{'
	run ! oci update -r "$DIR/none" "$ID"
	is running
}
