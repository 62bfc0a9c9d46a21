#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mounts: what the container sees beside its rootfs.

load lib

@test "a bind mount shows a folder of the host" {
	mkdir "$DIR/volume"
	echo from the host >"$DIR/volume/file"
	add_mount /mnt bind "$DIR/volume" bind
	set_script 'cat /mnt/file; echo back >/mnt/back'
	run -0 oci run "$ID"
	prints "from the host"
	[ "$(cat "$DIR/volume/back")" = back ]
}

@test "a bind mount with ro can't be written" {
	mkdir "$DIR/volume"
	add_mount /mnt bind "$DIR/volume" rbind ro
	set_script 'echo x >/mnt/x'
	run ! oci run "$ID"
	[ ! -e "$DIR/volume/x" ]
}

@test "a bind mount of a file is a file" {
	echo contents >"$DIR/file"
	add_mount /etc/hostname bind "$DIR/file" bind ro
	set_args cat /etc/hostname
	run -0 oci run "$ID"
	prints contents
}

@test "a mount's source may be relative to the bundle" {
	mkdir volume
	echo relative >volume/file
	add_mount /mnt bind volume bind
	set_args cat /mnt/file
	cd /
	run -0 oci run --bundle "$BUNDLE" "$ID"
	prints relative
}

@test "a mount's destination is made in the rootfs" {
	mkdir "$DIR/volume"
	echo made >"$DIR/volume/file"
	update_config '.root.readonly = false'
	add_mount /deep/in/side bind "$DIR/volume" bind
	add_mount /deep/file bind "$DIR/volume/file" bind
	set_args cat /deep/in/side/file /deep/file
	run -0 oci run "$ID"
	prints $'made\nmade'
}

@test "a mount's destination never leaves the rootfs by a symlink" {
	mkdir "$DIR/volume" "$DIR/outside"
	echo inside >"$DIR/volume/file"
	ln -s "$DIR/outside" rootfs/link
	ln -s ../../../../../../outside rootfs/up
	mkdir -p "rootfs$DIR/outside" rootfs/outside
	add_mount /link/sub bind "$DIR/volume" bind
	add_mount /up/sub bind "$DIR/volume" bind
	set_args cat /link/sub/file /up/sub/file
	run -0 oci run "$ID"
	prints $'inside\ninside'
	[ -z "$(ls "$DIR/outside")" ]
	[ ! -e /outside ]
}

@test "a mount's destination through a dangling symlink is made in the rootfs" {
	differs crun "refuses it"
	mkdir "$DIR/volume" "$DIR/outside"
	echo inside >"$DIR/volume/file"
	ln -s "$DIR/outside" rootfs/link
	add_mount /link/sub bind "$DIR/volume" bind
	set_args cat /link/sub/file
	run -0 oci run "$ID"
	prints inside
	[ -z "$(ls "$DIR/outside")" ]
}

@test "a bind mount whose source is not there is refused" {
	add_mount /mnt bind "$DIR/nothing" bind
	run ! oci run "$ID"
	run ! oci state "$ID"
}

@test "rbind takes the mounts below along, bind does not" {
	mkdir "$DIR/volume" "$DIR/volume/sub"
	mount -t tmpfs tmpfs "$DIR/volume/sub"
	touch "$DIR/volume/sub/below"
	add_mount /mnt bind "$DIR/volume" bind
	add_mount /tmp bind "$DIR/volume" rbind
	set_script 'ls /mnt/sub; ls /tmp/sub'
	run -0 oci run "$ID"
	umount "$DIR/volume/sub"
	prints below
}

@test "rro makes the mounts below read-only too" {
	differs runc-1.1.5 "takes it, and kernels before 5.12 do not"
	mkdir "$DIR/volume" "$DIR/volume/sub"
	mount -t tmpfs tmpfs "$DIR/volume/sub"
	add_mount /mnt bind "$DIR/volume" rbind rro
	set_script 'touch /mnt/sub/x'
	run ! oci run "$ID"
	umount "$DIR/volume/sub"
	[[ $output == *"Read-only"* ]]
}

@test "tmpfs takes size and mode, and flags" {
	differs runc-1.1 "leaves the mode to the umask"
	add_mount /mnt tmpfs tmpfs size=64k mode=1750 nosuid nodev noexec
	set_script 'grep " /mnt " /proc/mounts; stat -c %a /mnt'
	run -0 oci run "$ID"
	[[ ${lines[0]} == tmpfs*size=64k* ]]
	[[ ${lines[0]} == *nosuid* && ${lines[0]} == *nodev* && ${lines[0]} == *noexec* ]]
	[ "${lines[1]}" = 1750 ]
}

