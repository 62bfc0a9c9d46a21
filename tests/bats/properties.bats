#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=hull
# What a property of config.json means in a sandbox, as it is documented.

load lib

@test "the documented table of properties is the one in the program" {
	local md=$TESTS/../sandbox/PROPERTIES.md
	"$RUNTIME" properties --json |
		jq -r '.[] | "| `\(.property)` | \(.where) | \(.why) |"' >"$DIR/program"
	sed '1,/^|---|---|---|$/d' "$md" >"$DIR/documented"
	[ "$(wc -l <"$DIR/program")" -gt 100 ]
	diff "$DIR/documented" "$DIR/program"
}

@test "the table as text has the same rows" {
	run -0 --separate-stderr "$RUNTIME" properties
	[ -z "$stderr" ]
	[[ ${lines[0]} == PROPERTY*WHERE*WHY ]]
	diff <(tail -n +2 <<<"$output" | tr -s ' ' | sed 's/ *$//') \
		<("$RUNTIME" properties --json | jq -r '.[] | "\(.property) \(.where) \(.why)"')
}

@test "the command properties is hidden: neither the help nor the completion has it" {
	run ! grep -w properties <("$RUNTIME" help)
	run ! grep -w properties <("$RUNTIME" help --bash-completion)
	run ! grep -w 'SS properties' <("$RUNTIME" help --man)
	run -0 "$RUNTIME" properties --help
}

@test "properties has nothing to do with a state root, a log or KVM" {
	run -0 "$RUNTIME" --root "$DIR/nowhere" properties
	[ ! -e "$DIR/nowhere" ]
}
