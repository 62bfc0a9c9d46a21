#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# containerd's shim (io.containerd.runc.v2) with the runtime in runc's place, by `ctr`: each promise
# with this machine's containerd (1.6 on Debian 12), and with sid's where tests/peers/fetch has
# got it.

# shellcheck disable=SC2016 # scripts for the container's shell
# shellcheck disable=SC2030,SC2031 # each test is a subshell, on purpose
load lib
load callers

setup_file() {
	store_begin
}

teardown_file() {
	store_end
	find /sys/fs/cgroup/hull-ctr -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

setup() {
	test_begin
	# ctr always asks for a share of the processors.
	requires cpu memory cmd:containerd cmd:ctr cmd:script
}

teardown() {
	[ -z "${home:-}" ] || {
		ctr task rm --force "$ID" || true
		ctr container rm "$ID" || true
	} >/dev/null 2>&1
	test_end
}

with_containerd() { # here|SUITE
	on "$1"
	state=$home/runc/default # the runtime's
	containerd_begin
}

# A container of the test's root folder: words before -- are ctr's, those after it the command.
ctr_run() { # OPTION... -- COMMAND...
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	ctr run --runc-binary "$RUNTIME" --runc-root "$home/runc" --cgroup "/hull-ctr/$ID" \
		--env PATH=/bin "${options[@]}" --rootfs "$STORE/bundle/rootfs" "$ID" "$@"
}

task_is() { # STATUS
	ctr task ls | grep -qE "^$ID +[0-9]+ +$1"
}

# ---- the promises ----

output_and_status() {
	run --separate-stderr -7 ctr_run --rm -- sh -c 'read -r word; echo "got $word"
		echo oops >&2; exit 7' <<<hello
	prints "got hello"
	[ "$stderr" = oops ]
	run -0 ctr container ls --quiet
	prints ""
	[ -z "$(ls "$state")" ]
}

errors_tell() {
	differs crun "other words for a command that can't be run"
	run ! ctr_run --rm -- nosuch
	says 'create failed.*exec: "nosuch": executable file not found in \$PATH'
	run ! ctr_run --rm -- /bin/nosuch
	says 'create failed.*/bin/nosuch.*no such file or directory'
	run ! ctr_run --rm -- /bin/not-executable
	says 'create failed.*/bin/not-executable.*permission denied'
	[ -z "$(ls "$state")" ]
}

terminals() {
	at_terminal ctr_run --rm -t -- sh -c '
		trap "echo winch: \$(stty size)" WINCH
		trap "echo caught; exit 3" INT
		while [ "$(stty size)" != "33 77" ]; do sleep 0.1; done
		tty
		while :; do sleep 0.1; done'
	shows /dev/pts/0
	resizes 40 100
	shows "winch: 40 100"
	types '\003'
	shows caught
	leaves_with 3
}

a_life() {
	ctr_run -d --pid-file "$home/pid" -- sh -c '
		trap "exit 5" TERM
		trap "echo hup >/tmp/hup" HUP
		while :; do sleep 0.1; done'
	task_is RUNNING
	[ "$(readlink "/proc/$(cat "$home/pid")/root")" = / ]
	[ "$(cat "/proc/$(cat "$home/pid")/comm")" = sh ]
	run --separate-stderr -3 ctr task exec --exec-id one --cwd /tmp "$ID" \
		sh -c 'cat; pwd; echo oops >&2; exit 3' <<<hello
	prints $'hello\n/tmp'
	[ "$stderr" = oops ]
	run ! ctr task exec --exec-id two "$ID" nosuch
	runtime_is crun || says 'exec failed.*exec: "nosuch": executable file not found in \$PATH'
	at_terminal ctr task exec --exec-id three -t "$ID" \
		sh -c 'tty; read -r line; echo "got $line"; exit 6'
	shows /dev/pts
	types 'a line\r'
	shows "got a line"
	leaves_with 6
	ctr task kill -s SIGHUP "$ID"
	hup() { ctr task exec --exec-id $RANDOM "$ID" rm /tmp/hup; }
	wait_for hup
	ctr task kill -s SIGTERM "$ID"
	wait_for task_is STOPPED
	run -0 ctr task rm "$ID"
	says 'non-zero exit code 5'
	[ ! -e "$state/$ID" ]
	ctr container rm "$ID"
}

a_dead_shim() {
	local pid shim
	ctr_run -d --pid-file "$home/pid" -- sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	pid=$(cat "$home/pid")
	shim=$(sed -n 's/^PPid:\t//p' "/proc/$pid/status")
	[ "$(cat "/proc/$shim/comm")" = containerd-shim ]
	kill -KILL "$shim"
	gone() { [ ! -e "/proc/$pid" ] && [ ! -e "$state/$ID" ]; }
	wait_for gone
	ctr container rm "$ID"
}

what_is_asked_for() {
	mkdir "$home/volume"
	echo data >"$home/volume/file"
	run -0 ctr_run --rm --read-only --cwd /tmp --env A=b --seccomp --cap-drop CAP_CHOWN \
		--mount "type=bind,src=$home/volume,dst=/mnt,options=rbind:ro" \
		--mount "type=tmpfs,src=none,dst=/opt" --device /dev/full -- sh -c '
		pwd; echo $A; cat /mnt/file
		touch /x 2>/dev/null || echo read-only
		touch /opt/file && echo tmpfs
		echo 2>/dev/null >/dev/full || echo full
		chown 1 /opt/file 2>/dev/null || echo no chown
		grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; ip -o link | wc -l'
	prints "$(printf '%s\n' /tmp b data read-only tmpfs full "no chown" \
		$'NoNewPrivs:\t1' $'Seccomp:\t2' 1)"
	run -0 ctr_run --rm --net-host --with-ns "ipc:/proc/self/ns/ipc" -- sh -c '
		for n in net ipc; do readlink /proc/self/ns/$n; done'
	prints "$(for n in net ipc; do readlink /proc/self/ns/$n; done)"
}

limits_hold_for_ctr() {
	ctr_run -d --memory-limit 67108864 --cpu-quota 50000 --cpu-period 100000 -- sleep 1000
	[ "$(cat "/sys/fs/cgroup/hull-ctr/$ID/memory.max")" = 67108864 ]
	[ "$(cat "/sys/fs/cgroup/hull-ctr/$ID/cpu.max")" = "50000 100000" ]
	run -0 ctr task metrics --format json "$ID"
	says '"usage_limit": ?67108864'
	ctr task kill -s SIGKILL "$ID"
	wait_for task_is STOPPED
	run -0 ctr task rm "$ID"
	says 'non-zero exit code 137'
	ctr container rm "$ID"
}

# ---- this machine's containerd ----

@test "ctr run: output, input and the exit status" {
	with_containerd here
	output_and_status
}

@test "ctr run says why the command can't be run" {
	with_containerd here
	errors_tell
}

@test "ctr run -t: the window's size, Ctrl-C, the exit status" {
	with_containerd here
	terminals
}

@test "ctr task exec, kill, rm" {
	with_containerd here
	a_life
}

@test "ctr run: read-only, mounts, devices, seccomp, capabilities, namespaces" {
	with_containerd here
	what_is_asked_for
}

@test "ctr task metrics and limits are the cgroup's" {
	with_containerd here
	limits_hold_for_ctr
}

@test "ctr run -d: containerd takes the container away when its shim was killed" {
	with_containerd here
	a_dead_shim
}

# ---- sid's containerd ----

# bats test_tags=slow
@test "sid's ctr run: output, input and the exit status" {
	with_containerd sid
	output_and_status
}

# bats test_tags=slow
@test "sid's ctr run says why the command can't be run" {
	with_containerd sid
	errors_tell
}

# bats test_tags=slow
@test "sid's ctr run -t: the window's size, Ctrl-C, the exit status" {
	with_containerd sid
	terminals
}

# bats test_tags=slow
@test "sid's ctr task exec, kill, rm" {
	with_containerd sid
	a_life
}

# bats test_tags=slow
@test "sid's ctr run: read-only, mounts, devices, seccomp, capabilities, namespaces" {
	with_containerd sid
	what_is_asked_for
}

# bats test_tags=slow
@test "sid's ctr task metrics and limits are the cgroup's" {
	with_containerd sid
	limits_hold_for_ctr
}

# bats test_tags=slow
@test "sid's ctr run -d: containerd takes the container away when its shim was killed" {
	with_containerd sid
	a_dead_shim
}
