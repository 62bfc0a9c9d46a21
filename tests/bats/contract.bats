#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# contract: what containerd's shim, conmon, podman, docker and CRI-O demand of a runtime, numbered
# C1 to C12, seen from a program in their place (tests/caller).
#
#   C1   the pid-file's process is the caller's child, and dies when and as the container does
#   C2   the pid-file: a decimal number alone, complete when the command has ended
#   C3   nothing that stays holds a pipe of the caller's
#   C4   that process is in the cgroup of cgroupsPath before create returns
#   C5   an error is a line on stderr and an object in the log, in the words callers look for
#   C6   every flag that callers pass, where they pass it
#   C7   features
#   C8   neither the working directory nor the environment matters
#   C9   no exec outlives the container
#   C10  a network appears before create, in a hook, or between create and start
#   C11  delete has let go of the rootfs
#   C12  delete --force after the caller's death is quick

# shellcheck disable=SC2016 # scripts for the container's shell, and words with a $ in them
# shellcheck disable=SC2030,SC2031 # each test is a subshell, on purpose
load lib

setup() {
	test_begin
	coproc CALLER {
		exec "${HULL_TOOLS%/tools}/caller/caller" "$((10000${HULL_LAB:+ * 6}))" 3>&-
	}
	# Bash forgets these when the program ends.
	to=${CALLER[1]} from=${CALLER[0]} caller=$CALLER_PID
	go_runc=("$RUNTIME" --root "$ROOT" --log "$DIR/log.json" --log-format json)
	declare -gA got=()
}

teardown() {
	[ -z "${to:-}" ] || exec {to}>&- {from}<&-
	test_end
}

# A test of what is not there yet
todo() { # WHAT
	skip "todo: $*"
}

# ---- talking to the caller ----

# One request; the answer is in $got. Fails if the caller had to give up.
ask() { # WORD...
	local line value IFS=$'\t'
	got=()
	printf '%s\n' "$*" >&"$to"
	while IFS= read -r -u "$from" line && [ -n "$line" ]; do
		printf -v value %b "${line#*=}"
		got[${line%%=*}]=$value
	done
	IFS=' '
	if [ -n "${got[error]:-}" ]; then
		echo "$* -> ${got[error]}"
		return 1
	fi
}

# The value of one key of the last answer
wants() { # KEY VALUE
	[ "${got[$1]-}" = "$2" ] || {
		echo "$1 is not $2:"
		declare -p got
		return 1
	}
}

# Runs a command of the runtime as go-runc does, and wants it to work.
calls() { # ARG...
	ask cli "${go_runc[@]}" "$@"
	wants code 0
}

# create with the container's stdio in the streams c.in, c.out and c.err; sets pid
creates() { # [OPTION...]
	ask cli -w hold -n c "${go_runc[@]}" create --bundle "$BUNDLE" --pid-file "$DIR/init.pid" \
		"$@" "$ID"
	[ "${got[code]}" = 0 ] || {
		ask read c.err
		echo "${got[text]}"
		return 1
	}
	ask pid_file "$DIR/init.pid"
	pid=${got[pid]}
}

starts() { # [OPTION...]
	creates "$@"
	calls start "$ID"
}

# A process object for exec in $DIR/process.json
make_process() { # COMMAND...
	jq '.process | .args = $ARGS.positional' "$BUNDLE/config.json" --args -- "$@" \
		>"$DIR/process.json"
}

# exec with its stdio in e.in, e.out and e.err; sets exec_pid
execs() { # COMMAND...
	make_process "$@"
	ask cli -w hold -n e "${go_runc[@]}" exec --process "$DIR/process.json" --detach \
		--pid-file "$DIR/exec.pid" "$ID"
	wants code 0
	# Callers remove it as soon as exec has returned.
	rm "$DIR/process.json"
	ask pid_file "$DIR/exec.pid"
	exec_pid=${got[pid]}
}

