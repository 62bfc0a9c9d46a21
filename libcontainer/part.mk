# SPDX-License-Identifier: Apache-2.0
# One archive a folder; each may use spec and base, the top may use all.
include libcontainer/spec/part.mk
include libcontainer/cgroup/part.mk
include libcontainer/rootfs/part.mk
include libcontainer/process/part.mk

noinst_LIBRARIES += libcontainer.a
libcontainer_a_SOURCES = \
	libcontainer/container.c libcontainer/container.h \
	libcontainer/create.c \
	libcontainer/delete.c \
	libcontainer/engine.h \
	libcontainer/engine_host.c \
	libcontainer/engines.c \
	libcontainer/exec.c \
	libcontainer/gate.c libcontainer/gate.h \
	libcontainer/features.c libcontainer/features.h \
	libcontainer/foreground.c libcontainer/foreground.h \
	libcontainer/hook_state.c libcontainer/hook_state.h \
	libcontainer/hooks.c libcontainer/hooks.h \
	libcontainer/init.c libcontainer/init.h \
	libcontainer/namespaces.c libcontainer/namespaces.h \
	libcontainer/native.c \
	libcontainer/running.c \
	libcontainer/start.c \
	libcontainer/state.c libcontainer/state.h \
	libcontainer/sync.c libcontainer/sync.h \
	libcontainer/sysctl.c libcontainer/sysctl.h
EXTRA_DIST += libcontainer/README.md
libcontainer_libs = libcontainer.a $(rootfs_libs) $(cgroup_libs) $(process_libs)
