#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# pause and resume: all processes of a container stop where they are, and go on.

load lib

setup() {
	test_begin
	set_script 'while :; do echo tick; sleep 0.02; done'
}

ticks() {
	grep -c tick "$DIR/out"
}

has_more_than() { # TICKS
	[ "$(ticks)" -gt "$1" ]
}

@test "the processes of a paused container stand still until it is resumed" {
	start
	wait_for has_more_than 2
	oci pause "$ID"
	is paused
	grep -q '^frozen 1' "$(cgroup_of)/cgroup.events"
	before=$(ticks)
	busybox sleep 0.3
	[ "$(ticks)" -eq "$before" ]
	oci resume "$ID"
	is running
	wait_for has_more_than "$before"
}

@test "a created container can be paused, and is created again after it" {
	differs crun "calls it created"
	create
	oci pause "$ID"
	is paused
	oci resume "$ID"
	is created
	oci start "$ID"
	wait_for has_more_than 0
}

@test "a process that was started by exec is paused too" {
	start
	oci exec --detach "$ID" sh -c 'while :; do echo more; sleep 0.02; done' >"$DIR/exec" </dev/null 2>&1
	wait_for grep -q more "$DIR/exec"
	oci pause "$ID"
	before=$(wc -l <"$DIR/exec")
	busybox sleep 0.2
	[ "$(wc -l <"$DIR/exec")" -eq "$before" ]
}

@test "kill KILL ends a paused container" {
	start
	oci pause "$ID"
	oci kill "$ID" KILL
	wait_for is stopped
	oci delete "$ID"
}

@test "a signal to a paused container arrives when it is resumed" {
	set_script 'trap "echo got; exit 0" TERM; echo ready; while :; do sleep 0.02; done'
	start
	wait_for grep -q ready "$DIR/out"
	oci pause "$ID"
	oci kill "$ID" TERM
	busybox sleep 0.1
	run ! grep -q got "$DIR/out"
	oci resume "$ID"
	wait_for is stopped
	grep -q got "$DIR/out"
}

@test "a paused container is not deleted without --force" {
	start
	oci pause "$ID"
	run ! oci delete "$ID"
	is paused
	oci delete --force "$ID"
}

@test "exec with --ignore-paused goes on when the container is resumed" {
	differs crun "has no --ignore-paused"
	start
	oci pause "$ID"
	run ! oci exec "$ID" echo late
	oci exec --ignore-paused "$ID" echo late >"$DIR/exec" 3>&- &
	exec_pid=$!
	oci resume "$ID"
	wait "$exec_pid"
	grep -q late "$DIR/exec"
}

@test "pause and resume refuse a container in another state" {
	differs crun "resumes what is not paused"
	start
	run ! oci resume "$ID"
	! runtime_is hull || [[ $output == *"container not paused" ]]
	oci pause "$ID"
	run ! oci pause "$ID"
	oci resume "$ID"
	oci kill "$ID" KILL
	wait_for is stopped
	run ! oci pause "$ID"
	! runtime_is hull || [[ $output == *"container not running" ]]
	run ! oci resume "$ID"
	run ! oci pause "${ID}none"
}

@test "list shows a paused container as paused" {
	start
	oci pause "$ID"
	run -0 oci list
	[[ $output == *"$ID"*" paused "* ]]
}
