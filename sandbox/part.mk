# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = \
	sandbox/cpio.c sandbox/cpio.h \
	sandbox/frame.c sandbox/frame.h \
	sandbox/jail.c sandbox/jail.h \
	sandbox/jail_filter.c \
	sandbox/jail_rules.c sandbox/jail_rules.h \
	sandbox/modules.c sandbox/modules.h \
	sandbox/network.h \
	sandbox/network_apply.c \
	sandbox/network_json.c \
	sandbox/network_read.c
EXTRA_DIST += sandbox/README.md
sandbox_libs = libsandbox.a $(spec_libs)
# What needs the engines' own parts as well.
jail_libs = libsandbox.a $(vm_libs) $(rootfs_libs) $(process_libs)
