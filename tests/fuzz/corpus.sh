#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Gives each fuzz target its whole corpus: what was found once is tried by every
# `make check`. A corpus without a target is an error.
set -u
: "${srcdir:?is set by make check}"
n=0
for corpus in "$srcdir"/tests/fuzz/corpus/*/; do
	n=$((n + 1))
	name=$(basename "$corpus")
	out=$(./tests/fuzz/"${name}_fuzz" -runs=0 "$corpus" 2>&1)
	status=$?
	if [ "$status" -eq 0 ]; then
		echo "ok $n - $name"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $n - $name: status $status"
	fi
done
echo "1..$n"
