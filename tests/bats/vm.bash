# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# vm.bash: guests for the tests of vm/, loaded after lib. A guest's first process is a script
# (see tests/vm/initrd); what it and vmrun say is in $output, as after `run`.

# A guest that wants the machine's own programs has its root by virtio-fs, under an overlay: nothing
# is changed there. /root_fs is the place to chroot to. (The tree is mounted when it is first looked
# into, which overlayfs doesn't do.)
readonly in_root='mkdir -p /lower /upper /root_fs && mount -t virtiofs fs-private /lower &&
	cd /lower/root && cd / && mount -t tmpfs none /upper && mkdir /upper/u /upper/w &&
	mount -t overlay -o lowerdir=/lower/root,upperdir=/upper/u,workdir=/upper/w none /root_fs &&
	mount -t proc none /root_fs/proc && mount --bind /dev /root_fs/dev || exit 1'

vm_begin() {
	[ -n "${HULL_LAB:-}" ] || return 0
	STORE=$(mktemp -d /run/hull-vm.XXXXXX)
	export STORE
	cp "$(guest_kernel)" "$STORE/vmlinux"
	# The root alone, without the mounts below it: /proc and its kind are not served.
	mkdir "$STORE/rootfs"
	mount --bind / "$STORE/rootfs"
	"$TESTS/vm/initrd" -o "$STORE/base" -f "$HULL_TOOLS/fsexer/fsexer-static:fsexer" \
		-f "$HULL_TOOLS/pattern" - </dev/null
}

vm_end() {
	[ -n "${STORE:-}" ] || return 0
	umount "$STORE/rootfs"
	rm -rf --one-file-system "$STORE"
}

vm_test_begin() {
	DIR=$(mktemp -d /run/hull-vm-test.XXXXXX)
	cd "$DIR" || return 1
	command_line="console=hvc0 quiet loglevel=3 panic=-1 pci=off"
	root_options=(--fs-private "root=${STORE:-}/rootfs,ro" --memory 512)
	pid="" input=""
}

vm_test_end() {
	exec 7>&-
	[ -z "${pid:-}" ] || kill -KILL "$pid" 2>/dev/null || true
	[ -z "${DIR:-}" ] || { cd / && rm -rf "$DIR"; }
}

# Makes the initrd: the template, and this script behind it: an initrd may be several archives.
set_guest() { # SCRIPT [TEMPLATE]
	printf '%s\n' "$1" >script
	{
		cat "${2:-$STORE/base}"
		echo script | cpio --quiet -o -H newc
	} >initrd.new
	# A guest that runs has the old one mapped.
	mv initrd.new initrd
}

# HULL_VMRUN_ARGS: options for every machine; with --jail all of these tests show that the lists of
# sandbox/jail_rules.c are complete.
# Always in a subshell: as the last thing it does, so that a signal to it reaches the program.
vmrun() { # [OPTION...]
	# shellcheck disable=SC2086 # several
	exec "$HULL_TOOLS/vmrun" ${HULL_VMRUN_ARGS:-} --kernel "${kernel:-$STORE/vmlinux}" --initrd initrd \
		--cmdline "$command_line" "$@" <"${input:-/dev/null}" 3>&- 7>&-
}

# Runs a guest to its end.
guest() { # SCRIPT [OPTION...]
	set_guest "$1"
	run vmrun "${@:2}"
	output=${output//$'\r'/}
}

# The same while the test goes on: what it says comes to the files out and err.
guest_background() { # SCRIPT [OPTION...]
	set_guest "$1"
	vmrun "${@:2}" >out 2>err &
	pid=$!
}

# From here on the test types at the guests' console.
attend() {
	input=$DIR/input
	mkfifo "$input"
	exec 7<>"$input"
}

# In the background with a console that the test types at, and a FIFO to ask things of vmrun.
guest_attended() { # SCRIPT [OPTION...]
	attend
	mkfifo control
	guest_background "$@" --control "$DIR/control"
}

types() { # LINE
	printf '%s\n' "$1" >&7
}

asks() { # REQUEST...: of vmrun, see its --help
	echo "$*" >control
}

sizes() { # REGEX: of what vmrun answers when it is asked for sizes, in MiB
	asks size
	tail -n 1 err | grep -qE "$1"
}

guest_said() { # TEXT
	grep -q "$1" out
}

# Small files, so many folders with so many in each, with their numbers in them. (In perl: it is much
# faster than a shell, where everything is emulated.)
make_files() { # DIR FOLDERS FILES
	perl -e 'my ($dir, $folders, $files) = @ARGV;
		for my $i (1 .. $folders) {
			mkdir "$dir/$i" or die;
			for my $j (1 .. $files) {
				open my $f, ">", "$dir/$i/$j" or die;
				print $f "$i $j\n";
			}
		}' "$@"
}

# Both ends of a stream through the port of this number.
pattern() { # send|check BYTES unix:PATH
	"$HULL_TOOLS/pattern" "$@" 3>&-
}

# MiB of anonymous memory that vmrun has: what the guest has touched, but for its kernel's text.
rss() {
	awk '/^RssAnon:/ { print int($2 / 1024) }' "/proc/$pid/status"
}

rss_is() { # TEST-OPERATOR MIB
	test "$(rss)" "$1" "$2"
}

guest_ends() {
	status=0
	wait "$pid" || status=$?
	pid=""
	output=$(tr -d '\r' <out && cat err)
}

# The machine in the background is saved, which ends it.
saves_and_ends() {
	kill -USR1 "$pid"
	guest_ends
	[ "$status" -eq 20 ] || {
		printf 'status %s, and it said:\n%s\n' "$status" "$output"
		return 1
	}
}

restored_background() { # [OPTION...]
	# shellcheck disable=SC2086 # several
	"$HULL_TOOLS/vmrun" ${HULL_VMRUN_ARGS:-} --restore "$DIR/saved" "$@" >out 2>err <"${input:-/dev/null}" 3>&- 7>&- &
	pid=$!
}

ended_well() {
	[[ $status -eq 0 && $output == *"guest: exit 0"* ]] || {
		printf 'status %s, and it said:\n%s\n' "$status" "$output"
		return 1
	}
}

says() { # TEXT
	[[ $output == *"$1"* ]] || {
		printf 'it said:\n%s\n' "$output"
		return 1
	}
}

# ---- a distribution's kernel ----

# The modules that it needs to find and use its devices.
readonly stock_modules="virtio_mmio virtio_console virtiofs virtio_net virtio_blk virtio_balloon
	virtio_mem vmw_vsock_virtio_transport overlay"

set_stock_guest() { # SCRIPT
	local dir module arguments=()
	dir=$(stock_kernel)
	kernel=$dir/vmlinuz
	for module in $stock_modules; do
		arguments+=(-m "$module")
	done
	[ -e "$STORE/stock" ] ||
		"$TESTS/vm/initrd" -o "$STORE/stock" -k "$dir"/modules/* "${arguments[@]}" - </dev/null
	set_guest "$1" "$STORE/stock"
}

run_stock() { # [OPTION...]
	mkdir -p "$STORE/cache"
	run vmrun --cache "$STORE/cache" "$@"
	output=${output//$'\r'/}
}
