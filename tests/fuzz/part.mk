# SPDX-License-Identifier: Apache-2.0
# Fuzz targets: libFuzzer programs with --enable-fuzzing (./tests/fuzz/spec_fuzz DIR...),
# else they only replay tests/fuzz/corpus/NAME.
if FUZZING
fuzz_main =
else
fuzz_main = tests/fuzz/replay.c
endif

check_PROGRAMS += tests/fuzz/spec_fuzz
tests_fuzz_spec_fuzz_SOURCES = tests/fuzz/spec_fuzz.c $(fuzz_main)
tests_fuzz_spec_fuzz_LDADD = $(spec_libs)
tests_fuzz_spec_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/mount_options_fuzz
tests_fuzz_mount_options_fuzz_SOURCES = tests/fuzz/mount_options_fuzz.c $(fuzz_main)
tests_fuzz_mount_options_fuzz_LDADD = $(rootfs_libs)
tests_fuzz_mount_options_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

TESTS += tests/fuzz/corpus.sh
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/corpus.sh tests/fuzz/corpus tests/fuzz/replay.c

check_PROGRAMS += tests/fuzz/device_filter_fuzz tests/fuzz/seccomp_fuzz
tests_fuzz_device_filter_fuzz_SOURCES = tests/fuzz/device_filter_fuzz.c $(fuzz_main)
tests_fuzz_device_filter_fuzz_LDADD = $(cgroup_libs)
tests_fuzz_device_filter_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_seccomp_fuzz_SOURCES = tests/fuzz/seccomp_fuzz.c $(fuzz_main)
tests_fuzz_seccomp_fuzz_LDADD = $(process_libs)
tests_fuzz_seccomp_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/state_fuzz
tests_fuzz_state_fuzz_SOURCES = tests/fuzz/state_fuzz.c $(fuzz_main)
tests_fuzz_state_fuzz_LDADD = $(vm_libs)
tests_fuzz_state_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/kernel_fuzz
tests_fuzz_kernel_fuzz_SOURCES = tests/fuzz/kernel_fuzz.c $(fuzz_main)
tests_fuzz_kernel_fuzz_LDADD = $(vm_libs)
tests_fuzz_kernel_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
# Virtio devices, by a driver that does anything.
check_PROGRAMS += tests/fuzz/virtqueue_fuzz
tests_fuzz_virtqueue_fuzz_SOURCES = tests/fuzz/virtqueue_fuzz.c tests/fuzz/virtqueue_devices.c tests/fuzz/virtqueue_devices.h $(fuzz_main)
tests_fuzz_virtqueue_fuzz_LDADD = $(driver_libs)
tests_fuzz_virtqueue_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/vsock_fuzz
tests_fuzz_vsock_fuzz_SOURCES = tests/fuzz/vsock_fuzz.c $(fuzz_main)
tests_fuzz_vsock_fuzz_LDADD = $(driver_libs)
tests_fuzz_vsock_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/fuse_fuzz
tests_fuzz_fuse_fuzz_SOURCES = tests/fuzz/fuse_fuzz.c tests/unit/fs_client.h $(fuzz_main)
tests_fuzz_fuse_fuzz_LDADD = $(vm_libs)
tests_fuzz_fuse_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/restore_fuzz
tests_fuzz_restore_fuzz_SOURCES = tests/fuzz/restore_fuzz.c $(fuzz_main)
tests_fuzz_restore_fuzz_LDADD = $(driver_libs)
tests_fuzz_restore_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
# What a host says to hull-guest.
check_PROGRAMS += tests/fuzz/guest_fuzz
tests_fuzz_guest_fuzz_SOURCES = tests/fuzz/guest_fuzz.c $(fuzz_main)
tests_fuzz_guest_fuzz_LDADD = $(guest_libs)
tests_fuzz_guest_fuzz_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
