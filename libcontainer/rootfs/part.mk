# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += librootfs.a
librootfs_a_SOURCES = \
	libcontainer/rootfs/console.c \
	libcontainer/rootfs/copy_up.c libcontainer/rootfs/copy_up.h \
	libcontainer/rootfs/dev_nodes.c libcontainer/rootfs/dev_nodes.h \
	libcontainer/rootfs/filesystem.c libcontainer/rootfs/filesystem.h \
	libcontainer/rootfs/host_tree.c libcontainer/rootfs/host_tree.h \
	libcontainer/rootfs/masks.c libcontainer/rootfs/masks.h \
	libcontainer/rootfs/mount_api.c libcontainer/rootfs/mount_api.h \
	libcontainer/rootfs/mount_options.c libcontainer/rootfs/mount_options.h \
	libcontainer/rootfs/mounts.c libcontainer/rootfs/mounts.h \
	libcontainer/rootfs/mounts_plan.c \
	libcontainer/rootfs/no_pivot.c libcontainer/rootfs/no_pivot.h \
	libcontainer/rootfs/rootfs.c libcontainer/rootfs/rootfs.h
EXTRA_DIST += libcontainer/rootfs/README.md
rootfs_libs = librootfs.a $(spec_libs)
