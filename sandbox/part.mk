# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = \
	sandbox/cpio.c sandbox/cpio.h \
	sandbox/frame.c sandbox/frame.h \
	sandbox/guest_devices.c sandbox/guest_devices.h \
	sandbox/guest_spec.c sandbox/guest_spec.h \
	sandbox/modules.c sandbox/modules.h \
	sandbox/network.h \
	sandbox/network_apply.c \
	sandbox/network_json.c \
	sandbox/network_read.c
EXTRA_DIST += sandbox/README.md
sandbox_libs = libsandbox.a $(spec_libs)
