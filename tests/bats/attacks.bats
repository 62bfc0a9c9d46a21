#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The attacks on container runtimes that became CVEs, tried by who has made the image, owns a
# volume, is root in a container, or is another container beside this one. A test is named by the
# CVE; where the attack is a race, the other side races as fast as it can for some rounds.
# bats file_tags=hull

load lib

setup() {
	test_begin
	OUTSIDE=$DIR/outside
	mkdir "$OUTSIDE"
	echo host >"$OUTSIDE/secret"
	update_config '.root.readonly = false'
}

teardown() {
	[ -z "${racer:-}" ] || kill "$racer" 2>/dev/null || true
	[ -z "${racer:-}" ] || wait "$racer" 2>/dev/null || true
	test_end
}

# Nothing was made, changed or mounted in the folder outside.
untouched() {
	[ "$(ls -A "$OUTSIDE")" = secret ]
	[ "$(cat "$OUTSIDE/secret")" = host ]
	run ! grep -qF " $OUTSIDE" /proc/self/mountinfo
}

# The other side: exchanges two names of a folder for as long as the test lasts.
race() { # DIR A B
	perl -e 'chdir $ARGV[0] or die; my ($a, $b) = @ARGV[1, 2];
		# renameat2(2) with RENAME_EXCHANGE, x86_64 or the numbers of all newer machines
		my $nr = `uname -m` =~ /x86_64/ ? 316 : 276;
		while (1) { syscall($nr, -100, "$a", -100, "$b", 2) == 0 or die "$!" }' "$@" 3>&- &
	racer=$!
}

end_race() {
	kill "$racer"
	wait "$racer" 2>/dev/null || true
	racer=""
}

# ---- the runtime's own binary ----

@test "CVE-2019-5736: /proc/self/exe is no entry point" {
	set_args /proc/self/exe --version
	run -1 oci run "$ID"
	[[ $output == *"/proc/self/exe"* ]]
	[[ $output != *"hull version"* ]]
}

@test "CVE-2019-5736: a link to /proc/self/exe is no entry point" {
	ln -s /proc/self/exe rootfs/entry
	set_args /entry
	run -1 oci run "$ID"
	[[ $output != *"spec:"* ]]
	set_daemon
	start
	run -255 oci exec "$ID" /entry --version
	[[ $output != *"spec:"* ]]
}

@test "CVE-2019-5736: a script whose interpreter is the runtime can't write to its file" {
	local sum
	# The kernel opens the interpreter: this does run the runtime, in the container.
	printf '#!/proc/self/exe\n' >rootfs/entry
	chmod +x rootfs/entry
	cp -L "$RUNTIME" "$DIR/hull-copy"
	sum=$(sha256sum <"$DIR/hull-copy")
	# All rights that a container can have, and its own process to look at.
	update_config '.process.capabilities |= (["CAP_SYS_PTRACE", "CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"] as $c |
		{bounding: $c, effective: $c, permitted: $c})'
	set_script 'while :; do
		for p in /proc/[0-9]*; do
			case $(readlink $p/exe) in *hull*) (echo owned >>$p/exe) 2>/dev/null && echo "wrote $p" ;; esac
		done
	done'
	RUNTIME=$DIR/hull-copy start
	for _ in {1..15}; do
		"$DIR/hull-copy" --root "$ROOT" exec "$ID" /entry </dev/null >/dev/null 2>&1 3>&- || true
	done
	oci kill "$ID" KILL
	wait_for is stopped
	run ! grep -q wrote "$DIR/out"
	[ "$(sha256sum <"$DIR/hull-copy")" = "$sum" ]
}

@test "CVE-2019-5736: the process that enters a container can't be looked into from inside" {
	# exec in the container's pid namespace, over and over; root inside tries all of its /proc.
	set_script 'while :; do
		for p in /proc/[0-9]*; do
			[ "$p" != /proc/1 ] && [ "$p" != "/proc/$$" ] || continue
			case $(cat $p/comm 2>/dev/null) in
			hull*)
				seen=$(readlink $p/exe $p/cwd $p/root $p/fd/*; cat $p/environ $p/maps) 2>/dev/null
				# Not what it has executed since.
				case $seen/$(cat $p/comm 2>/dev/null) in
				/*) ;;
				*/hull*) echo "LOOKED $seen" ;;
				esac
				;;
			esac
		done
	done'
	set_caps CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
	start
	for _ in {1..20}; do
		oci exec "$ID" true </dev/null 3>&-
	done
	oci kill "$ID" KILL
	wait_for is stopped
	run ! grep -q LOOKED "$DIR/out"
}

