# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES =
libsandbox_a_SOURCES += sandbox/channel.c sandbox/channel.h
libsandbox_a_SOURCES += sandbox/client.c sandbox/client.h
libsandbox_a_SOURCES += sandbox/control.c sandbox/control.h
libsandbox_a_SOURCES += sandbox/cpio.c sandbox/cpio.h
libsandbox_a_SOURCES += sandbox/find_exec.c sandbox/find_exec.h
libsandbox_a_SOURCES += sandbox/frame.c sandbox/frame.h
libsandbox_a_SOURCES += sandbox/guest_devices.c sandbox/guest_devices.h
libsandbox_a_SOURCES += sandbox/guest_binary.c sandbox/guest_binary.h
libsandbox_a_SOURCES += sandbox/guest_spec.c sandbox/guest_spec.h
libsandbox_a_SOURCES += sandbox/guest_log.c sandbox/guest_log.h
libsandbox_a_SOURCES += sandbox/guest_stats.c sandbox/guest_stats.h
libsandbox_a_SOURCES += sandbox/initramfs.c sandbox/initramfs.h
libsandbox_a_SOURCES += sandbox/microvm.c sandbox/microvm.h
libsandbox_a_SOURCES += sandbox/microvm_exec.c sandbox/microvm_parts.h sandbox/microvm_running.c
libsandbox_a_SOURCES += sandbox/monitor.c sandbox/monitor.h
libsandbox_a_SOURCES += sandbox/jail.c sandbox/jail.h sandbox/jail_filter.c
libsandbox_a_SOURCES += sandbox/jail_rules.c sandbox/jail_rules.h
libsandbox_a_SOURCES += sandbox/kernel.c sandbox/kernel.h
libsandbox_a_SOURCES += sandbox/modules.c sandbox/modules.h
libsandbox_a_SOURCES += sandbox/network.h sandbox/network_apply.c
libsandbox_a_SOURCES += sandbox/network_json.c sandbox/network_read.c
libsandbox_a_SOURCES += sandbox/oom.c sandbox/oom.h
libsandbox_a_SOURCES += sandbox/process_json.c sandbox/process_json.h
libsandbox_a_SOURCES += sandbox/protocol.h
libsandbox_a_SOURCES += sandbox/properties.c sandbox/properties.h
libsandbox_a_SOURCES += sandbox/properties_mounts.c sandbox/properties_table.c
libsandbox_a_SOURCES += sandbox/proxy.c sandbox/proxy.h
libsandbox_a_SOURCES += sandbox/pump.c sandbox/pump.h
libsandbox_a_SOURCES += sandbox/relay.c sandbox/relay.h
libsandbox_a_SOURCES += sandbox/resources_json.c sandbox/resources_json.h
libsandbox_a_SOURCES += sandbox/shares.c sandbox/shares.h
libsandbox_a_SOURCES += sandbox/microvm_network.c
libsandbox_a_SOURCES += sandbox/socket.c sandbox/socket.h
libsandbox_a_SOURCES += sandbox/tap.c sandbox/tap.h sandbox/tc.c sandbox/tc.h
EXTRA_DIST += sandbox/README.md sandbox/PROPERTIES.md

# Where the package puts the guest's kernel, and the configuration that names another.
sandbox/kernel.$(OBJEXT): AM_CPPFLAGS += -DHULL_PKGLIBDIR='"$(pkglibdir)"' \
	-DHULL_SYSCONFDIR='"$(sysconfdir)"'

# hull-guest: static, as it is all that its system has; carried by hull itself. Not with
# sanitizers, whose libraries are shared ones.
EXTRA_DIST += sandbox/guest/main.c sandbox/guest/README.md
noinst_LIBRARIES += libsandbox_server.a
libsandbox_server_a_SOURCES =
libsandbox_server_a_SOURCES += sandbox/guest/ask.c
libsandbox_server_a_SOURCES += sandbox/guest/boot.c sandbox/guest/boot.h
libsandbox_server_a_SOURCES += sandbox/guest/life.c sandbox/guest/life.h sandbox/guest/lives.c
libsandbox_server_a_SOURCES += sandbox/guest/network.c
libsandbox_server_a_SOURCES += sandbox/guest/report.c
libsandbox_server_a_SOURCES += sandbox/guest/serve.c
libsandbox_server_a_SOURCES += sandbox/guest/server.c sandbox/guest/server.h
libsandbox_server_a_SOURCES += sandbox/guest/spec.c
if GUEST
noinst_PROGRAMS += sandbox/guest/hull-guest
sandbox_guest_hull_guest_SOURCES = sandbox/guest/main.c
sandbox_guest_hull_guest_CPPFLAGS = $(AM_CPPFLAGS)
sandbox_guest_hull_guest_LDFLAGS = -static -Wl,--gc-sections
sandbox_guest_hull_guest_LDADD = libsandbox_server.a libsandbox_guest.a $(libcontainer_libs) $(SECCOMP_LIBS) -lpthread
# What of this folder both sides have.
noinst_LIBRARIES += libsandbox_guest.a
libsandbox_guest_a_SOURCES = sandbox/channel.c sandbox/frame.c sandbox/guest_devices.c \
	sandbox/guest_spec.c sandbox/guest_stats.c sandbox/network_apply.c sandbox/network_json.c \
	sandbox/pump.c
sandbox/guest/hull-guest.stripped: sandbox/guest/hull-guest
	$(AM_V_GEN)$(STRIP) -o $@ sandbox/guest/hull-guest
CLEANFILES += sandbox/guest/hull-guest.stripped
sandbox/guest_binary.$(OBJEXT): sandbox/guest/hull-guest.stripped
sandbox/guest_binary.$(OBJEXT): AM_CPPFLAGS += -DHULL_GUEST
endif
sandbox_libs = libsandbox.a $(libcontainer_libs) $(vm_libs) $(SECCOMP_LIBS)
guest_libs = libsandbox_server.a $(sandbox_libs)
jail_libs = $(sandbox_libs)
