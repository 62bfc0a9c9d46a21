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

# In teardown_file
store_end() {
	local pid
	[ -n "${STORE:-}" ] || return 0
	for pid in "$STORE"/*.pid; do
		[ ! -e "$pid" ] || kill "$(cat "$pid")" || true
	done
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
		SHARE=$STORE:$(realpath "$TESTS/..") "$TESTS/peers/enter" "$suite" sleep infinity </dev/null >/dev/null 2>&1 3>&- &
		echo $! >"$STORE/$suite.pid"
	}
	entered() { [ "$(readlink "/proc/$(cat "$STORE/$suite.pid")/exe")" = /usr/bin/sleep ] &&
		inside test -d "$STORE/bundle"; }
	wait_for entered
}

# A command on that suite's root folder
inside() { # COMMAND...
	if [ "$suite" = here ]; then
		"$@"
	else
		nsenter -m -t "$(cat "$STORE/$suite.pid")" -- "$@"
	fi
}

# A person at a terminal of 33 rows and 77 columns: runs a command or function there. What it says
# goes to $DIR/screen, what `types` sends comes from the keyboard, `leaves_with` has its status.
at_terminal() { # COMMAND...
	rm -f "$DIR/keys" "$DIR/screen" "$DIR/tty-name"
	mkfifo "$DIR/keys"
	cat >"$DIR/session" <<-S
		tty >"$DIR/tty-name"
		stty rows 33 cols 77
		$(declare -p suite home STORE RUNTIME)
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

# Another size of the window, as a person drags it
resizes() { # ROWS COLUMNS
	stty -F "$(cat "$DIR/tty-name")" rows "$1" cols "$2"
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
