#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# features: what the runtime can do, as JSON.

load lib

@test "features prints one JSON object and nothing else" {
	differs crun-1.8 "has no features"
	run -0 --separate-stderr "$RUNTIME" features
	[ -z "$stderr" ]
	jq -es 'length == 1 and (.[0] | has("ociVersionMin") and has("ociVersionMax"))' <<<"$output"
}

@test "features names hooks, namespaces, capabilities and mount options" {
	differs crun-1.8 "has no features"
	"$RUNTIME" features >"$DIR/features"
	jq -e '(.hooks | index("createRuntime")) and (.linux.namespaces | index("cgroup")) and
		(.linux.capabilities | index("CAP_CHOWN")) and (.mountOptions | index("rbind"))' \
		"$DIR/features"
}

@test "features says that cgroup v2 and seccomp are there" {
	differs crun-1.8 "has no features"
	"$RUNTIME" features | jq -e '.linux.cgroup.v2 and .linux.seccomp.enabled and
		(.linux.seccomp.actions | index("SCMP_ACT_ERRNO"))'
}