# A command that must fail: a status, a line on stderr, and an object in the log that says the same.
fails() { # ARG...
	local before=0 line
	[ ! -e "$DIR/log.json" ] || before=$(jq -s 'map(select(.level == "error")) | length' "$DIR/log.json")
	ask cli -w split "${go_runc[@]}" "$@"
	[ "${got[code]}" != 0 ] || {
		echo "it worked: $*"
		return 1
	}
	wants out ""
	line=${got[err]%$'\n'}
	if [ -z "$line" ] || [[ $line == *$'\n'* ]]; then
		echo "not one line: $line"
		return 1
	fi
	ask log "$DIR/log.json"
	[ "${got[errors]}" -eq $((before + 1)) ] || {
		echo "not one error more than $before: $(cat "$DIR/log.json")"
		return 1
	}
	error=${got[msg]}
	[[ $line == *"$error"* ]] || {
		echo "stderr: $line"
		echo "log: $error"
		return 1
	}
}

says() { # TEXT: the error, in any case of its letters, or else
	[[ ${error,,} == *"${1,,}"* ]] || {
		printf 'said: %s\nwanted: %s\n' "$error" "$1"
		return 1
	}
}

# ---- C1 ----

@test "C1: the container is its caller's child, and ends with its exit status" {
	set_script 'exit 7'
	creates
	ask child "$pid"
	wants state alive
	calls start "$ID"
	ask wait "$pid"
	wants exit 7
}

@test "C1: a killed container ends as by that signal" {
	set_daemon
	starts
	ask kill "$pid" 9
	ask wait "$pid"
	wants code 137
}

@test "C1: a signal by kill(2) reaches the container's process" {
	set_script 'trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	starts
	ask expect c.out ready
	ask kill "$pid" 15
	ask wait "$pid"
	wants exit 3
}

@test "C1: an exec is its caller's child, and ends with its exit status" {
	set_daemon
	starts
	execs sh -c 'read x; exit 9'
	ask child "$exec_pid"
	wants state alive
	[ "$exec_pid" != "$pid" ]
	ask write e.in go
	ask wait "$exec_pid"
	wants exit 9
	ask child "$pid"
	wants state alive
}

@test "C1: an exec is signalled by kill(2)" {
	set_daemon
	starts
	execs sh -c 'echo ready; exec sleep 1000'
	ask expect e.out ready
	ask kill "$exec_pid" 15
	ask wait "$exec_pid"
	wants code 143
}

@test "C1: an exec has a session of its own, which conmon may kill" {
	set_daemon
	starts
	execs sleep 1000
	[ "$(ps -o sid= -p "$exec_pid")" -eq "$exec_pid" ]
	[ "$(ps -o sid= -p "$pid")" -eq "$pid" ]
}

@test "C1: an exec in a container that is only created is its caller's child" {
	set_daemon
	creates
	execs sh -c 'exit 5'
	ask wait "$exec_pid"
	wants exit 5
}

@test "C1: a create that fails leaves no child" {
	set_args /not/there
	ask cli -w conmon -n c "${go_runc[@]}" create --bundle "$BUNDLE" "$ID"
	[ "${got[code]}" != 0 ]
	# conmon reads this until it ends.
	ask read c.err
	[ -n "${got[text]}" ]
	ask children
	wants pids ""
}

@test "C1: the container's process is its caller's child under the microvm engine" {
	requires kvm guest_kernel
	sandboxed
	set_script 'exit 7'
	creates
	ask child "$pid"
	wants state alive
	calls start "$ID"
	ask wait "$pid"
	wants exit 7
}

# ---- C2 ----

