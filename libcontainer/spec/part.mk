# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libspec.a
libspec_a_SOURCES = \
	libcontainer/spec/decode.c libcontainer/spec/decode.h \
	libcontainer/spec/defaults.c \
	libcontainer/spec/spec.c libcontainer/spec/spec.h \
	libcontainer/spec/sysctl.c libcontainer/spec/sysctl.h \
	libcontainer/spec/tables.c libcontainer/spec/tables.h \
	libcontainer/spec/validate.c
EXTRA_DIST += libcontainer/spec/README.md
spec_libs = libspec.a $(base_libs)
