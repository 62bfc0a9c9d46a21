#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=hull
# sandbox: a container in a microVM of its own, by the same commands.

load lib

setup() {
	requires kvm guest_kernel memory
	test_begin
	sandboxed
}

teardown() {
	ip netns del "$ID" 2>/dev/null || true
	ip link del hulltest0 2>/dev/null || true
	test_end
}

@test "a sandboxed container prints what it prints, by a kernel of its own" {
	set_args sh -c 'echo hello; echo to-stderr >&2; uname -r'
	run -0 --separate-stderr oci run "$ID"
	[ "${lines[0]}" = hello ]
	[ "${lines[1]}" != "$(uname -r)" ]
	[ "$stderr" = to-stderr ]
}

@test "a sandboxed container's exit status is the command's" {
	set_args sh -c 'exit 42'
	run -42 oci run "$ID"
	set_args sh -c 'sh -c "kill -9 \$\$"; exit $?'
	run -137 oci run "$ID"
}

@test "a sandboxed container reads its stdin to the end" {
	set_args sh -c 'cat | sha256sum'
	head -c 3000000 /dev/urandom >"$DIR/data"
	run -0 oci run "$ID" <"$DIR/data"
	[ "${output%% *}" = "$(sha256sum <"$DIR/data" | cut -d ' ' -f 1)" ]
}

@test "a sandboxed container's files are the rootfs's on the host" {
	set_args sh -c 'echo from-guest >/written; cat /given'
	echo from-host >"$BUNDLE/rootfs/given"
	run -0 oci run "$ID"
	prints from-host
	[ "$(<"$BUNDLE/rootfs/written")" = from-guest ]
}

@test "a sandboxed container is created, started, killed and deleted" {
	set_daemon
	create
	[ "$(status_of)" = created ]
	oci start "$ID"
	[ "$(status_of)" = running ]
	oci kill "$ID" KILL
	wait_for is stopped
	oci delete "$ID"
	run ! oci state "$ID"
}

@test "a signal reaches the first process of a sandboxed container" {
	set_args sh -c 'trap "echo got-it; exit 7" TERM; echo ready; while :; do sleep 0.1; done'
	oci_background run "$ID"
	wait_for grep -q ready "$DIR/out"
	oci kill "$ID" TERM
	local status=0
	wait $pid || status=$?
	[ $status -eq 7 ]
	grep -q got-it "$DIR/out"
}

@test "exec runs a command in a sandboxed container" {
	set_daemon
	start
	run -0 oci exec "$ID" sh -c 'echo from-exec; uname -r'
	[ "${lines[0]}" = from-exec ]
	[ "${lines[1]}" != "$(uname -r)" ]
	run -3 oci exec "$ID" sh -c 'exit 3'
	run -0 oci exec "$ID" cat <<<"through stdin"
	prints "through stdin"
	run -0 oci exec --user 1000:1001 --cwd /tmp --env A=b "$ID" sh -c 'id -u; id -g; pwd; echo $A'
	prints $'1000\n1001\n/tmp\nb'
}

@test "a command that isn't there is an error of exec in a sandboxed container" {
	set_daemon
	start
	run -255 oci exec "$ID" /not-there
	[[ $output == *"no such file or directory"* ]]
}

@test "binds are the host's folders and files in a sandboxed container" {
	mkdir "$DIR/volume"
	echo content >"$DIR/volume/file"
	echo single >"$DIR/single"
	add_mount /volume bind "$DIR/volume" rbind rw
	add_mount /read-only bind "$DIR/volume" rbind ro
	add_mount /single bind "$DIR/single" bind ro
	set_args sh -c 'cat /volume/file /single; echo more >/volume/new; echo no >/read-only/x || echo refused'
	run -0 oci run "$ID"
	[[ $output == *content*single* ]]
	[[ $output == *refused ]]
	[ "$(<"$DIR/volume/new")" = more ]
	[ ! -e "$DIR/volume/x" ]
}

@test "a killed monitor leaves nothing that delete --force doesn't remove" {
	set_daemon
	start
	kill -KILL "$(pid_of)"
	wait_for is stopped
	oci delete --force "$ID"
	run ! oci state "$ID"
}

