# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += libcgroup.a
libcgroup_a_SOURCES = \
	libcontainer/cgroup/bpf.c libcontainer/cgroup/bpf.h \
	libcontainer/cgroup/cgroup.c libcontainer/cgroup/cgroup.h \
	libcontainer/cgroup/cgroupfs.c libcontainer/cgroup/cgroupfs.h \
	libcontainer/cgroup/cpu_weight.c libcontainer/cgroup/cpu_weight.h \
	libcontainer/cgroup/devices.c libcontainer/cgroup/devices.h \
	libcontainer/cgroup/events.c libcontainer/cgroup/events.h \
	libcontainer/cgroup/freezer.c libcontainer/cgroup/freezer.h \
	libcontainer/cgroup/limits.c libcontainer/cgroup/limits.h \
	libcontainer/cgroup/path.c libcontainer/cgroup/path.h \
	libcontainer/cgroup/procs.c libcontainer/cgroup/procs.h \
	libcontainer/cgroup/psi.c libcontainer/cgroup/psi.h \
	libcontainer/cgroup/stats.c libcontainer/cgroup/stats.h \
	libcontainer/cgroup/watch.c libcontainer/cgroup/watch.h
EXTRA_DIST += libcontainer/cgroup/README.md
cgroup_libs = libcgroup.a $(spec_libs)
