# SPDX-License-Identifier: Apache-2.0
# sandbox/: what a spec means in a virtual machine
sandbox_spec_tests = tests/unit/guest_spec_test tests/unit/properties_test \
	tests/unit/sandbox_kernel_test
check_PROGRAMS += $(sandbox_spec_tests)
TESTS += $(sandbox_spec_tests)
tests_unit_guest_spec_test_LDADD = $(sandbox_libs)
tests_unit_properties_test_LDADD = $(sandbox_libs)
tests_unit_sandbox_kernel_test_LDADD = $(sandbox_libs)
# The unit tests of sandbox/ that need the engines' parts: a program a line, with what it links.
jail_tests = tests/unit/jail_rules_test tests/unit/jail_test \
	tests/unit/jail_machine_test tests/unit/jail_fs_test
check_PROGRAMS += $(jail_tests)
TESTS += $(jail_tests)
noinst_HEADERS += tests/unit/jail_world.h
tests_unit_jail_rules_test_LDADD = $(jail_libs)
tests_unit_jail_test_LDADD = $(jail_libs)
tests_unit_jail_machine_test_LDADD = $(jail_libs)
tests_unit_jail_fs_test_LDADD = $(jail_libs)
# What goes on between host and guest, each side played against the other.
guest_tests = tests/unit/initramfs_test tests/unit/channel_test tests/unit/pump_test tests/unit/guest_stats_test \
	tests/unit/guest_log_test tests/unit/relay_test tests/unit/guest_server_test
check_PROGRAMS += $(guest_tests)
TESTS += $(guest_tests)
noinst_HEADERS += tests/unit/guest_world.h
tests_unit_channel_test_LDADD = $(sandbox_libs)
tests_unit_pump_test_LDADD = $(sandbox_libs)
tests_unit_guest_stats_test_LDADD = $(sandbox_libs)
tests_unit_guest_log_test_LDADD = $(sandbox_libs)
tests_unit_relay_test_LDADD = $(sandbox_libs) $(driver_libs)
tests_unit_guest_server_test_LDADD = $(guest_libs)
# sandbox/: its network
sandbox_network_tests = tests/unit/control_test tests/unit/tap_test
check_PROGRAMS += $(sandbox_network_tests)
TESTS += $(sandbox_network_tests)
tests_unit_control_test_LDADD = $(sandbox_libs)
tests_unit_tap_test_LDADD = $(sandbox_libs)
tests_unit_initramfs_test_LDADD = $(sandbox_libs)
