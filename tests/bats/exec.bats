#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# exec: a further process in a running container.

load lib

setup() {
	test_begin
	set_daemon
	update_config '.root.readonly = false'
}

@test "exec runs a command and prints what it prints" {
	start
	run -0 oci exec "$ID" echo hello
	prints hello
}

@test "exec returns the command's status" {
	start
	run -42 oci exec "$ID" sh -c 'exit 42'
	run -137 oci exec "$ID" sh -c 'kill -9 $$'
}

@test "exec passes stdin to the command" {
	start
	run -0 oci exec "$ID" cat <<<"from outside"
	prints "from outside"
}

@test "exec's command is in the container's namespaces and cgroup" {
	start
	local ns
	for ns in mnt pid ipc uts net; do
		[ "$(oci exec "$ID" readlink /proc/self/ns/$ns)" = "$(readlink "/proc/$(pid_of)/ns/$ns")" ]
	done
	run -0 oci exec "$ID" cat /proc/self/cgroup
	[ "$(grep '^0::' <<<"$output")" = "$(oci exec "$ID" grep '^0::' /proc/1/cgroup)" ]
}

@test "exec takes the environment of config.json and adds to it by --env" {
	update_config '.process.env += ["FROM=config"]'
	start
	run -0 oci exec --env OTHER=1 "$ID" sh -c 'echo $FROM $OTHER'
	prints "config 1"
	run -0 oci exec -e FROM=exec -e MORE=1 "$ID" sh -c 'echo $FROM $MORE'
	prints "exec 1"
}

@test "exec --cwd starts in that folder" {
	start
	run -0 oci exec "$ID" pwd
	prints /
	run -0 oci exec --cwd /tmp "$ID" pwd
	prints /tmp
}

@test "exec --user takes uid and gid" {
	start
	run -0 oci exec --user 1000:1001 "$ID" sh -c 'id -u; id -g'
	[ "${lines[*]}" = "1000 1001" ]
	run -0 oci exec -u 1000 "$ID" id -u
	prints 1000
}

@test "exec --process takes the whole process from a file" {
	start
	cat >"$DIR/process.json" <<-'J'
		{ "args": ["sh", "-c", "echo $WHERE; pwd; id -u"], "cwd": "/tmp",
		  "env": ["PATH=/bin", "WHERE=file"], "user": { "uid": 1000, "gid": 1000 } }
	J
	run -0 oci exec --process "$DIR/process.json" "$ID"
	[ "${lines[*]}" = "file /tmp 1000" ]
}

@test "exec --detach returns while the command runs, and --pid-file names it" {
	start
	oci exec --detach --pid-file "$DIR/exec.pid" "$ID" sleep 1000 </dev/null >/dev/null 2>&1
	[ "$(wc -l <"$DIR/exec.pid")" -eq 0 ]
	wait_for grep -q sleep "/proc/$(cat "$DIR/exec.pid")/comm"
	grep -qx "$(cat "$DIR/exec.pid")" "$(cgroup_of)/cgroup.procs"
}

@test "exec'd processes end with the container" {
	start
	oci exec --detach --pid-file "$DIR/exec.pid" "$ID" sleep 1000 </dev/null >/dev/null 2>&1
	local pid
	pid=$(cat "$DIR/exec.pid")
	oci kill "$ID" KILL
	gone() { ! kill -0 "$pid" 2>/dev/null || grep -q '^State:.*Z' "/proc/$pid/status"; }
	wait_for gone
}

@test "exec in a created container works" {
	create
	run -0 oci exec "$ID" echo early
	prints early
	is created
}

@test "exec in a stopped container fails" {
	set_args true
	start
	wait_for is stopped
	run ! oci exec "$ID" true
}

@test "exec in a container that does not exist fails" {
	run ! oci exec "$ID" true
	[[ $output == *"does not exist"* ]]
}

@test "exec of a command that is not there fails and says so" {
	start
	run ! oci exec "$ID" /not/there
	[[ ${output,,} == *"no such file or directory"* ]]
	is running
}

@test "exec's own failure has status 255" {
	differs crun "has status 1"
	start
	run -255 oci exec "$ID" /not/there
}

@test "exec's options end at the container's id" {
	start
	run -0 oci exec "$ID" echo --user 5
	prints "--user 5"
}

@test "exec --cap adds a capability, and never an inheritable one" {
	differs crun "replaces the container's by those that are named"
	set_caps CAP_CHOWN
	start
	run -0 oci exec --cap CAP_SYS_TIME "$ID" grep Cap /proc/self/status
	[[ ${lines[0]} == CapInh*0000000000000000 ]]
	# CAP_CHOWN is bit 0, CAP_SYS_TIME bit 25.
	[[ ${lines[1]} == CapPrm*0000000002000001 ]]
	[[ ${lines[2]} == CapEff*0000000002000001 ]]
	[[ ${lines[3]} == CapBnd*0000000002000001 ]]
}

@test "exec --no-new-privs sets no_new_privs" {
	update_config '.process.noNewPrivileges = false'
	start
	run -0 oci exec "$ID" grep NoNewPrivs /proc/self/status
	[[ $output == *0 ]]
	run -0 oci exec --no-new-privs "$ID" grep NoNewPrivs /proc/self/status
	[[ $output == *1 ]]
}

@test "exec --additional-gids adds groups" {
	differs crun "has no --additional-gids"
	start
	run -0 oci exec --user 1000:1000 --additional-gids 100 --additional-gids 65534 "$ID" id -G
	prints "1000 100 65534"
}

@test "exec has the container's capabilities and rlimits" {
	set_caps CAP_KILL
	update_config '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 88}]'
	start
	run -0 oci exec "$ID" sh -c 'grep CapEff /proc/self/status; ulimit -n'
	[[ ${lines[0]} == *0000000000000020 ]]
	differs crun "takes its own rlimits"
	[ "${lines[1]}" = 77 ]
}

@test "two execs at the same time both end with their own status" {
	start
	oci exec "$ID" sh -c 'sleep 0.3; exit 3' 3>&- &
	local first=$! status=0
	run -4 oci exec "$ID" sh -c 'exit 4'
	wait $first || status=$?
	[ $status -eq 3 ]
}

@test "exec goes where the container's init has moved itself to" {
	requires cgroup2 pids
	differs crun-1.8 "stays in the outermost cgroup"
	set_caps CAP_SYS_ADMIN
	update_config '.mounts |= map(if .destination == "/sys/fs/cgroup"
		then .options -= ["ro"] else . end)'
	set_script 'mkdir /sys/fs/cgroup/inner && echo 1 >/sys/fs/cgroup/inner/cgroup.procs &&
		echo +pids >/sys/fs/cgroup/cgroup.subtree_control && echo ready && sleep 1000'
	start
	wait_for grep -q ready "$DIR/out"
	run -0 oci exec "$ID" cat /proc/self/cgroup
	[[ $output == *0::/inner* ]]
}
