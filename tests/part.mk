# SPDX-License-Identifier: Apache-2.0
noinst_HEADERS += tests/unit/tap.h
noinst_HEADERS += tests/unit/child.h tests/unit/sums.h tests/unit/usage.h

# A test a line: its folder decides what it may link.
base_tests = tests/unit/err_test tests/unit/str_test tests/unit/path_test \
	tests/unit/json_test tests/unit/file_test tests/unit/fd_test
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
base_tests += tests/unit/sha256_test tests/unit/netlink_test
tests_unit_sha256_test_LDADD = $(base_libs)
tests_unit_netlink_test_LDADD = $(base_libs)
tests_unit_err_test_LDADD = $(base_libs)
tests_unit_str_test_LDADD = $(base_libs)
tests_unit_path_test_LDADD = $(base_libs)
tests_unit_json_test_LDADD = $(base_libs)
tests_unit_file_test_LDADD = $(base_libs)
tests_unit_fd_test_LDADD = $(base_libs)

# What the bats tests call
check_PROGRAMS += tests/tools/recvtty
tests_tools_recvtty_SOURCES = tests/tools/recvtty.c

# A runtime's caller, for the bats tests of what callers demand.
check_PROGRAMS += tests/caller/caller
tests_caller_caller_SOURCES = tests/caller/caller.c tests/caller/caller.h tests/caller/cli.c tests/caller/look.c tests/caller/reaper.c tests/caller/stream.c
tests_caller_caller_LDADD = $(base_libs)
EXTRA_DIST += tests/caller/README.md tests/caller/record

# What tests/bench/native measures with: static, because a start of theirs is measured too.
EXTRA_PROGRAMS += tests/bench/timer tests/bench/floor
tests_bench_timer_SOURCES = tests/bench/timer.c
tests_bench_timer_LDFLAGS = -static
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_floor_LDFLAGS = -static
CLEANFILES += tests/bench/timer tests/bench/floor
EXTRA_DIST += tests/bench/README.md tests/bench/native

process_tests = tests/unit/process_test tests/unit/exec_path_test tests/unit/user_test \
	tests/unit/terminal_test tests/unit/rlimits_test
check_PROGRAMS += $(process_tests)
TESTS += $(process_tests)
tests_unit_process_test_LDADD = $(process_libs)
tests_unit_exec_path_test_LDADD = $(process_libs)
tests_unit_user_test_LDADD = $(process_libs)
tests_unit_terminal_test_LDADD = $(process_libs)
tests_unit_rlimits_test_LDADD = $(process_libs)

libcontainer_tests = tests/unit/hooks_test tests/unit/sync_test tests/unit/foreground_test \
	tests/unit/namespaces_test tests/unit/sysctl_test
check_PROGRAMS += $(libcontainer_tests)
TESTS += $(libcontainer_tests)
tests_unit_hooks_test_LDADD = $(libcontainer_libs)
tests_unit_sync_test_LDADD = $(libcontainer_libs)
tests_unit_foreground_test_LDADD = $(libcontainer_libs)
tests_unit_namespaces_test_LDADD = $(libcontainer_libs)
tests_unit_sysctl_test_LDADD = $(libcontainer_libs)

check_PROGRAMS += tests/unit/container_test
TESTS += tests/unit/container_test
tests_unit_container_test_LDADD = $(libcontainer_libs)
tests_unit_container_test_LDFLAGS = $(AM_LDFLAGS) -pthread

# Root filesystems
noinst_HEADERS += tests/unit/rootfs_world.h
rootfs_tests = tests/unit/mount_options_test tests/unit/mounts_test tests/unit/rootfs_test \
	tests/unit/rootfs_attack_test
check_PROGRAMS += $(rootfs_tests)
TESTS += $(rootfs_tests)
tests_unit_mount_options_test_LDADD = $(rootfs_libs)
tests_unit_mounts_test_LDADD = $(rootfs_libs)
tests_unit_rootfs_test_LDADD = $(rootfs_libs)
tests_unit_rootfs_attack_test_LDADD = $(rootfs_libs)

# Cgroups
cgroup_tests = tests/unit/cgroup_limits_test tests/unit/cgroup_test \
	tests/unit/device_filter_test
noinst_HEADERS += tests/unit/device_filter_run.h
check_PROGRAMS += $(cgroup_tests)
TESTS += $(cgroup_tests)
tests_unit_cgroup_limits_test_LDADD = $(cgroup_libs) -lm
tests_unit_cgroup_test_LDADD = $(cgroup_libs)
tests_unit_device_filter_test_LDADD = $(cgroup_libs)

