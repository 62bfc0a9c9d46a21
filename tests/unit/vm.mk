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
tests_unit_libdriver_a_SOURCES += tests/unit/fake_memory.c
driver_libs = tests/unit/libdriver.a $(vm_libs)
vm_tests += tests/unit/virtio_queue_test
tests_unit_virtio_queue_test_SOURCES = tests/unit/virtio_queue_test.c tests/unit/toy_device.h
tests_unit_virtio_queue_test_LDADD = $(driver_libs)
vm_tests += tests/unit/vsock_test
tests_unit_vsock_test_SOURCES = tests/unit/vsock_test.c tests/unit/vsock_world.h
tests_unit_vsock_test_LDADD = $(driver_libs)
vm_tests += tests/unit/vsock_hostile_test
tests_unit_vsock_hostile_test_SOURCES = tests/unit/vsock_hostile_test.c tests/unit/vsock_world.h
tests_unit_vsock_hostile_test_LDADD = $(driver_libs)
vm_tests += tests/unit/vsock_bulk_test
tests_unit_vsock_bulk_test_SOURCES = tests/unit/vsock_bulk_test.c tests/unit/vsock_world.h
tests_unit_vsock_bulk_test_LDADD = $(driver_libs)
vm_tests += tests/unit/vsock_relay_test
tests_unit_vsock_relay_test_SOURCES = tests/unit/vsock_relay_test.c tests/unit/vsock_world.h tests/tools/vsock_relay.c tests/tools/vsock_relay.h
tests_unit_vsock_relay_test_LDADD = $(driver_libs)
vm_tests += tests/unit/vsock_device_test
tests_unit_vsock_device_test_SOURCES = tests/unit/vsock_device_test.c tests/unit/vsock_world.h
tests_unit_vsock_device_test_LDADD = $(driver_libs)
