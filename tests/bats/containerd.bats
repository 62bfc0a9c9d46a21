#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # the container's shell expands them
# containerd's shim (io.containerd.runc.v2) with the runtime in runc's place, by `ctr`.
# bats file_tags=callers

load lib

setup_file() {
	[ -n "${HULL_LAB:-}" ] && have cmd:containerd || return 0
	STORE=$(mktemp -d /run/hull-containerd.XXXXXX)
	export STORE CONTAINERD_ADDRESS=$STORE/sock
	cat >"$STORE/config.toml" <<-C
		version = 2
		root = "$STORE/root"
		state = "$STORE/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs"]
		[grpc]
		address = "$CONTAINERD_ADDRESS"
	C
	containerd --config "$STORE/config.toml" >"$STORE/log" 2>&1 3>&- &
	echo $! >"$STORE/pid"
	wait_for answers
}

teardown_file() {
	[ -n "${STORE:-}" ] || return 0
	kill "$(cat "$STORE/pid")" || true
	rm -rf "$STORE"
}

answers() {
	ctr version >/dev/null 2>&1
}

setup() {
	requires lab memory cmd:containerd
	test_begin
}

teardown() {
	[ -z "${STORE:-}" ] || {
		ctr task kill -s SIGKILL "$ID" || true
		ctr task rm -f "$ID" || true
		ctr container rm "$ID" || true
	} >/dev/null 2>&1
	test_end
}

# A container of the test's rootfs: words before -- are ctr's, those after it the command.
run_ctr() { # OPTION... -- COMMAND...
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr run --runc-binary "$RUNTIME" "${options[@]}" --rootfs "$BUNDLE/rootfs" "$ID" "$@"
}

task_is() { # STATUS
	ctr task ls | grep -qE "^$ID +[0-9]+ +$1"
}

@test "ctr run: output, input and the exit status" {
	run -7 run_ctr --rm -- /bin/sh -c 'read -r word; echo "got $word"; echo oops >&2; exit 7' <<<hello
	[[ $output == *"got hello"* && $output == *oops* ]]
	run -0 ctr container ls -q
	[ -z "$output" ]
}

@test "ctr run of a command that is not there fails with the runtime's words" {
	run ! run_ctr --rm -- /bin/nosuch
	[[ $output == *"create failed"* && $output == *"/bin/nosuch"* ]]
	[[ $output == *"no such file or directory"* ]]
}

@test "ctr run -d, task exec, metrics, kill, rm" {
	run_ctr -d --memory-limit 67108864 -- /bin/sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
	wait_for task_is RUNNING
	run -3 ctr task exec --exec-id one "$ID" /bin/sh -c 'echo inside; exit 3'
	[[ $output == *inside* ]]
	run -0 ctr task metrics --format json "$ID"
	[[ $output == *67108864* ]]
	ctr task kill -s SIGTERM "$ID"
	wait_for task_is STOPPED
	ctr task rm "$ID"
	ctr container rm "$ID"
}

@test "ctr run -t: a terminal of its own" {
	run -4 script -qefc "ctr run --runc-binary '$RUNTIME' --rm -t --rootfs '$BUNDLE/rootfs' '$ID' \
		/bin/sh -c 'tty; exit 4'" /dev/null
	[[ $output == */dev/pts/0* ]]
}
