#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual page and the completions have what --help has (TAP). Run in the build folder.
set -uo pipefail

page=man/hull.8
[ -e $page ] || page=${srcdir:?}/$page
completion=contrib/completions/hull
[ -e $completion ] || completion=$srcdir/$completion
number=0

commands() {
	./hull --help | sed -n '/^COMMANDS:/,/^$/s/^   \([a-z]\+\) .*/\1/p'
}

options() { # [COMMAND]: --name and -n, one a line
	./hull "$@" --help | sed -n '/OPTIONS:$/,$p' | grep -oE '^   --[a-z0-9-]+|, -[a-z]\b' |
		grep -oE -- '--?[a-z0-9-]+'
}

check() { # SENTENCE MISSING
	number=$((number + 1))
	if [ -n "$2" ]; then
		printf '# missing: %s\nnot ' "$2"
	fi
	printf 'ok %d - %s\n' $number "$1"
}

section() { # COMMAND: what the page says of it; the global options if there is none
	if [ $# -eq 0 ]; then
		sed -n '/^\.SH GLOBAL OPTIONS/,/^\.SH COMMANDS/p' "$page"
	else
		sed -n "/^\\.SS $1 /,/^\\.S[SH] /p" "$page"
	fi | sed 's/\\-/-/g; s/\\f[BIR]//g'
}

lacking() { # [COMMAND]
	local option
	for option in $(options "$@"); do
		section "$@" | grep -qE -- "(^|, )$option( |,|\$)" || printf '%s ' "$option"
	done
}

not_completed() { # [COMMAND]
	local option
	for option in $(options "$@"); do
		grep -qE -- "^	\"?${1:-\"}\"?\\) words=\".* ${option}[ \"]" "$completion" || printf '%s ' "$option"
	done
}

all=$(commands)
echo "1..$((2 * $(wc -w <<<"$all") + 3))"
few=""
[ "$(wc -w <<<"$all")" -ge 11 ] && [ "$(options run | wc -l)" -ge 16 ] || few="most of them"
check "--help lists commands and options" "$few"
check "the page has every global option" "$(lacking)"
check "global options are completed" "$(not_completed)"
for command in $all; do
	check "the page has every option of $command" "$(lacking "$command")"
	check "options of $command are completed" "$(not_completed "$command")"
done
