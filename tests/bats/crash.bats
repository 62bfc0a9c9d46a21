#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Commands that are killed at any instant, and the container's process too: `delete --force` within
# five seconds takes away whatever they have left, and nobody waits for ever.
# bats file_tags=hull

load lib

setup() {
	test_begin
	requires cmd:strace cmd:perl
	set_daemon
	cp config.json config.good
	: >"$DIR/in"
}

# Runs the command and kills it when it enters the system call for the Nth time. Its children live
# on.
kill_at() { # SYSCALL N COMMAND...
	strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" \
		"$RUNTIME" --root "$ROOT" "${@:3}" <"$DIR/in" >>"$DIR/out" 2>>"$DIR/err" 3>&-
}

# The system calls that the command makes, in their order: each with how often it was made by then.
calls_of() { # COMMAND...
	strace -qq -o "$DIR/calls" "$RUNTIME" --root "$ROOT" "$@" \
		<"$DIR/in" >>"$DIR/out" 2>>"$DIR/err" 3>&-
	sed -nE 's/^([a-z_0-9]+)\(.*/\1/p' "$DIR/calls" | awk '{print $1, ++seen[$1]}'
}

# The same for everything that the command clones: each that enters the system call for the Nth
# time. strace stays as long as one of them lives, so what it writes tells the end of the command.
kill_all_at() { # SYSCALL N COMMAND...
	local main
	: >"$DIR/trace"
	strace -f -q -o "$DIR/trace" -e trace=execve -e "inject=$1:signal=KILL:when=$2" \
		"$RUNTIME" --root "$ROOT" "${@:3}" <"$DIR/in" >>"$DIR/out" 2>>"$DIR/err" 3>&- &
	wait_for test -s "$DIR/trace"
	main=$(awk 'NR == 1 {print $1}' "$DIR/trace")
	wait_for grep -qE "^$main +\+\+\+" "$DIR/trace"
	! grep -qE "^$main +\+\+\+ killed" "$DIR/trace" || return 137
	return "$(sed -nE "s/^$main +\+\+\+ exited with ([0-9]+) .*/\1/p" "$DIR/trace")"
}

# Nobody is left whose cgroup, root or log is the container's.
no_process() {
	run ! grep -lqs "/hull-test/$ID" /proc/[0-9]*/cgroup
}

removed_by_force() {
	local began=${EPOCHREALTIME/./}
	oci delete --force "$ID" 2>>"$DIR/err"
	[ $((${EPOCHREALTIME/./} - began)) -lt 5000000 ] || {
		echo "delete --force took $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
		return 1
	}
	[ ! -e "$ROOT/$ID" ]
	[ ! -e "$(cgroup_of)" ]
	wait_for no_process
}

# Kills the command at every STEPth of its system calls.
at_every_call() { # STEP PREPARE COMMAND...
	local step=$1 prepare=$2 call n i=0 code killed=0
	shift 2
	$prepare
	calls_of "$@" >"$DIR/list"
	removed_by_force
	while read -r call n <&4; do
		[ $((i++ % step)) -eq 0 ] || continue
		$prepare
		code=0
		kill_at "$call" "$n" "$@" 2>/dev/null || code=$?
		[ $code -ne 137 ] || killed=$((killed + 1))
		removed_by_force || {
			echo "$*: after a kill at $call number $n"
			return 1
		}
	done 4<"$DIR/list"
	# Some numbers change from one time to another, so a few may not be reached.
	[ $((killed * step)) -gt $((i - i / 4)) ] || {
		echo "killed $killed times only, of $i calls"
		return 1
	}
}

created() {
	create
}

started() {
	start
}

@test "delete --force removes what a killed create has left" {
	at_every_call 13 true create "$ID"
}

@test "delete --force removes what a killed create with hooks and a terminal has left" {
	update_config '.hooks = {createRuntime: [{path: "/bin/true"}],
		createContainer: [{path: "/bin/true"}]}'
	at_every_call 17 true create "$ID"
}

@test "delete --force removes what a killed create with a user namespace has left" {
	requires userns
	update_config '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings'
	chmod 0711 "$DIR"
	at_every_call 17 true create "$ID"
}

