#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# process.terminal: a pseudo-terminal, given to the caller by --console-socket or relayed.

load lib

setup() {
	test_begin
	requires cmd:script
	[ -x "$HULL_TOOLS/recvtty" ] || skip "no $HULL_TOOLS/recvtty"
	update_config '.process.terminal = true'
}

# Takes the terminal at $DIR/tty.sock; what the container says goes to $DIR/tty.
receive_tty() { # [OPTION...]
	"$HULL_TOOLS/recvtty" "$@" "$DIR/tty.sock" </dev/null >"$DIR/tty" 2>&1 3>&- &
	wait_for test -S "$DIR/tty.sock"
}

@test "create sends the terminal's master to the console socket" {
	set_script 'test -t 0 && test -t 1 && test -t 2 && echo all three'
	receive_tty -n "$DIR/name"
	create --console-socket "$DIR/tty.sock"
	wait_for test -s "$DIR/name"
	oci start "$ID"
	wait_for grep -q "all three" "$DIR/tty"
}

@test "the terminal is the container's /dev/console and its controlling terminal" {
	set_script 'tty; readlink /proc/self/fd/0; echo through >/dev/console; echo direct >/dev/tty'
	receive_tty
	create --console-socket "$DIR/tty.sock"
	oci start "$ID"
	wait_for grep -q direct "$DIR/tty"
	grep -q through "$DIR/tty"
	grep -qE '^/dev/(pts/0|console)' "$DIR/tty"
}

@test "process.consoleSize is the terminal's size" {
	update_config '.process.consoleSize = {height: 33, width: 77}'
	set_script 'stty size; echo end'
	receive_tty
	create --console-socket "$DIR/tty.sock"
	oci start "$ID"
	wait_for grep -q end "$DIR/tty"
	grep -q "33 77" "$DIR/tty"
}

@test "run --detach sends the terminal too" {
	set_script 'test -t 0 && echo terminal; sleep 1000'
	receive_tty
	oci run --detach --console-socket "$DIR/tty.sock" "$ID" </dev/null >"$DIR/out" 2>&1
	wait_for grep -q terminal "$DIR/tty"
}

@test "the terminal belongs to the container's user" {
	update_config '.process.user = {uid: 1000, gid: 1000}'
	set_script 'stat -c "owner %u" $(readlink /proc/self/fd/0); echo end'
	receive_tty
	create --console-socket "$DIR/tty.sock"
	oci start "$ID"
	wait_for grep -q end "$DIR/tty"
	grep -q "owner 1000" "$DIR/tty"
}

@test "exec --tty --console-socket sends a terminal" {
	update_config '.process.terminal = false'
	set_daemon
	start
	receive_tty
	oci exec --tty --detach --console-socket "$DIR/tty.sock" "$ID" \
		sh -c 'test -t 0 && echo terminal' </dev/null >"$DIR/out" 2>&1
	wait_for grep -q terminal "$DIR/tty"
}

@test "run relays the caller's terminal" {
	set_script 'test -t 0 && echo terminal; read x; echo "got $x"; exit 5'
	local status=0
	{
		wait_for grep -q terminal "$DIR/tty"
		echo typed
		wait_for grep -q "got typed" "$DIR/tty"
	} | script -qec "'$RUNTIME' --root '$ROOT' run $ID" /dev/null >"$DIR/tty" 3>&- || status=$?
	grep -q terminal "$DIR/tty"
	grep -q "got typed" "$DIR/tty"
	[ $status -eq 5 ]
}

@test "exec --tty relays the caller's terminal" {
	update_config '.process.terminal = false'
	set_daemon
	start
	local status=0
	script -qec "'$RUNTIME' --root '$ROOT' exec -t $ID sh -c 'test -t 1 && tty; exit 6'" \
		/dev/null </dev/null >"$DIR/tty" 3>&- || status=$?
	grep -q /dev/ "$DIR/tty"
	[ $status -eq 6 ]
}

@test "a window's new size reaches the container" {
	set_script 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done'
	# Only a command in the foreground has the terminal as its stdin.
	script -qec "stty rows 20 cols 30
		{
			until grep -q ready '$DIR/tty'; do sleep 0.1; done
			stty rows 44 cols 55 </dev/tty
			until grep -q '44 55' '$DIR/tty'; do sleep 0.1; done
			'$RUNTIME' --root '$ROOT' kill $ID KILL
		} &
		'$RUNTIME' --root '$ROOT' run $ID" /dev/null </dev/null >"$DIR/tty" 3>&- &
	local pid=$!
	wait_for grep -q "44 55" "$DIR/tty"
	wait $pid || true
}
