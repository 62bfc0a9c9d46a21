#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# hooks: the caller's programs, at six moments.

load lib

# A hook of that kind on the host which notes its kind, and the state that it gets, in files.
add_hook() { # KIND [SCRIPT]
	update_config_with '.hooks[$words[0]] += [{path: "/bin/sh",
		args: ["sh", "-c", $words[1]], env: ["FROM=hook"]}]' "$1" \
		"${2:-cat >$DIR/$1.json; echo $1 >>$DIR/order}"
}

setup() {
	test_begin
	set_daemon
}

@test "the host's hooks run in the specification's order" {
	differs runc-1.1 "runs poststart at create"
	differs runc-1.3 "runs poststart at create"
	local kind
	for kind in poststop poststart createRuntime prestart; do
		add_hook $kind
	done
	create
	[ "$(tr '\n' ' ' <"$DIR/order")" = "prestart createRuntime " ]
	oci start "$ID"
	wait_for grep -q poststart "$DIR/order"
	oci kill "$ID" KILL
	wait_for is stopped
	oci delete "$ID"
	[ "$(tr '\n' ' ' <"$DIR/order")" = "prestart createRuntime poststart poststop " ]
}

@test "hooks get the container's state on stdin" {
	update_config '.annotations = {"com.example.key": "value"}'
	add_hook createRuntime
	add_hook poststop
	create
	jq -e --arg id "$ID" --arg b "$BUNDLE" --argjson pid "$(pid_of)" '.id == $id and
		.bundle == $b and .pid == $pid and .ociVersion and
		.annotations["com.example.key"] == "value"' "$DIR/createRuntime.json"
	oci delete --force "$ID"
	jq -e --arg id "$ID" '.id == $id and .status == "stopped"' "$DIR/poststop.json"
}

@test "createRuntime hooks see the status creating" {
	differs crun "says created"
	add_hook createRuntime
	create
	[ "$(jq -r .status "$DIR/createRuntime.json")" = creating ]
}

@test "hooks get their own environment alone" {
	add_hook createRuntime "env >$DIR/env"
	create
	grep -q ^FROM=hook "$DIR/env"
	run ! grep -qE '^(BATS|HULL|HOME)' "$DIR/env"
}

@test "hooks get their args, argv[0] too" {
	update_config_with '.hooks.createRuntime = [{path: "/bin/sh",
		args: ["zero", "-c", $words[0], "one", "two words"]}]' \
		"tr '\\0' '|' </proc/\$\$/cmdline >$DIR/cmdline; echo \"\$0 \$1\" >$DIR/args"
	create
	[[ $(cat "$DIR/cmdline") == "zero|-c|"* ]]
	[ "$(cat "$DIR/args")" = "one two words" ]
}

@test "a createRuntime hook that fails makes create fail and leaves nothing" {
	add_hook createRuntime "exit 3"
	run ! create
	run ! oci state "$ID"
}

@test "a prestart hook that fails makes create fail" {
	add_hook prestart "exit 3"
	run ! create
	run ! oci state "$ID"
}

@test "a hook that runs longer than its timeout is killed and fails" {
	update_config '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]'
	local began=$SECONDS
	run ! create
	[ $((SECONDS - began)) -lt 60 ]
	run ! oci state "$ID"
}

@test "a hook whose program is not there makes create fail" {
	update_config '.hooks.createRuntime = [{path: "/not/there"}]'
	run ! create
	run ! oci state "$ID"
}

@test "a poststop hook that fails does not stop delete" {
	differs runc-1.3 "fails, though the container is gone"
	add_hook poststop "exit 3"
	create
	oci delete --force "$ID"
	run ! oci state "$ID"
}

@test "a poststop hook that fails is a warning, and the next runs" {
	differs runc "the first failure is the last hook"
	add_hook poststop "echo a card is gone >&2; exit 3"
	add_hook poststop "echo second >>$DIR/order"
	create
	run -0 oci delete --force "$ID"
	[[ $output == *"error running poststop hook #0: exit status 3"*"a card is gone"* ]]
	[ "$(cat "$DIR/order")" = second ]
}

@test "hooks of one kind run in their order" {
	add_hook createRuntime "echo first >>$DIR/order"
	add_hook createRuntime "echo second >>$DIR/order"
	create
	[ "$(tr '\n' ' ' <"$DIR/order")" = "first second " ]
}

