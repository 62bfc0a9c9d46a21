# SPDX-License-Identifier: Apache-2.0
# The unit tests of vm/: a program a line, each with what it links.
vm_tests =
vm_tests += tests/unit/loop_test
tests_unit_loop_test_LDADD = $(vm_libs)
check_PROGRAMS += $(vm_tests)
TESTS += $(vm_tests)
vm_tests += tests/unit/state_test
tests_unit_state_test_LDADD = $(vm_libs)
# The driver's side of virtio devices, and what tests of devices link.
check_LIBRARIES = tests/unit/libdriver.a
tests_unit_libdriver_a_SOURCES = tests/unit/virtio_driver.c tests/unit/virtio_driver.h
driver_libs = tests/unit/libdriver.a $(vm_libs)
vm_tests += tests/unit/virtio_queue_test
tests_unit_virtio_queue_test_SOURCES = tests/unit/virtio_queue_test.c tests/unit/toy_device.h
tests_unit_virtio_queue_test_LDADD = $(driver_libs)
vm_tests += tests/unit/virtio_mmio_test
tests_unit_virtio_mmio_test_SOURCES = tests/unit/virtio_mmio_test.c tests/unit/toy_device.h
tests_unit_virtio_mmio_test_LDADD = $(driver_libs)
vm_tests += tests/unit/virtio_rng_test tests/unit/virtio_console_test
tests_unit_virtio_rng_test_LDADD = $(driver_libs)
tests_unit_virtio_console_test_LDADD = $(driver_libs)
# The shared filesystem server, by FUSE requests.
vm_tests += tests/unit/fs_file_test
tests_unit_fs_file_test_SOURCES = tests/unit/fs_file_test.c tests/unit/fs_client.h
tests_unit_fs_file_test_LDADD = $(vm_libs)
vm_tests += tests/unit/virtio_fs_test
tests_unit_virtio_fs_test_SOURCES = tests/unit/virtio_fs_test.c tests/unit/fs_client.h
tests_unit_virtio_fs_test_LDADD = $(driver_libs)
vm_tests += tests/unit/fs_proto_test tests/unit/fs_escape_test
tests_unit_fs_proto_test_SOURCES = tests/unit/fs_proto_test.c tests/unit/fs_client.h
tests_unit_fs_proto_test_LDADD = $(vm_libs)
tests_unit_fs_escape_test_SOURCES = tests/unit/fs_escape_test.c tests/unit/fs_client.h
tests_unit_fs_escape_test_LDADD = $(vm_libs)
vm_tests += tests/unit/fs_tree_test tests/unit/fs_lock_test tests/unit/fs_many_test
tests_unit_fs_tree_test_SOURCES = tests/unit/fs_tree_test.c tests/unit/fs_client.h
tests_unit_fs_tree_test_LDADD = $(vm_libs)
tests_unit_fs_lock_test_SOURCES = tests/unit/fs_lock_test.c tests/unit/fs_client.h
tests_unit_fs_lock_test_LDADD = $(vm_libs)
tests_unit_fs_many_test_SOURCES = tests/unit/fs_many_test.c tests/unit/fs_client.h
tests_unit_fs_many_test_LDADD = $(vm_libs)
vm_tests += tests/unit/fs_storm_test
tests_unit_fs_storm_test_SOURCES = tests/unit/fs_storm_test.c tests/unit/fs_client.h
tests_unit_fs_storm_test_LDADD = $(vm_libs)
