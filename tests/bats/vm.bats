#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm/: machines that boot Linux, by tests/tools/vmrun. The guest is the minimal kernel that
# contrib/guest-kernel/build makes, unless a test says otherwise, with a script as its first process.
# bats file_tags=hull,vm

# shellcheck disable=SC2016 # scripts for the guest's shell
load lib
load vm

setup_file() {
	vm_begin
}

teardown_file() {
	vm_end
}

setup() {
	requires root kvm guest_kernel
	vm_test_begin
}

teardown() {
	vm_test_end
}

# ---- the machine ----

@test "vm: the minimal kernel boots by PVH, and switches itself off" {
	guest 'uname -r; cat /proc/sys/kernel/bootloader_type' --memory 128 --pvh
	ended_well
	says -hull
	says 176
}

@test "vm: the minimal kernel boots by the 64-bit protocol, unless it is told otherwise" {
	guest 'cat /proc/sys/kernel/bootloader_type'
	ended_well
	says 255
}

# bats test_tags=slow
@test "vm: without ACPI devices are found by the command line" {
	command_line+=" reboot=k"
	guest 'echo here; reboot -f' --no-acpi --cmdline-devices
	[ "$status" -eq 10 ]
	says here
}

# bats test_tags=slow
@test "vm: four processors" {
	guest 'nproc; for i in 0 1 2 3; do taskset $((1 << i)) cat /proc/self/stat | cut -d " " -f 39; done' --cpus 4
	ended_well
	says $'4\n0\n1\n2\n3'
}

# bats test_tags=slow
@test "vm: a processor that is there but offline is brought online by the guest" {
	guest 'nproc; echo 1 >/sys/devices/system/cpu/cpu1/online; nproc' --cpus 1,2
	ended_well
	says $'1\n2'
}

# bats test_tags=slow
@test "vm: 128 MiB and 4 GiB of memory, below and above the hole" {
	guest 'grep MemTotal /proc/meminfo | { read -r _ kib _; [ "$kib" -gt 80000 ] && [ "$kib" -lt 131072 ]; }' \
		--memory 128
	ended_well
	# More than the lab has: only what is touched is taken.
	guest 'grep MemTotal /proc/meminfo | { read -r _ kib _; [ "$kib" -gt 4000000 ] && [ "$kib" -lt 4194304 ]; }' \
		--memory 4096
	ended_well
}

# bats test_tags=slow
@test "vm: a reset, a panic and a triple fault are told apart" {
	guest 'reboot -f'
	[ "$status" -eq 10 ]
	# A kernel without a first process.
	command_line+=" rdinit=/nosuch"
	guest ''
	[ "$status" -eq 11 ]
	command_line="${command_line% *} reboot=t"
	guest 'reboot -f'
	[ "$status" -eq 12 ]
	says "rip 0x"
}

@test "vm: what the guest says last is not lost" {
	guest 'dd if=/dev/zero bs=1000 count=100 2>/dev/null | tr "\0" "z"; echo; echo last'
	ended_well
	says $'z\nlast'
	[ "$(tr -cd z <<<"$output" | wc -c)" -eq 100000 ]
}

# bats test_tags=slow
@test "vm: 64 processors, and as many that the guest brings online itself" {
	guest 'nproc; cat /sys/devices/system/cpu/online' --cpus 64 --memory 512
	ended_well
	says $'64\n0-63'
	guest 'nproc; for i in $(seq 63); do echo 1 >/sys/devices/system/cpu/cpu$i/online; done; nproc' \
		--cpus 1,64 --memory 512
	ended_well
	says $'1\n64'
}

# ---- the console ----

@test "vm: a shell on the console is typed at, interrupted, and told of a window's size" {
	guest_attended 'setsid -c sh -ic "echo shell; sh -i" </dev/hvc0 >/dev/hvc0 2>&1'
	wait_for guest_said shell
	types 'echo $((6 * 7)) and $((6 * 9))'
	wait_for guest_said '^42 and 54'
	types 'trap "echo winch" WINCH; echo trap $((1 + 1)); sleep 1000; echo slept $?'
	wait_for guest_said '^trap 2'
	asks resize 43 132
	printf '\003' >&7
	wait_for guest_said 'winch'
	types 'stty size'
	wait_for guest_said '^43 132'
	types 'exit'
	guest_ends
	ended_well
}

