# SPDX-License-Identifier: Apache-2.0
# All but main, so that the unit tests can link what they test.
noinst_LIBRARIES += libsrc.a
libsrc_a_SOURCES = \
	src/bundle.c src/bundle.h \
	src/capture.c src/capture.h \
	src/cli.c \
	src/cmd_create.c src/cmd_delete.c src/cmd_events.c src/cmd_exec.c \
	src/cmd_features.c src/cmd_help.c src/cmd_kill.c src/cmd_list.c src/cmd_pause.c \
	src/cmd_properties.c src/cmd_ps.c src/cmd_resume.c src/cmd_run.c src/cmd_spec.c src/cmd_start.c \
	src/cmd_state.c src/cmd_update.c \
	src/command.h src/commands.c src/commands.h \
	src/config.c src/config.h \
	src/create.c src/create.h \
	src/duration.c src/duration.h \
	src/exec_process.c src/exec_process.h \
	src/help.c src/help.h \
	src/launch.c src/launch.h \
	src/options.c src/options.h \
	src/report.c src/report.h \
	src/root.c src/root.h \
	src/select.c src/select.h \
	src/self_exe.c src/self_exe.h \
	src/signal_name.c src/signal_name.h \
	src/size.c src/size.h \
	src/stats_json.c src/stats_json.h \
	src/table.c src/table.h \
	src/version.c src/version.h
EXTRA_DIST += src/README.md

# Only this object knows the commit, so that another one doesn't make all be built again.
src/version.$(OBJEXT): AM_CPPFLAGS += -DHULL_COMMIT='"$(HULL_COMMIT)"'

# Where the configuration file is.
src/create.$(OBJEXT): AM_CPPFLAGS += -DHULL_SYSCONFDIR='"$(sysconfdir)"'

# Beside its peers, where the callers' packages have theirs.
sbin_PROGRAMS += hull
hull_SOURCES = src/main.c src/engines.c
hull_LDADD = libsrc.a $(sandbox_libs)
