#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line itself.

load lib

@test "--version names the runtime and the specification" {
	run -0 "$RUNTIME" --version
	[[ ${lines[0]} =~ ^[a-z]+\ version\ [0-9]+\.[0-9]+ ]]
	[[ $output =~ spec:\ 1\.[0-9]+\.[0-9]+ ]]
}

@test "--help lists the commands" {
	run -0 "$RUNTIME" --help
	local command
	for command in create delete exec kill list run spec start state; do
		[[ $output == *"$command"* ]]
	done
}

@test "an unknown command is an error" {
	run ! "$RUNTIME" no-such-command
}

@test "an unknown option is an error" {
	run ! oci run --no-such-option "$ID"
	run ! "$RUNTIME" --no-such-option list
}

@test "a missing id is an error" {
	local command
	for command in create delete kill run start state; do
		run ! oci $command
	done
}

@test "errors go to stderr" {
	run ! --separate-stderr oci state "$ID"
	[ -z "$output" ]
	[ -n "$stderr" ]
}

@test "errors go to --log as one JSON object with level, msg and time" {
	set_args /not/there
	run ! oci --log "$DIR/log" --log-format json run "$ID"
	jq -es 'map(select(.level == "error")) | length == 1 and
		(.[0].msg | test("/not/there")) and (.[0].time | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T"))' \
		"$DIR/log"
}

@test "--log is appended to" {
	run ! oci --log "$DIR/log" --log-format json state "$ID"
	run ! oci --log "$DIR/log" --log-format json start "$ID"
	[ "$(jq -r .level "$DIR/log" | grep -c error)" -eq 2 ]
}

@test "an unknown --log-format is an error" {
	run ! oci --log "$DIR/log" --log-format xml list
}

@test "options that callers of long ago pass are taken" {
	run -0 oci --rootless=auto list
	run -0 oci run --no-new-keyring --no-pivot "$ID"
}

@test "a switch can be given a value" {
	differs crun "knows no --systemd-cgroup=false"
	run -0 oci --systemd-cgroup=false list
}

@test "each root has containers of its own" {
	create
	mkdir "$DIR/root2"
	run ! "$RUNTIME" --root "$DIR/root2" state "$ID"
}

# bats test_tags=hull
@test "create by a user other than root is refused by name" {
	cp "$RUNTIME" "$DIR/hull"
	run ! setpriv --reuid 1000 --regid 1000 --clear-groups "$DIR/hull" --root "$DIR/other" create "$ID"
	[[ $output == *"other than root: not supported yet"* ]]
}

# bats test_tags=hull
@test "under the name hull-vm no annotation gets a container on the host's kernel" {
	cp "$RUNTIME" "$DIR/hull-vm"
	update_config '.annotations = {"dev.hull.engine": "native"}'
	run ! "$DIR/hull-vm" --root "$ROOT" run "$ID"
	[[ $output == *"config.json: annotations: dev.hull.engine: native: not among the configuration's allow_annotations"* ]]
	# By another name it is what there is anyway.
	run -0 oci run "$ID"
}

# bats test_tags=hull
@test "a kernel or a size by annotation is refused by name, never ignored" {
	local key
	for key in dev.hull.vm.kernel dev.hull.vm.memory io.katacontainers.config.hypervisor.default_memory; do
		update_config ".annotations = {\"dev.hull.engine\": \"microvm\", \"$key\": \"256\"}"
		run ! oci run "$ID"
		[[ $output == *"annotations: $key: 256: not among the configuration's allow_annotations"* ]]
	done
	update_config '.annotations = {"dev.hull.vm.memory": "1G"}'
	run ! oci run "$ID"
	[[ $output == *"annotations: dev.hull.vm.memory: 1G: the container is in no virtual machine"* ]]
}

# bats test_tags=hull
@test "what can't be in a sandbox is refused at create by its name" {
	update_config '.annotations = {"dev.hull.engine": "microvm"} |
		.linux.namespaces |= map(select(.type != "network"))'
	run ! oci create "$ID"
	[[ $output == *"config.json: linux.namespaces: no network namespace"*"not possible in a sandbox"* ]]
	run ! oci state "$ID"
}
