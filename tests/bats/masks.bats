#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.maskedPaths and readonlyPaths: what a container must not read or write of the machine.

load lib

@test "a masked file reads as empty" {
	update_config '.linux.maskedPaths = ["/proc/meminfo"]'
	set_args cat /proc/meminfo
	run -0 oci run "$ID"
	prints ""
}

@test "a masked folder is empty and can't be written" {
	update_config '.linux.maskedPaths = ["/proc/sys/net"]'
	set_script 'ls /proc/sys/net; touch /proc/sys/net/x'
	run ! oci run "$ID"
	[[ $output == *"Read-only"* || $output == *"Permission denied"* ]]
	[ ${#lines[@]} -eq 1 ]
}

@test "masked and read-only paths that are not there don't matter" {
	update_config '.linux.maskedPaths = ["/proc/nothing", "/none/at/all"] |
		.linux.readonlyPaths = ["/proc/nothing", "/none/at/all"]'
	run -0 oci run "$ID"
}

@test "a read-only path can be read and not written" {
	update_config '.linux.readonlyPaths = ["/proc/sys"]'
	set_script 'cat /proc/sys/kernel/hostname; echo x >/proc/sys/kernel/hostname'
	run ! oci run "$ID"
	[[ $output == *"Read-only"* ]]
}

@test "spec's masked paths hide the machine" {
	set_script 'for f in kcore keys timer_list latency_stats; do
			[ ! -e /proc/$f ] || cat /proc/$f; done; ls /sys/firmware'
	run -0 oci run "$ID"
	prints ""
}

@test "maskedPaths without a mount namespace are refused" {
	differs crun "takes them"
	update_config '.linux.namespaces |= map(select(.type != "mount"))'
	run ! oci run "$ID"
}