@test "C2: the pid-file has the container's pid, digits alone, when create has returned" {
	set_daemon
	creates
	[ "$(wc -c <"$DIR/init.pid")" -eq ${#pid} ]
	[ "$pid" = "$(pid_of)" ]
}

@test "C2: a new pid-file takes an old one's place at once" {
	differs crun "writes into the file that is there"
	set_daemon
	echo old >"$DIR/init.pid"
	ln "$DIR/init.pid" "$DIR/old.pid"
	creates
	[ "$(cat "$DIR/old.pid")" = old ]
}

@test "C2: a create that fails leaves no pid-file" {
	set_args /not/there
	run ! oci create --pid-file "$DIR/init.pid" "$ID"
	[ ! -e "$DIR/init.pid" ]
}

@test "C2: an exec that fails leaves no pid-file" {
	set_daemon
	starts
	make_process /not/there
	ask cli -w conmon -n e "${go_runc[@]}" exec --pid-file "$DIR/exec.pid" \
		--process "$DIR/process.json" --detach "$ID"
	[ "${got[code]}" != 0 ]
	[ ! -e "$DIR/exec.pid" ]
}

# ---- C3 ----

@test "C3: what start, state, kill and delete print ends when they do" {
	set_daemon
	creates
	calls start "$ID"
	calls state "$ID"
	calls kill "$ID" 9
	ask wait "$pid"
	calls delete "$ID"
}

@test "C3: with a terminal, what create prints ends when it does" {
	set_script 'trap "exit 0" TERM; echo ready; while :; do sleep 0.1; done'
	update_config '.process.terminal = true'
	ask listen "$DIR/console"
	calls create --bundle "$BUNDLE" --console-socket "$DIR/console" --pid-file "$DIR/pid" "$ID"
	ask master tty
	[ -n "${got[name]}" ]
	calls start "$ID"
	ask expect tty ready
	is running
}

@test "C3: a terminal is hung up when the container ends" {
	set_script 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.1; done'
	update_config '.process.terminal = true'
	ask listen "$DIR/console"
	calls create --bundle "$BUNDLE" --console-socket "$DIR/console" --pid-file "$DIR/pid" "$ID"
	ask master tty
	calls start "$ID"
	ask expect tty ready
	ask resize tty 33 77
	ask pid_file "$DIR/pid"
	ask wait "${got[pid]}"
	wants exit 0
	ask read tty
	[[ ${got[text]} == *"33 77"* ]]
}

@test "C3: with a terminal, what a detached exec prints ends when it does" {
	set_daemon
	starts
	make_process sh -c 'tty; read x'
	jq '.terminal = true' "$DIR/process.json" >"$DIR/tty.json"
	ask listen "$DIR/console"
	calls exec --process "$DIR/tty.json" --console-socket "$DIR/console" --detach \
		--pid-file "$DIR/exec.pid" "$ID"
	ask master tty
	ask expect tty /dev/pts/
	ask write tty text
	ask pid_file "$DIR/exec.pid"
	ask wait "${got[pid]}"
	wants exit 0
	ask read tty
}

@test "C3: a container's pipes end with the container, before delete" {
	set_script 'read x; echo "out $x"; echo "err $x" >&2'
	starts
	ask write c.in text
	ask wait "$pid"
	ask read c.out
	wants text $'out text\n'
	ask read c.err
	wants text $'err text\n'
}

@test "C3: an exec's pipes end with the exec, while the container lives" {
	set_daemon
	starts
	execs sh -c 'echo out; echo err >&2'
	ask wait "$exec_pid"
	ask read e.out
	wants text $'out\n'
	ask read e.err
	wants text $'err\n'
	is running
}

@test "C3: a started container holds no other descriptor that create inherited" {
	set_daemon
	ask cli -w hold -n c -x other "${go_runc[@]}" create --bundle "$BUNDLE" "$ID"
	wants code 0
	calls start "$ID"
	ask read other
	is running
}

@test "C3: an exec holds no other descriptor that it inherited" {
	set_daemon
	starts
	make_process sleep 1000
	ask cli -w hold -n e -x other "${go_runc[@]}" exec --process "$DIR/process.json" --detach "$ID"
	wants code 0
	ask read other
}

# ---- C4 ----

@test "C4: the container is in the cgroup of cgroupsPath when create has returned" {
	set_daemon
	creates
	[ "$(grep ^0:: "/proc/$pid/cgroup")" = "0::/hull-test/$ID" ]
	[ -e "$(cgroup_of)/cgroup.events" ]
}

@test "C4: a started container is in the cgroup of cgroupsPath" {
	set_daemon
	starts
	[ "$(grep ^0:: "/proc/$pid/cgroup")" = "0::/hull-test/$ID" ]
}

@test "C4: an exec is in the container's cgroup" {
	set_daemon
	starts
	execs sleep 1000
	[ "$(grep ^0:: "/proc/$exec_pid/cgroup")" = "0::/hull-test/$ID" ]
}

@test "C4: the container's cgroup has memory.events when create has returned" {
	requires cgroup2 memory
	set_daemon
	creates
	grep -q '^oom_kill ' "$(cgroup_of)/memory.events"
}

# ---- C5 ----

@test "C5: a container that is not there does not exist, says each command" {
	differs crun "says that its status file can't be opened"
	for command in start state kill delete; do
		fails $command "$ID"
		says "container does not exist"
	done
}

@test "C5: each command that fails adds one line to stderr and one object to the log" {
	for command in start state kill delete; do
		fails $command "$ID"
	done
	make_process true
	fails exec --process "$DIR/process.json" --detach "$ID"
}

@test "C5: a create without a bundle is an error in the log as well" {
	differs crun "says it on stderr alone"
	fails create --bundle "$DIR/nowhere" "$ID"
}

@test "C5: a create that fails writes one object in all, which podman reads" {
	# runc warns as well where it can't count.
	requires cgroup2 memory
	set_args /not/there
	fails create --bundle "$BUNDLE" "$ID"
	wants objects 1
}

@test "C5: kill of a stopped container says that it is not running" {
	differs crun "says: process not running"
	starts
	ask wait "$pid"
	fails kill "$ID" 15
	says "container not running"
}

@test "C5: create of a command that is not in PATH says so" {
	set_args nocommand
	fails create --bundle "$BUNDLE" "$ID"
	says 'executable file'
	says 'not found in $PATH'
}

@test "C5: create of a path that is not there says so" {
	set_args /not/there
	fails create --bundle "$BUNDLE" "$ID"
	says "no such file or directory"
}

@test "C5: create of a file that is not executable says that permission is denied" {
	differs crun "says: Operation not permitted"
	echo text >rootfs/bin/text
	set_args /bin/text
	fails create --bundle "$BUNDLE" "$ID"
	says "permission denied"
}

@test "C5: exec of a path that is not there says so" {
	set_daemon
	starts
	make_process /not/there
	fails exec --process "$DIR/process.json" --detach "$ID"
	says "no such file or directory"
}

@test "C5: a flag that is not known is an error in the log as well" {
	differs crun "says it on stderr alone"
	# runc shows the help on stdout.
	ask cli -w split "${go_runc[@]}" create --no-such-flag "$ID"
	[ "${got[code]}" != 0 ]
	[ -n "${got[err]}" ]
	ask log "$DIR/log.json"
	wants errors 1
	[[ ${got[msg]} == *no-such-flag* ]]
}

# ---- C6 ----

@test "C6: create takes the flags that callers pass" {
	set_daemon
	creates --no-new-keyring --preserve-fds 0
	calls delete --force "$ID"
	ask wait "$pid"
	creates --no-new-keyring --preserve-fds=0
}

@test "C6: create takes --no-pivot" {
	set_script 'echo started'
	starts --no-pivot
	ask read c.out
	wants text $'started\n'
}

@test "C6: the global flags in podman's and CRI-O's order" {
	set_daemon
	starts
	for flags in "--log-format=json --log=$DIR/l" "--log $DIR/l --log-format text" \
		"--rootless=false" "--rootless auto" --debug; do
		# shellcheck disable=SC2086 # words
		ask cli -w split "$RUNTIME" $flags --root="$ROOT" state "$ID"
		wants code 0
		[ "$(jq -r .status <<<"${got[out]}")" = running ]
	done
}

@test "C6: --cgroup-manager as podman passes it" {
	differs runc "knows no --cgroup-manager"
	set_daemon
	starts
	calls --cgroup-manager disabled state "$ID"
	calls --cgroup-manager cgroupfs state "$ID"
}

@test "C6: kill takes a signal by number and by name, with and without SIG" {
	set_script 'for s in USR1 USR2 HUP; do trap "echo got $s" $s; done; echo ready
		while :; do sleep 0.1; done'
	starts
	ask expect c.out ready
	calls kill "$ID" 10
	ask expect c.out 'got USR1'
	calls kill "$ID" USR2
	ask expect c.out 'got USR2'
	calls kill "$ID" SIGHUP
	ask expect c.out 'got HUP'
}

@test "C6: kill takes the old --all and -a" {
	set_daemon
	starts
	calls kill --all "$ID" 9
	ask wait "$pid"
	calls delete "$ID"
	starts
	calls kill -a "$ID" KILL
	ask wait "$pid"
	wants code 137
}

@test "C6: exec in conmon's order, with short flags" {
	set_daemon
	starts
	make_process sh -c 'exit 4'
	ask cli -w conmon -n e "$RUNTIME" --root "$ROOT" exec --pid-file "$DIR/exec.pid" \
		-p "$DIR/process.json" -d "$ID"
	wants code 0
	ask pid_file "$DIR/exec.pid"
	ask wait "${got[pid]}"
	wants exit 4
}

@test "C6: pause, resume, ps and update as the shim and podman pass them" {
	requires pids
	set_daemon
	starts
	calls pause "$ID"
	wants out ""
	is paused
	calls resume "$ID"
	is running
	calls ps --format json "$ID"
	jq -e --argjson pid "$pid" 'index($pid) != null' <<<"${got[out]}"
	differs crun "has no table of ps"
	calls ps --format table "$ID" -ef
	[[ ${got[out]} == *PID*"$pid"* ]]
	echo '{"pids": {"limit": 50}, "devices": [{"allow": false, "access": "rwm"}]}' >"$DIR/resources"
	calls update "--resources=$DIR/resources" "$ID"
	wants out ""
	[ "$(cat "$(cgroup_of)/pids.max")" = 50 ]
}

@test "C6: checkpoint and restore" {
	todo "C6 of commands that are not there yet"
}

# ---- C7 ----

@test "C7: features prints JSON on stdout alone, and needs nothing" {
	differs crun-1.8 "has no features"
	ask cli -w split -E -C / "$RUNTIME" features
	wants code 0
	wants err ""
	jq -e '.ociVersionMin and .ociVersionMax' <<<"${got[out]}"
}

@test "C7: features has what containerd and CRI-O look for" {
	differs crun-1.8 "has no features"
	ask cli -E "$RUNTIME" features
	jq -e '(.mountOptions | index("rro")) and (.linux.namespaces | index("user"))' <<<"${got[out]}"
}

@test "C7: features has idmapped mounts, without which no pod has a user namespace" {
	differs crun-1.8 "has no features"
	differs runc-1.1 "has no mountExtensions"
	ask cli -E "$RUNTIME" features
	enabled=$(jq .linux.mountExtensions.idmap.enabled <<<"${got[out]}")
	if [ "$enabled" = false ] && runtime_is hull; then
		todo "C7 of idmapped mounts, which are refused"
	fi
	[ "$enabled" = true ]
}

# ---- C8 ----

@test "C8: a container is found by its root, whatever the folder and the environment" {
	set_daemon
	starts
	mkdir "$DIR/gone"
	ask cli -w split -E -e XDG_RUNTIME_DIR= -C / "$RUNTIME" --root "$ROOT" state "$ID"
	wants code 0
	ask cli -E -e XDG_RUNTIME_DIR= -C / "$RUNTIME" --root "$ROOT" kill "$ID" 9
	wants code 0
	ask wait "$pid"
	ask cli -E -e XDG_RUNTIME_DIR= -C /proc "$RUNTIME" --root "$ROOT" delete "$ID"
	wants code 0
}

@test "C8: the default root is one folder, with XDG_RUNTIME_DIR or without" {
	differs crun "follows XDG_RUNTIME_DIR as root too"
	set_daemon
	mkdir "$DIR/xdg"
	ask cli -w hold -n c -e XDG_RUNTIME_DIR="$DIR/xdg" "$RUNTIME" create --bundle "$BUNDLE" \
		--pid-file "$DIR/pid" "$ID"
	wants code 0
	ask pid_file "$DIR/pid"
	pid=${got[pid]}
	# What podman gives its kill and delete.
	ask cli -E -e XDG_RUNTIME_DIR= -C / "$RUNTIME" start "$ID"
	started=${got[code]}
	ask cli -E -e XDG_RUNTIME_DIR= -C / "$RUNTIME" delete --force "$ID"
	ask wait "$pid"
	wants code 137
	[ "$started" = 0 ]
	[ -z "$(ls "$DIR/xdg")" ]
}

@test "C8: the caller's environment does not reach the container" {
	set_args env
	ask cli -w hold -n c -e FROM_CALLER=yes "${go_runc[@]}" create --bundle "$BUNDLE" \
		--pid-file "$DIR/pid" "$ID"
	wants code 0
	ask cli -e FROM_CALLER=yes "${go_runc[@]}" start "$ID"
	ask read c.out
	[[ ${got[text]} == *PATH=* && ${got[text]} != *FROM_CALLER* ]]
}

# ---- C9 ----

@test "C9: an exec dies with the container" {
	set_daemon
	starts
	execs sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	ask expect e.out ready
	ask kill "$pid" 9
	ask wait "$pid"
	ask wait "$exec_pid"
	wants code 137
}

@test "C9: without a pid namespace, kill --all of a stopped container ends its execs" {
	update_config '.linux.namespaces |= map(select(.type != "pid"))'
	set_daemon
	starts
	execs sleep 1000
	ask kill "$pid" 9
	ask wait "$pid"
	calls kill --all "$ID" 9
	ask wait "$exec_pid"
	wants code 137
}

@test "C9: kill --all of a stopped container succeeds" {
	starts
	ask wait "$pid"
	calls kill --all "$ID" 9
}

# ---- C10 ----

# The addresses that the container sees
set_show_addresses() {
	set_script 'ip addr show dev lo'
}

@test "C10: the network that comes between create and start is the container's" {
	requires cmd:ip cmd:nsenter
	set_show_addresses
	creates
	nsenter --net="/proc/$pid/ns/net" ip addr add 192.0.2.1/32 dev lo
	calls start "$ID"
	ask read c.out
	[[ ${got[text]} == *192.0.2.1* ]]
}

@test "C10: the network that a hook makes is the container's" {
	requires cmd:ip cmd:nsenter cmd:jq
	set_show_addresses
	cat >"$DIR/hook" <<-'END'
		#!/bin/sh
		pid=$(jq .pid)
		nsenter --net="/proc/$pid/ns/net" ip addr add "$1" dev lo
	END
	chmod +x "$DIR/hook"
	update_config '.hooks.createRuntime = [{path: $hook, args: ["hook", "192.0.2.2/32"], env: [$p]}] |
		.hooks.prestart = [{path: $hook, args: ["hook", "192.0.2.3/32"], env: [$p]}]' \
		--arg hook "$DIR/hook" --arg p "PATH=$PATH"
	starts
	ask read c.out
	[[ ${got[text]} == *192.0.2.2* && ${got[text]} == *192.0.2.3* ]]
}

@test "C10: the network namespace that was made before create is the container's" {
	requires cmd:ip
	set_show_addresses
	unshare --net="$DIR/netns" true 2>/dev/null || {
		touch "$DIR/netns"
		unshare --net="$DIR/netns" true
	}
	nsenter --net="$DIR/netns" ip addr add 192.0.2.4/32 dev lo
	update_config '.linux.namespaces |= map(if .type == "network" then .path = $p else . end)' \
		--arg p "$DIR/netns"
	starts
	ask read c.out
	text=${got[text]}
	[ "$(stat -fc %T "$DIR/netns")" = nsfs ]
	umount "$DIR/netns"
	[[ $text == *192.0.2.4* ]]
}

@test "C10: the guest sees the network that comes between create and start" {
	todo "C10 needs the microvm engine"
}

# ---- C11 ----

@test "C11: the rootfs can be unmounted at once after delete" {
	mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"
	set_daemon
	starts
	execs sleep 1000
	calls kill "$ID" 9
	ask wait "$pid"
	ask wait "$exec_pid"
	calls delete "$ID"
	umount "$BUNDLE/rootfs"
}

@test "C11: a filesystem of the container's own can be unmounted at once after delete --force" {
	mkdir "$DIR/fs"
	mount -t tmpfs fs "$DIR/fs"
	cp -a "$BUNDLE/rootfs/." "$DIR/fs"
	update_config '.root.path = $p' --arg p "$DIR/fs"
	set_daemon
	starts
	calls delete --force "$ID"
	umount "$DIR/fs"
}

@test "C11: the rootfs of one of two containers in a virtual machine can be unmounted" {
	todo "C11 needs the microvm engine"
}

# ---- C12 ----

@test "C12: delete --force works within 5 s after the caller was killed" {
	set_daemon
	starts
	kill -9 "$caller"
	wait "$caller" || true
	timeout -s KILL 5 "$RUNTIME" --root "$ROOT" delete --force "$ID"
	wait_for gone "$pid"
	run ! oci state "$ID"
	[ ! -d "$(cgroup_of)" ]
}

gone() { # PID
	! kill -0 "$1" 2>/dev/null
}

@test "C12: delete --force of a container that is not there succeeds" {
	calls delete --force "$ID"
}

@test "C12: no virtual machine outlives a delete --force" {
	requires kvm guest_kernel
	sandboxed
	set_daemon
	creates
	calls start "$ID"
	readlink "/proc/$pid/fd"/* | grep -q kvm-vcpu
	calls delete --force "$ID"
	[ ! -e "/proc/$pid" ] || [ "$(cut -d ' ' -f 3 "/proc/$pid/stat")" = Z ]
	ask wait "$pid"
	wants signal 9
}