@test "vm: what is typed faster than a program reads waits" {
	seq 20000 >numbers
	guest_attended 'stty -echo; echo ready; read -r line; sleep 1; head -n 19999 | sha256sum'
	wait_for guest_said ready
	cat numbers >&7
	guest_ends
	ended_well
	says "$(tail -n +2 numbers | sha256sum)"
}

# ---- what is plugged in ----

# The guest's size is what it was, and the host has got back what is more than a quarter of that.
# bats test_tags=slow
@test "vm: memory grows from 128 MiB to 4 GiB by virtio-mem, is used, and goes back" {
	local before
	command_line+=" memhp_default_state=online_movable"
	guest_attended 'grep MemTotal /proc/meminfo; echo ready; read -r _
		grep MemTotal /proc/meminfo
		mount -t tmpfs -o size=90% none /mnt
		dd if=/dev/zero of=/mnt/big bs=1M count=700 2>/dev/null && stat -c %s /mnt/big; echo filled; read -r _
		umount /mnt; echo freed; read -r _; grep MemTotal /proc/meminfo' \
		--memory 128 --hotplug 3968
	wait_for guest_said ready
	before=$(rss)
	asks plug 3968
	wait_for sizes "plugged 3968 "
	rss_is -lt 200 # nothing is taken before it is used
	types fill
	wait_for guest_said filled
	rss_is -gt 700
	types free
	wait_for guest_said freed
	asks plug 0
	wait_for sizes "plugged 0 "
	wait_for rss_is -le $((before + 128 / 4))
	types end
	guest_ends
	ended_well
	says $'734003200\nfilled'
	mapfile -t total < <(sed -nE 's/^MemTotal: *([0-9]+) kB/\1/p' <<<"$output")
	[ "${total[1]}" -gt 4000000 ]
	[ "${total[2]}" -le $((total[0] * 5 / 4)) ]
}

# bats test_tags=slow
@test "vm: a balloon takes what the guest's caches hold, and gives it to a program that needs it" {
	truncate -s 300M disk
	guest_attended 'cat /dev/vda >/dev/null; echo cached; read -r _
		dd if=/dev/zero of=/dev/null bs=200M count=1 2>/dev/null; echo "program $?"; read -r _' \
		--memory 512 --disk "$DIR/disk,ro"
	wait_for guest_said cached
	rss_is -gt 300
	asks balloon 400
	wait_for sizes "balloon 400"
	wait_for rss_is -lt 112
	types go
	wait_for guest_said program
	wait_for sizes "balloon ([0-9]|[0-9][0-9]|[12][0-9][0-9])$" # it had to shrink by more than 100
	types end
	guest_ends
	ended_well
	says "program 0"
}

# bats test_tags=slow
@test "vm: memory that the guest frees comes back to the host by itself" {
	guest_attended 'mount -t tmpfs -o size=90% none /mnt
		dd if=/dev/zero of=/mnt/big bs=1M count=300 2>/dev/null && echo filled; read -r _
		rm /mnt/big; read -r _' --memory 512
	wait_for guest_said filled
	rss_is -gt 300
	types go
	wait_for rss_is -lt 120
	types end
	guest_ends
	ended_well
}

# ---- files ----

@test "vm: a tree is the guest's, with its owners, links and modes" {
	mkdir -p tree/sub
	echo content >tree/sub/file
	chmod 640 tree/sub/file
	chown 1000:2000 tree/sub/file
	ln -s sub/file tree/link
	guest 'mount -t virtiofs fs-private /mnt
		cd /mnt/t && cat link && stat -c "%u:%g %a" sub/file
		echo new >sub/new && chown 7:8 sub/new && mkdir -m 700 made && mv sub/new made/' \
		--fs-private "t=$DIR/tree"
	ended_well
	says $'content\n1000:2000 640'
	[ "$(cat tree/made/new)" = new ]
	[ "$(stat -c '%u:%g' tree/made/new)" = 7:8 ]
}

@test "vm: a tree with /proc bound in it gives an error there, and no way to a process' memory" {
	mkdir -p tree/proc tree/sys
	mount --bind /proc tree/proc
	guest 'mount -t virtiofs fs-private /mnt
		ls /mnt/t/proc; echo "proc $?"; ls /mnt/t/proc/self/mem; echo "mem $?"
		echo x >/mnt/t/proc/1/mem; echo "write $?"' --fs-private "t=$DIR/tree"
	umount tree/proc
	[ "$status" -eq 0 ]
	says "proc 1"
	says "mem 1"
	says "write 1"
}

