# SPDX-License-Identifier: Apache-2.0
# The unit tests of vm/: a program a line, each with what it links.
vm_tests =
vm_tests += tests/unit/loop_test
tests_unit_loop_test_LDADD = $(vm_libs)
check_PROGRAMS += $(vm_tests)
TESTS += $(vm_tests)
vm_tests += tests/unit/state_test
tests_unit_state_test_LDADD = $(vm_libs)
vm_tests += tests/unit/x86_state_test
tests_unit_x86_state_test_LDADD = $(vm_libs)
