# SPDX-License-Identifier: Apache-2.0
# The unit tests of vm/: a program a line, each with what it links.
vm_tests =
vm_tests += tests/unit/loop_test
tests_unit_loop_test_LDADD = $(vm_libs)
check_PROGRAMS += $(vm_tests)
TESTS += $(vm_tests)
vm_tests += tests/unit/state_test
tests_unit_state_test_LDADD = $(vm_libs)
noinst_HEADERS += tests/unit/kernel_file.h
vm_tests += tests/unit/kernel_elf_test
tests_unit_kernel_elf_test_LDADD = $(vm_libs)
vm_tests += tests/unit/kernel_packed_test
tests_unit_kernel_packed_test_LDADD = $(vm_libs)
vm_tests += tests/unit/mptable_test
tests_unit_mptable_test_LDADD = $(vm_libs)
vm_tests += tests/unit/acpi_test
tests_unit_acpi_test_LDADD = $(vm_libs)
vm_tests += tests/unit/boot_test
tests_unit_boot_test_LDADD = $(vm_libs)
vm_tests += tests/unit/krunfw_test
tests_unit_krunfw_test_LDADD = $(vm_libs)
check_PROGRAMS += tests/unit/krunfw_bundle.so
tests_unit_krunfw_bundle_so_SOURCES = tests/unit/krunfw_bundle.c
tests_unit_krunfw_bundle_so_CFLAGS = -std=gnu11 -fPIC
tests_unit_krunfw_bundle_so_LDFLAGS = -shared
vm_tests += tests/unit/vcpu_test
tests_unit_vcpu_test_LDADD = $(vm_libs)
noinst_HEADERS += tests/unit/tiny_guest.h
# Runs a machine, for the lab's tests and the benchmark.
check_PROGRAMS += tests/tools/vmrun
tests_tools_vmrun_SOURCES = tests/tools/vmrun.c
tests_tools_vmrun_LDADD = $(vm_libs)
