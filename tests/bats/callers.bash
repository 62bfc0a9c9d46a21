# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# callers.bash: what podman.bats, containerd.bats and docker.bats share, loaded after lib.
#
# Each of them has a folder for its storage, $STORE (a tmpfs, as an overlay can't always lie on
# what is below /tmp), and runs the programs of this machine, or those of another Debian on the
# root folder that tests/peers/fetch makes: `on here`, `on sid`.

# In setup_file
store_begin() {
	local base=/tmp
	[ "$EUID" -eq 0 ] || return 0
	[ -z "${HULL_LAB:-}" ] || base=/run
	STORE=$(mktemp -d $base/hull-callers.XXXXXX)
	export STORE
	mount -t tmpfs -o mode=755 hull-callers "$STORE"
	# The root folder that every container is of, as the bundles of other tests have it
	(
		DIR=$STORE ID=image
		make_bundle "$STORE/bundle"
		echo "not a program" >rootfs/bin/not-executable
		tar -C rootfs -cf "$STORE/image.tar" .
	)
}

# In teardown_file. Daemons leave their process id as $STORE/NAME.pid.
store_end() {
	local file pids=()
	[ -n "${STORE:-}" ] || return 0
	for file in "$STORE"/*.pid; do
		[ ! -e "$file" ] || pids+=("$(cat "$file")")
	done
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" || true
	# They may take their mounts away, and their own programs.
	ended() { ! kill -0 "${pids[@]}" 2>/dev/null; }
	[ ${#pids[@]} -eq 0 ] || wait_for ended || kill -KILL "${pids[@]}" || true
	umount -R -l "$STORE"
	rmdir "$STORE"
}

# The programs of the tests to come are this machine's (here), or those of a suite.
on() { # here|SUITE
	suite=$1
	home=$STORE/$suite
	mkdir -p "$home"
	[ "$suite" != here ] || return 0
	requires "peers:$suite"
	[ -e "$STORE/$suite.pid" ] || {
		# The runtime may be one of the peers.
		SHARE=$STORE:$(realpath "$TESTS/.."):${XDG_CACHE_HOME:-$HOME/.cache}/hull/peers \
			"$TESTS/peers/enter" "$suite" sleep infinity </dev/null >/dev/null 2>&1 3>&- &
		echo $! >"$STORE/$suite.pid"
	}
	entered() { [ "$(readlink "/proc/$(cat "$STORE/$suite.pid")/exe")" = /usr/bin/sleep ] &&
		inside test -d "$STORE/bundle"; }
	wait_for entered
}

# A command on that suite's root folder
inside() { # COMMAND...
	if [ "$suite" = here ]; then
		command "$@" # and not the function of that name
	else
		nsenter -m -t "$(cat "$STORE/$suite.pid")" -- "$@"
	fi
}

# That suite's containerd, which `ctr` talks to, and docker if it is told to
containerd_begin() {
	[ ! -e "$STORE/containerd-$suite.pid" ] || return 0
	cat >"$home/config.toml" <<-C
		version = 2
		root = "$home/root"
		state = "$home/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images",
			"io.containerd.cri.v1.runtime", "io.containerd.nri.v1.nri",
			"io.containerd.snapshotter.v1.btrfs"]
		[grpc]
		address = "$home/containerd.sock"
		[plugins."io.containerd.internal.v1.opt"]
		path = "$home/opt"
	C
	inside sh -c 'echo $$ >"$1" && exec containerd --config "$2"' sh \
		"$STORE/containerd-$suite.pid" "$home/config.toml" \
		</dev/null >"$home/containerd.log" 2>&1 3>&- &
	containerd_answers() { ctr version >/dev/null 2>&1; }
	wait_for containerd_answers || {
		cat "$home/containerd.log"
		return 1
	}
}

ctr() {
	inside ctr --address "$home/containerd.sock" "$@"
}

# A person at a terminal of 33 rows and 77 columns: runs a command or function there. What it says
# goes to $DIR/screen, what `types` sends comes from the keyboard, `leaves_with` has its status.
at_terminal() { # COMMAND...
	rm -f "$DIR/keys" "$DIR/screen" "$DIR/tty-name"
	mkfifo "$DIR/keys"
	cat >"$DIR/session" <<-S
		tty >"$DIR/tty-name"
		stty rows 33 cols 77
		$(declare -p suite home STORE RUNTIME ID)
		$(declare -f inside $(compgen -A function "${1%%_*}"))
		$(printf '%q ' "$@")
	S
	script -qefc "bash $DIR/session" /dev/null <"$DIR/keys" >"$DIR/screen" 2>&1 3>&- &
	terminal=$!
	exec {keys}>"$DIR/keys"
}

types() { # TEXT: printf's escapes are understood
	printf '%b' "$1" >&"$keys"
}

shows() { # TEXT: waits until it is on the screen
	seen() { grep -qF -- "$text" "$DIR/screen"; }
	local text=$1
	wait_for seen || {
		cat "$DIR/screen"
		return 1
	}
}

# Another size of the window. (stty would set the rows, then the columns: callers that hear of both
# at once may miss the second.)
resizes() { # ROWS COLUMNS
	perl -e 'ioctl(STDIN, 0x5414, pack("S4", @ARGV, 0, 0)) or die "TIOCSWINSZ: $!"' "$@" \
		<"$(cat "$DIR/tty-name")"
}

leaves_with() { # STATUS
	local status=0
	wait "$terminal" || status=$?
	exec {keys}>&-
	[ "$status" -eq "$1" ] || {
		echo "its status was $status"
		cat "$DIR/screen"
		return 1
	}
}

# The last `run` said this.
says() { # REGEX
	[[ $output =~ $1 ]] || {
		printf 'said:   %s\nwanted: %s\n' "$output" "$1"
		return 1
	}
}

# The last `run` did not.
never_says() { # REGEX
	[[ ! $output =~ $1 ]] || {
		printf 'said: %s\n' "$output"
		return 1
	}
}
