# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2119,SC2120,SC2154
# (jq's variables are in single quotes; bats sets $output)
# lib.bash: what the bats tests share. A file starts with `load lib`; README.md has an example.
#
# Each test gets a folder of its own ($DIR), an id that no other test has ($ID), and a bundle in
# the current folder ($BUNDLE: busybox, and the runtime's own `spec` with cgroupsPath
# /hull-test/$ID, no terminal, and `true` as its command). The teardown deletes every container
# and fails if the test left anything behind.

bats_require_minimum_version 1.5.0

# Under the lab's emulation every program that is run takes 30 to 300 ms (jq the most), so what is
# done for each test is done by the shell itself, or by busybox, which has no libraries to load.

TESTS=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
: "${RUNTIME:=$TESTS/../build/hull}"
: "${HULL_TOOLS:=$TESTS/../build/tests/tools}"
export RUNTIME HULL_TOOLS

# ---- what a test needs ----

# What the lab has. A test that needs one of these is run there if it can't be run here.
readonly lab_has=" lab cgroup2 memory pids cpu cpuset io hugetlb rdma kvm apparmor tun fuse loop
	bridge veth dummy bpf caps "

have() { # WORD: is it there?
	case $1 in
	root) [ "$EUID" -eq 0 ] ;;
	lab) [ -n "${HULL_LAB:-}" ] ;;
	cgroup2) [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] ;;
	memory | pids | cpu | cpuset | io | hugetlb | rdma)
		have cgroup2 && grep -qw "$1" /sys/fs/cgroup/cgroup.controllers
		;;
	# A virtual machine's /dev/kvm may be there and still not run a stock guest.
	kvm) [ -c /dev/kvm ] && grep -qwE '^flags.*(vmx|svm)' /proc/cpuinfo ;;
	apparmor) [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] ;;
	selinux) [ -d /sys/fs/selinux/booleans ] ;;
	tun) [ -c /dev/net/tun ] ;;
	fuse) [ -c /dev/fuse ] ;;
	loop) [ -c /dev/loop-control ] ;;
	bridge | veth | dummy)
		unshare -n ip link add hulltest type "$1" 2>/dev/null
		;;
	bpf) [ -n "${HULL_LAB:-}" ] || [ "$(stat -fc %T /sys/fs/bpf 2>/dev/null)" = bpf_fs ] ;;
	caps) [ $((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status))) -eq \
		$(((2 << $(</proc/sys/kernel/cap_last_cap)) - 1)) ] ;; # all that there are
	userns) unshare -U true 2>/dev/null ;;
	timens) [ -e /proc/self/ns/time ] ;;
	seccomp) grep -q '^Seccomp:' /proc/self/status ;;
	kernel:*) printf '%s\n%s\n' "${1#kernel:}" "$(uname -r)" | sort -CV ;;
	cmd:*) command -v "${1#cmd:}" >/dev/null ;;
	guest_kernel) [ -e "$(guest_kernel)" ] ;;
	stock_kernel) [ -e "$(stock_kernel)/vmlinuz" ] ;;
	peers:*) [ -d "${XDG_CACHE_HOME:-$HOME/.cache}/hull/peers/${1#peers:}" ] ;;
	*)
		echo "requires: what is $1?" >&2
		return 99
		;;
	esac
}

# What contrib/guest-kernel/build has made: tests/run says which, else it is the newest.
guest_kernel() {
	local path newest=${HULL_GUEST_KERNEL:-}
	for path in "${XDG_CACHE_HOME:-$HOME/.cache}"/hull/guest-kernel/*/vmlinux; do
		[[ -n $newest && ! $path -nt $newest ]] || newest=$path
	done
	echo "${HULL_GUEST_KERNEL:-$newest}"
}

# The folder of Debian's kernel for virtual machines, as tests/lab/kernel gets it.
stock_kernel() {
	echo "${XDG_CACHE_HOME:-$HOME/.cache}/hull/lab/linux-image-cloud-amd64"
}

# The test needs all these words (see have). tests/run runs every test here first, with
# HULL_TEST_PASS=here; those that then say "[lab]" are run once more in the lab, where what the
# lab promises and does not have is a failure.
requires() {
	local word status
	for word; do
		status=0
		have "$word" || status=$?
		case $status:$lab_has in
		0:*) ;;
		99:*) return 1 ;;
		*[[:space:]]"$word"[[:space:]]*)
			if [ -n "${HULL_LAB:-}" ]; then
				echo "the lab should have $word, and has not" >&2
				return 1
			fi
			skip "[lab] $word"
			;;
		*) skip "no $word" ;;
		esac
	done
}

# The kind of runtime, "crun-1.28" or "hull-0.1.0": the first words of its --version.
runtime_kind() {
	if [ -z "${RUNTIME_KIND:-}" ]; then
		RUNTIME_KIND=$("$RUNTIME" --version |
			sed -nE '1s/^(\S+) version (\S+).*/\1-\2/p')
		export RUNTIME_KIND
	fi
	echo "$RUNTIME_KIND"
}

