#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# spec: a config.json to start from.

load lib

@test "spec writes a config.json" {
	rm config.json
	run -0 oci spec
	prints ""
	jq -e '(.ociVersion | test("^1\\.")) and .process.args == ["sh"] and .root.path == "rootfs" and
		.root.readonly and (.mounts | length > 5) and (.linux.namespaces | length >= 5)' config.json
}

@test "spec does not overwrite config.json" {
	run ! oci spec
	jq -e '.process.args == ["true"]' config.json
}

@test "spec --bundle writes to another folder" {
	mkdir "$DIR/other"
	cd /
	oci spec --bundle "$DIR/other"
	jq -e .process "$DIR/other/config.json"
}

@test "spec --rootless maps the caller to root in a user namespace" {
	rm config.json
	oci spec --rootless
	jq -e '.linux.namespaces | any(.type == "user")' config.json
	differs crun "leaves the mapping to run"
	jq -e '(.linux.uidMappings | length == 1) and .linux.uidMappings[0].containerID == 0' config.json
}
