#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What real callers write: each config.json of tests/data/specs runs.

load lib

teardown() {
	[ -z "${ns_pid:-}" ] || kill -9 "$ns_pid" || true
	test_end
	[ -z "${cgroup:-}" ] || [ ! -d "$cgroup" ]
}

# Namespaces as another container's, in a process that waits to be killed.
make_namespaces() {
	unshare --net --ipc --uts sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
	ns_pid=$!
	elsewhere() { [ "$(readlink "/proc/$ns_pid/ns/uts")" != "$(readlink /proc/self/ns/uts)" ]; }
	wait_for elsewhere
}

# A profile as the callers load it, which here allows everything.
load_profile() { # NAME
	requires apparmor cmd:apparmor_parser
	apparmor_parser --replace <<-P
		profile $1 flags=(attach_disconnected,mediate_deleted) {
			file, capability, network, mount, remount, umount, pivot_root, signal, ptrace, unix,
		}
	P
}

# The recorded config.json becomes the bundle's, with something behind each placeholder.
take_spec() { # CALLER/NAME
	local kind file profile
	cp "$TESTS/data/specs/$1.json" config.json
	mkdir "$DIR/files"
	for kind in FILE DIR; do
		for file in $(grep -o "@$kind@/[^\"]*" config.json | sort -u); do
			file=$DIR/files/${file#*/}
			if [ $kind = DIR ]; then mkdir "$file"; else : >"$file"; fi
		done
	done
	! grep -q '@NS@' config.json || make_namespaces
	sed -i -e "s,@ROOTFS@,$BUNDLE/rootfs,; s,@FILE@,$DIR/files,; s,@DIR@,$DIR/files,; s,@ID@,$ID,g" \
		-e "s,@NS@,/proc/${ns_pid:-}/ns,; s,@HOOK@,/bin/true," config.json
	profile=$(jq -r '.process.apparmorProfile // "unconfined"' config.json)
	[ "$profile" = unconfined ] || load_profile "$profile"
	cgroup=/sys/fs/cgroup$(jq -r .linux.cgroupsPath config.json)
}

# The container of a recorded config.json says something and stays, in its own cgroup.
spec_runs() { # CALLER/NAME
	[ "${1%%-*}" = runc ] || requires cgroup2 memory pids cpu
	take_spec "$1"
	set_script 'echo it runs; exec sleep 1000'
	if jq -e .process.terminal config.json >/dev/null; then
		"$HULL_TOOLS/recvtty" "$DIR/tty.sock" </dev/null >"$DIR/out" 2>&1 3>&- &
		wait_for test -S "$DIR/tty.sock"
		create --console-socket "$DIR/tty.sock"
	else
		create
	fi
	[ "${1%%-*}" = runc ] || grep -qx "$(pid_of)" "$cgroup/cgroup.procs"
	oci start "$ID"
	wait_for grep -q "it runs" "$DIR/out"
	is running
}

limits_hold() {
	[ "$(cat "$cgroup/memory.max")" = 67108864 ]
	[ "$(cat "$cgroup/cpu.max")" = "50000 100000" ]
}

@test "runc 1.1's default container runs" {
	spec_runs runc-1.1/default
}

@test "runc 1.3's default container runs" {
	spec_runs runc-1.3/default
}

@test "podman 4.3's default container runs" {
	spec_runs podman-4.3/default
}

@test "podman 4.3's container with a terminal runs" {
	spec_runs podman-4.3/tty
}

@test "podman 4.3's container with limits runs" {
	spec_runs podman-4.3/limits
	limits_hold
	[ "$(cat "$cgroup/pids.max")" = 100 ]
}

@test "podman 4.3's privileged container runs" {
	spec_runs podman-4.3/privileged
}

@test "podman 4.3's container on the host's network runs" {
	spec_runs podman-4.3/host-network
}

@test "podman 4.3's pod's infra container runs" {
	spec_runs podman-4.3/pod-infra
}

@test "podman 4.3's pod's member runs" {
	spec_runs podman-4.3/pod
}

@test "podman 5.8's default container runs" {
	spec_runs podman-5.8/default
}

@test "podman 5.8's container with a terminal runs" {
	spec_runs podman-5.8/tty
}

@test "podman 5.8's container with limits runs" {
	spec_runs podman-5.8/limits
	limits_hold
	[ "$(cat "$cgroup/pids.max")" = 100 ]
}

@test "podman 5.8's privileged container runs" {
	spec_runs podman-5.8/privileged
}

@test "podman 5.8's container on the host's network runs" {
	spec_runs podman-5.8/host-network
}

@test "podman 5.8's pod's infra container runs" {
	spec_runs podman-5.8/pod-infra
}

@test "podman 5.8's pod's member runs" {
	spec_runs podman-5.8/pod
}

@test "ctr 1.6's default container runs" {
	spec_runs ctr-1.6/default
}

@test "ctr 1.6's container with a terminal runs" {
	spec_runs ctr-1.6/tty
}

@test "ctr 1.6's container with limits runs" {
	spec_runs ctr-1.6/limits
	limits_hold
}

@test "ctr 1.6's privileged container runs" {
	spec_runs ctr-1.6/privileged
}

@test "ctr 2.1's default container runs" {
	spec_runs ctr-2.1/default
}

@test "ctr 2.1's container with a terminal runs" {
	spec_runs ctr-2.1/tty
}

@test "ctr 2.1's container with limits runs" {
	spec_runs ctr-2.1/limits
	limits_hold
}

@test "ctr 2.1's privileged container runs" {
	spec_runs ctr-2.1/privileged
}

@test "docker 20.10's default container runs" {
	spec_runs docker-20.10/default
}

@test "docker 20.10's container with a terminal runs" {
	spec_runs docker-20.10/tty
}

@test "docker 20.10's container with limits runs" {
	spec_runs docker-20.10/limits
	limits_hold
	[ "$(cat "$cgroup/pids.max")" = 100 ]
}

@test "docker 20.10's privileged container runs" {
	spec_runs docker-20.10/privileged
}

@test "docker 28.5's default container runs" {
	spec_runs docker-28.5/default
}

@test "docker 28.5's container with a terminal runs" {
	spec_runs docker-28.5/tty
}

@test "docker 28.5's container with limits runs" {
	spec_runs docker-28.5/limits
	limits_hold
	[ "$(cat "$cgroup/pids.max")" = 100 ]
}

@test "docker 28.5's privileged container runs" {
	spec_runs docker-28.5/privileged
}
