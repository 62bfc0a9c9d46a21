#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# linux.resources: what the container may use, as cgroup v2 has it.

load lib

@test "resources.memory.limit becomes memory.max" {
	requires memory
	update_config '.linux.resources.memory = {limit: 67108864}'
	set_daemon
	start
	[ "$(cat "$(cgroup_of)/memory.max")" = 67108864 ]
}