# runtime_is runc, or runtime_is runc-1.1: the kind begins so.
runtime_is() {
	[[ $(runtime_kind) == "$1"* ]]
}

# Every test is for all runtimes unless its file has the tag `hull`. Where another runtime does
# something else, the test says so: differs crun "has no table".
differs() { # KIND REASON
	! runtime_is "$1" || skip "$1: $2"
}

# This runtime is known to leave something behind, which is then taken away without a word.
leaves() { # KIND WHAT
	! runtime_is "$1" || untidy=1
}

# ---- the runtime ----

# The runtime, with a root of this test's own.
oci() {
	"$RUNTIME" --root "$ROOT" "$@"
}

# The same in the background: $pid is the runtime's own, its output goes to $DIR/out and $DIR/err.
oci_background() {
	"$RUNTIME" --root "$ROOT" "$@" >"$DIR/out" 2>"$DIR/err" 3>&- &
	# shellcheck disable=SC2034 # for the test
	pid=$!
}

# Creates the container $ID (or the named one) from the current bundle, its output going to
# $DIR/out and $DIR/err: a `run oci create` would wait for the container to close its stdout.
create() { # [OPTION...] [ID]
	local id=$ID
	[ $# -eq 0 ] || [[ ${*: -1} != "$ID"* ]] || {
		id=${*: -1}
		set -- "${@:1:$#-1}"
	}
	oci create "$@" "$id" </dev/null >>"$DIR/out" 2>>"$DIR/err" || {
		cat "$DIR/out" "$DIR/err"
		return 1
	}
}

