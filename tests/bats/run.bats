#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# run: create, start, wait and delete in one command.

load lib

@test "run prints what the command prints" {
	set_args echo hello world
	run -0 oci run "$ID"
	prints "hello world"
}

@test "run returns the command's exit status" {
	set_script 'exit 42'
	run -42 oci run "$ID"
}

@test "run returns 128 plus the signal that killed the command" {
	set_script 'kill -9 $$; sleep 100'
	# Process 1 of a pid namespace can't kill itself.
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	run -137 oci run "$ID"
}

@test "run passes stdin to the command" {
	set_args cat
	run -0 oci run "$ID" <<<"from outside"
	prints "from outside"
}

@test "run keeps stdout and stderr apart" {
	set_script 'echo out; echo err >&2'
	oci run "$ID" >"$DIR/1" 2>"$DIR/2"
	[ "$(cat "$DIR/1")" = out ]
	[ "$(cat "$DIR/2")" = err ]
}

@test "run deletes the container when its command has ended" {
	run -0 oci run "$ID"
	run ! oci state "$ID"
}

@test "run --keep leaves a stopped container" {
	run -0 oci run --keep "$ID"
	is stopped
	oci delete "$ID"
	run ! oci state "$ID"
}

@test "run --bundle takes the bundle from another folder" {
	set_args echo from the bundle
	cd /
	run -0 oci run --bundle "$BUNDLE" "$ID"
	prints "from the bundle"
}

@test "run --detach returns while the command runs" {
	set_daemon
	oci run --detach "$ID" </dev/null >"$DIR/out" 2>&1
	is running
}

@test "run --pid-file has the decimal pid and no newline when the command returns" {
	set_daemon
	oci run --detach --pid-file "$DIR/pid" "$ID" </dev/null >"$DIR/out" 2>&1
	[ "$(wc -l <"$DIR/pid")" -eq 0 ]
	[ "$(cat "$DIR/pid")" = "$(pid_of)" ]
	kill -0 "$(cat "$DIR/pid")"
}

@test "run forwards signals to the command" {
	set_script 'trap "echo got it; exit 7" USR1; echo ready; while :; do sleep 0.1; done'
	oci_background run "$ID"
	wait_for grep -q ready "$DIR/out"
	kill -USR1 "$pid"
	local status=0
	wait "$pid" || status=$?
	echo "status $status" && [ $status -eq 7 ]
	grep -q "got it" "$DIR/out"
}

@test "run refuses a command that is not there" {
	set_args /not/there
	run ! oci run "$ID"
	[[ $output == *"no such file or directory"* || $output == *"No such file or directory"* ]]
	run ! oci state "$ID"
}

@test "run looks the command up in the container's PATH" {
	update_config '.process.env = ["PATH=/elsewhere:/mnt"]'
	printf '#!/bin/sh\necho found\n' >rootfs/mnt/found
	chmod +x rootfs/mnt/found
	set_args found
	run -0 oci run "$ID"
	prints found
}

@test "run refuses a bundle without config.json" {
	rm config.json
	run ! oci run "$ID"
	[ -n "$output" ]
}

@test "run refuses an id that is taken" {
	set_daemon
	start
	run ! oci run "$ID"
	is running
}

@test "two containers run from one bundle at the same time" {
	set_daemon
	start
	update_config '.linux.cgroupsPath += "b"'
	start "${ID}b"
	is running
	is running "${ID}b"
	[ "$(pid_of)" != "$(pid_of "${ID}b")" ]
}
