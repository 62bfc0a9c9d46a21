#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# process: who runs the command, where, and with what.

load lib

@test "process.env is the whole environment" {
	update_config '.process.env = ["PATH=/bin", "A=1", "B=two words"]'
	set_args env
	run -0 oci run "$ID"
	[[ $output == *A=1* && $output == *"B=two words"* && $output == *PATH=/bin* ]]
	[[ $output != *HULL* && $output != *BATS* ]]
}

@test "HOME comes from the container's /etc/passwd if it is not in env" {
	update_config '.process.env = ["PATH=/bin"]'
	set_script 'echo $HOME'
	run -0 oci run "$ID"
	prints /root
}

@test "process.cwd is where the command starts" {
	update_config '.process.cwd = "/tmp"'
	set_args pwd
	run -0 oci run "$ID"
	prints /tmp
}

@test "process.cwd is made if it is not there" {
	update_config '.process.cwd = "/made/for/me" | .root.readonly = false'
	set_args pwd
	run -0 oci run "$ID"
	prints /made/for/me
}

@test "a relative process.cwd is refused" {
	differs crun "takes it from /"
	update_config '.process.cwd = "tmp"'
	run ! oci run "$ID"
}

@test "process.user is uid, gid and additional groups" {
	update_config '.process.user = {uid: 1000, gid: 1001, additionalGids: [5, 65534]}'
	set_script 'id -u; id -g; grep Groups /proc/self/status'
	run -0 oci run "$ID"
	[ "${lines[0]}" = 1000 ]
	[ "${lines[1]}" = 1001 ]
	[[ ${lines[2]} =~ Groups:[[:space:]]+5\ 65534 ]]
}

@test "process.user.umask is the command's umask" {
	update_config '.process.user.umask = 63'
	set_script umask
	run -0 oci run "$ID"
	prints 0077
}

@test "the umask is 0022 without process.user.umask, whatever the caller's is" {
	set_script umask
	umask 0007
	run -0 oci run "$ID"
	umask 0022
	prints 0022
}

@test "process.rlimits are set, soft and hard" {
	update_config '.process.rlimits = [
		{type: "RLIMIT_NOFILE", soft: 100, hard: 200},
		{type: "RLIMIT_CORE", soft: 0, hard: 0}]'
	set_args grep -E 'open files|core file' /proc/self/limits
	run -0 oci run "$ID"
	[[ $output =~ files\ +100\ +200 ]]
	[[ $output =~ size\ +0\ +0 ]]
}

@test "an unknown rlimit is refused" {
	leaves crun "the cgroup"
	update_config '.process.rlimits = [{type: "RLIMIT_NOSUCH", soft: 1, hard: 1}]'
	run ! oci run "$ID"
}

@test "process.noNewPrivileges is set and unset" {
	set_args grep NoNewPrivs /proc/self/status
	update_config '.process.noNewPrivileges = true'
	run -0 oci run "$ID"
	[[ $output == *1 ]]
	update_config '.process.noNewPrivileges = false'
	run -0 oci run "$ID"
	[[ $output == *0 ]]
}

@test "process.oomScoreAdj is set" {
	update_config '.process.oomScoreAdj = 321'
	set_args cat /proc/self/oom_score_adj
	run -0 oci run "$ID"
	prints 321
}

@test "the caller's oom_score_adj stays without process.oomScoreAdj" {
	update_config 'del(.process.oomScoreAdj)'
	set_args cat /proc/self/oom_score_adj
	run -0 bash -c 'echo 123 >/proc/self/oom_score_adj; "$0" --root "$1" run "$2"' \
		"$RUNTIME" "$ROOT" "$ID"
	prints 123
}

@test "process.capabilities are the five sets" {
	update_config '.process.capabilities = {bounding: ["CAP_CHOWN", "CAP_KILL"],
		permitted: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN"],
		inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]}'
	# Process 1 would gain effective ones by execve, as root does.
	update_config '.process.user.uid = 1000'
	set_args grep Cap /proc/self/status
	run -0 oci run "$ID"
	[[ ${lines[0]} == CapInh*0000000000000001 ]]
	[[ ${lines[3]} == CapBnd*0000000000000021 ]]
	[[ ${lines[4]} == CapAmb*0000000000000001 ]]
	[[ ${lines[2]} == CapEff*0000000000000001 ]]
}

@test "root has the capabilities of the bounding set and no others" {
	set_caps CAP_CHOWN CAP_NET_BIND_SERVICE
	set_args grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status
	run -0 oci run "$ID"
	[ "$(grep -c 0000000000000401 <<<"$output")" -eq 3 ]
}

@test "a user has no capabilities without ambient ones" {
	set_caps CAP_CHOWN
	update_config '.process.user.uid = 1000'
	set_args grep -E 'CapEff|CapPrm' /proc/self/status
	run -0 oci run "$ID"
	[ "$(grep -c 0000000000000000 <<<"$output")" -eq 2 ]
}

@test "without process.capabilities there are none" {
	update_config 'del(.process.capabilities)'
	set_args grep -E 'CapEff|CapBnd' /proc/self/status
	run -0 oci run "$ID"
	differs runc-1.3 "leaves them as they are"
	[ "$(grep -c 0000000000000000 <<<"$output")" -eq 2 ]
}

@test "the command is process 1 and leads its own session" {
	set_script 'echo $$; cut -d " " -f 6 /proc/self/stat'
	run -0 oci run "$ID"
	[ "${lines[*]}" = "1 1" ]
}

@test "the container has a session keyring of its own" {
	[ -e /proc/keys ] || skip "no keyrings"
	set_args cat /proc/self/keys /proc/keys
	update_config '.mounts |= . | .linux.maskedPaths = []'
	run oci run "$ID"
	[[ $output == *"_ses"* ]]
	[[ $output == *"$ID"* ]]
}