# ---- descriptors ----

@test "CVE-2024-21626: a cwd through a leaked descriptor is refused" {
	local n
	for n in {0..30}; do
		update_config '.process.cwd = $cwd' --arg cwd "/proc/self/fd/$n"
		set_args pwd
		run -1 oci run "$ID" 3<"$OUTSIDE" 9<"$OUTSIDE" 20</sys/fs/cgroup
		[[ $output == *"chdir to cwd"* ]]
		[ ! -e "$ROOT/$ID" ]
	done
}

@test "CVE-2024-21626: a cwd that is a link to a descriptor is refused" {
	local n
	for n in 3 6 7 8 9 20; do
		ln -sfn "/proc/self/fd/$n/../.." rootfs/work
		update_config '.process.cwd = "/work"'
		set_args sh -c 'ls ../../../../../..; pwd'
		run oci run "$ID" 3<"$OUTSIDE" 9<"$OUTSIDE" 20</sys/fs/cgroup
		[ "$status" -eq 1 ]
	done
}

@test "CVE-2024-21626: exec in a cwd through a descriptor is refused" {
	local n
	set_daemon
	start
	for n in {0..20}; do
		run -255 oci exec --cwd "/proc/self/fd/$n" "$ID" sh -c 'pwd; ls' 3<"$OUTSIDE" 9</
		[[ $output == *"chdir to cwd"* ]]
	done
	# Root inside may have put a link there meanwhile.
	ln -sfn /proc/self/fd/9 rootfs/work
	run -255 oci exec --cwd /work "$ID" pwd 9</
}

@test "CVE-2024-21626: neither a container nor an exec has a descriptor of the host" {
	set_script 'ls -l /proc/self/fd /proc/1/fd; while :; do sleep 0.1; done'
	create 9<"$OUTSIDE" 20</sys/fs/cgroup
	oci start "$ID"
	wait_for grep -q '/proc/1/fd:' "$DIR/out"
	oci exec "$ID" ls -l /proc/self/fd >>"$DIR/out" 9<"$OUTSIDE" 20</sys/fs/cgroup
	run ! grep -qE "outside|cgroup|$DIR/(root|bundle)|-> /proc$|socket" "$DIR/out"
	# 3 is the folder that ls itself reads.
	run ! grep -qE ' ([4-9]|[0-9]{2,}) -> ' "$DIR/out"
}

@test "CVE-2024-21626: an executable or an interpreter behind a descriptor is not run" {
	local n
	cp "$(command -v busybox)" "$OUTSIDE/busybox"
	for n in {3..20}; do
		set_args "/proc/self/fd/$n/busybox" echo ran
		run -1 oci run "$ID" 9<"$OUTSIDE"
		[[ $output != ran* ]]
		printf '#!/proc/self/fd/%d/busybox echo\nran\n' "$n" >rootfs/entry
		chmod +x rootfs/entry
		set_args /entry
		run -1 oci run "$ID" 9<"$OUTSIDE"
		[[ $output != *"ran"* ]]
	done
	rm "$OUTSIDE/busybox"
	untouched
}

# ---- /proc ----

@test "CVE-2019-16884: an image's or a mount's own /proc is refused" {
	mkdir -p rootfs/proc/self/attr rootfs/fake/self/attr
	add_mount /proc/self/attr tmpfs tmpfs
	run -1 oci run "$ID"
	[[ $output == *"inside /proc"* ]]
	update_config '.mounts |= .[:-1]'
	add_mount /proc bind "$BUNDLE/rootfs/fake" bind
	run -1 oci run "$ID"
	[[ $output == *"not of type proc"* ]]
	# A tmpfs in its place
	update_config '.mounts |= .[:-1] | .mounts[0] |= (.type = "tmpfs")'
	run -1 oci run "$ID"
	[[ $output == *"not of type proc"* ]]
}

