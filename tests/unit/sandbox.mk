# SPDX-License-Identifier: Apache-2.0
# sandbox/: what a spec means in a virtual machine
sandbox_spec_tests = tests/unit/guest_spec_test tests/unit/properties_test \
	tests/unit/sandbox_kernel_test
check_PROGRAMS += $(sandbox_spec_tests)
TESTS += $(sandbox_spec_tests)
tests_unit_guest_spec_test_LDADD = $(sandbox_libs)
tests_unit_properties_test_LDADD = $(sandbox_libs)
tests_unit_sandbox_kernel_test_LDADD = $(sandbox_libs)
