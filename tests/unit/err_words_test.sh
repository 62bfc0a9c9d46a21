#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The words that callers look for in an error come from where the user's executable is looked for,
# and where docker has a hint for its user, and from nowhere else (TAP).
set -uo pipefail

cd "${srcdir:?}" || exit 1
number=0

check() { # SENTENCE WHAT_IS_WRONG
	number=$((number + 1))
	if [ -n "$2" ]; then
		printf '%s\n' "$2" | sed 's/^/# /'
		printf 'not '
	fi
	printf 'ok %d - %s\n' $number "$1"
}

files() { # REGEX: the files of ours whose code has it
	grep -rlE --include='*.c' -- "$1" base libcontainer src | sort | tr '\n' ' '
}

unlike() { # EXPECTED FILES
	[ "$1" = "$2" ] || printf 'wanted: %s\nfound: %s' "$1" "$2"
}

echo 1..3
check "err_words is for the executable, its folder, and a folder mounted on a file" "$(unlike \
	"base/err.c libcontainer/process/exec_path.c libcontainer/process/process.c libcontainer/rootfs/mounts.c " \
	"$(files 'err_words\(')")"
check "only the executable's errors have an errno in words" "$(unlike "libcontainer/process/exec_path.c " \
	"$(files 'strerror(_r|_l|desc_np)?\(|perror\(|%m[^-]')")"
# err_set and the others would put hyphens into them, which nobody should have to read.
check "no other error is written with these words" "$(grep -rnEi --include='*.c' \
	'"[^"]*(permission denied|not permitted|no such file|not found|is a directory|open executable)' \
	base libcontainer src |
	grep -vE '^(base/err.c|libcontainer/process/exec_path.c|libcontainer/rootfs/mounts.c):|:[[:space:]]*/?\*')"
