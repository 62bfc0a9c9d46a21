#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# docker runs containers by the runtime: each promise with this machine's docker (20.10 on
# Debian 12), and with sid's where tests/peers/fetch has got it.

# shellcheck disable=SC2016 # scripts for the container's shell
# shellcheck disable=SC2030,SC2031 # each test is a subshell, on purpose
load lib
load callers

setup_file() {
	store_begin
}

teardown_file() {
	store_end
	find /sys/fs/cgroup/hull-docker -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

setup() {
	test_begin
	requires cgroup2 cmd:dockerd cmd:docker cmd:script
	# docker asks for weights and limits of 0, which crun wants to write.
	! runtime_is crun || requires io
}

teardown() {
	[ -z "${home:-}" ] || docker rm --force "$ID" >/dev/null 2>&1 || true
	test_end
}

# The client that came with the daemon, whatever else is in PATH
docker() {
	inside env PATH=/usr/sbin:/usr/bin:/sbin:/bin docker --host "unix://$home/sock" "$@"
}

# The docker of a suite, with an image; its state is in $state. The daemon has no bridge: making
# one changes the machine's network.
with_docker() { # here|SUITE
	on "$1"
	state=$home/exec/runtime-runc/moby
	[ ! -e "$home/image" ] || return 0
	cat >"$home/daemon.json" <<-J
		{"exec-opts": ["native.cgroupdriver=cgroupfs"],
		 "runtimes": {"hull": {"path": "$RUNTIME"}},
		 "cgroup-parent": "/hull-docker", "storage-driver": "overlay2",
		 "bridge": "none", "iptables": false, "ip-forward": false, "userland-proxy": false}
	J
	containerd_begin # as dockerd would not wait long for one that it starts
	mkdir "$home/exec"
	inside env PATH=/usr/sbin:/usr/bin:/sbin:/bin dockerd --config-file "$home/daemon.json" \
		--containerd "$home/containerd.sock" --host "unix://$home/sock" --data-root "$home/data" \
		--exec-root "$home/exec" --pidfile "$STORE/dockerd-$suite.pid" </dev/null >"$home/log" 2>&1 3>&- &
	wait_for answers || {
		cat "$home/log"
		return 1
	}
	docker import - test:1 <"$STORE/image.tar" >"$home/image"
}

answers() {
	docker version >/dev/null 2>&1
}

docker_run() { # [OPTION...] COMMAND...
	docker run --runtime hull --network none "$@"
}

# What docker keeps about the container
shown() { # FORMAT
	docker inspect --format "$1" "$ID"
}

# ---- the promises ----

output_and_status() {
	run --separate-stderr -3 docker_run --rm --name "$ID" -i test:1 \
		sh -c 'cat; echo out; echo err >&2; exit 3' <<<"in"
	prints $'in\nout'
	[ "$stderr" = err ]
	run -0 docker ps --all --quiet
	prints ""
	[ -z "$(ls "$state")" ]
}

errors_tell() {
	differs crun "other words for a command that can't be run"
	run -127 docker_run --rm test:1 nosuch
	says 'exec: "nosuch": executable file not found in \$PATH'
	run -127 docker_run --rm test:1 /bin/nosuch
	says '/bin/nosuch.*no such file or directory'
	run -126 docker_run --rm test:1 /bin/not-executable
	says '/bin/not-executable.*permission denied'
	# runc's words for a folder are not among those that docker 20.10 knows.
	runtime_is runc || {
		run -126 docker_run --rm test:1 /bin
		says '/bin.*is a directory'
	}
	# An error that is not about the command is not taken for one.
	run -125 docker_run --rm --sysctl net.ipv4.ip_forward=word test:1 true
	says 'ip_forward.*(EINVAL|invalid argument)'
	[ -z "$(ls "$state")" ]
}

terminals() {
	at_terminal docker_run -it --name "$ID" test:1 sh -c '
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
	[ "$(shown '{{.State.ExitCode}}')" = 3 ]
	docker rm "$ID"
}

a_life() {
	local cid
	cid=$(docker_run -d --name "$ID" test:1 sh -c '
		trap "echo told; exit 5" TERM
		trap "echo hup" HUP
		echo here
		while :; do sleep 0.1; done')
	[ -d "$state/$cid" ]
	[ "$(shown '{{.State.Status}} {{.HostConfig.Runtime}}')" = "running hull" ]
	run -4 docker exec -e A=b "$ID" sh -c 'echo $A; id -u; exit 4'
	prints $'b\n0'
	run -0 docker exec --user user -w /tmp "$ID" sh -c 'id -un; pwd'
	prints $'user\n/tmp'
	run -0 docker exec -i "$ID" cat <<<"a word"
	prints "a word"
	run -"${status_of_missing:-127}" docker exec "$ID" nosuch
	runtime_is crun || says 'executable file not found in \$PATH'
	run -126 docker exec "$ID" /bin/not-executable
	says 'permission denied'
	at_terminal docker exec -it "$ID" sh -c 'tty; read -r line; echo "got $line"; exit 6'
	shows /dev/pts
	types 'a line\r'
	shows "got a line"
	leaves_with 6
	docker kill -s HUP "$ID"
	told() { docker logs "$ID" | grep -q "$1"; }
	wait_for told hup
	docker stop -t 30 "$ID"
	[ "$(shown '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}')" = "exited 5 false" ]
	run -0 docker logs "$ID"
	prints $'here\nhup\ntold'
	docker rm "$ID"
	[ ! -e "$state/$cid" ]
}

killed_in_the_end() {
	docker_run -d --name "$ID" test:1 sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	docker restart -t 1 "$ID"
	[ "$(shown '{{.State.Status}}')" = running ]
	docker kill "$ID"
	[ "$(docker wait "$ID")" = 137 ]
	docker start "$ID"
	docker rm --force "$ID"
	[ -z "$(ls "$state")" ]
}

what_is_asked_for() {
	local v=$home/volume
	mkdir -p "$v"
	echo data >"$v/file"
	run -0 docker_run --rm --user 1000:1000 --read-only -v "$v:/mnt:ro" --tmpfs /opt \
		-w /tmp -e A=b --hostname web --init --cap-drop ALL --ulimit nofile=99:99 \
		test:1 sh -c '
		id -u; pwd; echo $A; hostname; cat /mnt/file; ulimit -n
		touch /x 2>/dev/null || echo read-only
		touch /mnt/file 2>/dev/null || echo ro
		touch /opt/file && echo tmpfs
		grep CapBnd /proc/self/status; cat /proc/1/comm; ip -o link | wc -l'
	prints "$(printf '%s\n' 1000 /tmp b web data 99 read-only ro tmpfs \
		$'CapBnd:\t0000000000000000' docker-init 1)"
	run -0 docker_run --rm --group-add 7 --shm-size 1m --sysctl net.ipv4.ip_forward=1 \
		--security-opt no-new-privileges --device /dev/zero:/dev/nothing:r -v "$v:/mnt" \
		test:1 sh -c '
		id -G; df -k /dev/shm | tail -n 1; cat /proc/sys/net/ipv4/ip_forward
		grep NoNewPrivs /proc/self/status; head -c 3 /dev/nothing | wc -c
		echo more >/mnt/file'
	says $'^0 7\nshm +1024 .*\n1\nNoNewPrivs:\t1\n3$'
	[ "$(cat "$v/file")" = more ]
}

a_seccomp_profile() {
	run -0 docker_run --rm test:1 sh -c 'grep Seccomp: /proc/self/status; ! unshare -U true'
	says $'Seccomp:\t2'
	says 'unshare.*Operation not permitted'
	run -0 docker_run --rm --security-opt seccomp=unconfined test:1 \
		sh -c 'grep Seccomp: /proc/self/status; unshare -U true'
	prints $'Seccomp:\t0'
}

joins_another() {
	local look='for n in net pid ipc; do readlink /proc/self/ns/$n; done'
	docker_run -d --name "$ID" --ipc shareable test:1 sleep 1000
	# docker warns where the machine doesn't forward packets.
	run --separate-stderr -0 docker run --runtime hull --rm --network "container:$ID" --pid "container:$ID" \
		--ipc "container:$ID" test:1 sh -c "$look; sleep 2000 & cat /proc/1/comm"
	prints "$(docker exec "$ID" sh -c "$look")"$'\nsleep'
	# What the second left running in the first's namespace ended with it.
	run -0 docker exec "$ID" ps
	never_says 'sleep 2000'
	docker rm --force "$ID"
	run --separate-stderr -0 docker run --runtime hull --rm --network host --pid host --ipc host test:1 sh -c "$look"
	prints "$(eval "$look")"
}

privileged() {
	run -0 docker_run --rm --privileged test:1 sh -c '
		mount -t tmpfs none /mnt && touch /mnt/file && mkdir /sys/fs/cgroup/new
		[ -c /dev/loop-control ] && [ -c /dev/fuse ] && : </dev/fuse
		grep -E "^(CapEff|Seccomp):" /proc/self/status'
	# All that docker knows: 20.10 those up to 37, CAP_AUDIT_READ
	says $'^CapEff:\t0+[13]f{9,}\nSeccomp:\t0$'
}

limits_hold_for_docker() {
	mkdir "$home/told"
	docker_run -d --name "$ID" -m 64m --memory-swap 64m --pids-limit 100 --cpus 0.5 \
		-v "$home/told:/mnt" test:1 sh -c '
		cd /sys/fs/cgroup && cat memory.max memory.swap.max pids.max cpu.max >/mnt/limits
		tail /dev/zero; touch /mnt/survived; exec sleep 1000'
	wait_for test -e "$home/told/survived"
	[ "$(cat "$home/told/limits")" = $'67108864\n0\n100\n50000 100000' ]
	run -0 docker stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' "$ID"
	says '64MiB 1$'
	# docker 20.10 inspects it only when the container has ended. (The client ends with that.)
	timeout 60 grep -q ' oom ' < <(docker events --since 10m --filter "container=$ID" 3>&-)
	docker kill "$ID"
	docker wait "$ID"
	[ "$(shown '{{.State.OOMKilled}} {{.State.ExitCode}}')" = "true 137" ]
}

apparmor_holds() {
	run -0 docker_run --rm test:1 cat /proc/self/attr/current
	prints "docker-default (enforce)"
}

# ---- this machine's docker ----

@test "docker run: output, input and the exit status" {
	with_docker here
	output_and_status
}

@test "docker run says why the command can't be run" {
	with_docker here
	errors_tell
}

@test "docker run -it: the window's size, Ctrl-C, the exit status" {
	with_docker here
	terminals
}

@test "docker exec, kill, logs, stop, rm" {
	with_docker here
	status_of_missing=126 # so says docker 20.10 of all runtimes
	a_life
}

@test "docker restart kills in the end, and start makes it run again" {
	with_docker here
	killed_in_the_end
}

@test "docker run: user, volumes, read-only, tmpfs, init, groups, sysctl, devices" {
	with_docker here
	what_is_asked_for
}

@test "docker run: the default seccomp profile holds, and can be switched off" {
	requires userns
	with_docker here
	a_seccomp_profile
}

@test "docker run joins the namespaces of another container, and of the host" {
	with_docker here
	joins_another
}

# bats test_tags=slow
@test "docker run --privileged" {
	requires caps loop fuse
	with_docker here
	privileged
}

# bats test_tags=slow
@test "docker stats and limits are the cgroup's, and an out-of-memory kill shows" {
	requires memory pids cpu
	with_docker here
	limits_hold_for_docker
}

# bats test_tags=slow
@test "docker run: its AppArmor profile confines the container" {
	requires apparmor
	with_docker here
	apparmor_holds
}

# ---- sid's docker ----

# bats test_tags=slow
@test "sid's docker run: output, input and the exit status" {
	with_docker sid
	output_and_status
}

# bats test_tags=slow
@test "sid's docker run says why the command can't be run" {
	with_docker sid
	errors_tell
}

# bats test_tags=slow
@test "sid's docker run -it: the window's size, Ctrl-C, the exit status" {
	with_docker sid
	terminals
}

# bats test_tags=slow
@test "sid's docker exec, kill, logs, stop, rm" {
	with_docker sid
	a_life
}

# bats test_tags=slow
@test "sid's docker restart kills in the end, and start makes it run again" {
	with_docker sid
	killed_in_the_end
}

# bats test_tags=slow
@test "sid's docker run: user, volumes, read-only, tmpfs, init, groups, sysctl, devices" {
	with_docker sid
	what_is_asked_for
}

# bats test_tags=slow
@test "sid's docker run: the default seccomp profile holds, and can be switched off" {
	requires userns
	with_docker sid
	a_seccomp_profile
}

# bats test_tags=slow
@test "sid's docker run joins the namespaces of another container, and of the host" {
	with_docker sid
	joins_another
}

# bats test_tags=slow
@test "sid's docker run --privileged" {
	requires caps loop fuse
	with_docker sid
	privileged
}

# bats test_tags=slow
@test "sid's docker stats and limits are the cgroup's, and an out-of-memory kill shows" {
	requires memory pids cpu
	with_docker sid
	limits_hold_for_docker
}

# bats test_tags=slow
@test "sid's docker run: its AppArmor profile confines the container" {
	requires apparmor
	with_docker sid
	apparmor_holds
}
