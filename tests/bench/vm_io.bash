# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# vm_io.bash: the rows fs and net of tests/bench/vm, which loads it.
#
# A guest's shell carries out what it is told on its console, one command at a time, and says when
# it is done. Before and after each, while the guest does nothing else, the processor time of all
# processes of the machine and the exits of its vCPUs are read.

cgroups=$dir/cgroups cgroup=$cgroups/hull-bench
net_mib=64 tap=hullbench0 server=""

io_begin() {
	mkdir -p "$cgroups"
	mountpoint -q "$cgroups" || mount -t cgroup2 none "$cgroups"
	mkdir -p "$cgroup"
	: >"$dir/results"
}

io_end() {
	machine_end
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	server=""
	[ ! -e "/sys/class/net/$tap" ] || ip link del "$tap"
	rmdir "$cgroup" 2>/dev/null || true
	! mountpoint -q "$cgroups" || umount "$cgroups"
}

# ---- a machine that does what it is told ----

# shellcheck disable=SC2016 # the guest's
guest_shell='
	stty -echo -onlcr
	echo "done 0"
	while read -r line; do
		eval "$line"
		echo "done $?"
	done'

# QEMU's is a legacy transport unless it is told otherwise, which vhost-user doesn't take.
modern=(-global virtio-mmio.force-legacy=false)

# Runs a command in the background, in the cgroup
in_cgroup() {
	echo $BASHPID >"$cgroup/cgroup.procs"
	exec "$@" 2>>"$dir/stderr"
}