@test "mounts are made in the order of the list" {
	mkdir "$DIR/volume"
	touch "$DIR/volume/file"
	add_mount /mnt tmpfs tmpfs mode=755
	add_mount /mnt/sub bind "$DIR/volume" bind
	set_script 'ls /mnt/sub; grep -c " /mnt" /proc/mounts'
	run -0 oci run "$ID"
	prints $'file\n2'
}

@test "the mounts of spec are there with their flags" {
	set_args cat /proc/mounts
	run -0 oci run "$ID"
	grep -qE '^\S+ /proc proc ' <<<"$output"
	grep -qE '^\S+ /dev tmpfs \S*nosuid' <<<"$output"
	grep -qE '^\S+ /dev/pts devpts \S*noexec' <<<"$output"
	grep -qE '^\S+ /dev/shm tmpfs \S*nosuid,nodev,noexec' <<<"$output"
	grep -qE '^\S+ /dev/mqueue mqueue ' <<<"$output"
	grep -qE '^\S+ /sys sysfs ro,\S*nosuid,nodev,noexec' <<<"$output"
}

@test "the container's mounts are not seen outside" {
	set_daemon
	start
	[ -z "$(grep -F "$DIR" /proc/self/mountinfo)" ]
}

@test "root.readonly makes the rootfs read-only" {
	update_config '.root.readonly = true'
	set_script 'echo x >/file'
	run ! oci run "$ID"
	[[ $output == *"Read-only"* ]]
	[ ! -e rootfs/file ]
}

@test "without root.readonly the rootfs can be written" {
	update_config '.root.readonly = false'
	set_script 'echo x >/file'
	run -0 oci run "$ID"
	[ -s rootfs/file ]
}

@test "the host's files can't be reached" {
	set_script 'ls /; ls /proc/1/root/; ls /..'
	run -0 oci run "$ID"
	[[ $output != *usr* && $output != *boot* ]]
}

@test "rootfsPropagation is the root's" {
	differs runc-1.1 "does not keep shared"
	set_args cat /proc/self/mountinfo
	update_config '.linux.rootfsPropagation = "shared"'
	run -0 oci run "$ID"
	grep -qE '^[0-9]+ [0-9]+ [0-9:]+ \S+ / \S+ shared:' <<<"$output"
	update_config '.linux.rootfsPropagation = "private"'
	run -0 oci run "$ID"
	run ! grep -qE '^[0-9]+ [0-9]+ [0-9:]+ \S+ / \S+ (shared|master):' <<<"$output"
}

@test "a mount's propagation is as its options say" {
	differs crun "makes it private if the root is"
	mkdir "$DIR/volume"
	mount --bind "$DIR/volume" "$DIR/volume"
	mount --make-shared "$DIR/volume"
	add_mount /mnt bind "$DIR/volume" rbind rslave
	add_mount /tmp bind "$DIR/volume" rbind rprivate
	set_args cat /proc/self/mountinfo
	run -0 oci run "$ID"
	umount "$DIR/volume"
	grep -qE ' /mnt \S+ master:' <<<"$output"
	run ! grep -qE ' /tmp \S+ (master|shared):' <<<"$output"
}

@test "a slave mount gets what is mounted outside later" {
	mkdir "$DIR/volume"
	mount --bind "$DIR/volume" "$DIR/volume"
	mount --make-shared "$DIR/volume"
	mkdir "$DIR/volume/sub"
	update_config '.linux.rootfsPropagation = "slave"'
	add_mount /mnt bind "$DIR/volume" rbind rslave
	set_script 'until [ -e /mnt/sub/late ]; do sleep 0.1; done; echo seen'
	start
	mount -t tmpfs tmpfs "$DIR/volume/sub"
	touch "$DIR/volume/sub/late"
	wait_for grep -q seen "$DIR/out"
	umount "$DIR/volume/sub" "$DIR/volume"
}

@test "tmpcopyup fills a tmpfs with what it hides" {
	differs crun-1.8 "has other rules"
	echo below >rootfs/mnt/file
	add_mount /mnt tmpfs tmpfs tmpcopyup
	set_args cat /mnt/file
	run -0 oci run "$ID"
	prints below
}

@test "a cgroup mount shows the container's own cgroup" {
	add_mount /sys/fs/cgroup cgroup cgroup ro nosuid noexec nodev relatime
	update_config '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}]) |
		.mounts |= (map(select(.destination != "/sys/fs/cgroup")) +
			[.[] | select(.destination == "/sys/fs/cgroup")][:1])'
	set_script 'cat /sys/fs/cgroup/cgroup.procs'
	run -0 oci run "$ID"
	[[ $output == 1* ]]
}