@test "every thread of a monitor is in its jail, with an empty root" {
	set_daemon
	start
	local pid task status fs=0
	pid=$(pid_of)
	for task in /proc/"$pid"/task/*; do
		status=$(<"$task/status")
		[[ $status == *$'\nNoNewPrivs:\t1\n'* ]]
		[[ $status == *$'\nSeccomp:\t2\n'* ]]
		[[ $status == *$'\nCapBnd:\t0000000000000000\n'* ]] && continue
		# CHOWN DAC_OVERRIDE FOWNER FSETID SETGID SETUID MKNOD SETFCAP at most
		local bound
		bound=$(sed -n 's/^CapEff:\t//p' "$task/status")
		[ $((0x$bound & ~0x880000db)) -eq 0 ]
		[ "$bound" = 0000000000000000 ] || fs=$((fs + 1))
	done
	[ $fs -gt 0 ]
	[ -z "$(ls -A "/proc/$pid/root")" ]
}

@test "update and stats reach the limits of a container in its guest" {
	update_config '.linux.resources.memory.limit = 67108864'
	set_daemon
	start
	run -0 oci exec "$ID" cat /sys/fs/cgroup/memory.max
	prints 67108864
	oci update --memory 100000000 --pids-limit 50 "$ID"
	run -0 oci exec "$ID" cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max
	prints $'99999744\n50'
	run -0 oci events --stats "$ID"
	[ "$(jq .data.memory.usage.limit <<<"$output")" = 99999744 ]
	[ "$(jq .data.pids.limit <<<"$output")" = 50 ]
}

@test "a sandboxed container is paused and goes on" {
	set_script 'while :; do echo x; sleep 0.1; done'
	create
	oci start "$ID"
	wait_for grep -q x "$DIR/out"
	oci pause "$ID"
	[ "$(status_of)" = paused ]
	oci resume "$ID"
	[ "$(status_of)" = running ]
	: >"$DIR/out"
	wait_for grep -q x "$DIR/out"
}

@test "a command that can't be executed is an error of create, also in a sandbox" {
	set_args /not-there
	run ! oci create "$ID"
	[[ $output == *'exec: "/not-there": stat /not-there: no such file or directory'* ]]
	set_args not-in-path
	run ! oci create "$ID"
	[[ $output == *'exec: "not-in-path": executable file not found in $PATH'* ]]
	run ! oci state "$ID"
}

@test "a tmpfs of the host at /dev/shm is one of the guest's, of the same size" {
	mkdir "$DIR/shm"
	mount -t tmpfs -o size=3m shm "$DIR/shm"
	echo host >"$DIR/shm/file"
	update_config '.mounts |= map(select(.destination != "/dev/shm")) |
		.mounts += [{destination: "/dev/shm", type: "bind", source: "'"$DIR"'/shm", options: ["rbind", "nosuid"]}]'
	set_args sh -c 'df -k /dev/shm | tail -n 1; ls /dev/shm; echo guest >/dev/shm/file; stat -c %a /dev/shm'
	run -0 oci run "$ID"
	local host
	host=$(<"$DIR/shm/file")
	umount "$DIR/shm"
	[[ ${lines[0]} == shm\ *\ 3072\ * ]]
	[ "${lines[1]}" = 1777 ]
	[ "$host" = host ]
}

@test "a bind of /proc in a sandbox is the container's own, and never the host's" {
	update_config '.mounts += [{destination: "/host/proc", type: "bind", source: "/proc", options: ["rbind", "ro"]}]'
	set_args sh -c 'ls /host/proc | grep -c "^[0-9]"; cat /host/proc/1/comm; echo 1 >/host/proc/sys/kernel/panic'
	run ! oci run "$ID"
	[ "${lines[0]}" -lt 6 ]
	[ "${lines[1]}" = sh ]
	[[ ${lines[2]} == *"Read-only file system"* ]]
}

@test "a privileged container's devices are the guest's, and the host's others are left out" {
	update_config '.linux.resources.devices = [{allow: true, access: "rwm"}] |
		.linux.devices = [{path: "/dev/kmsg", type: "c", major: 1, minor: 11},
			{path: "/dev/sdz", type: "b", major: 65, minor: 144}]'
	set_args sh -c 'ls /dev/kmsg /dev/sdz'
	run ! oci run "$ID"
	[[ $output == */dev/kmsg* ]]
	[[ $output == *"/dev/sdz: No such file"* ]]
}

@test "under the name hull-vm a bundle without an annotation is sandboxed" {
	cp "$RUNTIME" "$DIR/hull-vm"
	update_config 'del(.annotations)'
	set_args uname -r
	run -0 "$DIR/hull-vm" --root "$ROOT" run "$ID"
	[ "$output" != "$(uname -r)" ]
}

