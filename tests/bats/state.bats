#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# state: what a container is, as JSON.

load lib

@test "state has what the OCI's runtime specification asks for" {
	set_daemon
	create
	oci state "$ID" >"$DIR/state"
	jq -e --arg id "$ID" --arg bundle "$BUNDLE" '.id == $id and .status == "created" and
		.bundle == $bundle and .pid > 1 and (.ociVersion | test("^1\\."))' "$DIR/state"
}

@test "state's pid is the process that runs the command" {
	set_args sleep 1000
	start
	wait_for grep -q sleep "/proc/$(pid_of)/comm"
}

@test "state goes from created over running to stopped" {
	set_daemon
	create
	is created
	oci start "$ID"
	is running
	oci kill "$ID" KILL
	wait_for is stopped
}

@test "state has config.json's annotations" {
	update_config '.annotations = {"com.example.key": "a value"}'
	create
	[ "$(oci state "$ID" | jq -r '.annotations["com.example.key"]')" = "a value" ]
}

@test "state has the time of creation, as RFC 3339" {
	create
	local created
	created=$(date -d "$(oci state "$ID" | jq -r .created)" +%s)
	[ $(($(date +%s) - created)) -lt 100 ]
}

@test "state of a container that does not exist says so" {
	run ! oci state "$ID"
	[[ $output == *"does not exist"* ]]
}

@test "state works from any folder and without any environment" {
	create
	cd /
	run -0 env -i "$RUNTIME" --root "$ROOT" state "$ID"
	[ "$(jq -r .id <<<"$output")" = "$ID" ]
}
