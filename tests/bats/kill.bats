#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill: a signal for the container's first process.

load lib

@test "kill sends SIGTERM when no signal is named" {
	# Before the trap is set, process 1 of a pid namespace ignores it.
	set_script 'trap "echo term; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	start
	wait_for grep -q ready "$DIR/out"
	oci kill "$ID"
	wait_for is stopped
	grep -q term "$DIR/out"
}

@test "kill takes a signal as number, as name, and as name with SIG" {
	set_script 'trap "echo got" USR1; echo ready; while :; do sleep 0.05; done'
	start
	wait_for grep -q ready "$DIR/out"
	local count=0 signal
	got() { [ "$(grep -c got "$DIR/out")" -eq "$1" ]; }
	for signal in 10 USR1 SIGUSR1; do
		oci kill "$ID" "$signal"
		count=$((count + 1))
		wait_for got $count
	done
	oci kill "$ID" KILL
	wait_for is stopped
}

@test "kill refuses a signal that there is not" {
	set_daemon
	start
	run ! oci kill "$ID" NOSUCH
	run ! oci kill "$ID" 1000
	is running
}

@test "kill KILL ends a container that ignores everything else" {
	set_script 'trap "" TERM INT HUP; echo ready; while :; do sleep 0.1; done'
	start
	wait_for grep -q ready "$DIR/out"
	oci kill "$ID" TERM
	is running
	oci kill "$ID" KILL
	wait_for is stopped
}

@test "kill KILL ends a created container" {
	set_daemon
	create
	oci kill "$ID" KILL
	wait_for is stopped
}

@test "kill of a container that does not exist says so" {
	run ! oci kill "$ID" KILL
	[[ $output == *"does not exist"* ]]
}

@test "kill of a stopped container says that it is not running" {
	differs crun "says 'open pidfd: No such process' or the like"
	start
	wait_for is stopped
	run ! oci kill "$ID" KILL
	[[ $output == *"container not running"* ]]
}

@test "kill --all is taken and signals the first process" {
	set_daemon
	start
	oci kill --all "$ID" KILL
	wait_for is stopped
}

@test "a container's other processes end with its first" {
	set_script 'sleep 1000 & sleep 1000 & echo ready; wait'
	start
	wait_for grep -q ready "$DIR/out"
	[ "$(wc -l <"$(cgroup_of)/cgroup.procs")" -ge 3 ]
	oci kill "$ID" KILL
	wait_for is stopped
	empty() { grep -q "populated 0" "$(cgroup_of)/cgroup.events"; }
	wait_for empty
}
