#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fsexer finds no difference between its model and a filesystem of this host, does the same
# for the same seed, and finds what is spoiled behind its back.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fsexer=$(pwd)/tests/tools/fsexer/fsexer

report() { # STATUS NUMBER SENTENCE
	if [ "$1" -eq 0 ]; then
		echo "ok $2 - $3"
	else
		sed 's/^/# /' "$dir/out"
		echo "not ok $2 - $3"
	fi
}

echo 1..3
mkdir "$dir/fs"
"$fsexer" -s 1 -n 4000 "$dir/fs" >"$dir/out" 2>&1
report $? 1 'a filesystem of this host is as the model has it'

for i in 1 2; do
	"$fsexer" -v -s 2 -n 1500 "$dir/fs" >"$dir/run$i" 2>&1
done
cmp "$dir/run1" "$dir/run2" >"$dir/out" 2>&1 && grep -q '^no difference' "$dir/run1"
report $? 2 'a seed does the same again'

"$fsexer" -s 3 -n 500 -b 300 -c 1 "$dir/fs" >"$dir/out" 2>&1
[ $? -eq 1 ] && grep -q '^difference with seed 3 at step 3[0-9]*: ' "$dir/out"
report $? 3 'a spoiled byte is found'
