#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# podman runs containers by the runtime: each promise with this machine's podman (4.3 on Debian 12),
# and with sid's where tests/peers/fetch has got it.

# shellcheck disable=SC2016 # scripts for the container's shell
# shellcheck disable=SC2030,SC2031 # each test is a subshell, on purpose
load lib
load callers

setup_file() {
	store_begin
}

teardown_file() {
	store_end
	find /sys/fs/cgroup/libpod_parent -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

setup() {
	test_begin
	requires cgroup2 cmd:podman cmd:conmon cmd:script
	state=/run/$(basename "$RUNTIME")
}

teardown() {
	[ -z "${home:-}" ] || podman rm --all --force --time 0 >/dev/null 2>&1 || true
	test_end
}

podman() {
	inside env CONTAINERS_CONF="$home/containers.conf" podman --root "$home/root" \
		--runroot "$home/run" --tmpdir "$home/tmp" --runtime "$RUNTIME" \
		--cgroup-manager cgroupfs --events-backend file "$@"
}

# The podman of a suite, with an image. What the project ships for podman is its configuration;
# besides, locks are files, so that no two podmans meet in /dev/shm, and nothing is asked for that
# a machine without cgroup controllers or CAP_SYS_RESOURCE can't give.
with_podman() { # here|SUITE
	on "$1"
	[ ! -e "$home/containers.conf" ] || return 0
	cat - "$TESTS/../contrib/containers.conf.d/hull.conf" >"$home/containers.conf" <<-C
		[containers]
		pids_limit = 0
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		[network]
		network_backend = "netavark"
		network_config_dir = "$home/networks"
	C
	sed -i '/^\[engine\]/a lock_type = "file"' "$home/containers.conf"
	podman import "$STORE/image.tar" localhost/test:1 >"$home/import" 2>&1 || {
		cat "$home/import"
		return 1
	}
}

# Without a network: making one takes longer than all else.
podman_run() { # [OPTION...] COMMAND...
	podman run --network none "$@"
}

# What podman keeps about the container
shown() { # FORMAT [NAME]
	podman inspect --format "$1" "${2:-$ID}"
}

# ---- the promises ----

output_and_status() {
	run podman_run --rm --name "$ID" -i localhost/test:1 \
		sh -c 'cat; echo out; echo err >&2; exit 3' <<<"in"
	[ "$status" -eq 3 ]
	prints $'in\nout\nerr'
	run ! podman container exists "$ID"
	[ -z "$(ls "$state")" ]
}

errors_tell() {
	run -127 podman_run --rm localhost/test:1 nosuch
	says 'nosuch'
	says 'not found'
	run -126 podman_run --rm localhost/test:1 /bin/not-executable
	says 'OCI permission denied'
	# An error that is not about the command is not taken for one, but for others' words for it.
	runtime_is hull || return 0
	run -126 podman_run --rm --sysctl net.nosuch=1 localhost/test:1 true
	says 'OCI runtime error'
	says 'nosuch'
	never_says 'attempted to invoke|OCI permission denied'
	# From the log and not from stderr: podman adds the runtime's path to what it read there.
	! runtime_is hull || says 'net/nosuch'
}

terminals() {
	at_terminal podman_run -it --name "$ID" localhost/test:1 sh -c '
		trap "echo winch: \$(stty size)" WINCH
		trap "echo caught; exit 3" INT
		while [ "$(stty size)" != "33 77" ]; do sleep 0.1; done
		echo 33 77
		while :; do sleep 0.1; done'
	shows "33 77"
	resizes 40 100
	shows "winch: 40 100"
	types '\003'
	shows caught
	leaves_with 3
	[ "$(shown '{{.State.ExitCode}}')" = 3 ]
	podman rm "$ID"
}

a_life() {
	local cid
	cid=$(podman_run -d --name "$ID" localhost/test:1 sh -c '
		trap "echo told; exit 5" TERM
		trap "echo hup" HUP
		echo here
		while :; do sleep 0.1; done')
	[ -d "$state/$cid" ]
	[ "$(shown '{{.State.Status}} {{.State.Running}}')" = "running true" ]
	run -0 podman top "$ID" pid comm
	says '1 +sh'
	run -4 podman exec -e A=b "$ID" sh -c 'echo $A; id -u; exit 4'
	prints $'b\n0'
	run -0 podman exec --user user -w /tmp "$ID" sh -c 'id -un; pwd'
	prints $'user\n/tmp'
	run -127 podman exec "$ID" nosuch
	run -126 podman exec "$ID" /bin/not-executable
	# A folder too: by the words that runc has for it alone podman could not tell.
	! runtime_is hull || run -126 podman exec "$ID" /bin
	# podman tells the terminal its size when the command runs already.
	at_terminal podman exec -it "$ID" sh -c 'while [ "$(stty size)" != "33 77" ]; do sleep 0.1; done
		echo 33 77; read -r line; echo "got $line"; exit 6'
	shows "33 77"
	types 'a line\r'
	shows "got a line"
	leaves_with 6
	podman kill -s HUP "$ID"
	told() { podman logs "$ID" | grep -q "$1"; }
	wait_for told hup
	podman stop -t 30 "$ID"
	[ "$(shown '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}')" = "exited 5 false" ]
	run -0 podman logs "$ID"
	prints $'here\nhup\ntold'
	podman rm "$ID"
	[ ! -e "$state/$cid" ]
}

killed_in_the_end() {
	podman_run -d --name "$ID" localhost/test:1 sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	podman stop -t 1 "$ID"
	[ "$(shown '{{.State.ExitCode}}')" = 137 ]
	podman start "$ID"
	podman kill "$ID"
	[ "$(podman wait "$ID")" = 137 ]
	podman rm "$ID"
	[ -z "$(ls "$state")" ]
}

what_is_asked_for() {
	local v=$home/volume
	mkdir -p "$v"
	echo data >"$v/file"
	run -0 podman_run --rm --user 1000:1000 --read-only -v "$v:/mnt:ro" --tmpfs /opt \
		-w /tmp -e A=b --hostname web --init --cap-drop all --ulimit nofile=99:99 --ulimit nproc=99:99 \
		localhost/test:1 sh -c '
		id -u; pwd; echo $A; hostname; cat /mnt/file; ulimit -n
		touch /x 2>/dev/null || echo read-only
		touch /mnt/file 2>/dev/null || echo ro
		grep CapBnd /proc/self/status; cat /proc/1/comm; ip -o link | wc -l'
echo "$output"
	prints "$(printf '%s\n' 1000 /tmp b web data 99 read-only ro \
		$'CapBnd:\t0000000000000000' "podman-init" 1)"
	run -0 podman run --rm --network host --privileged -v "$v:/mnt" localhost/test:1 sh -c '
		mount -t tmpfs none /tmp && echo more >/mnt/file && readlink /proc/self/ns/net'
	prints "$(readlink /proc/self/ns/net)"
	[ "$(cat "$v/file")" = more ]
}

limits_hold_for_podman() {
	local cg
	podman run -d --name "$ID" -m 64m --pids-limit 100 --cpus 0.5 --memory-swap 64m localhost/test:1 \
		sh -c 'ip -o -4 addr show eth0; tail /dev/zero; echo survived; sleep 1000'
	cg=/sys/fs/cgroup/libpod_parent/libpod-$(shown '{{.Id}}')
	[ "$(cat "$cg/memory.max")" = 67108864 ]
	[ "$(cat "$cg/memory.swap.max")" = 0 ]
	[ "$(cat "$cg/pids.max")" = 100 ]
	[ "$(cat "$cg/cpu.max")" = "50000 100000" ]
	said() { podman logs "$ID" | grep -q survived; }
	wait_for said
	run -0 podman logs "$ID"
	says 'inet 10\.'
	run -0 podman stats --no-stream --no-reset --format '{{.MemLimit}} {{.PIDs}}' "$ID"
	says '67\.?1.*MB|64MiB|67108864'
	[ "$(awk '$1 == "oom_kill" { print $2 }' "$cg/memory.events")" -ge 1 ]
	podman kill "$ID"
	podman wait "$ID"
	[ -n "${blind:-}" ] || [ "$(shown '{{.State.OOMKilled}}')" = true ]
	podman rm "$ID"
}

a_pod() {
	podman pod create --name "$ID" --network none ${no_share:+--share-parent=false} --hostname pod
	podman run -d --pod "$ID" --name "${ID}a" localhost/test:1 sleep 1000
	run -0 podman run --rm --pod "$ID" localhost/test:1 sh -c 'hostname; readlink /proc/self/ns/ipc'
	[ "${lines[0]}" = pod ]
	[ "${lines[1]}" = "$(podman exec "${ID}a" readlink /proc/self/ns/ipc)" ]
	podman pod stop -t 0 "$ID"
	podman pod rm -f "$ID"
	[ -z "$(ls "$state")" ]
}

# ---- this machine's podman ----

@test "podman run: output, input and the exit status" {
	with_podman here
	output_and_status
}

@test "podman run says why the command can't be run" {
	with_podman here
	errors_tell
}

@test "podman run -it: the window's size, Ctrl-C, the exit status" {
	with_podman here
	terminals
}

@test "podman exec, top, kill, logs, stop, rm" {
	with_podman here
	a_life
}

@test "podman stop kills in the end, and start makes it run again" {
	with_podman here
	killed_in_the_end
}

@test "podman run: user, volumes, read-only, tmpfs, init, privileged, the host's network" {
	with_podman here
	what_is_asked_for
}

@test "podman pod: a member shares the pod's namespaces" {
	with_podman here
	# podman 4.3 with cgroupfs forbids every device to the pod's cgroup, so that no container
	# starts in it.
	no_share=1
	a_pod
}

@test "podman's limits are the cgroup's, and it shows an out-of-memory kill" {
	requires memory pids cpu bridge
	with_podman here
	# Debian 12's conmon, 2.1.6, notes it in the folder where podman was called, and podman
	# looks in the bundle.
	[[ $(conmon --version) != *"version 2.1.6"* ]] || blind=1
	limits_hold_for_podman
}

# ---- sid's podman ----

# bats test_tags=slow
@test "sid's podman run: output, input and the exit status" {
	with_podman sid
	output_and_status
}

# bats test_tags=slow
@test "sid's podman run says why the command can't be run" {
	with_podman sid
	errors_tell
}

# bats test_tags=slow
@test "sid's podman run -it: the window's size, Ctrl-C, the exit status" {
	with_podman sid
	terminals
}

# bats test_tags=slow
@test "sid's podman exec, top, kill, logs, stop, rm" {
	with_podman sid
	a_life
}

# bats test_tags=slow
@test "sid's podman stop kills in the end, and start makes it run again" {
	with_podman sid
	killed_in_the_end
}

# bats test_tags=slow
@test "sid's podman run: user, volumes, read-only, tmpfs, init, privileged, the host's network" {
	with_podman sid
	what_is_asked_for
}

# bats test_tags=slow
@test "sid's podman pod: a member shares the pod's namespaces" {
	with_podman sid
	a_pod
}

# bats test_tags=slow
@test "sid's podman's limits are the cgroup's, and it shows an out-of-memory kill" {
	requires memory pids cpu bridge
	with_podman sid
	limits_hold_for_podman
}
