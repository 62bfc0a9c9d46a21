# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES =
libsandbox_a_SOURCES += sandbox/channel.c sandbox/channel.h
libsandbox_a_SOURCES += sandbox/client.c sandbox/client.h
libsandbox_a_SOURCES += sandbox/cpio.c sandbox/cpio.h
libsandbox_a_SOURCES += sandbox/frame.c sandbox/frame.h
libsandbox_a_SOURCES += sandbox/guest_devices.c sandbox/guest_devices.h
libsandbox_a_SOURCES += sandbox/guest_spec.c sandbox/guest_spec.h
libsandbox_a_SOURCES += sandbox/kernel.c sandbox/kernel.h
libsandbox_a_SOURCES += sandbox/modules.c sandbox/modules.h
libsandbox_a_SOURCES += sandbox/network.h sandbox/network_apply.c
libsandbox_a_SOURCES += sandbox/network_json.c sandbox/network_read.c
libsandbox_a_SOURCES += sandbox/process_json.c sandbox/process_json.h
libsandbox_a_SOURCES += sandbox/protocol.h
libsandbox_a_SOURCES += sandbox/properties.c sandbox/properties.h
libsandbox_a_SOURCES += sandbox/properties_mounts.c sandbox/properties_table.c
libsandbox_a_SOURCES += sandbox/proxy.c sandbox/proxy.h
libsandbox_a_SOURCES += sandbox/pump.c sandbox/pump.h
libsandbox_a_SOURCES += sandbox/relay.c sandbox/relay.h
libsandbox_a_SOURCES += sandbox/resources_json.c sandbox/resources_json.h
libsandbox_a_SOURCES += sandbox/shares.c sandbox/shares.h
EXTRA_DIST += sandbox/README.md sandbox/PROPERTIES.md
sandbox_libs = libsandbox.a $(spec_libs)

# Where the package puts the guest's kernel, and the configuration that names another.
sandbox/kernel.$(OBJEXT): AM_CPPFLAGS += -DHULL_PKGLIBDIR='"$(pkglibdir)"' \
	-DHULL_SYSCONFDIR='"$(sysconfdir)"'