machine_begin() { # COMMAND...
	local tid
	asked=""
	count_exits on
	# QEMU's console is nowhere in the other rows.
	set -- "${@/#null,id=c/stdio,id=c,signal=off}"
	coproc MACHINE { in_cgroup "$@"; }
	machine=$MACHINE_PID from=${MACHINE[0]} to=${MACHINE[1]}
	answer || return 1
	# vCPUs are those that have run a guest: the 43rd field, behind a name in brackets.
	threads=()
	for tid in /proc/"$machine"/task/*; do
		[ "$(sed 's/.*) //' "$tid/stat" | cut -d ' ' -f 41)" -eq 0 ] || threads+=("$tid/schedstat")
	done
}

machine_end() {
	[ -n "${machine:-}" ] || return 0
	kill -KILL "$machine" 2>/dev/null || true
	wait "$machine" 2>/dev/null || true
	machine=""
	count_exits off
	until_soon 'a process that does not end' cgroup_is_empty # virtiofsd ends by itself
}

# A machine that hangs (QEMU's does at times, under emulation) costs its round, not the table.
round_of() { # FUNCTION WHO ARGUMENT...
	local i
	for i in 1 2 3; do
		! "$@" || return 0
		machine_end
		say "once more: $*"
	done
	return 1
}

cgroup_is_empty() {
	[ -z "$(cat "$cgroup/cgroup.procs")" ]
}

# Until the command succeeds; half a minute at most.
until_soon() { # WHAT-IS-WRONG-ELSE COMMAND...
	local i
	for ((i = 0; i < 300; i++)); do
		! "${@:2}" || return 0
		sleep 0.1
	done
	say "there is $1: $(tail -n 5 "$dir/stderr")"
	return 1
}

# Until the guest is done; what it said else is in $output.
answer() {
	local line
	output=""
	while read -r -t 60 line <&"$from"; do
		line=${line%$'\r'}
		case $line in
		"done 0") return ;;
		"done "*) break ;;
		*) output+=$line$'\n' ;;
		esac
	done
	say "the guest stopped short at '${asked:-its start}': ${line:-}$output$(tail -n 5 "$dir/stderr")"
	return 1
}

ask() { # COMMAND, of one line
	asked=$1
	printf '%s\n' "$1" >&"$to"
	answer
}

# ---- what it cost ----

# Sets the microseconds of the clock, of processor time, and of this the vCPUs', and the exits.
# Without a process of its own, which would take as long as what is measured.
sample() {
	local key value rest file event hit line
	now=${EPOCHREALTIME/./} vcpu_time=0
	while read -r key value rest; do
		[ "$key" != usage_usec ] || all_time=$value
	done <"$cgroup/cpu.stat"
	for file in "${threads[@]}"; do
		read -r value rest <"$file"
		vcpu_time=$((vcpu_time + value / 1000))
	done
	for event in kvm_userspace_exit kvm_exit; do
		while read -r line; do
			[[ $line != *Hits:* ]] || hit=${line##* }
			[[ $line != "{ "* ]] || reasons[$event ${line%%\}*}]=${line##* }
		done <"$trace/events/kvm/$event/hist"
		exits[$event]=$hit
	done
}

# Has the guest do it, and adds a line to the results: what, who, microseconds, processor time, of
# it not the vCPUs', exits to the monitor, all exits.
measure() { # WHO WHAT COMMAND
	local now all_time vcpu_time key
	local -A exits=() reasons=() before=()
	sample
	local t=$now a=$all_time v=$vcpu_time u=${exits[kvm_userspace_exit]} x=${exits[kvm_exit]}
	for key in "${!reasons[@]}"; do
		before[$key]=${reasons[$key]}
	done
	ask "$3" || return 1
	sample
	echo "$2 $1 $((now - t)) $((all_time - a)) $((all_time - a - vcpu_time + v))" \
		"$((exits[kvm_userspace_exit] - u)) $((exits[kvm_exit] - x))" >>"$dir/results"
	[ -n "$by_reason" ] || return 0
	for key in "${!reasons[@]}"; do
		echo "$2 $1: ${key/\{ /}: $((reasons[$key] - ${before[$key]:-0}))"
	done | grep -v ': 0$' | sort >&2
}

# A table of one thing: by whom, per unit (MiB, or one operation), and the first by the second.
print_results() { # WHAT UNITS UNIT WHO...
	local who columns=() i
	for who in "${@:4}"; do
		awk -v what="$1" -v who="$who" '$1 == what && $2 == who' "$dir/results" >"$dir/one"
		[ -s "$dir/one" ] || say "nothing was measured of $1 by $who"
		mapfile -t columns < <(for i in 3 4 5 6 7; do median "$i" "$dir/one"; done)
		echo "$who ${columns[*]}"
	done | awk -v what="$1" -v n="$2" -v unit="$3" '
		function ratio(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "-" }
		{
			printf "| %s | %s | %.4g %s/s | %.3f | %.3f | %.2f | %.2f |\n", what, $1,
				n / ($2 / 1e6), unit, $3 / 1000 / n, $4 / 1000 / n, $5 / n, $6 / n
			for (i = 2; i <= 6; i++) v[NR, i] = $i
		}
		END {
			printf "| | hull / QEMU | %s | %s | %s | %s | %s |\n", ratio(v[2, 2], v[1, 2]),
				ratio(v[1, 3], v[2, 3]), ratio(v[1, 4], v[2, 4]), ratio(v[1, 5], v[2, 5]),
				ratio(v[1, 6], v[2, 6])
		}'
}

print_head() { # TITLE
	echo "$1: $vcpus vCPU, $mib MiB, medians of $rounds, processor time in ms"
	echo
	echo "| | | rate | CPU | not the vCPUs' | exits to the monitor | exits |"
	echo "|---|---|--:|--:|--:|--:|--:|"
}

# ---- virtio-fs ----

fs_mib=16 fs_random=200 fs_files=200 fs_folders=10

# What is measured, and in which unit: NAME UNITS UNIT
fs_work="
write-1M $fs_mib MiB
read-1M $fs_mib MiB
random-4k $fs_random op
create $fs_files op
stat $fs_files op
walk $fs_files op
unlink $fs_files op
"

fs_prepare() {
	local i j
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/small"
	for ((i = 0; i < fs_folders; i++)); do
		mkdir -p "$dir/tree/walk/$i"
		for ((j = 0; j < fs_files / fs_folders; j++)); do
			: >"$dir/tree/walk/$i/a-name-of-some-length-$j"
		done
	done
}

fs_machine() { # hull|qemu private|shared
	local cache=always,writeback
	initrd=$dir/io command_of "$1"
	if [ "$1" = hull ]; then
		command+=("--fs-$2" "=$dir/tree")
	else
		[ "$2" = private ] || cache=auto,no_writeback,timeout=0
		# shellcheck disable=SC2054 # the commas are QEMU's
		command+=("${modern[@]}"
			-object "memory-backend-memfd,id=mem,size=${mib}M,share=on" -M memory-backend=mem
			-chardev "socket,id=fs,path=$dir/fs.sock"
			-device "vhost-user-fs-device,chardev=fs,tag=fs-$2,queue-size=1024")
		rm -f "$dir/fs.sock"
		(in_cgroup "$virtiofsd" -f --socket-path="$dir/fs.sock" -o "source=$dir/tree" \
			-o "cache=$cache" >/dev/null) &
		until_soon 'no virtiofsd' test -S "$dir/fs.sock"
	fi
	machine_begin "${command[@]}" && ask "mount -t virtiofs fs-$2 /mnt"
}

fs_round() { # hull|qemu private|shared
	local drop="echo 3 >/proc/sys/vm/drop_caches" name rest
	local -A how=(
		[write-1M]="write /mnt/file $fs_mib 1048576"
		[read-1M]="read /mnt/file 1048576"
		[random-4k]="random /mnt/file 4096 $fs_random"
		[create]="create /mnt/small $fs_files"
		[stat]="stat /mnt/small $fs_files"
		[walk]="walk /mnt/walk"
		[unlink]="unlink /mnt/small $fs_files"
	)
	fs_machine "$1" "$2" || return 1
	# All memory that it takes is there afterwards, and all programs.
	ask "/vm_io ${how[write-1M]} && /vm_io ${how[read-1M]}" || return 1
	while read -r name rest; do
		[ -n "$name" ] || continue
		[ "$name" = create ] || ask "$drop" || return 1
		measure "$1" "$2:$name" "/vm_io ${how[$name]}" || return 1
	done <<<"$fs_work"
	machine_end
	rm -f "$dir/tree/file"
}

row_fs() {
	local kind round who name units unit
	virtiofsd=/usr/lib/qemu/virtiofsd
	[ -x $virtiofsd ] || {
		say "there is no virtiofsd: apt-get install qemu-system-common"
		exit 2
	}
	io_begin
	fs_prepare
	echo "$guest_shell" | "$top/tests/vm/initrd" -o "$dir/io" -f "$build/tests/bench/vm_io" -
	for ((round = 0; round < rounds; round++)); do
		for kind in private shared; do
			for who in hull qemu; do
				round_of fs_round $who $kind
			done
		done
	done
	print_head "virtio-fs"
	for kind in private shared; do
		while read -r name units unit; do
			[ -z "$name" ] || print_results "$kind:$name" "$units" "$unit" hull qemu
		done <<<"$fs_work"
	done
	echo
	io_end
}

# ---- net ----

# iperf3 and its libraries, as options of tests/vm/initrd
net_files() {
	local file
	for file in "$(command -v iperf3)" $(ldd "$(command -v iperf3)" | grep -o '/[^ ]*'); do
		echo "-f"
		echo "$file:$file"
	done
}

net_machine() { # hull|qemu|qemu-vhost
	local vhost=off
	[ "$1" = qemu-vhost ] && vhost=on
	initrd=$dir/io command_of "${1%-vhost}"
	if [ "$1" = hull ]; then
		command+=(--tap "$tap")
	else
		# shellcheck disable=SC2054 # the commas are QEMU's
		command+=("${modern[@]}"
			-netdev "tap,id=net,ifname=$tap,script=no,downscript=no,vhost=$vhost"
			-device virtio-net-device,netdev=net)
	fi
	machine_begin "${command[@]}" &&
		ask "ip link set lo up; ip link set eth0 up" &&
		ask "ip address add 10.99.0.2/24 dev eth0" &&
		ask "ping -c 1 -w 20 10.99.0.1 >/dev/null"
}

net_round() { # hull|qemu|qemu-vhost
	local client="iperf3 -c 10.99.0.1 -n ${net_mib}M"
	net_machine "$1" &&
		ask "$client >/dev/null && $client -R >/dev/null" &&
		measure "$1" from-guest "$client >/dev/null" &&
		measure "$1" to-guest "$client -R >/dev/null" || return 1
	machine_end
}

row_net() {
	local files round who all_sides=(hull qemu) name
	command -v iperf3 >/dev/null || {
		say "there is no iperf3: apt-get install iperf3"
		exit 2
	}
	[ ! -e /dev/vhost-net ] || all_sides+=(qemu-vhost)
	io_begin
	mapfile -t files < <(net_files)
	echo "$guest_shell" | "$top/tests/vm/initrd" -o "$dir/io" "${files[@]}" -
	ip tuntap add $tap mode tap vnet_hdr
	ip address add 10.99.0.1/24 dev $tap
	ip link set $tap up
	iperf3 -s -B 10.99.0.1 >/dev/null &
	server=$!
	for ((round = 0; round < rounds; round++)); do
		for who in "${all_sides[@]}"; do
			round_of net_round "$who"
		done
	done
	print_head "net"
	for name in from-guest to-guest; do
		print_results $name $net_mib MiB "${all_sides[@]}"
	done
	echo
	io_end
}
