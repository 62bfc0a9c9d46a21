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
	guest 'uname -r; nproc' --memory 128
	ended_well
	says -hull
}

@test "vm: the minimal kernel boots by the 64-bit protocol" {
	guest 'echo here' --no-pvh
	ended_well
	says here
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

# ---- what is plugged in ----

# bats test_tags=slow
@test "vm: memory grows from 128 MiB to 1 GiB by virtio-mem, and all of it can be used" {
	guest 'for i in $(seq 100); do
			grep -q "MemTotal: *[0-9]\{7\}" /proc/meminfo && break
			sleep 0.1
		done
		mount -t tmpfs -o size=90% none /mnt
		dd if=/dev/zero of=/mnt/big bs=1M count=600 2>/dev/null && stat -c %s /mnt/big' \
		--memory 128 --hotplug 1024 --plug 1024
	ended_well
	says 629145600
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
@test "vm: the machine's own programs run in a guest, on its root by virtio-fs" {
	requires cmd:git cmd:sqlite3
	guest "$in_root"'
		chroot /root_fs sh -ec "cd /tmp
			git -c init.defaultBranch=main init -q a && cd a
			for i in 1 2 3 4 5; do echo \$i >\$i; done
			git add . && git -c user.name=u -c user.email=e commit -qm first
			cd .. && git clone -q a b && ls b | tr \"\\n\" \" \"
			sqlite3 t.db \"create table t (a); insert into t values (42); select a + 1 from t;\""' \
		"${root_options[@]}"
	ended_well
	says "1 2 3 4 5"
	says 43
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

# bats test_tags=slow
@test "vm: 256 MiB go through vsock each way unchanged" {
	requires cmd:socat
	stream() { seq 100000000 | head -c 268435456; }
	# Not a bare `wait` in the end: the suite has children in this shell.
	socat -u UNIX-LISTEN:"$DIR/out" - 3>&- | sha256sum >sum.out &
	local receiver=$!
	stream | socat -u - UNIX-LISTEN:"$DIR/in" 3>&- &
	wait_for test -S "$DIR/out" -a -S "$DIR/in"
	guest "$in_root"'
		seq 100000000 | head -c 268435456 | chroot /root_fs socat -u - VSOCK-CONNECT:2:1001
		chroot /root_fs socat -u VSOCK-CONNECT:2:1002 - | sha256sum' \
		--vsock-listen "1001=$DIR/out" --vsock-listen "1002=$DIR/in" "${root_options[@]}"
	ended_well
	wait "$receiver"
	sum=$(stream | sha256sum)
	says "$sum"
	[ "$(cat sum.out)" = "$sum" ]
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