# create, then start
start() { # [OPTION...] [ID]
	create "$@"
	[[ $# -gt 0 && ${*: -1} == "$ID"* ]] || set -- "$ID"
	oci start "${*: -1}"
}

status_of() { # [ID]: created, running, paused, stopped
	state_value status '"([a-z]+)"' "${1:-$ID}"
}

pid_of() { # [ID]: the container's first process, as the host numbers it
	state_value pid '([0-9]+)' "${1:-$ID}"
}

state_value() { # KEY REGEX ID
	local state
	state=$(oci state "$3") || return
	[[ $state =~ \"$1\":\ *$2 ]] && echo "${BASH_REMATCH[1]}"
}

is() { # STATUS [ID]: for wait_for
	[ "$(status_of "${2:-$ID}")" = "$1" ]
}

# Runs the container's command and says what it should have printed, where it differs.
prints() { # EXPECTED: of the last `run`
	[ "$output" = "$1" ] || {
		printf 'printed: %s\nwanted:  %s\n' "$output" "$1"
		return 1
	}
}

# Polls until the command succeeds, or fails after 10 s (60 in the lab).
wait_for() { # COMMAND...
	local deadline=$((SECONDS + (${HULL_LAB:-0} ? 60 : 10)))
	until "$@"; do
		if [ $SECONDS -gt $deadline ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		busybox sleep 0.05
	done
}

# ---- the bundle ----

# Applets of busybox that the tests use; a link for every one of its 300 would take longer than
# most tests.
readonly applets="sh ash cat chmod chown cp cut date dd df echo env false getopt grep head hostname
	id ifconfig ip kill ln ls mkdir mkfifo mknod mktemp mount mv nice nproc od printenv printf ps
	pwd readlink rm rmdir sed sleep sort stat stty sysctl tail tee test [ time timeout top touch
	tr true tty umask umount uname unshare usleep wc which who whoami yes ionice nc"

# The first test of a run makes the template: the rootfs, and what `spec` writes.
make_template() { # DIR
	local part=$1.part applet
	rm -rf "$part"
	mkdir -p "$part/rootfs"/{bin,dev,etc,proc,root,sys,tmp,mnt}
	chmod 1777 "$part/rootfs/tmp"
	cp "$(command -v busybox)" "$part/rootfs/bin/busybox"
	for applet in $applets; do
		ln -s busybox "$part/rootfs/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$part/rootfs/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$part/rootfs/etc/group"
	(cd "$part" && "$RUNTIME" spec && jq '.process.terminal = false | .process.args = ["true"] |
		.linux.cgroupsPath = "/hull-test/@ID@"' config.json >edited && mv edited config.json)
	[[ $(<"$part/config.json") == *"$first_args"* ]]
	mv "$part" "$1"
}

# A bundle for the container ID in DIR; the folder becomes the current one.
make_bundle() { # [DIR [ID]]
	local dir=${1:-$BUNDLE} template=$BATS_RUN_TMPDIR/template config
	[ -d "$template" ] || (
		flock 9
		[ -d "$template" ] || make_template "$template"
	) 9>"$BATS_RUN_TMPDIR/template.lock"
	busybox mkdir -p "$dir"
	busybox cp -a "$template/rootfs" "$dir/rootfs"
	cd "$dir" || return 1
	config=$(<"$template/config.json")
	printf '%s\n' "${config/@ID@/${2:-$ID}}" >config.json
}

# Changes config.json of the current bundle: update_config '.hostname = $name' --arg name web
update_config() { # FILTER [JQ OPTION...]
	jq "${@:2}" "$1" config.json >config.json.new && mv config.json.new config.json
}

# The same with the further words as the list `$words`, whatever is in them.
update_config_with() { # FILTER WORD...
	local filter=$1 IFS=$'\x1f'
	shift
	update_config '($text | split("\u001f")) as $words | '"$filter" --arg text "$*"
}

# What the template has there, as jq writes it
readonly first_args='"args": [
      "true"
    ]'

set_args() { # COMMAND...: what the container runs
	local config word args=""
	config=$(<config.json)
	if [[ $config != *"$first_args"* || $* == *[[:cntrl:]]* ]]; then
		update_config_with '.process.args = $words' "$@"
		return
	fi
	for word; do
		word=${word//\\/\\\\}
		args+=${args:+, }\"${word//\"/\\\"}\"
	done
	printf '%s\n' "${config%%"$first_args"*}\"args\": [$args]${config#*"$first_args"}" >config.json
}

# A script for the container's shell
set_script() { # TEXT
	set_args sh -c "$1"
}

# A container that runs until it is told to end, and ends on SIGTERM once its shell is there.
set_daemon() {
	set_script 'trap "exit 0" TERM; while :; do sleep 0.1; done'
}

add_mount() { # DESTINATION TYPE SOURCE OPTION...
	update_config_with '.mounts += [{destination: $words[0], type: $words[1],
		source: $words[2], options: $words[3:]}]' "$@"
}

# The container gets a microVM of its own, with the kernel that contrib/guest-kernel has built: in
# the place of hull's own, in the lab's throw-away root.
sandboxed() {
	local dir=/usr/local/lib/hull
	[ -e $dir/vmlinux ] || {
		mkdir -p $dir
		cp "$(guest_kernel)" "$dir/vmlinux.$BASHPID"
		mv "$dir/vmlinux.$BASHPID" $dir/vmlinux
	}
	update_config '.root.readonly = false | .annotations["dev.hull.engine"] = "microvm"'
}

# The container has these capabilities in the bounding, effective and permitted set, and no others.
set_caps() { # CAP_NAME...
	update_config_with '.process.capabilities = {bounding: $words, effective: $words,
		permitted: $words}' "$@"
}

# The folder of the container's cgroup
cgroup_of() { # [ID]
	local top=/sys/fs/cgroup
	have cgroup2 || [ ! -d $top/unified ] || top=$top/unified
	echo "$top/hull-test/${1:-$ID}"
}

# What a file of it says
value() { # FILE
	cat "$(cgroup_of)/$1"
}

# ---- before and after ----

test_begin() {
	local base=${TMPDIR:-/tmp}
	requires root
	# An overlay, as the lab's /tmp is, can't do all that the tests ask for.
	[ -z "${HULL_LAB:-}" ] || base=/run
	DIR=$base/hull-test.$$-$RANDOM
	untidy=""
	ROOT=$DIR/root
	BUNDLE=$DIR/bundle
	ID=t$$-$RANDOM
	busybox mkdir -m 755 "$DIR" "$ROOT"
	make_bundle
}

# What may still be there of the test's containers, a line each
leftovers() {
	local path line
	for path in "$ROOT"/* "$(cgroup_of)"*; do
		[ ! -e "$path" ] || echo "$path"
	done
	while IFS= read -r line; do
		[[ $line != *"$DIR"* ]] || echo "$line"
	done </proc/self/mountinfo
}

test_end() {
	local dir
	[ -n "${DIR:-}" ] || return 0
	for dir in "$ROOT"/*/; do
		dir=${dir%/}
		[ ! -d "$dir" ] || oci delete --force "${dir##*/}" || true
	done
	if [ -n "${untidy:-}" ]; then
		clean_up
	elif ! wait_for no_leftovers && ! left_by_old_runc; then
		echo "left behind:"
		leftovers
		clean_up
		return 1
	else
		cd / && busybox rm -rf "$DIR"
	fi
}

# runc 1.1's delete --force gives up when the kernel isn't done with the processes yet.
left_by_old_runc() {
	runtime_is runc-1.1 && clean_up
}

no_leftovers() {
	[ -z "$(leftovers)" ]
}

# So that a test which left something behind doesn't spoil the next one.
clean_up() {
	local dir mount
	for dir in "$(cgroup_of)"*; do
		[ ! -d "$dir" ] || { echo 1 >"$dir/cgroup.kill" && sleep 0.2 && rmdir "$dir"; } || true
	done
	grep -F "$DIR" /proc/self/mountinfo | cut -d ' ' -f 5 | tac | while read -r mount; do
		umount -l "$mount" || true
	done
	cd / && rm -rf "$DIR"
}

setup() {
	test_begin
}

teardown() {
	test_end
}
