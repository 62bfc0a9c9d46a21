#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Errors, as callers read them: each row is a way to fail. Whichever it is, the command says one
# line on stderr and one object in the log, nothing on stdout, exits with 1 (255 for an exec) and
# leaves nothing behind. podman and docker make of the words in it what they tell their user, so
# those are in errors about the user's executable and in no others.
# bats file_tags=hull

# shellcheck disable=SC2016 # jq's variables, and scripts for the container's shell
# shellcheck disable=SC2030,SC2031 # each test is a subshell, on purpose
load lib

setup() {
	test_begin
	first_config=$(<config.json)
	printf '%s\n' "$first_config" >"$DIR/first.json"
	printf '%s' "$ROOT" >"$DIR/root.name"
	bad=""
	rows=0
}

# A row begins: its name is told if it fails, and its bundle is the test's first.
row() { # NAME [JQ FILTER [JQ OPTION...]]
	row=$1
	if [ $# -eq 1 ]; then
		printf '%s\n' "$first_config" >config.json
	else
		jq "${@:2}" "$DIR/first.json" >config.json
	fi
}

# ---- what callers make of an error's text ----

# libpod's getOCIRuntimeError: denied, missing, label or other.
podman_kind() { # TEXT
	case ${1,,} in
	*"permission denied"* | *"operation not permitted"*) echo denied ;;
	*"executable file not found in"* | *"no such file or directory"* | *"open executable"*)
		echo missing
		;;
	*\`/proc/[a-z0-9-]?*/attr*\`*) echo label ;;
	*) echo other ;;
	esac
}

# What `podman run` exits with then (define.ExitCode looks at the text once more, which has the
# words of the kind as well), and `podman exec` (TranslateExecErrorToExitCode).
podman_run() { # TEXT
	local kind
	kind=$(podman_kind "$1")
	case $kind:${1,,} in
	missing:* | *"not found"* | *"executable path is empty"* | *"no such file"*) echo 127 ;;
	*) echo 126 ;;
	esac
}

podman_exec() { # TEXT
	case $(podman_kind "$1") in
	denied) echo 126 ;;
	missing) echo 127 ;;
	*) echo 125 ;;
	esac
}

# What moby's daemon notes as the container's exit code (daemon/errors.go).
dockerd() { # TEXT
	case ${1,,} in
	*"is a directory"*) echo 126 ;;
	*"not a directory"*) echo 127 ;; # "Are you trying to mount a directory onto a file?"
	*"permission denied"*) echo 126 ;;
	*"executable file not found"* | *"no such file or directory"* | \
		*"system cannot find the file specified"* | *"failed to run runc create/exec call"*)
		echo 127
		;;
	*) echo 128 ;;
	esac
}

# What `docker run` exits with (docker/cli, runStartContainerErr): it minds upper and lower case.
docker_run() { # TEXT
	case $1 in
	*"executable file not found"* | *"no such file or directory"* | \
		*"system cannot find the file specified"*)
		echo 127
		;;
	*"permission denied"* | *"is a directory"*) echo 126 ;;
	*) echo 125 ;;
	esac
}

# What the five should be for each class of row:
#   runtime   the runtime's or the caller's trouble: no one blames the user's executable
#   missing   the executable isn't there
#   denied    the executable can't be run
#   folder    a file where a folder is due or the other way round, which docker has a hint for
classes() { # CLASS: podman's kind, podman run, podman exec, dockerd, docker run
	case $1 in
	runtime) echo other 126 125 128 125 ;;
	missing) echo missing 127 127 127 127 ;;
	denied) echo denied 126 126 126 126 ;;
	folder) echo other 126 125 127 125 ;;
	label) echo label 126 125 128 125 ;;
	esac
}

classify() { # TEXT
	echo "$(podman_kind "$1")" "$(podman_run "$1")" "$(podman_exec "$1")" "$(dockerd "$1")" \
		"$(docker_run "$1")"
}

# ---- a row's run ----

wrong() { # WHAT
	printf '%s: %s\n  said: %s\n' "$row" "$1" "${text:-nothing}"
	bad=1
}

# The command fails as the row's class says, and with these words (a regex).
fails() { # CLASS REGEX ARG...
	local class=$1 regex=$2 want=1 status=0 logged
	local time='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})'
	shift 2
	rows=$((rows + 1))
	text=""
	[[ " $* " != *" exec "* ]] || want=255
	[ -z "${usage:-}" ] || want=1
	rm -f "$DIR/log"
	"$RUNTIME" --root "$ROOT" --log "$DIR/log" --log-format json "$@" \
		</dev/null >"$DIR/stdout" 2>"$DIR/stderr" 3>&- || status=$?
	text=$(<"$DIR/stderr")
	[ $status -eq $want ] || wrong "exit status $status, not $want"
	[ ! -s "$DIR/stdout" ] || wrong "on stdout: $(head -c 200 "$DIR/stdout")"
	[[ $text != *$'\n'* && $text == "${RUNTIME##*/}: "?* ]] || wrong "not one line on stderr"
	text=${text#"${RUNTIME##*/}: "}
	# By itself: jq takes longer than all the rest. all_well has it read these once more.
	logged=$(cat "$DIR/log" 2>&1)
	[[ $logged =~ ^\{\"level\":\"error\",\"msg\":\".*\",\"time\":\"$time\"\}$ && $logged != *$'\n'* ]] ||
		wrong "in the log: $logged"
	printf '%s\n' "$logged" >>"$DIR/logs"
	printf '%s\n' "$text" >>"$DIR/texts"
	[[ $text =~ $regex ]] || wrong "wanted: $regex"
	[ "$(classify "$text")" = "$(classes "$class")" ] ||
		wrong "callers make of it: $(classify "$text"), not $(classes "$class")"
	[ -z "${HULL_ERRORS:-}" ] || printf '%-9s %-45s %s\n' "$class" "$row" "$text" >>"$HULL_ERRORS"
}

# The same for what would have made a container: nothing of it is there.
leaves_nothing() { # CLASS REGEX ARG...
	fails "$@"
	if [ -n "$(leftovers)" ] || [ -e "$DIR/pid" ] || ours_run; then
		sleep 0.2
		[ -z "$(leftovers)" ] || wrong "left behind: $(leftovers)"
		[ ! -e "$DIR/pid" ] || wrong "left a pid file"
		! ours_run || wrong "a process is left"
	fi
}

ours_run() {
	grep -lsFf "$DIR/root.name" /proc/[0-9]*/cmdline >"$DIR/running"
}

# config.json changed by the filter makes create fail.
refuses() { # NAME CLASS REGEX FILTER [JQ OPTION...]
	row "$1" "${@:4}"
	leaves_nothing "$2" "$3" create "$ID"
}

all_well() { # ROWS: how many there should have been
	[ -z "$bad" ]
	[ "$rows" -eq "$1" ]
	diff <(jq -r .msg "$DIR/logs") "$DIR/texts"
}

# ---- the command line ----

@test "errors of the command line" {
	usage=1
	row "an unknown command"
	fails runtime "No help topic for 'paws'" paws
	row "a command that is still to come"
	fails runtime '^checkpoint: not supported yet' checkpoint "$ID"
	row "an unknown option"
	fails runtime '^create: unknown option --no-such' create --no-such "$ID"
	row "an unknown short option"
	fails runtime '^kill: unknown option -x' kill -x "$ID"
	row "an option without its value"
	fails runtime '^create: --bundle needs a value' create --bundle
	row "a flag that is neither true nor false"
	fails runtime '^create: --no-pivot: neither true nor false: maybe' create --no-pivot=maybe "$ID"
	row "an empty path"
	fails runtime '^create: --pid-file: an empty path' create --pid-file "" "$ID"
	row "a number that is none"
	fails runtime '^run: --preserve-fds: not a number .*: many' run --preserve-fds many "$ID"
	row "a number that is too big"
	fails runtime '^run: --preserve-fds: not a number .*: 4294967296' run --preserve-fds 4294967296 "$ID"
	row "no such format"
	fails runtime '^list: --format: not one of table.*: xml' list --format xml
	row "no such log format"
	fails runtime '^--log-format: not one of .*: xml' --log-format xml list
	row "no such log level"
	fails runtime '^--log-level: not one of .*: loud' --log-level loud list
	row "no such cgroup manager"
	fails runtime '^--cgroup-manager: not one of .*: mine' --cgroup-manager mine list
	row "an unknown global option"
	fails runtime '^unknown option --no-such' --no-such list
	local command
	for command in create run start state kill delete exec; do
		row "$command without an id"
		fails runtime "^$command: too few arguments: .*ID" $command
	done
	for command in create run start state delete; do
		row "$command with two ids"
		fails runtime "^$command: too many arguments: .*ID" $command "$ID" "$ID"
	done
	row "features with an id"
	fails runtime '^features: too many arguments' features "$ID"
	usage=""
	row "help of nothing known"
	fails runtime "^help: No help topic for 'paws'" help paws
	all_well 28
}

@test "errors of ids, signals and the environment" {
	local long
	long=$(printf '%0300d' 0)
	row "an id that climbs"
	leaves_nothing runtime '^create: invalid container id format: \.\./x' create ../x
	row "an empty id"
	leaves_nothing runtime '^create: container id cannot be empty' create ""
	row "an id with words"
	leaves_nothing runtime 'invalid container id format: permission-denied' create "permission denied"
	row "an id that is too long"
	leaves_nothing runtime '^create: container id is longer than 255 bytes' create "$long"
	row "a state of an id that climbs"
	fails runtime '^state: invalid container id format: \.\./x' state ../x
	row "an unknown signal"
	fails runtime "^kill $ID: unknown signal \"NOSUCH\"" kill "$ID" NOSUCH
	row "a signal that is none"
	fails runtime "^kill $ID: unknown signal \"4096\"" kill "$ID" 4096
	row "a preserved descriptor that isn't open"
	leaves_nothing runtime '--preserve-fds: descriptor [0-9]+: EBADF' create --preserve-fds 100 "$ID"
	row "LISTEN_FDS that is no number"
	LISTEN_FDS=some leaves_nothing runtime 'LISTEN_FDS in the environment is no number: some' create "$ID"
	row "NOTIFY_SOCKET"
	NOTIFY_SOCKET=/run/x leaves_nothing runtime 'NOTIFY_SOCKET .* not supported yet' create "$ID"
	row "the systemd cgroup driver"
	leaves_nothing runtime 'systemd cgroup driver is not supported yet' --systemd-cgroup create "$ID"
	all_well 11
}

@test "errors of the root, and of spec" {
	local first=$ROOT
	row "/ as the root"
	ROOT=/ fails runtime "^list: --root: / can't hold" list
	row "a root that is a file"
	ROOT=$DIR/first.json leaves_nothing runtime "/first.json: (EEXIST|ENOTDIR)" create "$ID"
	row "a root below a file"
	ROOT=$DIR/first.json/root leaves_nothing runtime "/first.json/root: ENOTDIR" create "$ID"
	row "a list of a root that is a file"
	ROOT=$DIR/first.json fails runtime "^list: .*/first.json: ENOTDIR" list
	row "a state in a root that is a file"
	ROOT=$DIR/first.json fails runtime "^state $ID: .*/first.json: ENOTDIR" state "$ID"
	[ "$ROOT" = "$first" ]
	row "spec where there is a config.json"
	fails runtime '^spec: File config.json exists' spec
	row "spec in a missing folder"
	fails runtime "^spec: bundle $DIR/nowhere: ENOENT" spec --bundle "$DIR/nowhere"
	row "spec in a file"
	fails runtime "^spec: bundle $DIR/first.json: ENOTDIR" spec --bundle "$DIR/first.json"
	all_well 8
}

# The log itself is the trouble: only stderr is left, with one line.
@test "errors of the log" {
	local out
	for command in list "create --no-such $ID" "paws"; do
		# shellcheck disable=SC2086 # words
		run -1 --separate-stderr "$RUNTIME" --log "$DIR/nowhere/log" $command
		[ -z "$output" ]
		[ ${#stderr_lines[@]} -eq 1 ]
		[ "$(classify "$stderr")" = "$(classes runtime)" ]
	done
	run -1 --separate-stderr "$RUNTIME" --log "$DIR/nowhere/log" list
	[ "$stderr" = "${RUNTIME##*/}: list: --log $DIR/nowhere/log: ENOENT" ]
	# Without a log the object is the line on stderr, for who asks for JSON.
	run -1 --separate-stderr "$RUNTIME" --log-format json --root "$ROOT" state "$ID"
	[ ${#stderr_lines[@]} -eq 1 ]
	out=$(jq -r .msg <<<"$stderr")
	[ "$out" = "state $ID: container does not exist" ]
	# The text format has the same words.
	run -1 --separate-stderr "$RUNTIME" --log "$DIR/log.text" --root "$ROOT" state "$ID"
	[ ${#stderr_lines[@]} -eq 1 ]
	[[ $(<"$DIR/log.text") == "level=error msg=\"state $ID: container does not exist\" time=\""*'"' ]]
}

# ---- the bundle ----

@test "errors of the bundle" {
	row "a missing bundle"
	leaves_nothing runtime "^create $ID: bundle $DIR/nowhere: ENOENT" create -b "$DIR/nowhere" "$ID"
	row "a bundle that is a file"
	leaves_nothing runtime "first.json" create -b "$DIR/first.json" "$ID"
	row "a missing configuration"
	leaves_nothing runtime "none.json is missing" create --config none.json "$ID"
	row "a configuration that is a folder"
	leaves_nothing runtime "read rootfs: a folder, not a file" create --config rootfs "$ID"
	row "an empty configuration"
	: >config.json
	leaves_nothing runtime "^create $ID: config.json: line 1: not valid JSON: .*premature EOF" create "$ID"
	row "half a configuration"
	head -c 100 "$DIR/first.json" >config.json
	leaves_nothing runtime "config.json: line [0-9]+: not valid JSON" create "$ID"
	row "more than a configuration"
	echo '{}' >>config.json
	cat "$DIR/first.json" >>config.json
	leaves_nothing runtime "config.json: line [0-9]+: " create "$ID"
	row "a configuration that is no object"
	echo '[]' >config.json
	leaves_nothing runtime "config.json: an array, not an object" create "$ID"
	row "a configuration in no encoding"
	printf '{"ociVersion": "\xff\xfe"}' >config.json
	leaves_nothing runtime "config.json: " create "$ID"
	refuses "no ociVersion" runtime 'config.json: ociVersion: ' 'del(.ociVersion)'
	refuses "a version of the future" runtime 'config.json: ociVersion: 2.0.0 is not 1.x' '.ociVersion = "2.0.0"'
	refuses "no root" runtime 'config.json: root: ' 'del(.root)'
	refuses "no root.path" runtime 'config.json: root.path: ' 'del(.root.path)'
	refuses "a rootfs that is missing" runtime "root.path $BUNDLE/nowhere: ENOENT" '.root.path = "nowhere"'
	refuses "a rootfs that is a file" runtime "root.path $BUNDLE/config.json: a file, not a folder" \
		'.root.path = "config.json"'
	refuses "a rootfs below a file" runtime "root.path $BUNDLE/config.json/x: ENOTDIR" '.root.path = "config.json/x"'
	refuses "no process" runtime 'config.json: process: missing' 'del(.process)'
	refuses "a process that is a list" runtime 'config.json: process: an array, not an object' '.process = []'
	refuses "another engine" runtime 'annotations: dev.hull.engine: "best" is neither native nor microvm' \
		'.annotations["dev.hull.engine"] = "best"'
	all_well 19
}

# ---- process ----

@test "errors of the process" {
	refuses "no args" runtime 'process.args: ' 'del(.process.args)'
	refuses "empty args" runtime 'process.args: ' '.process.args = []'
	refuses "an empty command" runtime 'process.args\[0\]: empty' '.process.args = [""]'
	refuses "args of numbers" runtime 'process.args\[1\]: a number, not a string' '.process.args = ["true", 1]'
	refuses "a relative cwd" runtime 'process.cwd: tmp is not absolute' '.process.cwd = "tmp"'
	refuses "env without =" runtime 'process.env\[0\]: "HOME" has no' '.process.env = ["HOME"]'
	refuses "env without a name" runtime 'process.env\[0\]: "=x" has no name' '.process.env = ["=x"]'
	refuses "a negative uid" runtime 'process.user.uid: ' '.process.user.uid = -1'
	refuses "a uid that is a name" runtime 'process.user.uid: a string, not a number' '.process.user.uid = "root"'
	refuses "the uid that means none" runtime 'process.user.uid: 4294967295 is no id' '.process.user.uid = 4294967295'
	refuses "a umask beyond" runtime 'process.user.umask: 4096 is more than' '.process.user.umask = 4096'
	refuses "an unknown rlimit" runtime 'process.rlimits\[0\]: unknown type RLIMIT_FUN' \
		'.process.rlimits = [{type: "RLIMIT_FUN", soft: 1, hard: 1}]'
	refuses "an rlimit twice" runtime 'process.rlimits\[1\].type: RLIMIT_CORE is there twice' \
		'.process.rlimits = [range(2) | {type: "RLIMIT_CORE", soft: 1, hard: 1}]'
	refuses "a soft limit above the hard one" runtime 'process.rlimits\[0\]: RLIMIT_CORE: the soft limit 2 is above' \
		'.process.rlimits = [{type: "RLIMIT_CORE", soft: 2, hard: 1}]'
	refuses "an rlimit beyond the kernel's" runtime 'process.rlimits: RLIMIT_NOFILE [0-9:]+: EPERM' \
		'.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 4294967295, hard: 4294967295}]'
	refuses "an oom score beyond" runtime 'process.oomScoreAdj: 2000 is not between' '.process.oomScoreAdj = 2000'
	refuses "a console size beyond" runtime 'process.consoleSize: ' \
		'.process.consoleSize = {height: 99999, width: 1}'
	refuses "a scheduler" runtime 'process.scheduler: not supported yet' '.process.scheduler = {policy: "SCHED_IDLE"}'
	refuses "an I/O priority" runtime 'process.ioPriority: not supported yet' '.process.ioPriority = {class: "IOPRIO_CLASS_IDLE"}'
	refuses "an unknown seccomp action" runtime 'linux.seccomp: unknown action "SCMP_ACT_FUN"' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_FUN"}'
	refuses "an unknown architecture" runtime 'linux.seccomp: unknown architecture "SCMP_ARCH_PDP11"' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_PDP11"]}'
	refuses "an unknown operator" runtime 'linux.seccomp: unknown operator "SCMP_CMP_IS"' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["read"], action: "SCMP_ACT_ERRNO",
			args: [{index: 0, value: 1, op: "SCMP_CMP_IS"}]}]}'
	refuses "an argument that no system call has" runtime 'linux.seccomp: argument index 6' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["read"], action: "SCMP_ACT_ERRNO",
			args: [{index: 6, value: 1, op: "SCMP_CMP_EQ"}]}]}'
	refuses "a seccomp listener" runtime 'linux.seccomp: .*SCMP_ACT_NOTIFY|listenerPath' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["read"], action: "SCMP_ACT_NOTIFY"}]}'
	refuses "an unknown seccomp flag" runtime 'linux.seccomp.flags\[0\]: unknown: FUN' \
		'.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["FUN"]}'
	all_well 25
}

@test "errors of AppArmor where the kernel has none" {
	have apparmor && skip "it has"
	refuses "a profile" runtime 'process.apparmorProfile: apparmor is not enabled' '.process.apparmorProfile = "nosuch"'
	all_well 1
}

@test "errors of AppArmor" {
	requires apparmor
	# podman has a kind of its own for this one.
	refuses "an unknown profile" label 'unable to apply apparmor profile: .*nosuch.*: ENOENT' \
		'.process.apparmorProfile = "nosuch"'
	all_well 1
}

@test "errors of terminals, pid files and sockets" {
	row "a terminal without a socket" '.process.terminal = true'
	leaves_nothing runtime 'cannot allocate tty if .* will detach without setting console socket' create "$ID"
	row "a console socket that is missing" '.process.terminal = true'
	leaves_nothing runtime '--console-socket: connect to .*/nowhere/tty.sock: ENOENT' \
		create --console-socket "$DIR/nowhere/tty.sock" "$ID"
	row "a console socket that is a file" '.process.terminal = true'
	leaves_nothing runtime '--console-socket: connect to .*/first.json: ECONNREFUSED' \
		create --console-socket "$DIR/first.json" "$ID"
	row "a console socket and no terminal"
	leaves_nothing runtime 'cannot use console socket' create --console-socket "$DIR/tty.sock" "$ID"
	row "a pidfd socket that is missing"
	leaves_nothing runtime '--pidfd-socket: connect to .*/nowhere/pidfd.sock: ENOENT' \
		create --pidfd-socket "$DIR/nowhere/pidfd.sock" "$ID"
	row "a pid file in a missing folder"
	leaves_nothing runtime "pid file: .*$DIR/nowhere/.*: ENOENT" create --pid-file "$DIR/nowhere/pid" "$ID"
	row "a pid file in a file"
	leaves_nothing runtime "pid file: .*$DIR/first.json/.*: ENOTDIR" create --pid-file "$DIR/first.json/pid" "$ID"
	row "a pid file that is a folder"
	leaves_nothing runtime "pid file: .*: (EISDIR|EEXIST)" create --pid-file "$BUNDLE/rootfs" "$ID"
	all_well 8
}

# ---- mounts and files ----

# config.json with this mount makes create fail.
mount_refused() { # NAME CLASS REGEX DESTINATION TYPE SOURCE OPTION...
	row "$1"
	add_mount "${@:4}"
	leaves_nothing "$2" "$3" create "$ID"
}

@test "errors of mounts" {
	local long=$DIR i
	# The reason is told however long the names are.
	for i in {1..12}; do
		long+=/$(printf '%0200d' "$i")
	done
	mount_refused "a missing source" runtime \
		"^create $ID: .*mounts\[[0-9]+\]: source $DIR/nowhere: ENOENT" /mnt bind "$DIR/nowhere" bind
	mount_refused "a source below a file" runtime "source $DIR/first.json/x: ENOTDIR" /mnt bind "$DIR/first.json/x" bind
	mount_refused "a missing source with a long name" runtime "^create $ID: .*mounts\[.*: ENOENT\$" /mnt bind "$long" bind
	mount_refused "a file over a folder" folder \
		"\"$DIR/first.json\" to rootfs at \"/mnt\": source is not a directory, and target /mnt is one\$" \
		/mnt bind "$DIR/first.json" bind
	mount_refused "a folder over a file" folder \
		"\"$DIR\" to rootfs at \"/etc/passwd\": target /etc/passwd is not a directory\$" \
		/etc/passwd bind "$DIR" bind
	mount_refused "a target below a file" runtime 'at "/etc/passwd/x": target /etc/passwd/x: ENOTDIR' \
		/etc/passwd/x bind "$DIR" bind
	mount_refused "a bind without a source" runtime 'mounts\[[0-9]+\]: ' /mnt bind "" bind
	mount_refused "no type" runtime 'mounts\[[0-9]+\]: neither a type nor the option bind' /mnt "" x
	mount_refused "no such filesystem" runtime 'at "/mnt": filesystem nosuchfs: ENODEV' /mnt nosuchfs none
	mount_refused "a filesystem on a missing device" runtime 'at "/mnt": .*: (ENOENT|ENODEV)$' /mnt ext4 "$DIR/nowhere"
	mount_refused "no such option" runtime 'at "/mnt": .*nosuch.*: EINVAL' /mnt tmpfs tmpfs nosuch
	mount_refused "a bad value of an option" runtime 'at "/mnt": .*size.*: EINVAL' /mnt tmpfs tmpfs size=lots
	mount_refused "an option of filesystems for a bind" runtime 'mounts\[[0-9]+\]: bind mounts cannot have any filesystem-specific' \
		/mnt bind "$DIR" bind size=1
	mount_refused "a remount of no bind" runtime 'mounts\[[0-9]+\]: .*remount' /mnt tmpfs tmpfs remount
	mount_refused "tmpcopyup of no tmpfs" runtime 'mounts\[[0-9]+\]: .*tmpcopyup: for a tmpfs only' /mnt mqueue mqueue tmpcopyup
	mount_refused "an idmapped mount" runtime 'mounts\[[0-9]+\]: .*idmap.*not supported yet' /mnt bind "$DIR" bind idmap
	mount_refused "a mount inside /proc" runtime '"/proc/1" cannot be mounted because it is inside /proc' \
		/proc/1 tmpfs tmpfs
	mount_refused "something else on /proc" runtime '"/proc" cannot be mounted because it is not of type proc' \
		/proc tmpfs tmpfs
	mount_refused "an overlay of nothing" runtime 'at "/mnt": lowerdir: .*: E[A-Z]+$|lowerdir: ENOENT$' /mnt overlay overlay "lowerdir=$DIR/nowhere"
	row "proc over a symlink"
	ln -s /mnt rootfs/link
	add_mount /link proc proc
	leaves_nothing runtime 'filesystem "proc" must be mounted on ordinary directory' create "$ID"
	row "a target that a symlink leads into /proc"
	ln -s /proc/1 rootfs/led
	add_mount /led tmpfs tmpfs
	leaves_nothing runtime '"/led" cannot be mounted because it is inside /proc' create "$ID"
	row "a target in a loop of symlinks"
	ln -s loop rootfs/loop
	add_mount /loop/x tmpfs tmpfs
	leaves_nothing runtime 'at "/loop/x": target /loop/x: ELOOP' create "$ID"
	refuses "a mount without a destination" runtime 'mounts\[0\].destination: ' 'del(.mounts[0].destination)'
	refuses "options that are a word" runtime 'mounts\[0\].options: a string, not an array' '.mounts[0].options = "ro"'
	row "words of callers in a name"
	add_mount /mnt bind "$DIR/no such file or directory: Permission denied" bind
	leaves_nothing runtime 'no-such-file or directory: Permission-denied: ENOENT$' create "$ID"
	all_well 25
}

@test "errors of devices, masks and sysctls" {
	refuses "a device of no type" runtime 'linux.devices\[0\].type: x is none of' '.linux.devices = [{type: "x", path: "/dev/x"}]'
	refuses "a device at /" runtime 'linux.devices\[0\]: device "/": not the path of a file' \
		'.linux.devices = [{type: "c", path: "/", major: 1, minor: 3}]'
	refuses "a device with a relative path" runtime 'linux.devices\[0\].path: dev/x is not absolute' \
		'.linux.devices = [{type: "c", path: "dev/x", major: 1, minor: 3}]'
	refuses "a device with no number" runtime 'linux.devices\[0\].major: 5000 is no device number' \
		'.linux.devices = [{type: "c", path: "/dev/x", major: 5000, minor: 3}]'
	refuses "a device in the place of a folder" runtime 'device /bin: something else is in its place' \
		'.linux.devices = [{type: "c", path: "/bin", major: 1, minor: 3}]'
	refuses "a device below a file" runtime 'folder of device /etc/passwd/x: ENOTDIR' \
		'.linux.devices = [{type: "c", path: "/etc/passwd/x", major: 1, minor: 3}]'
	refuses "a relative masked path" runtime 'linux.maskedPaths\[0\]: proc is not absolute' '.linux.maskedPaths = ["proc"]'
	refuses "a relative read-only path" runtime 'linux.readonlyPaths\[0\]: proc is not absolute' '.linux.readonlyPaths = ["proc"]'
	refuses "no such propagation" runtime 'linux.rootfsPropagation: unknown: wild' '.linux.rootfsPropagation = "wild"'
	row "a private root without pivot_root" '.linux.rootfsPropagation = "private"'
	leaves_nothing runtime 'rootfsPropagation of \[r\]private is not safe without pivot_root' create --no-pivot "$ID"
	refuses "a sysctl of the host" runtime 'linux.sysctl\["kernel.panic"\]: not in a namespace of its own' \
		'.linux.sysctl = {"kernel.panic": "1"}'
	refuses "a sysctl that is none" runtime 'write sysctl net.ipv4.nosuch: ENOENT' '.linux.sysctl = {"net.ipv4.nosuch": "1"}'
	refuses "a sysctl's bad value" runtime 'write sysctl net.ipv4.ip_forward: EINVAL' '.linux.sysctl = {"net.ipv4.ip_forward": "no"}'
	refuses "a read-only sysctl" runtime 'write sysctl net.ipv4.tcp_available_congestion_control: (EACCES|EPERM)' \
		'.linux.sysctl = {"net.ipv4.tcp_available_congestion_control": "x"}'
	refuses "the hostname by sysctl" runtime 'linux.sysctl\["kernel.hostname"\]: the hostname property is for that' \
		'.linux.sysctl = {"kernel.hostname": "x"}'
	refuses "a sysctl that climbs" runtime "linux.sysctl\[\"net/../x\"\]: not a sysctl's name" '.linux.sysctl = {"net/../x": "1"}'
	all_well 16
}

# ---- namespaces ----

ns_refused() { # NAME REGEX TYPE PATH
	row "$1" '(.linux.namespaces[] | select(.type == $t)).path = $p' --arg t "$3" --arg p "$4"
	leaves_nothing runtime "$2" create "$ID"
}

@test "errors of namespaces" {
	ns_refused "a missing path" "linux.namespaces: network: open $DIR/nowhere: ENOENT" network "$DIR/nowhere"
	ns_refused "a path of no namespace" "linux.namespaces: network: $DIR/first.json is none of that type" network "$DIR/first.json"
	ns_refused "a path of another type" 'linux.namespaces: ipc: /proc/self/ns/uts is none of that type' ipc /proc/self/ns/uts
	ns_refused "a folder" "linux.namespaces: pid: $DIR is none of that type" pid "$DIR"
	ns_refused "a relative path" 'linux.namespaces\[[0-9]\].path: ns/net is not absolute' network ns/net
	ns_refused "a mount namespace by path" 'a mount namespace by path: not supported yet' mount /proc/self/ns/mnt
	refuses "no mount namespace" runtime 'no mount namespace' 'del(.linux.namespaces[] | select(.type == "mount")) |
		.linux.maskedPaths = [] | .linux.readonlyPaths = []'
	refuses "a namespace twice" runtime 'linux.namespaces\[[0-9]\]: uts is there twice' '.linux.namespaces += [{type: "uts"}]'
	refuses "no such namespace" runtime 'linux.namespaces\[[0-9]\].type: ' '.linux.namespaces += [{type: "fun"}]'
	refuses "a hostname without a uts namespace" runtime 'hostname: there is no uts namespace' \
		'del(.linux.namespaces[] | select(.type == "uts")) | .hostname = "x"'
	refuses "a user namespace without maps" runtime 'linux.uidMappings: missing for a new user namespace' \
		'.linux.namespaces += [{type: "user"}]'
	refuses "maps without a user namespace" runtime 'linux.uidMappings: there is no user namespace' \
		'.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}]'
	refuses "an empty map" runtime 'linux.uidMappings\[0\].size: 0' '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 0}]'
	refuses "maps that overlap" runtime 'linux.uidMappings: write uid_map: EINVAL' '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [range(2) | {containerID: 0, hostID: 100000, size: 9}] |
		.linux.gidMappings = [{containerID: 0, hostID: 100000, size: 9}]'
	refuses "maps without root" runtime 'gid 0 is not mapped in the user namespace: EINVAL' '.process.user = {uid: 1, gid: 1} | .linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 1, hostID: 100000, size: 9}] | .linux.gidMappings = .linux.uidMappings'
	refuses "a user that isn't mapped" runtime 'process.user.uid: 1000 is not mapped in the user namespace' '.linux.namespaces += [{type: "user"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 9}] | .linux.gidMappings = .linux.uidMappings |
		.process.user = {uid: 1000, gid: 1000}'
	refuses "time offsets without a time namespace" runtime 'linux.timeOffsets: there is no new time namespace' \
		'.linux.timeOffsets = {monotonic: {secs: 1, nanosecs: 0}}'
	refuses "a time before the machine's" runtime 'linux.timeOffsets.monotonic: ERANGE' '.linux.namespaces += [{type: "time"}] |
		.linux.timeOffsets = {monotonic: {secs: -99999999999, nanosecs: 0}}'
	all_well 18
}

# Rootless by a plain user is refused in words.
@test "errors of a plain user" {
	requires cmd:setpriv
	chmod 711 "$DIR"
	run -1 --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		"$RUNTIME" --root "$DIR/own" create "$ID"
	[ ${#stderr_lines[@]} -eq 1 ]
	[[ $stderr == *"containers of a user other than root: not supported yet" ]]
	[ "$(classify "$stderr")" = "$(classes runtime)" ]
}

# ---- cgroups ----

@test "errors of cgroups" {
	requires cgroup2
	refuses "a cgroup that climbs" runtime 'linux.cgroupsPath: ../../x leaves its parent' '.linux.cgroupsPath = "../../x"'
	refuses "a cgroup with .." runtime 'linux.cgroupsPath "/a/../b": "..".* is not allowed' '.linux.cgroupsPath = "/a/../b"'
	refuses "a slice of systemd's" runtime 'linux.cgroupsPath "a.slice:b:c" is of the form slice:prefix:name' \
		'.linux.cgroupsPath = "a.slice:b:c"'
	refuses "the top" runtime "the top of the hierarchy can't be a container's" '.linux.cgroupsPath = "/"'
	refuses "a file of a cgroup that climbs" runtime "linux.resources.unified\[\"../x\"\]: not a file's name" \
		'.linux.resources.unified = {"../x": "1"}'
	refuses "a file without a controller" runtime 'unified resource "max" must be in the form' \
		'.linux.resources.unified = {max: "1"}'
	refuses "a controller that isn't there" runtime 'unified resource "nosuch.max" can.t be set: controller "nosuch" not available' \
		'.linux.resources.unified = {"nosuch.max": "1"}'
	refuses "a device rule of no type" runtime 'linux.resources.devices\[0\].type: x is none of' \
		'.linux.resources.devices = [{allow: true, type: "x", access: "r"}]'
	refuses "a device rule's access" runtime 'linux.resources.devices\[0\].access: x has other letters' \
		'.linux.resources.devices = [{allow: true, access: "x"}]'
	refuses "swap without memory" runtime 'unable to set swap limit without memory limit' \
		'.linux.resources.memory = {swap: 1000000000}'
	refuses "less swap than memory" runtime 'memory\+swap limit should be >= memory limit' \
		'.linux.resources.memory = {limit: 1000000000, swap: 1}'
	all_well 11
}

@test "errors of cgroups with their controllers" {
	requires memory pids cpu cpuset
	local cgroup
	cgroup=$(cgroup_of)
	refuses "no memory" runtime 'memory' '.linux.resources.memory = {limit: 1}'
	refuses "processors that aren't there" runtime "cgroup cpuset.cpus: write \"4000\" to .*|cpuset.cpus.*: E[A-Z]+" \
		'.linux.resources.cpu = {cpus: "4000"}'
	refuses "a bad list of processors" runtime 'cpuset.cpus.*: EINVAL' '.linux.resources.cpu = {cpus: "a-b"}'
	refuses "a quota of nothing" runtime 'cpu.max.*: E[A-Z]+' '.linux.resources.cpu = {quota: 1, period: 100000}'
	refuses "a file's bad value" runtime 'unable to set unified resource "memory.high": EINVAL' \
		'.linux.resources.unified = {"memory.high": "lots"}'
	refuses "no file of that name" runtime 'unified resource "memory.nosuch".*: ENOENT|memory.nosuch' \
		'.linux.resources.unified = {"memory.nosuch": "1"}'
	all_well 6
	row "a cgroup that is in use"
	mkdir -p "$cgroup"
	sleep 1000 3>&- &
	echo $! >"$cgroup/cgroup.procs"
	fails runtime "container's cgroup is not empty: 1 process" create "$ID"
	[ -z "$(ls "$ROOT")" ]
	kill $!
	wait $! || true
	rmdir "$cgroup"
	all_well 7
}

# ---- hooks ----

hook_fails() { # NAME KIND REGEX [SCRIPT]
	row "$1" '.hooks[$k] = [{path: "/bin/sh", args: ["sh", "-c", $s], env: ["PATH=/bin:/usr/bin"]}]' \
		--arg k "$2" --arg s "${4:-exit 3}"
	leaves_nothing runtime "$3" create "$ID"
}

@test "errors of hooks" {
	local kind
	for kind in prestart createRuntime createContainer; do
		hook_fails "a $kind hook that fails" $kind "^create $ID: error running $kind hook #0: exit status 3"
		hook_fails "a $kind hook that says why" $kind \
			"^create $ID: error running $kind hook #0: exit status 1, stdout: one, stderr: no card cat: /nowhere: No-such-file or directory$" \
			'echo one; echo "no card" >&2; cat /nowhere'
		refuses "a $kind hook that is missing" runtime "error running $kind hook #0: exec /no/hook: ENOENT" \
			'.hooks[$k] = [{path: "/no/hook"}]' --arg k $kind
		refuses "a $kind hook that can't be executed" runtime "error running $kind hook #0: exec $DIR/first.json: EACCES" \
			'.hooks[$k] = [{path: $p}]' --arg k $kind --arg p "$DIR/first.json"
		refuses "a $kind hook that is a folder" runtime "error running $kind hook #0: exec $DIR: EACCES" \
			'.hooks[$k] = [{path: $p}]' --arg k $kind --arg p "$DIR"
	done
	hook_fails "a hook that is killed" createRuntime 'error running createRuntime hook #0: signal: killed' 'kill -9 $$'
	hook_fails "a hook that is told that it may not" createRuntime 'hook #0: exit status 1, stdout: , stderr: .*Permission-denied' \
		'echo "/x: Permission denied" >&2; exit 1'
	hook_fails "a hook whose command is missing" createRuntime 'hook #0: exit status 127, stdout: , stderr: .*nosuch: not-found$' nosuch
	hook_fails "a hook that says much" createRuntime 'hook #0: exit status 1, stdout: , stderr: .*the end' \
		'i=0; while [ $i -lt 3000 ]; do echo "line $i of a long story"; i=$((i + 1)); done >&2; echo the end >&2; exit 1'
	refuses "a hook that takes too long" runtime 'hook #0: hook ran past specified timeout of 1.0s' \
		'.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]'
	refuses "the second of two hooks" runtime 'error running prestart hook #1: exit status 4' \
		'.hooks.prestart = [{path: "/bin/true"}, {path: "/bin/sh", args: ["sh", "-c", "exit 4"]}]'
	refuses "a relative hook" runtime 'hooks.poststop\[0\].path: bin/true is not absolute' '.hooks.poststop = [{path: "bin/true"}]'
	refuses "a hook without a path" runtime 'hooks.poststart\[0\].path: ' '.hooks.poststart = [{args: ["x"]}]'
	refuses "a timeout of nothing" runtime 'hooks.prestart\[0\].timeout: 0 is not above 0' '.hooks.prestart = [{path: "/bin/true", timeout: 0}]'
	all_well 24
}

@test "errors of startContainer and poststart hooks" {
	row "a startContainer hook that fails" '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo why >/dev/stderr; exit 3"]}] |
		.process.user = {uid: 1000, gid: 1000}'
	leaves_nothing runtime "^run $ID: error running startContainer hook #0: exit status 3, stdout: , stderr: why" run "$ID"
	row "a startContainer hook that is missing" '.hooks.startContainer = [{path: "/no/hook"}]'
	leaves_nothing runtime "^run $ID: error running startContainer hook #0: exec /no/hook: ENOENT" run "$ID"
	row "a poststart hook that fails" '.hooks.poststart = [{path: "/bin/sh", args: ["sh", "-c", "echo why >&2; exit 3"]}]'
	set_daemon
	leaves_nothing runtime "^run $ID: error running poststart hook #0: exit status 3, stdout: , stderr: why" run "$ID"
	all_well 3
}

# ---- containers in the wrong state ----

@test "errors of containers that are not there" {
	local command
	for command in start state kill delete; do
		row "$command of none"
		fails runtime "^$command $ID: container does not exist" $command "$ID"
	done
	row "exec in none"
	fails runtime "^exec $ID: container does not exist" exec "$ID" true
	all_well 5
	row "delete --force of none"
	oci delete --force "$ID"
}

@test "errors of containers in the wrong state" {
	set_daemon
	create
	row "create twice"
	fails runtime "^create $ID: container with given ID already exists" create "$ID"
	row "run twice"
	fails runtime "^run $ID: container with given ID already exists" run "$ID"
	oci start "$ID"
	row "start of a running one"
	fails runtime "^start $ID: cannot start an already running container" start "$ID"
	row "delete of a running one"
	fails runtime "^delete $ID: cannot delete container $ID that is not stopped: running" delete "$ID"
	oci kill "$ID" KILL
	wait_for is stopped
	row "start of a stopped one"
	fails runtime "^start $ID: cannot start a container that has stopped" start "$ID"
	row "kill of a stopped one"
	fails runtime "^kill $ID: container not running" kill "$ID"
	row "exec in a stopped one"
	fails runtime "^exec $ID: cannot exec in a stopped container" exec "$ID" true
	row "a state file that is cut"
	cp "$ROOT/$ID/state.json" "$DIR/state.json"
	head -c 50 "$DIR/state.json" >"$ROOT/$ID/state.json"
	fails runtime "^state $ID: .*state.json: line [0-9]+: " state "$ID"
	row "a state file of the future"
	jq '.version = 99' "$DIR/state.json" >"$ROOT/$ID/state.json"
	fails runtime "^kill $ID: .*state.json: version 99, and this hull knows" kill "$ID"
	cp "$DIR/state.json" "$ROOT/$ID/state.json"
	row "a folder without a state"
	mkdir "$ROOT/${ID}x"
	fails runtime "^state ${ID}x: open state.json: ENOENT" state "${ID}x"
	rmdir "$ROOT/${ID}x"
	all_well 10
}

# ---- the user's executable ----

command_fails() { # NAME CLASS REGEX ARG...
	row "$1"
	[ ! -e "$DIR/process.jq" ] || update_config "$(<"$DIR/process.jq")"
	set_args "${@:4}"
	leaves_nothing "$2" "$3" create "$ID"
}

# Files that can't be executed, each in a way of its own
bad_programs() {
	printf '#!/no/interpreter\n' >rootfs/bin/no-interpreter
	printf '#!/bin\n' >rootfs/bin/folder-interpreter
	printf 'text\n' >rootfs/bin/text
	printf 'neither script nor program\n' >rootfs/bin/format
	printf '#!/bin/true\n' >rootfs/bin/roots
	ln -s loop rootfs/bin/loop
	ln -s nowhere rootfs/bin/dangling
	chmod 755 rootfs/bin/{no-interpreter,folder-interpreter,format}
	chmod 700 rootfs/bin/roots
	chmod 644 rootfs/bin/text
}

@test "errors of the user's executable" {
	bad_programs
	command_fails "a command that isn't in PATH" missing '^create '"$ID"': exec: "nosuch": executable file not found in \$PATH$' nosuch
	command_fails "a command in PATH that isn't executable" missing 'exec: "text": executable file not found in \$PATH$' text
	command_fails "a path that isn't there" missing 'exec: "/no/such": stat /no/such: no such file or directory$' /no/such
	command_fails "a dangling symlink" missing 'stat /bin/dangling: no such file or directory$' /bin/dangling
	command_fails "a relative path that isn't there" missing 'stat ./nosuch: no such file or directory$' ./nosuch
	command_fails "a path below a file" folder 'stat /etc/passwd/x: not a directory$' /etc/passwd/x
	command_fails "a loop of symlinks" runtime 'stat /bin/loop: too many levels of symbolic links$' /bin/loop
	command_fails "a name that is too long" runtime 'file name too long$' "/$(printf '%0300d' 0)"
	command_fails "a file that isn't executable" denied 'exec: "/bin/text": permission denied$' /bin/text
	command_fails "a folder" denied 'exec: "/bin": is a directory: permission denied$' /bin
	command_fails "a way to the runtime's own file" runtime 'exec: "/proc/self/exe": stat /proc/self/exe: ' /proc/self/exe
	echo '.mounts += [{destination: "/mnt", type: "bind", source: "bin", options: ["bind", "noexec"]}]' >"$DIR/process.jq"
	cp -a rootfs/bin bin
	command_fails "a file on a noexec mount" denied 'exec: "/mnt/true": permission denied$' /mnt/true
	echo '.process.user = {uid: 1000, gid: 1000}' >"$DIR/process.jq"
	command_fails "a file that only root may execute" denied 'exec: "/bin/roots": permission denied$' /bin/roots
	chmod 700 rootfs/root
	command_fails "a folder that only root may enter" denied 'stat /root/x: permission denied$' /root/x
	all_well 14
}

@test "errors of the user's executable that only execve finds" {
	bad_programs
	row "a missing interpreter"
	set_args /bin/no-interpreter
	leaves_nothing missing "^run $ID: exec /bin/no-interpreter: no such file or directory$" run "$ID"
	row "an interpreter that is a folder"
	set_args /bin/folder-interpreter
	leaves_nothing denied "^run $ID: exec /bin/folder-interpreter: permission denied$" run "$ID"
	row "a file in no format"
	set_args /bin/format
	leaves_nothing runtime "^run $ID: exec /bin/format: exec format error$" run "$ID"
	all_well 3
	# The container was there before start, and is after.
	row "a missing interpreter, at start"
	set_args /bin/no-interpreter
	create
	fails missing "^start $ID: exec /bin/no-interpreter: no such file or directory$" start "$ID"
	wait_for is stopped
	all_well 4
}

@test "errors of the current folder" {
	ln -s loop rootfs/loop
	refuses "a cwd that is a file" folder 'chdir to cwd \("/etc/passwd"\) set in config.json failed: not a directory$' \
		'.process.cwd = "/etc/passwd"'
	refuses "a cwd that can't be made" folder 'chdir to cwd \("/etc/passwd/x"\) set in config.json failed: not a directory$' \
		'.process.cwd = "/etc/passwd/x"'
	refuses "a cwd in a loop of symlinks" runtime 'chdir to cwd \("/loop"\) .*: too many levels of symbolic links$' '.process.cwd = "/loop"'
	all_well 3
}

# ---- exec ----

exec_fails() { # NAME CLASS REGEX ARG...
	row=$1
	fails "$2" "$3" exec --pid-file "$DIR/pid" "${@:4}"
	[ ! -e "$DIR/pid" ] || wrong "left a pid file"
}

@test "errors of exec's executable" {
	bad_programs
	set_daemon
	start
	exec_fails "a command that isn't in PATH" missing "^exec $ID: exec: \"nosuch\": executable file not found in \\\$PATH\$" "$ID" nosuch
	exec_fails "a path that isn't there" missing 'exec: "/no/such": stat /no/such: no such file or directory$' "$ID" /no/such
	exec_fails "a path that isn't there, detached" missing 'stat /no/such: no such file or directory$' -d "$ID" /no/such
	exec_fails "a file that isn't executable" denied 'exec: "/bin/text": permission denied$' "$ID" /bin/text
	exec_fails "a folder" denied 'exec: "/bin": is a directory: permission denied$' "$ID" /bin
	exec_fails "a file that only root may execute" denied 'exec: "/bin/roots": permission denied$' -u 1000:1000 "$ID" /bin/roots
	exec_fails "a missing interpreter" missing 'exec /bin/no-interpreter: no such file or directory$' "$ID" /bin/no-interpreter
	exec_fails "a file in no format" runtime 'exec /bin/format: exec format error$' "$ID" /bin/format
	exec_fails "a missing cwd" missing 'chdir to cwd \("/no/such"\) .*: no such file or directory$' --cwd /no/such "$ID" true
	exec_fails "a way to the runtime's own file" runtime 'stat /proc/self/exe: ' "$ID" /proc/self/exe
	is running
	all_well 10
}

@test "errors of exec's options" {
	set_daemon
	start
	echo '{"args": ["true"], "cwd": "/"' >"$DIR/half.json"
	echo '{"args": ["true"], "cwd": "/", "env": ["x"]}' >"$DIR/env.json"
	echo '{"args": ["true"], "cwd": "/", "rlimits": [{"type": "RLIMIT_FUN", "soft": 1, "hard": 1}]}' >"$DIR/rlimit.json"
	echo '{"args": ["true"], "cwd": "/", "user": {"uid": -5}}' >"$DIR/user.json"
	exec_fails "no command" runtime 'neither a command nor --process is given' "$ID"
	exec_fails "a user by name" runtime '--user: not UID\[:GID\] in numbers: user' -u user "$ID" true
	exec_fails "a group by name" runtime '--additional-gids: not a number: user' -g user "$ID" true
	exec_fails "env without =" runtime '--env: not NAME=VALUE: x' -e x "$ID" true
	exec_fails "a relative cwd" runtime '--cwd: tmp is not absolute' --cwd tmp "$ID" true
	exec_fails "a cgroup of cgroup v1" runtime '--cgroup: cgroup v2 has one path for all: cpu:/x' --cgroup cpu:/x "$ID" true
	exec_fails "a missing process file" runtime "^exec $ID: --process: .*$DIR/none.json: ENOENT" -p "$DIR/none.json" "$ID"
	exec_fails "a process file that is a folder" runtime '--process: read .*: a folder, not a file' -p "$DIR" "$ID"
	exec_fails "half a process file" runtime "--process: $DIR/half.json: line [0-9]+: not valid JSON" -p "$DIR/half.json" "$ID"
	exec_fails "a process file with bad env" runtime "$DIR/env.json: .*env\[0\]: \"x\" has no '='" -p "$DIR/env.json" "$ID"
	exec_fails "a process file with a bad rlimit" runtime 'process.rlimits\[0\]: unknown type RLIMIT_FUN' -p "$DIR/rlimit.json" "$ID"
	exec_fails "a process file with a bad user" runtime "$DIR/user.json: user.uid: " -p "$DIR/user.json" "$ID"
	exec_fails "a terminal without a socket, detached" runtime 'cannot allocate tty' -d -t "$ID" true
	exec_fails "a console socket that is missing" runtime '--console-socket: .*/tty.sock: ENOENT' \
		-d -t --console-socket "$DIR/tty.sock" "$ID" true
	exec_fails "a preserved descriptor that isn't open" runtime '--preserve-fds: descriptor' --preserve-fds 100 "$ID" true
	row="a pid file in a missing folder"
	fails runtime "pid file: .*$DIR/nowhere/.*: ENOENT" exec --pid-file "$DIR/nowhere/pid" "$ID" true
	usage=1
	exec_fails "an unknown option" runtime '^exec: unknown option --no-such' --no-such "$ID" true
	is running
	all_well 17
}

@test "errors of exec with a cgroup" {
	requires cgroup2
	set_daemon
	start
	exec_fails "a cgroup that climbs" runtime 'bad sub cgroup path: ../x' --cgroup ../x "$ID" true
	exec_fails "a cgroup that isn't there" runtime 'open cgroup nosuch of .*: ENOENT' --cgroup nosuch "$ID" true
	echo 1 >"$(cgroup_of)/cgroup.freeze"
	wait_for is paused
	exec_fails "a paused container" runtime 'cannot exec in a paused container' "$ID" true
	echo 0 >"$(cgroup_of)/cgroup.freeze"
	wait_for is running
	all_well 3
}
