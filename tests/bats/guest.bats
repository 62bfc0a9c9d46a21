#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=hull
# sandbox/guest: what hull-guest does for a process, and what it can't be made to do.

load lib

setup() {
	requires kvm guest_kernel memory
	test_begin
	sandboxed
}

@test "an exec ends with its command, though a child has its stdin and never reads it" {
	set_daemon
	start
	head -c 4000000 /dev/zero >"$DIR/much"
	run -5 timeout 60 "$RUNTIME" --root "$ROOT" exec "$ID" sh -c \
		'exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 & exit 5' <"$DIR/much"
}

@test "a container whose output nobody reads holds up no exec in it" {
	mkfifo "$DIR/fifo"
	set_script 'yes & while :; do sleep 0.1; done'
	exec 7<>"$DIR/fifo"
	oci create "$ID" </dev/null >"$DIR/fifo" 2>"$DIR/err" 7>&-
	oci start "$ID"
	head -c 3000000 /dev/urandom >"$DIR/data"
	timeout 60 "$RUNTIME" --root "$ROOT" exec "$ID" cat <"$DIR/data" >"$DIR/back"
	cmp "$DIR/data" "$DIR/back"
	oci delete --force "$ID"
	exec 7>&-
}

@test "a process in a sandbox has the limits of a service and a score of its own" {
	update_config 'del(.process.rlimits, .process.oomScoreAdj)'
	set_script 'trap "exit 0" TERM; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj
		echo ready; while :; do sleep 0.1; done'
	start
	wait_for grep -q ready "$DIR/out"
	[ "$(<"$DIR/out")" = $'1024\n524288\n0\nready' ]
	run -0 oci exec "$ID" sh -c 'ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj'
	prints $'1024\n524288\n0'
}

@test "the guest lives on when a container that is spared by its score takes all memory" {
	local file=/usr/local/etc/hull/config.json # small, so that it is soon taken
	mkdir -p "${file%/*}"
	echo '{"vm": {"memory": "128M"}}' >$file
	update_config '.process.oomScoreAdj = -997'
	set_script 'trap "exit 0" TERM; tail /dev/zero; echo $?; while :; do sleep 0.1; done'
	start
	rm $file
	wait_for grep -q . "$DIR/out"
	[ "$(<"$DIR/out")" = 137 ]
	run -0 oci exec "$ID" echo alive
	prints alive
}

@test "twenty execs one after the other leave nothing in the guest" {
	set_args sleep 1000
	start
	local before after
	before=$(oci exec "$ID" sh -c 'ps | wc -l')
	for _ in {1..20}; do
		oci exec "$ID" true </dev/null
	done
	after=$(oci exec "$ID" sh -c 'ps | wc -l')
	[ "$after" -eq "$before" ]
}