# What the command line is made of; only what a test uses is linked.
src_tests = tests/unit/options_test tests/unit/signal_name_test tests/unit/size_test \
	tests/unit/exec_process_test tests/unit/config_test tests/unit/select_test \
	tests/unit/table_test tests/unit/root_test tests/unit/report_test tests/unit/self_exe_test
check_PROGRAMS += $(src_tests)
TESTS += $(src_tests) tests/unit/man_test.sh tests/unit/err_words_test.sh
EXTRA_DIST += tests/unit/man_test.sh tests/unit/err_words_test.sh
src_libs = libsrc.a $(base_libs)
tests_unit_options_test_LDADD = $(src_libs)
tests_unit_config_test_LDADD = $(src_libs)
tests_unit_select_test_LDADD = $(src_libs)
tests_unit_signal_name_test_LDADD = $(src_libs)
tests_unit_size_test_LDADD = $(src_libs)
tests_unit_exec_process_test_LDADD = $(src_libs)
tests_unit_table_test_LDADD = $(src_libs)
tests_unit_root_test_LDADD = $(src_libs)
tests_unit_report_test_LDADD = $(src_libs)
tests_unit_self_exe_test_LDADD = $(src_libs)

# sandbox
sandbox_tests = tests/unit/cpio_test tests/unit/frame_test tests/unit/modules_test \
	tests/unit/proxy_test tests/unit/spec_json_test \
	tests/unit/network_test
check_PROGRAMS += $(sandbox_tests)
TESTS += $(sandbox_tests)
tests_unit_cpio_test_LDADD = $(sandbox_libs)
tests_unit_frame_test_LDADD = $(sandbox_libs)
tests_unit_proxy_test_LDADD = libsandbox.a $(libcontainer_libs) $(vm_libs) $(SECCOMP_LIBS)
tests_unit_spec_json_test_LDADD = $(sandbox_libs)
tests_unit_modules_test_LDADD = $(sandbox_libs)
tests_unit_network_test_LDADD = $(sandbox_libs)

# libcontainer/spec
noinst_HEADERS += tests/unit/spec_file.h
spec_tests = tests/unit/spec_decode_test tests/unit/spec_validate_test \
	tests/unit/spec_defaults_test
check_PROGRAMS += $(spec_tests)
TESTS += $(spec_tests)
tests_unit_spec_decode_test_LDADD = $(spec_libs)
tests_unit_spec_validate_test_LDADD = $(spec_libs)
tests_unit_spec_defaults_test_LDADD = $(spec_libs)
EXTRA_DIST += tests/data/oci-spec tests/data/spec

check_PROGRAMS += tests/unit/features_test
TESTS += tests/unit/features_test
tests_unit_features_test_LDADD = $(libcontainer_libs)

include tests/unit/vm.mk
include tests/unit/sandbox.mk

include tests/fuzz/part.mk

# Seccomp and capabilities
noinst_HEADERS += tests/unit/seccomp_run.h
confine_tests = tests/unit/caps_test tests/unit/seccomp_test
check_PROGRAMS += $(confine_tests)
TESTS += $(confine_tests)
tests_unit_caps_test_LDADD = $(process_libs)
tests_unit_seccomp_test_LDADD = $(process_libs)

# The tests that are scripts
EXTRA_DIST += tests/README.md tests/run tests/shards tests/deps tests/bats tests/lab tests/peers \
	tests/tools/README.md tests/data/specs

# Random operations on a folder against a model; static for use in guests.
check_PROGRAMS += tests/tools/fsexer/fsexer
EXTRA_PROGRAMS += tests/tools/fsexer/fsexer-static
fsexer_sources = tests/tools/fsexer/check.c tests/tools/fsexer/data.c tests/tools/fsexer/exer.h
fsexer_sources += tests/tools/fsexer/main.c tests/tools/fsexer/model.c tests/tools/fsexer/probe.c
fsexer_sources += tests/tools/fsexer/tree.c
tests_tools_fsexer_fsexer_SOURCES = $(fsexer_sources)
tests_tools_fsexer_fsexer_static_SOURCES = $(fsexer_sources)
tests_tools_fsexer_fsexer_static_LDFLAGS = -static
CLEANFILES += tests/tools/fsexer/fsexer-static
EXTRA_PROGRAMS += tests/tools/pattern
tests_tools_pattern_SOURCES = tests/tools/pattern.c
tests_tools_pattern_LDFLAGS = -static
CLEANFILES += tests/tools/pattern
TESTS += tests/tools/fsexer_test.sh
EXTRA_DIST += tests/tools/fsexer_test.sh
EXTRA_DIST += tests/tools/krunfw-bundle