@test "createRuntime hooks run in the caller's namespaces, on its root" {
	add_hook createRuntime "readlink /proc/self/ns/mnt /proc/self/ns/net >$DIR/ns; ls -d $DIR >$DIR/ls"
	create
	[ "$(cat "$DIR/ns")" = "$(readlink /proc/self/ns/mnt /proc/self/ns/net)" ]
	[ -s "$DIR/ls" ]
}

@test "createContainer hooks run in the container's namespaces before its root" {
	add_hook createContainer "readlink /proc/self/ns/mnt /proc/self/ns/net >$DIR/ns"
	create
	local pid
	pid=$(pid_of)
	[ "$(cat "$DIR/ns")" = "$(readlink "/proc/$pid/ns/mnt" "/proc/$pid/ns/net")" ]
}

@test "createContainer hooks can mount into the rootfs" {
	mkdir "$DIR/volume"
	echo mounted >"$DIR/volume/file"
	add_hook createContainer "mount --bind $DIR/volume $BUNDLE/rootfs/mnt"
	set_args cat /mnt/file
	start
	wait_for grep -q mounted "$DIR/out"
	[ ! -e rootfs/mnt/file ]
}

@test "startContainer hooks run in the container at start" {
	update_config '.hooks.startContainer = [{path: "/bin/sh",
		args: ["sh", "-c", "echo $FROM; cat >/tmp/state"], env: ["FROM=hook", "PATH=/bin"]}] |
		.root.readonly = false'
	create
	[ ! -e rootfs/tmp/state ]
	oci start "$ID"
	wait_for test -s rootfs/tmp/state
	[ "$(jq -r .id rootfs/tmp/state)" = "$ID" ]
}

@test "startContainer hooks have the rights of the container's process and no others" {
	# Their program may be the image's. Made writable for user 1000, who the hook must be.
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c",
		"exec >/tmp/hook; id -u; grep -E \"^(Cap|NoNewPrivs)\" /proc/self/status; ls -l /proc/self/fd"],
		env: ["PATH=/bin"]}] | .process.user = {uid: 1000, gid: 1000} |
		.process.noNewPrivileges = true | .root.readonly = false | .process.capabilities = {bounding: ["CAP_KILL"]}'
	set_args true
	start
	wait_for is stopped
	[ "$(head -1 rootfs/tmp/hook)" = 1000 ]
	[ "$(awk '$1 == "CapEff:" {print $2}' rootfs/tmp/hook)" = 0000000000000000 ]
	[ "$(awk '$1 == "CapPrm:" {print $2}' rootfs/tmp/hook)" = 0000000000000000 ]
	[ "$(awk '$1 == "CapBnd:" {print $2}' rootfs/tmp/hook)" = 0000000000000020 ]
	[ "$(awk '$1 == "NoNewPrivs:" {print $2}' rootfs/tmp/hook)" = 1 ]
	run ! grep -qE ' ([3-9]|[0-9]{2,}) -> (/[^p]|/proc$|socket|pipe|anon)' rootfs/tmp/hook
}

@test "startContainer hooks are under the container's seccomp filter" {
	requires seccomp
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c",
		"mkdir /tmp/made; echo $? >/tmp/hook"], env: ["PATH=/bin"]}] | .root.readonly = false |
		.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
			syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO"}]}'
	set_args true
	start
	wait_for is stopped
	[ ! -e rootfs/tmp/made ]
	grep -qx 1 rootfs/tmp/hook
}

@test "the command does not run if a startContainer hook fails" {
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "exit 3"]}]'
	set_script 'echo ran; sleep 1000'
	create
	# The hook runs when start lets the container go on, so start itself may have returned.
	run oci start "$ID"
	wait_for is stopped
	run ! grep -q ran "$DIR/out"
}

@test "createRuntime hooks can put an interface into the network namespace" {
	requires dummy
	add_hook createRuntime "pid=\$(jq .pid); ip link add hull\$pid type dummy &&
		ip link set hull\$pid netns \$pid name eth7"
	set_args ls /sys/class/net
	run -0 oci run "$ID"
	[[ $output == *eth7* ]]
}
