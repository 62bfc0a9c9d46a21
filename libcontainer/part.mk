# SPDX-License-Identifier: Apache-2.0
# One archive a folder; each may use spec and base, the top may use all.
include libcontainer/spec/part.mk
include libcontainer/cgroup/part.mk
include libcontainer/rootfs/part.mk
include libcontainer/process/part.mk
noinst_LIBRARIES += libcontainer.a
libcontainer_a_SOURCES = \
	libcontainer/features.c libcontainer/features.h
