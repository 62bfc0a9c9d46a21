#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ps: the processes of a container, as the host numbers them.

load lib

setup() {
	test_begin
	set_script 'sleep 1000 & sleep 1001 & wait'
}

has_three() {
	[ "$(wc -l <"$(cgroup_of)/cgroup.procs")" -eq 3 ]
}

pids() { # sorted, a line each
	sort -n "$(cgroup_of)/cgroup.procs"
}

@test "ps prints the pids of all processes as JSON" {
	start
	wait_for has_three
	run -0 oci ps --format json "$ID"
	diff <(jq '.[]' <<<"$output" | sort -n) <(pids)
	! runtime_is hull || [[ $output =~ ^\[[0-9]+,[0-9]+,[0-9]+\]$ ]]
}

@test "ps prints the table of ps, with the container's processes alone" {
	differs crun "prints its own table"
	start
	wait_for has_three
	run -0 oci ps "$ID"
	[[ ${lines[0]} =~ ^UID\ +PID\ +PPID ]]
	[ ${#lines[@]} -eq 4 ]
	diff <(printf '%s\n' "${lines[@]:1}" | awk '{ print $2 }' | sort -n) <(pids)
	[[ $output == *"sleep 1001"* ]]
}

@test "ps gives the further words to ps" {
	differs crun "takes no options of ps"
	start
	wait_for has_three
	run -0 oci ps --format table "$ID" -e -o pid,args
	[[ ${lines[0]} =~ ^\ *PID\ COMMAND$ ]]
	[ ${#lines[@]} -eq 4 ]
	[[ $output == *"sleep 1000"* ]]
}

@test "ps says what ps said that failed, and that there is no column of pids" {
	differs crun "takes no options of ps"
	start
	run ! oci ps "$ID" --no-such-option
	[[ $output == *"exit status 1"* ]]
	run ! oci ps "$ID" -e -o args
	[[ $output == *"couldn't find PID field in ps output"* ]]
}

@test "ps sees a process that exec has started" {
	start
	wait_for has_three
	oci exec --detach "$ID" sleep 1002
	run -0 oci ps --format json "$ID"
	[ "$(jq length <<<"$output")" -eq 4 ]
}

@test "ps of a created container is its first process, of a stopped one nothing" {
	set_args true
	create
	run -0 oci ps --format json "$ID"
	[ "$(jq '.[0]' <<<"$output")" -eq "$(pid_of)" ]
	oci start "$ID"
	wait_for is stopped
	run -0 oci ps --format json "$ID"
	[ "$(jq 'length' <<<"$output")" -eq 0 ]
}

@test "ps works without a PATH" {
	differs runc "looks for ps in PATH alone"
	differs crun "needs none"
	start
	run -0 env -i "$RUNTIME" --root "$ROOT" ps "$ID"
	[[ $output == *"sleep 1000"* ]]
}

@test "ps of a container that does not exist says so" {
	run ! oci ps "$ID"
	[[ $output == *"does not exist"* ]]
}
