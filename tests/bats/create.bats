#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# create: everything up to the user's command, which waits for start.

load lib

@test "create leaves a created container whose command has not run" {
	set_script 'echo ran'
	create
	is created
	[ ! -s "$DIR/out" ]
	oci start "$ID"
	wait_for grep -q ran "$DIR/out"
}

@test "create --pid-file has the container's first process" {
	set_daemon
	create --pid-file "$DIR/pid"
	[ "$(wc -l <"$DIR/pid")" -eq 0 ]
	[ "$(cat "$DIR/pid")" = "$(pid_of)" ]
}

@test "create has put the first process into cgroupsPath when it returns" {
	set_daemon
	create
	[ "$(cat "$(cgroup_of)/cgroup.procs")" = "$(pid_of)" ]
	grep -qx "0::/hull-test/$ID" "/proc/$(pid_of)/cgroup" ||
		grep -q "^0::.*/hull-test/$ID$" "/proc/$(pid_of)/cgroup"
}

@test "create --bundle takes the bundle from another folder" {
	set_daemon
	cd /
	create --bundle "$BUNDLE"
	is created
	[ "$(oci state "$ID" | jq -r .bundle)" = "$BUNDLE" ]
}

@test "create fails when the command is not there and leaves nothing" {
	set_args /not/there
	run ! create
	run ! oci state "$ID"
	[ -z "$(leftovers)" ]
}

@test "create fails when the command is not executable and leaves nothing" {
	echo '#!/bin/sh' >rootfs/bin/script
	chmod 644 rootfs/bin/script
	set_args /bin/script
	run ! create
	# Either word makes callers exit with 126.
	[[ ${output,,} == *"permission denied"* || ${output,,} == *"operation not permitted"* ]]
	run ! oci state "$ID"
}

@test "create fails when config.json is not JSON" {
	echo '{ "ociVersion": ' >config.json
	run ! create
	run ! oci state "$ID"
}

@test "create fails when the rootfs is not there" {
	update_config '.root.path = "elsewhere"'
	run ! create
	run ! oci state "$ID"
}

@test "create refuses an id that is taken" {
	set_daemon
	create
	run ! create
	is created
}

@test "create refuses ids that are paths" {
	for id in ../up a/b /abs; do
		run ! oci create "$id"
	done
	[ -z "$(ls "$ROOT")" ]
}

@test "create refuses a terminal without a console socket" {
	update_config '.process.terminal = true'
	run ! create
	run ! oci state "$ID"
}

@test "a change of config.json after create has no effect on start" {
	set_script 'echo first'
	create
	set_script 'echo second'
	oci start "$ID"
	wait_for grep -q . "$DIR/out"
	[ "$(cat "$DIR/out")" = first ]
}

@test "create --preserve-fds passes descriptors from 3 on" {
	set_script 'cat <&3'
	exec 5<<<"by descriptor"
	"$RUNTIME" --root "$ROOT" run --preserve-fds 1 "$ID" 3<&5 >"$DIR/out" </dev/null
	[ "$(cat "$DIR/out")" = "by descriptor" ]
}

@test "the command has no descriptors but 0, 1 and 2" {
	set_script 'ls /proc/self/fd | tr "\n" " "'
	# ls itself opens 3.
	exec 7</etc/passwd
	run -0 oci run "$ID"
	exec 7<&-
	prints "0 1 2 3 "
}
