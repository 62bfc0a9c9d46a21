#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# process.apparmorProfile

load lib

setup() {
	test_begin
	requires apparmor cmd:apparmor_parser
}

teardown() {
	[ -z "${PROFILE:-}" ] || apparmor_parser --remove <<<"profile $PROFILE {}" || true
	test_end
}

load_profile() { # RULES
	PROFILE=hull-test-$ID
	apparmor_parser --replace <<<"profile $PROFILE flags=(attach_disconnected) { $1 }"
	update_config '.process.apparmorProfile = $p' --arg p "$PROFILE"
}

@test "the command is confined by apparmorProfile" {
	load_profile "file, capability, signal, deny /etc/group r,"
	set_script 'cat /proc/self/attr/current; cat /etc/group'
	run ! oci run "$ID"
	[ "${lines[0]}" = "$PROFILE (enforce)" ]
	[[ $output == *"Permission denied"* ]]
}

@test "exec'd commands are confined by apparmorProfile" {
	load_profile "file, capability, signal,"
	set_daemon
	start
	run -0 oci exec "$ID" cat /proc/self/attr/current
	prints "$PROFILE (enforce)"
}

@test "an apparmorProfile that is not loaded is refused" {
	update_config '.process.apparmorProfile = "hull-test-nothing"'
	run ! oci run "$ID"
	run ! oci state "$ID"
}
