#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.seccomp: a filter of system calls.

load lib

seccomp_rule() { # ACTION [ERRNO]: for mkdir and mkdirat, everything else is allowed
	update_config_with '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		architectures: ["SCMP_ARCH_X86_64"],
		syscalls: [{names: ["mkdir", "mkdirat"], action: $words[0]} +
			if $words[1] then {errnoRet: ($words[1] | tonumber)} else {} end]}' "$@"
	set_args mkdir /tmp/new
	update_config '.root.readonly = false'
}

@test "a system call that is forbidden fails with EPERM" {
	seccomp_rule SCMP_ACT_ERRNO
	run ! oci run "$ID"
	[[ $output == *"Operation not permitted"* ]]
	[ ! -e rootfs/tmp/new ]
}

@test "errnoRet is the error of a forbidden system call" {
	seccomp_rule SCMP_ACT_ERRNO 28
	run ! oci run "$ID"
	[[ $output == *"No space left"* ]]
}

@test "SCMP_ACT_KILL_PROCESS ends the process with SIGSYS" {
	seccomp_rule SCMP_ACT_KILL_PROCESS
	run -159 oci run "$ID"
}

@test "a filter with arguments looks at them" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
		syscalls: [{names: ["kill"], action: "SCMP_ACT_ERRNO", errnoRet: 5,
			args: [{index: 1, value: 12, op: "SCMP_CMP_EQ"}]}]}'
	set_script 'trap "" USR1 USR2; kill -USR1 $$ && echo usr1; kill -USR2 $$'
	run ! oci run "$ID"
	[[ $output == *usr1* ]]
	[[ $output == *"I/O error"* || $output == *"Input/output error"* ]]
}

@test "names of system calls that are not known don't matter" {
	seccomp_rule SCMP_ACT_ERRNO
	update_config '.linux.seccomp.syscalls[0].names += ["no_such_call"]'
	run ! oci run "$ID"
	[[ $output == *"Operation not permitted"* ]]
}

@test "an allow-list filter lets the command run" {
	update_config '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [
		{names: ["ptrace"], action: "SCMP_ACT_ERRNO"}]} | .process.noNewPrivileges = true'
	set_args grep Seccomp: /proc/self/status
	run -0 oci run "$ID"
	[[ $output == *2 ]]
}

@test "the filter is exec's as well" {
	seccomp_rule SCMP_ACT_ERRNO
	set_daemon
	start
	run ! oci exec "$ID" mkdir /tmp/new
	[[ $output == *"Operation not permitted"* ]]
}

@test "an unknown action is refused" {
	seccomp_rule SCMP_ACT_NOSUCH
	leaves crun "the cgroup"
	run ! oci run "$ID"
	[ ! -e rootfs/tmp/new ]
}