@test "CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: a symlink is no place for /proc or /sys" {
	local name
	for name in proc sys; do
		rm -rf rootfs/$name
		mkdir -p rootfs/vol/real
		ln -s /vol/real rootfs/$name
		run -1 oci run "$ID"
		[[ $output == *"must be mounted on ordinary directory"* ]]
		rm rootfs/$name
		mkdir rootfs/$name
	done
	# A folder on the way
	rm -rf rootfs/a
	ln -s vol rootfs/a
	update_config '(.mounts[] | select(.type == "proc")).destination = "/a/real"'
	run -1 oci run "$ID"
	[[ $output == *"must be mounted on ordinary directory"* ]]
}

@test "CVE-2019-19921: /proc on a volume that another container renames is masked, or fails" {
	# The image's /proc is exchanged for a link all the time.
	requires cmd:perl
	mkdir -p rootfs/vol/real
	ln -s /vol/real rootfs/proc.link
	# What is mounted is looked at, as the names go on changing: /proc/sys is a mount of its
	# own, being read-only, and timer_list is under the null device.
	set_script 'until cat /proc/self/mountinfo 2>/dev/null; do :; done'
	race "$BUNDLE/rootfs" proc proc.link
	for _ in {1..25}; do
		run oci run "$ID"
		[ "$status" -eq 0 ] || continue
		[ "$(awk '$4 == "/sys" && $6 ~ /^ro/' <<<"$output" | wc -l)" -eq 1 ]
		[ ! -e /proc/timer_list ] ||
			[ "$(awk '$4 == "/null" && $5 ~ /timer_list$/' <<<"$output" | wc -l)" -eq 1 ]
	done
	end_race
}