@test "delete --force removes what a killed run has left" {
	set_args true
	at_every_call 17 true run "$ID"
}

@test "delete --force removes what a killed start has left" {
	at_every_call 7 created start "$ID"
}

@test "delete --force removes what a killed delete has left" {
	at_every_call 8 started delete --force "$ID"
}

@test "a killed exec leaves a container that can be deleted" {
	at_every_call 13 started exec "$ID" true
}

# bats test_tags=slow
@test "delete --force removes what is left by a create that is killed at any of its calls" {
	at_every_call 1 true create "$ID"
}

# bats test_tags=slow
@test "delete --force removes what is left by a start that is killed at any of its calls" {
	at_every_call 1 created start "$ID"
}

# bats test_tags=slow
@test "delete --force removes what is left by an exec that is killed at any of its calls" {
	at_every_call 1 started exec "$ID" true
}

# bats test_tags=slow
@test "delete --force removes what is left by a delete that is killed at any of its calls" {
	at_every_call 1 started delete --force "$ID"
}

# bats test_tags=slow
@test "delete --force removes what is left by a run that is killed at any of its calls" {
	set_args true
	at_every_call 1 true run "$ID"
}

# The command in the background has ended, and not well.
failed() {
	local code=0
	wait "$pid" || code=$?
	[ $code -ne 0 ]
}

# What only the child calls; and what both do, where both die at once.
readonly child_calls="setsid prctl move_mount mount_setattr fsopen fsmount pivot_root umount2 fchdir
	sethostname unshare setresuid setresgid capset close_range accept4 execve"

# bats test_tags=slow
@test "create fails and leaves nothing when the container's process is killed in the middle" {
	local call n code
	for call in $child_calls; do
		for n in 1 2 4; do
			code=0
			kill_all_at "$call" "$n" create "$ID" || code=$?
			# At its gate, or never come to the call: then there is a container.
			if [ $code -eq 0 ]; then
				[ "$(status_of)" != creating ]
				removed_by_force
			elif [ $code -eq 137 ]; then
				removed_by_force
			fi
			[ ! -e "$ROOT/$ID" ] || {
				echo "$call $n: status $code"
				return 1
			}
			[ ! -e "$(cgroup_of)" ]
			wait_for no_process
		done
	done
}

@test "start fails when the container's process is killed before it has heard of it" {
	create
	local init
	init=$(pid_of)
	kill -STOP "$init"
	oci_background start "$ID"
	connected() {
		[ ! -e "$ROOT/$ID/start" ]
	}
	wait_for connected
	kill -KILL "$init"
	failed
	[[ $(cat "$DIR/err") == *"died before it could begin"* ]]
}

@test "a start that was killed at the gate leaves a container that can be started" {
	create
	# It has connected, and not taken the gate away.
	strace -qq -o /dev/null -e inject=unlinkat:signal=KILL:when=1 \
		"$RUNTIME" --root "$ROOT" start "$ID" 3>&- || [ $? -eq 137 ]
	[ "$(status_of)" = created ]
	run -0 oci start "$ID"
	wait_for is running
}

@test "two starts at once: one of them starts the container" {
	local i first second
	set_script 'echo ran; sleep 1000'
	for i in {1..10}; do
		create
		oci start "$ID" 3>&- 2>/dev/null &
		first=$!
		oci start "$ID" 3>&- 2>/dev/null &
		second=$!
		status=0
		wait $first || status=$?
		wait $second || status=$((status + $?))
		[ $status -eq 1 ]
		wait_for grep -q ran "$DIR/out"
		[ "$(grep -c ran "$DIR/out")" -eq "$i" ]
		oci delete --force "$ID"
	done
}

@test "delete --force beside create leaves nothing, or a whole container" {
	local i
	for i in {1..15}; do
		oci create "$ID" <"$DIR/in" >"$DIR/out" 2>"$DIR/err" 3>&- &
		pid=$!
		[ $((i % 3)) -eq 0 ] || wait_for test -e "$ROOT/$ID"
		oci delete --force "$ID" 3>&-
		status=0
		wait $pid || status=$?
		if [ -e "$ROOT/$ID" ]; then
			[ $status -eq 0 ]
			[ "$(status_of)" = created ]
			oci delete --force "$ID"
		fi
		[ ! -e "$(cgroup_of)" ]
		wait_for no_process
	done
}

