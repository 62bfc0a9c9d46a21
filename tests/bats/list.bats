#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# list: all containers of a root.

load lib

@test "list has a line for each container" {
	create
	update_config '.linux.cgroupsPath += "b"'
	create "${ID}b"
	run -0 oci list
	[[ ${lines[0]} == *PID*STATUS*BUNDLE*CREATED*OWNER* ]]
	[ ${#lines[@]} -eq 3 ]
	[[ $output == *"$ID "*created*"$BUNDLE"* ]]
}

@test "list --quiet prints the ids alone" {
	create
	run -0 oci list --quiet
	prints "$ID"
	run -0 oci list -q
	prints "$ID"
}

@test "list --format json is an array with the fields of state" {
	create
	oci list --format json >"$DIR/list"
	jq -e --arg id "$ID" --arg b "$BUNDLE" 'length == 1 and (.[0] |
		.id == $id and .status == "created" and .bundle == $b and .pid > 1 and .owner == "root")' \
		"$DIR/list"
}

@test "list of an empty root succeeds" {
	run -0 oci list
	run -0 oci list -q
	prints ""
}

@test "list refuses an unknown format" {
	run ! oci list --format xml
}