# bats test_tags=slow
@test "vm: random operations on a tree give what a model says" {
	mkdir tree
	guest 'mount -t virtiofs fs-private /mnt
		/fsexer -s 1 -n 3000 /mnt/t && mount -t virtiofs fs-shared /mnt && /fsexer -s 2 -n 1000 /mnt/t' \
		--fs-private "t=$DIR/tree" --fs-shared "t=$DIR/tree" --memory 512
	ended_well
}

# bats test_tags=slow
@test "vm: what the host appends is seen by an open reader of a shared tree" {
	mkdir tree
	echo one >tree/log
	guest_background 'mount -t virtiofs fs-shared /mnt
		exec 3</mnt/t/log
		read -r line <&3 && echo "first $line" && echo >/mnt/t/ready
		for i in $(seq 300); do
			read -r line <&3 && break
			sleep 0.1
		done
		echo "second $line"' --fs-shared "t=$DIR/tree"
	wait_for test -e tree/ready
	echo two >>tree/log
	guest_ends
	ended_well
	says "first one"
	says "second two"
}

# bats test_tags=slow
@test "vm: flock on a shared tree holds between two machines, and the second may wait for it" {
	local take="$in_root"'
		mount -t virtiofs fs-shared /root_fs/mnt || exit 1
		locked() { chroot /root_fs flock "$@"; }'
	mkdir tree
	guest_background "$take"'
		locked /mnt/t/lock sh -c "echo >/mnt/t/taken
			while [ ! -e /mnt/t/tried ]; do sleep 0.1; done
			sleep 1; echo first >>/mnt/t/order"' --fs-shared "t=$DIR/tree" "${root_options[@]}"
	wait_for test -e tree/taken
	guest "$take"'
		locked -n /mnt/t/lock true; echo "at once $?"
		echo >/root_fs/mnt/t/tried
		locked /mnt/t/lock sh -c "echo second >>/mnt/t/order"' \
		--fs-shared "t=$DIR/tree" "${root_options[@]}"
	ended_well
	says "at once 1"
	guest_ends
	ended_well
	[ "$(cat tree/order)" = $'first\nsecond' ]
}

# bats test_tags=slow
@test "vm: git, sqlite3 and dpkg work on a tree, and the host finds what they wrote" {
	requires cmd:git cmd:sqlite3
	mkdir -p tree/repo package/DEBIAN package/opt/tiny/sub
	git -c init.defaultBranch=main init -q tree/repo
	for i in 1 2 3 4 5; do
		seq "$((i * 100))" >tree/repo/"$i"
	done
	git -C tree/repo add .
	git -C tree/repo -c user.name=u -c user.email=e commit -qm first
	seq 5000 >package/opt/tiny/sub/numbers
	ln -s sub/numbers package/opt/tiny/link
	printf 'Package: tiny\nVersion: 1.2\nArchitecture: all\nMaintainer: none\nDescription: tiny\n' \
		>package/DEBIAN/control
	printf '#!/bin/sh\ntouch /opt/tiny/configured\n' >package/DEBIAN/postinst
	chmod 755 package/DEBIAN/postinst
	dpkg-deb --root-owner-group -b package tree/tiny.deb
	mkdir -p tree/root/var/lib/dpkg/{info,updates} tree/root/{bin,tmp}
	: >tree/root/var/lib/dpkg/status
	cp "$(command -v busybox)" tree/root/bin/sh
	ln -s sh tree/root/bin/touch

	guest "$in_root"'
		cd /lower/t && cd / && mount --bind /lower/t /root_fs/mnt || exit 1
		export PATH=/usr/sbin:/usr/bin:/sbin:/bin
		chroot /root_fs /bin/bash -ec "cd /mnt
			git clone -q repo clone && git -C clone --no-pager log --format=%s
			sqlite3 t.db \"create table t (a); insert into t values (42), (43)\"
			sqlite3 t.db \"select sum(a) from t\"
			dpkg --root=/mnt/root -i tiny.deb && dpkg --root=/mnt/root -s tiny"' \
		"${root_options[@]}" --fs-private "t=$DIR/tree"
	ended_well
	says $'first\n85\n'
	says "Status: install ok installed"
	git -C tree/clone fsck --strict
	diff -r --exclude=.git tree/repo tree/clone
	[ "$(sqlite3 tree/t.db 'pragma integrity_check; select a from t')" = $'ok\n42\n43' ]
	rm tree/root/opt/tiny/configured
	diff -r package/opt tree/root/opt
	[ "$(readlink tree/root/opt/tiny/link)" = sub/numbers ]
}

