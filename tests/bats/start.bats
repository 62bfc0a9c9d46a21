#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# start: lets a created container's command run.

load lib

@test "start runs the command of a created container" {
	set_daemon
	create
	oci start "$ID"
	is running
}

@test "start of a container that does not exist fails" {
	run ! oci start "$ID"
	[[ $output == *"does not exist"* ]]
}

@test "start of a running container fails and leaves it running" {
	set_daemon
	start
	run ! oci start "$ID"
	is running
}

@test "start of a stopped container fails" {
	start
	wait_for is stopped
	run ! oci start "$ID"
	is stopped
}

@test "a container is stopped when its command has ended" {
	start
	wait_for is stopped
	[ "$(pid_of)" -eq 0 ]
}

@test "start from another folder than create works" {
	set_script 'echo ran'
	create
	cd /
	oci start "$ID"
	wait_for grep -q ran "$DIR/out"
}