@test "CVE-2025-52881: a sysctl is written to the container's own, whatever its /proc is" {
	local before
	before=$(cat /proc/sys/kernel/core_pattern)
	# The image tries to lead the write elsewhere.
	mkdir -p rootfs/proc/sys/net/ipv4
	ln -s /proc/sys/kernel/core_pattern rootfs/proc/sys/net/ipv4/ping_group_range
	update_config '.linux.sysctl = {"net.ipv4.ping_group_range": "7 7"}'
	set_args cat /proc/sys/net/ipv4/ping_group_range
	run -0 oci run "$ID"
	[ "$(echo "$output" | tr -s '\t' ' ')" = "7 7" ]
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
	update_config '.linux.sysctl = {"net.ipv4/../../kernel/core_pattern": "|/owned"}'
	run -1 oci run "$ID"
	update_config '.linux.sysctl = {"net/../kernel/core_pattern": "|/owned"}'
	run -1 oci run "$ID"
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "CVE-2025-52881: a mount on a path into /proc by a link is refused" {
	ln -s /proc/self rootfs/led
	echo fake >rootfs/file
	add_mount /led/attr/exec bind "$BUNDLE/rootfs/file" bind
	run -1 oci run "$ID"
	[[ $output == *"inside /proc"* ]]
	update_config '.mounts[-1].destination = "/led/../sys"'
	run -1 oci run "$ID"
}

# ---- mounts ----

@test "CVE-2019-18837: mount points are not made outside by an image's symlinks" {
	ln -s "$OUTSIDE" rootfs/abs
	ln -s "../../../../../../../../..$OUTSIDE" rootfs/up
	ln -s "$OUTSIDE/new" rootfs/dangling
	add_mount /abs/made tmpfs tmpfs
	add_mount /up/made/deep tmpfs tmpfs
	add_mount /dangling tmpfs tmpfs
	add_mount /dangling.file bind "$OUTSIDE/secret" bind
	ln -s "$OUTSIDE/file" rootfs/dangling.file
	set_args true
	run -0 oci run "$ID"
	untouched
}

@test "CVE-2021-30465: a mount's target that is exchanged for a link stays in the root" {
	requires cmd:perl
	# The volume is another container's too, which exchanges a folder for a link to the host.
	mkdir -p "$DIR/volume/target/x"
	ln -s "$OUTSIDE" "$DIR/volume/link"
	add_mount /volume bind "$DIR/volume" rbind
	add_mount /volume/target/x tmpfs tmpfs
	set_script 'cat /volume/target/secret /volume/link/secret 2>/dev/null; true'
	race "$DIR/volume" target link
	for _ in {1..25}; do
		run oci run "$ID"
		[[ $output != *host* ]]
		untouched
	done
	end_race
}

@test "CVE-2021-30465: a source in the rootfs that is a link shows nothing of the host" {
	ln -s "$OUTSIDE" rootfs/vol
	add_mount /mnt bind "$BUNDLE/rootfs/vol" rbind
	set_args cat /mnt/secret
	run ! oci run "$ID"
	[[ $output != *host* ]]
	untouched
}

@test "CVE-2024-45310: folders of a mount's target are not made outside while it is exchanged" {
	requires cmd:perl
	mkdir -p "$DIR/volume/target"
	ln -s "$OUTSIDE" "$DIR/volume/link"
	add_mount /volume bind "$DIR/volume" rbind
	add_mount /volume/target/a/b/c/d tmpfs tmpfs
	add_mount /volume/target/file bind "$OUTSIDE/secret" bind
	set_args true
	race "$DIR/volume" target link
	for _ in {1..25}; do
		run oci run "$ID"
		untouched
		rm -rf "$DIR"/volume/*/a 2>/dev/null || true
	done
	end_race
}

@test "CVE-2023-25809: /sys/fs/cgroup in a user namespace keeps its ro" {
	requires userns
	chmod 0711 "$DIR"
	update_config '.linux.namespaces |= map(select(.type != "cgroup" and .type != "network")) |
		.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings'
	set_script 'grep -E " /sys(/[^ ]*)? " /proc/self/mountinfo | cut -d " " -f 5,6
		mkdir /sys/fs/cgroup/made 2>/dev/null && echo MADE; true'
	run -0 oci run "$ID"
	[[ $output != *MADE* ]]
	while read -r place flags; do
		[[ ,$flags, == *,ro,* ]] || {
			echo "$place is $flags"
			return 1
		}
	done <<<"$output"
}

# ---- masks and /dev ----

@test "CVE-2025-31133: an image's /dev/null is not what masks" {
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not))'
	rm -rf rootfs/dev
	mkdir rootfs/dev
	ln -s /proc/sys/kernel/core_pattern rootfs/dev/null
	set_script 'ls -l /proc/timer_list; (echo x >/proc/timer_list) && cat /proc/timer_list'
	run -1 oci run "$ID"
	[[ $output == *"something else is in its place"* ]]
	# A file of one's own in its place
	rm rootfs/dev/null
	echo fake >rootfs/dev/null
	run -1 oci run "$ID"
	[[ $output == *"something else is in its place"* ]]
	# On a volume that is /dev the runtime makes nothing; masks are the host's all the same.
	add_mount /dev bind "$BUNDLE/rootfs/dev" bind
	[ -e /proc/timer_list ] || skip "no /proc/timer_list"
	set_args stat -c '%F %t:%T' /proc/timer_list
	run -0 oci run "$ID"
	prints "character special file 1:3"
}

@test "CVE-2025-52565: the terminal is the pty, and not what /dev/pts/0 leads to" {
	rm -rf rootfs/dev
	mkdir -p rootfs/dev/pts
	ln -s /proc/sys/kernel/core_pattern rootfs/dev/pts/0
	ln -s /proc/sys/kernel/core_pattern rootfs/dev/pts/1
	update_config '.process.terminal = true |
		.mounts |= map(select(.destination | . == "/dev" or startswith("/dev/") | not))'
	set_script 'cat /dev/console >/dev/null & stat -c "%F %t" /dev/console; tty'
	run -0 script -qec "$RUNTIME --root $ROOT run $ID" /dev/null
	[[ $output == *"character special file 88"* ]]
}

@test "CVE-2026-41579, CVE-2026-47766: nothing is made or removed through an image's /dev" {
	rm -rf rootfs/dev
	ln -s "$OUTSIDE" rootfs/dev
	: >"$OUTSIDE/ptmx"
	update_config '.mounts |= map(select(.destination | startswith("/dev") | not))'
	set_args true
	run oci run "$ID"
	[ -f "$OUTSIDE/ptmx" ]
	rm "$OUTSIDE/ptmx"
	untouched
}

@test "CVE-2026-88264: /dev/console is not made through a link" {
	update_config '.process.terminal = true |
		.mounts |= map(select(.destination | startswith("/dev") | not))'
	rm -rf rootfs/dev
	mkdir rootfs/dev
	ln -s "$OUTSIDE/console" rootfs/dev/console
	set_args true
	run ! script -qec "$RUNTIME --root $ROOT run $ID" /dev/null
	[[ $output == *"/dev/console is a symlink"* ]]
	untouched
}

@test "CVE-2026-88265: stdio is what the caller gave, whatever the image's /dev/null is" {
	local owner
	rm -rf rootfs/dev
	mkdir rootfs/dev
	mknod rootfs/dev/evil c 1 3
	owner=$(stat -c %u:%g /dev/null)
	update_config '.process.user = {uid: 1000, gid: 1000}'
	set_args sh -c 'ls -l /proc/self/fd/0; stat -L -c "%F" /proc/self/fd/0'
	run -0 oci run "$ID" </dev/null
	[[ $output == *"/dev/null"* ]]
	[ "$(stat -c %u:%g /dev/null)" = "$owner" ]
	# A file of the caller's stays the caller's.
	run -0 oci run "$ID" <"$OUTSIDE/secret"
	[ "$(stat -c %u "$OUTSIDE/secret")" = 0 ]
}

# ---- exec ----

@test "CVE-2022-29162, CVE-2022-27650: exec --cap gives no inheritable capability" {
	set_daemon
	start
	run -0 oci exec --cap CAP_NET_RAW "$ID" grep CapInh /proc/self/status
	[[ $output == *0000000000000000 ]]
}

@test "CVE-2026-30892: exec --user takes the number that was given, or none" {
	set_daemon
	start
	run -0 oci exec --user 1 "$ID" id -u
	prints 1
	run -0 oci exec --user 1:2 "$ID" sh -c 'id -u; id -g'
	prints $'1\n2'
	for user in "" : 1: :1 -1 1x 0x1 " 1" +1 4294967295 4294967296 18446744073709551617 1:-1 1:2:3 root; do
		run -255 oci exec --user "$user" "$ID" id -u
	done
}

@test "CVE-2021-43784: paths with a NUL, and very long ones, are refused" {
	jq -c '.mounts += [{destination: "/mnt", type: "bind", source: "/etc\u0000/x", options: ["bind"]}]' \
		config.json >bad.json
	run -1 oci run --config bad.json "$ID"
	[[ $output == *NUL* ]]
	update_config '.linux.namespaces |= map(if .type == "network" then .path = ("/" + "x" * 70000) else . end)'
	run -1 oci run "$ID"
	[ ! -e "$ROOT/$ID" ]
}

# ---- what is no CVE of others ----

@test "a terminal of exec does not come from what root inside has put over /dev/ptmx" {
	set_caps CAP_SYS_ADMIN
	echo fake >rootfs/fake
	set_script 'mount -o bind /fake /dev/pts/ptmx; echo mounted; while :; do sleep 0.1; done'
	start
	wait_for grep -q "mounted" "$DIR/out"
	run -255 script -qec "$RUNTIME --root $ROOT exec -t $ID true" /dev/null
	[[ $output == *"open a terminal: ENODEV"* ]]
}

@test "delete --force takes away cgroups that are nested deeper than there are descriptors" {
	set_daemon
	start
	local top
	top=$(cgroup_of)
	perl -e 'chdir $ARGV[0] or die; for (1 .. 400) { mkdir "a" or die; chdir "a" or die }' "$top"
	(ulimit -n 128 && oci delete --force "$ID")
	[ ! -e "$top" ]
}

@test "cgroupsPath does not lead out of its parent" {
	local path
	for path in ../x /../x /hull-test/../../x a/../../x "/hull-test/$ID/../../.." / "//" ..; do
		update_config '.linux.cgroupsPath = $path' --arg path "$path"
		run -1 oci run "$ID"
		[[ $output == *group* ]]
	done
}