@test "a delete --force that came before the container's process ends it all the same" {
	# Without a cgroup nothing but its pid leads to it.
	strace -qq -o /dev/null -e inject=clone3:delay_enter=1s:when=1 "$RUNTIME" --root "$ROOT" \
		--cgroup-manager disabled create --pid-file "$DIR/pid" "$ID" \
		<"$DIR/in" >"$DIR/out" 2>"$DIR/err" 3>&- &
	pid=$!
	wait_for test -e "$ROOT/$ID/state.json"
	oci delete --force "$ID"
	wait $pid || true
	[ ! -e "$ROOT/$ID" ]
	[ ! -e "$DIR/pid" ] || {
		gone() {
			[ ! -e "/proc/$(cat "$DIR/pid")/root" ]
		}
		wait_for gone
	}
}

# A hook that is there until the test says go.
hang_in() { # KIND
	mkfifo "$DIR/go"
	printf '#!/bin/sh\necho >%s/in-hook\nread line <%s/go\n' "$DIR" "$DIR" >"$DIR/hook"
	chmod +x "$DIR/hook"
	update_config '.hooks[$kind] = [{path: $path}]' --arg kind "$1" --arg path "$DIR/hook"
}

let_go() {
	timeout 10 sh -c "echo >$DIR/go"
}

@test "what a create that was overtaken takes back is not the next container of that id" {
	hang_in createRuntime
	oci_background create --pid-file "$DIR/pid" "$ID"
	wait_for test -e "$DIR/in-hook"
	oci delete --force "$ID"
	cp config.good config.json
	create --pid-file "$DIR/pid"
	let_go
	failed
	[ "$(status_of)" = created ]
	[ "$(cat "$DIR/pid")" = "$(pid_of)" ]
	oci start "$ID"
	wait_for is running
	grep -q "/hull-test/$ID" "/proc/$(pid_of)/cgroup"
}

@test "a container that is being made can't be entered or started: its root is the host's" {
	local kind command
	for kind in createRuntime createContainer; do
		for command in create run; do
			cp config.good config.json
			rm -f "$DIR/go" "$DIR/in-hook"
			hang_in $kind
			oci_background $command "$ID"
			wait_for test -e "$DIR/in-hook"
			[ "$(status_of)" = creating ]
			run -255 oci exec "$ID" /bin/sh -c "cat $DIR/hook"
			[[ $output != *"/bin/sh"* ]]
			run -1 oci start "$ID"
			[[ $output == *"being created"* || $output == *"another command"* ]]
			run -1 oci delete "$ID"
			[ "$(status_of)" = creating ]
			oci delete --force "$ID"
			# Hooks of the host live on.
			[ $kind != createRuntime ] || let_go
			failed
		done
	done
}

@test "a container whose hook hangs can be killed and deleted" {
	hang_in createContainer
	oci_background create "$ID"
	wait_for test -e "$DIR/in-hook"
	[ "$(status_of)" = creating ]
	run -1 oci delete "$ID"
	oci kill "$ID" KILL
	failed
	[ ! -e "$ROOT/$ID" ]
}

@test "delete --force ends a create whose hook hangs" {
	hang_in createContainer
	oci_background create "$ID"
	wait_for test -e "$DIR/in-hook"
	removed_by_force
	failed
}

@test "delete --force ends what a create has left that was killed while its hook hung" {
	hang_in createContainer
	oci_background create "$ID"
	wait_for test -e "$DIR/in-hook"
	kill -KILL "$pid"
	removed_by_force
}

@test "commands work for a caller that ignores SIGCHLD" {
	local deaf=(perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' "$RUNTIME" --root "$ROOT")
	update_config '.hooks.createRuntime = [{path: "/bin/true"}]'
	set_script 'exit 7'
	run -7 "${deaf[@]}" run "$ID"
	set_daemon
	start
	run -7 "${deaf[@]}" exec "$ID" sh -c 'exit 7'
}
