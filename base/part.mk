# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/arena.c base/arena.h \
	base/err.c base/err.h \
	base/fd.c base/fd.h \
	base/file.c base/file.h \
	base/json.c base/json.h base/json_write.c \
	base/log.c base/log.h \
	base/netlink.c base/netlink.h \
	base/path.c base/path.h \
	base/proc.c base/proc.h base/procfs.c base/procfs.h \
	base/sha256.c base/sha256.h \
	base/str.c base/str.h \
	base/timestamp.c base/timestamp.h \
	base/trusted.c base/trusted.h
EXTRA_DIST += base/README.md
base_libs = libbase.a $(YAJL_LIBS)