# A file is 6 requests to tar when it packs it and 12 when it unpacks it, of 1 to 2 ms each in the
# lab: half an hour for all of them. To /dev/null it looks at each and opens none: a request a file,
# which both sides then still know of.
# bats test_tags=slow
@test "vm: tar walks 100,000 files of a tree, then packs a thousand and unpacks them" {
	mkdir -p tree/files tree/unpacked
	make_files tree/files 100 1000
	guest "$in_root"'
		cd /lower/t && cd / && mount --bind /lower/t /root_fs/mnt || exit 1
		chroot /root_fs /bin/bash -ec "cd /mnt/files
			/bin/tar --totals -cf /dev/null [0-9]*
			/bin/tar --format=posix -cf ../t.tar 1 && /bin/tar -C ../unpacked -xf ../t.tar"' \
		"${root_options[@]}" --fs-private "t=$DIR/tree"
	ended_well
	# A header and a block for each file, a header for each folder, two blocks at the end.
	[[ $output =~ "written: "([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -eq $(((100000 * 1024 + 100 * 512 + 1024 + 10239) / 10240 * 10240)) ]
	diff -r tree/files/1 tree/unpacked/1
	# Owners, modes and times, to the nanosecond.
	for tree in files unpacked; do
		(cd "tree/$tree" && find 1 -printf '%p %m %U %G %T+\n' | sort >"$DIR/$tree")
	done
	cmp files unpacked
}

# ---- the jail ----

# (HULL_VMRUN_ARGS=--jail has all the other tests run in it.)
@test "vm: in the jail of a sandbox's monitor a guest has its files and disks, and no thread is free" {
	mkdir tree
	truncate -s 8M disk
	guest_attended 'mount -t virtiofs fs-shared /mnt && /fsexer -s 3 -n 300 /mnt/t || exit 1
		echo marked | dd of=/dev/vda conv=fsync 2>/dev/null && echo ready; read -r _' \
		--jail --fs-shared "t=$DIR/tree" --disk "$DIR/disk"
	wait_for guest_said ready
	[ -z "$(ls -A "/proc/$pid/root/")" ]
	[ "$(wc -l <"/proc/$pid/mountinfo")" -eq 1 ]
	[ "$(cat "/proc/$pid"/task/*/status | grep -c '^Seccomp:.2')" -eq "$(ls "/proc/$pid/task" | wc -l)" ]
	# The workers of the two filesystems.
	[ "$(cat "/proc/$pid"/task/*/status | grep -c '^CapEff:.0*[1-9a-f]')" -eq 4 ]
	types end
	guest_ends
	ended_well
	[ "$(head -c 6 disk)" = marked ]
}

# ---- disks ----

@test "vm: disks are read and written, and a read-only one is not" {
	truncate -s 64M a
	truncate -s 8M b
	echo first | dd of=b conv=notrunc 2>/dev/null
	guest 'cat /sys/block/vda/size /sys/block/vdb/ro
		head -c 5 /dev/vdb
		echo x >/dev/vdb; echo " write $?"
		dd if=/dev/zero of=/dev/vda bs=1M count=64 2>/dev/null; echo marked | dd of=/dev/vda bs=1M seek=40 conv=fsync 2>/dev/null' \
		--disk "$DIR/a" --disk "$DIR/b,ro"
	ended_well
	says $'131072\n1\nfirst'
	says "write 1"
	[ "$(dd if=a bs=1M skip=40 count=1 2>/dev/null | head -c 6)" = marked ]
	[ "$(head -c 5 b)" = first ]
}

# A loop device, as the guest's disk.
loop_of() { # FILE [OPTION...]
	losetup --find --show "${@:2}" "$1"
}

# The device's field FIELD, of /sys/block/NAME/stat (Documentation/block/stat.rst).
count_of() { # DEVICE FIELD
	awk -v f="$2" '{ print $f }' "/sys/block/${1##*/}/stat"
}

# bats test_tags=slow
@test "vm: a block device is a disk: written, flushed and discarded; a read-only one is left alone" {
	requires loop
	local a b flushes full
	head -c 32M /dev/zero >a
	head -c 8M /dev/zero >b
	full=$(stat -c %b a)
	a=$(loop_of a)
	b=$(loop_of b --read-only)
	flushes=$(count_of "$a" 16)
	guest 'cat /sys/block/vda/size /sys/block/vdb/ro
		echo marked | dd of=/dev/vda bs=1M seek=30 conv=fsync 2>/dev/null && echo flushed
		blkdiscard -o 1048576 -l 25165824 /dev/vda && echo discarded
		blkdiscard /dev/vdb; echo "discard $?"
		echo x >/dev/vdb; echo "write $?"' \
		--disk "$a" --disk "$b,ro"
	flushes=$(($(count_of "$a" 16) - flushes))
	losetup -d "$a"
	losetup -d "$b"
	ended_well
	says $'65536\n1\nflushed\ndiscarded'
	says "discard 1"
	says "write 1"
	[ "$flushes" -ge 1 ]
	[ "$(dd if=a bs=1M skip=30 count=1 2>/dev/null | head -c 6)" = marked ]
	# 24 of 32 MiB, in blocks of 512.
	[ "$(stat -c %b a)" -le $((full - 24 * 2048)) ]
	[ "$(stat -c %b b)" -eq $((8 * 2048)) ]
}

# bats test_tags=slow
@test "vm: what a guest's filesystem frees becomes holes in the disk's file by fstrim" {
	requires cmd:mkfs.ext4
	local before
	truncate -s 64M disk
	mkfs.ext4 -q -E nodiscard disk
	before=$(stat -c %b disk)
	guest 'mount -t ext4 /dev/vda /mnt && dd if=/dev/zero of=/mnt/big bs=1M count=40 2>/dev/null && sync
		echo kept >/mnt/kept && sync; stat -c %b /mnt/big
		rm /mnt/big && sync && fstrim /mnt && umount /mnt && echo trimmed' --disk "$DIR/disk"
	ended_well
	says trimmed
	[ "$(stat -c %b disk)" -lt $((before + 8 * 2048)) ]
	[ "$(debugfs -R "cat kept" disk 2>/dev/null)" = kept ]
	e2fsck -fn disk
}

# ---- network ----

# bats test_tags=slow
@test "vm: a network device moves data both ways through a tap" {
	requires cmd:iperf3 tun
	ip tuntap add hullvm0 mode tap vnet_hdr
	ip address add 10.99.0.1/24 dev hullvm0
	ip link set hullvm0 up
	iperf3 -s -D -I "$DIR/iperf.pid" -B 10.99.0.1
	guest "$in_root"'
		ip link set eth0 up && ip address add 10.99.0.2/24 dev eth0
		chroot /root_fs iperf3 -c 10.99.0.1 -n 64M -f m && chroot /root_fs iperf3 -c 10.99.0.1 -n 64M -f m -R' \
		--tap hullvm0 "${root_options[@]}"
	kill "$(tr -d '\0' <iperf.pid)"
	ip link del hullvm0
	ended_well
	[ "$(grep -c receiver <<<"$output")" -eq 2 ]
}

# ---- vsock ----

# The guest sends as much as it then gets, and both ends check it.
streams() { # BYTES
	pattern check "$1" unix:"$DIR/out" >checked &
	local checker=$!
	pattern send "$1" unix:"$DIR/in" >sent &
	local sender=$!
	wait_for test -S "$DIR/out" -a -S "$DIR/in"
	guest "/pattern send $1 vsock:1001 && /pattern check $1 vsock:1002" \
		--vsock-listen "1001=$DIR/out" --vsock-listen "1002=$DIR/in"
	ended_well
	says "sent $1: ok"
	says "received $1 of $1: ok"
	# Not a bare `wait`: the suite has children in this shell.
	wait "$checker"
	wait "$sender"
}

# bats test_tags=slow
@test "vm: 256 MiB go through vsock each way unchanged" {
	streams 268435456
}

# bats test_tags=slow
@test "vm: 1 GiB goes through vsock each way unchanged" {
	streams 1073741824
}

# ---- saved machines ----

# bats test_tags=slow
@test "vm: a machine is saved and restored 20 times while it works" {
	mkdir saved
	guest_background 'i=0
		while [ $i -lt 3000 ]; do
			i=$((i + 1))
			[ "$(echo $i | sha256sum)" = "$(echo $i | sha256sum)" ] || exit 9
			[ $((i % 50)) -ne 0 ] || echo "at $i"
			[ ! -e /stop ] || break
		done
		echo "done $i"' --save "$DIR/saved"
	wait_for grep -q "at 50" out
	for _ in $(seq 20); do
		saves_and_ends
		restored_background --save "$DIR/saved"
		wait_for grep -q "at" out
	done
	guest_ends
	ended_well
	says "done 3000"
}

# bats test_tags=slow
@test "vm: a saved machine runs twice at once, each with its own memory and random numbers" {
	mkdir saved
	guest_background 'echo ready
		while read -r line; do
			echo "$line $(head -c 16 /dev/urandom | od -An -tx1)"
			[ "$line" != end ] || break
		done </dev/hvc0' --save "$DIR/saved"
	wait_for grep -q ready out
	saves_and_ends
	"$HULL_TOOLS/vmrun" --restore "$DIR/saved" <<<end >out.1 2>&1 3>&- &
	pid=$!
	"$HULL_TOOLS/vmrun" --restore "$DIR/saved" <<<end >out.2 2>&1 3>&-
	wait "$pid"
	grep -h "^end " out.1 out.2 | tr -d '\r' | sort | uniq >numbers
	[ "$(wc -l <numbers)" -eq 2 ]
}

# bats test_tags=slow
@test "vm: the kernel of a restored machine is told, and gets new random numbers" {
	mkdir saved
	guest_background 'dmesg | grep -c "virtual machine fork"; echo ready
		until dmesg | grep "crng reseeded due to virtual machine fork"; do sleep 0.1; done' --save "$DIR/saved"
	wait_for guest_said ready
	guest_said '^0'
	saves_and_ends
	restored_background
	guest_ends
	ended_well
	says "crng reseeded"
}

# bats test_tags=slow
@test "vm: a machine with open files is saved, goes on with them, and is refused once they changed" {
	mkdir tree tree/sub saved
	seq 3 >tree/read
	echo there >tree/sub/file
	attend
	guest_background 'mount -t virtiofs fs-private /mnt; cd /mnt/t
		exec 3<read 4>>written; read -r line <&3; echo "got $line"; echo before >&4; echo ready
		read -r _; read -r line <&3; echo "got $line"; ls -1; cat sub/file; echo after >&4; exec 4>&-' \
		--fs-private "t=$DIR/tree" --save "$DIR/saved"
	wait_for guest_said ready
	saves_and_ends
	says "got 1"
	restored_background --fs-private "t=$DIR/tree"
	types go
	guest_ends
	ended_well
	says "got 2"
	says $'read\nsub\nwritten\nthere'
	[ "$(cat tree/written)" = $'before\nafter' ]
	# What it has written is not what the saved machine knows.
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --fs-private "t=$DIR/tree"
	says "'written' has changed"
	touch tree/new
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --fs-private "t=$DIR/tree"
	says "'t' has changed"
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved"
	says "trees were attached"
}

# bats test_tags=slow
@test "vm: a machine with an open file of a shared tree sees what was appended while it was saved" {
	mkdir tree saved
	echo one >tree/log
	attend
	guest_background 'mount -t virtiofs fs-shared /mnt; cd /mnt/t
		exec 3<log; read -r line <&3; echo "got $line"; echo ready
		read -r _; read -r line <&3; echo "got $line"' \
		--fs-shared "t=$DIR/tree" --save "$DIR/saved"
	wait_for guest_said ready
	saves_and_ends
	echo two >>tree/log
	restored_background --fs-shared "t=$DIR/tree"
	types go
	guest_ends
	ended_well
	says "got two"
	cp tree/log other && mv other tree/log
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --fs-shared "t=$DIR/tree"
	says "'log' is another file now"
	rm tree/log
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --fs-shared "t=$DIR/tree"
	says "'log' is gone"
}

# bats test_tags=slow
@test "vm: a saved machine is refused where it doesn't fit, and when it is damaged" {
	mkdir saved
	guest_background 'echo ready; sleep 1000' --save "$DIR/saved"
	wait_for grep -q ready out
	saves_and_ends
	run -2 "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --cpus 2
	says "vCPUs"
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved" --hotplug 256
	says "plugged in"
	printf 'x' | dd of=saved/state bs=1 seek=1000 conv=notrunc 2>/dev/null
	run ! "$HULL_TOOLS/vmrun" --restore "$DIR/saved"
	says "checksum"
}

# ---- a distribution's kernel ----

# bats test_tags=slow
@test "vm: Debian's cloud kernel boots with its modules, and finds its devices by ACPI" {
	requires stock_kernel
	set_stock_guest 'uname -r; ls /sys/bus/virtio/drivers/*/virtio* -d | wc -l
		mount -t virtiofs fs-private /mnt && ls /mnt && echo moved >/mnt/t/file'
	mkdir tree
	run_stock --memory 256 --fs-private "t=$DIR/tree"
	ended_well
	says cloud
	[ "$(cat tree/file)" = moved ]
}