@test "the configuration's machine is the guest's, and an allowed annotation changes it" {
	local file=/usr/local/etc/hull/config.json
	mkdir -p "${file%/*}"
	echo '{"engine": "microvm", "vm": {"memory": "192M", "vcpus": 2},
		"allow_annotations": ["dev.hull.vm.vcpus"]}' >$file
	update_config 'del(.annotations)'
	set_args sh -c 'nproc; grep MemTotal /proc/meminfo | tr -dc 0-9'
	run -0 oci run "$ID"
	local first=$output
	update_config '.annotations = {"dev.hull.vm.vcpus": "1"}'
	run -0 oci run "$ID"
	rm $file
	[ "${first%%$'\n'*}" = 2 ]
	[ "${first##*$'\n'}" -lt $((192 * 1024)) ]
	[ "${lines[0]}" = 1 ]
}

@test "a container that is out of memory in its guest: its cgroup on the host says so" {
	update_config '.linux.resources.memory.limit = 67108864'
	set_args tail /dev/zero
	create
	local events
	events=$(cgroup_of)/memory.events
	oci start "$ID"
	wait_for is stopped
	[ "$(sed -n 's/^oom_kill //p' "$events")" -ge 1 ]
}

@test "hooks of a sandboxed container run on the host, but startContainer in the guest" {
	local kind
	for kind in prestart createRuntime createContainer poststart poststop; do
		update_config '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", "uname -r >$0", $file]}]' \
			--arg k $kind --arg file "$DIR/$kind"
	done
	update_config '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "uname -r >/started"]}]'
	run -0 oci run "$ID"
	for kind in prestart createRuntime createContainer poststart poststop; do
		[ "$(<"$DIR/$kind")" = "$(uname -r)" ]
	done
	[ "$(<"$BUNDLE/rootfs/started")" != "$(uname -r)" ]
}

