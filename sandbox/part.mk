# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = \
	sandbox/cpio.c sandbox/cpio.h \
	sandbox/channel.c sandbox/channel.h \
	sandbox/frame.c sandbox/frame.h \
	sandbox/guest_spec.h \
	sandbox/modules.c sandbox/modules.h \
	sandbox/network.h \
	sandbox/network_apply.c \
	sandbox/network_json.c \
	sandbox/network_read.c \
	sandbox/process_json.c sandbox/process_json.h \
	sandbox/protocol.h \
	sandbox/proxy.c sandbox/proxy.h \
	sandbox/pump.c sandbox/pump.h \
	sandbox/resources_json.c sandbox/resources_json.h
EXTRA_DIST += sandbox/README.md
sandbox_libs = libsandbox.a $(spec_libs)
