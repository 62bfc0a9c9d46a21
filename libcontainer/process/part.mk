# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libprocess.a
libprocess_a_SOURCES = \
	libcontainer/process/caps.c libcontainer/process/caps.h \
	libcontainer/process/env.c \
	libcontainer/process/exec_path.c \
	libcontainer/process/keyring.c \
	libcontainer/process/lsm.c \
	libcontainer/process/plan.h \
	libcontainer/process/process.c libcontainer/process/process.h \
	libcontainer/process/rlimits.c \
	libcontainer/process/seccomp.c libcontainer/process/seccomp.h \
	libcontainer/process/seccomp_lib.c libcontainer/process/seccomp_numbers.c \
	libcontainer/process/seccomp_profile.h \
	libcontainer/process/seccomp_table.c libcontainer/process/seccomp_table.h \
	libcontainer/process/seccomp_tree.c \
	libcontainer/process/stdio.c \
	libcontainer/process/terminal.c \
	libcontainer/process/user.c
EXTRA_DIST += libcontainer/process/README.md
# -ldl is empty since glibc 2.34.
process_libs = libprocess.a $(spec_libs) $(SECCOMP_LIBS) $(CAP_LIBS) -ldl
