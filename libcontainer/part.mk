# SPDX-License-Identifier: Apache-2.0
include libcontainer/spec/part.mk
include libcontainer/cgroup/part.mk
include libcontainer/rootfs/part.mk
include libcontainer/process/part.mk