@test "apparmorProfile confines every thread of the sandbox's process" {
	requires apparmor cmd:apparmor_parser
	local profile=hull-test-$ID
	# As docker's and containerd's own: mounts are denied.
	apparmor_parser --replace <<<"profile $profile flags=(attach_disconnected,mediate_deleted) {
		network, capability, file, umount, signal, deny mount, }"
	update_config '.process.apparmorProfile = $p' --arg p "$profile"
	set_daemon
	start
	local task found=0
	for task in /proc/"$(pid_of)"/task/*; do
		[ "$(<"$task/attr/apparmor/current")" = "$profile (enforce)" ]
		found=$((found + 1))
	done
	[ $found -gt 2 ]
	run -0 oci exec "$ID" sh -c 'echo x >/written; cat /written'
	prints x
	oci delete --force "$ID"
	apparmor_parser --remove <<<"profile $profile {}"
}

@test "an apparmorProfile that is not loaded is refused for a sandbox, too" {
	requires apparmor
	update_config '.process.apparmorProfile = "hull-test-nothing"'
	run ! oci create "$ID"
	[[ $output == *"apparmor profile"* ]]
	run ! oci state "$ID"
}

@test "oomScoreAdj is the monitor's, too" {
	update_config '.process.oomScoreAdj = 500'
	set_daemon
	start
	[ "$(<"/proc/$(pid_of)/oom_score_adj")" = 500 ]
	run -0 oci exec "$ID" cat /proc/1/oom_score_adj
	prints 500
}

# A namespace at /run/netns/$ID, as CNI leaves one, with an end of a wire to here.
make_network() {
	ip netns add "$ID"
	ip link add name hulltest0 mtu 1400 type veth peer name net7 mtu 1400 \
		address 02:00:00:00:00:77 netns "$ID"
	ip addr add 10.123.0.1/24 dev hulltest0
	ip addr add fd00:123::1/64 dev hulltest0 nodad
	ip link set hulltest0 up
	ip -n "$ID" addr add 10.123.0.2/24 brd + dev net7
	ip -n "$ID" addr add fd00:123::2/64 dev net7 nodad
	ip -n "$ID" link set net7 up
	ip -n "$ID" route add default via 10.123.0.1
	update_config '(.linux.namespaces[] | select(.type == "network")).path = $p' \
		--arg p "/run/netns/$ID"
	set_caps CAP_NET_RAW CAP_NET_ADMIN
}

# The carrier comes by itself, in its time.
network_of() {
	ip -n "$ID" -o link | sed 's/<[^>]*>//; s/state [A-Z]* //'
	ip -n "$ID" -o -4 addr
	ip -n "$ID" -o -6 addr show scope global
	ip -n "$ID" route
	tc -n "$ID" qdisc show
}

@test "a sandboxed container has the network of its namespace, which is as before afterwards" {
	make_network
	set_daemon
	create
	# Callers may be late: docker adds interfaces between create and start.
	ip -n "$ID" route add 192.0.2.0/24 via 10.123.0.9
	local before
	before=$(network_of)
	oci start "$ID"

	run -0 oci exec "$ID" ip addr show dev net7
	[[ $output == *"mtu 1400"* ]]
	[[ $output == *"link/ether 02:00:00:00:00:77"* ]]
	[[ $output == *"inet 10.123.0.2/24 "* ]]
	[[ $output == *"inet6 fd00:123::2/64 "* ]]
	run -0 oci exec "$ID" ip route
	[[ $output == *"default via 10.123.0.1 dev net7"* ]]
	[[ $output == *"192.0.2.0/24 via 10.123.0.9 dev net7"* ]]
	run -0 oci exec "$ID" busybox ping -c 1 -W 20 10.123.0.1
	run -0 oci exec "$ID" busybox ping -6 -c 1 -W 20 fd00:123::1
	busybox ping -c 1 -W 20 10.123.0.2

	echo from-the-host | busybox nc -l -p 7000 >"$DIR/got" &
	local server=$!
	wait_for grep -q ':1B58 0*:0000 0A' /proc/net/tcp /proc/net/tcp6
	run -0 oci exec "$ID" sh -c 'echo from-the-guest | nc -w 20 10.123.0.1 7000'
	prints from-the-host
	wait $server
	[ "$(<"$DIR/got")" = from-the-guest ]

	oci kill "$ID" KILL
	wait_for is stopped
	oci delete "$ID"
	[ "$(network_of)" = "$before" ]
}

@test "a sandboxed container whose namespace is empty has loopback only" {
	set_args sh -c 'ip -o addr | grep -v "inet6\? 127\|inet6 ::1"; ip route; busybox ping -c 1 127.0.0.1 >/dev/null && echo works'
	set_caps CAP_NET_RAW
	run -0 oci run "$ID"
	prints works
}

@test "a killed sandbox leaves its network to the next" {
	make_network
	set_daemon
	local before
	before=$(network_of)
	start
	oci kill "$ID" KILL
	wait_for is stopped
	# Not deleted as yet: the next takes its place.
	update_config '.linux.cgroupsPath += "b"'
	set_args busybox ping -c 1 -W 20 10.123.0.1
	run -0 oci run "${ID}b"
	oci delete "$ID"
	[ "$(network_of)" = "$before" ]
}

@test "two sandboxes can't have one network, and the second's error says so" {
	make_network
	set_daemon
	start
	update_config '.linux.cgroupsPath += "b"'
	run ! oci run "${ID}b"
	[[ $output == *"the network namespace is another sandbox's, of process $(pid_of)"* ]]
	run -0 oci exec "$ID" busybox ping -c 1 -W 20 10.123.0.1
	oci delete --force "$ID"
}

@test "more interfaces than a sandbox can have are an error of start that names the limit" {
	make_network
	local i
	for i in 1 2; do
		ip -n "$ID" link add name "a$i" type veth peer name "b$i"
		ip -n "$ID" link set "a$i" up
		ip -n "$ID" link set "b$i" up
	done
	local before
	before=$(network_of)
	run ! oci run "$ID"
	[[ $output == *"the network namespace has 5 Ethernet interfaces: a sandbox can have 4"* ]]
	[ "$(network_of)" = "$before" ]
}

# ---- stdio ----

@test "16 MiB go through a sandboxed container's stdin and stdout unchanged" {
	set_args cat
	head -c 16777216 /dev/urandom >"$DIR/data"
	oci run "$ID" <"$DIR/data" >"$DIR/copy"
	cmp "$DIR/data" "$DIR/copy"
}

@test "a sandboxed container's stdin is at its end where the caller's is" {
	set_script 'cat; echo end'
	run -0 oci run "$ID" </dev/null
	prints end
}

@test "a reader that never reads stalls nobody else in a sandbox" {
	set_args yes
	mkfifo "$DIR/fifo"
	sleep 1000 <>"$DIR/fifo" 3>&- &
	local reader=$! pid status=0
	"$RUNTIME" --root "$ROOT" run "$ID" >"$DIR/fifo" 2>"$DIR/err" 3>&- &
	pid=$!
	wait_for is running
	run -0 oci exec "$ID" sh -c 'echo from-exec'
	prints from-exec
	oci kill "$ID" KILL
	wait $pid || status=$?
	[ $status -eq 137 ]
	kill $reader
}

@test "a sandboxed process is told that nobody reads its output" {
	set_script 'yes; echo "it was $?" >&2'
	run -0 bash -c "'$RUNTIME' --root '$ROOT' run '$ID' 2>'$DIR/err' | head -n 1"
	prints y
	grep -q "it was 141" "$DIR/err"
}

@test "what a sandboxed container has written before its end is read after it" {
	set_script 'head -c 3000000 /dev/zero; exit 9'
	local status=0
	oci run "$ID" > >(
		sleep 3
		wc -c >"$DIR/count"
	) 2>"$DIR/err" || status=$?
	[ $status -eq 9 ]
	wait_for test -s "$DIR/count"
	[ "$(<"$DIR/count")" -eq 3000000 ]
}

@test "exec ends with its process while a child holds its stdout, also in a sandbox" {
	set_daemon
	start
	run -4 oci exec "$ID" sh -c 'sleep 1000 & echo last; exit 4'
	prints last
}

@test "more input than exec's process reads doesn't hold up its end in a sandbox" {
	set_daemon
	start
	head -c 4000000 /dev/zero >"$DIR/data"
	run -5 oci exec "$ID" sh -c 'exec 3<&0; sleep 1000 <&3 & exit 5' <"$DIR/data"
}

@test "processes of a sandbox ignore no signal, and have the usual oom_score_adj" {
	set_daemon
	start
	run -0 oci exec "$ID" cat /proc/1/oom_score_adj /proc/self/oom_score_adj
	prints $'0\n0'
	run -0 oci exec "$ID" cat /proc/self/status
	[[ $output == *$'\nSigIgn:\t0000000000000000\n'* ]]
}

# ---- terminals ----

@test "a sandboxed container has the caller's terminal, with its size and Ctrl-C" {
	requires cmd:script
	update_config '.process.terminal = true'
	set_script 'stty size; trap "echo interrupted; exit 6" INT; echo ready; while :; do sleep 0.1; done'
	local status=0
	{
		wait_for grep -q ready "$DIR/tty"
		printf '\003'
		wait_for grep -q interrupted "$DIR/tty"
	} | script -qec "stty rows 33 cols 77; '$RUNTIME' --root '$ROOT' run $ID" \
		/dev/null >"$DIR/tty" 3>&- || status=$?
	grep -q "33 77" "$DIR/tty"
	[ $status -eq 6 ]
}

@test "a console socket gets the terminal of a sandboxed container" {
	[ -x "$HULL_TOOLS/recvtty" ] || skip "no $HULL_TOOLS/recvtty"
	update_config '.process.terminal = true | .process.consoleSize = {height: 22, width: 88}'
	set_script 'stty size; test -t 0 && test -t 1 && test -t 2 && echo all three'
	"$HULL_TOOLS/recvtty" "$DIR/tty.sock" </dev/null >"$DIR/tty" 2>&1 3>&- &
	wait_for test -S "$DIR/tty.sock"
	create --console-socket "$DIR/tty.sock"
	oci start "$ID"
	wait_for grep -q "all three" "$DIR/tty"
	grep -q "22 88" "$DIR/tty"
}

@test "exec --tty relays the caller's terminal into a sandbox, with its size" {
	requires cmd:script
	set_daemon
	start
	local status=0
	script -qec "stty rows 33 cols 77; '$RUNTIME' --root '$ROOT' exec -t $ID \
		timeout 30 sh -c 'until stty size | grep \"33 77\"; do sleep 0.1; done; exit 6'" /dev/null </dev/null >"$DIR/tty" 3>&- ||
		status=$?
	grep -q "33 77" "$DIR/tty"
	[ $status -eq 6 ]
}

# ---- what is asked of it ----

@test "ps of a sandboxed container has its monitor" {
	set_daemon
	start
	run -0 oci ps --format json "$ID"
	[[ $output == *"$(pid_of)"* ]]
}

@test "kill takes numbers and names for a sandboxed container" {
	set_script 'trap "echo hup" HUP; trap "echo usr" USR1; trap "exit 3" TERM
		echo ready; while :; do sleep 0.1; done'
	oci_background run "$ID"
	wait_for grep -q ready "$DIR/out"
	oci kill "$ID" 1
	wait_for grep -q hup "$DIR/out"
	oci kill "$ID" SIGUSR1
	wait_for grep -q usr "$DIR/out"
	oci kill "$ID" TERM
	local status=0
	wait $pid || status=$?
	[ $status -eq 3 ]
}
