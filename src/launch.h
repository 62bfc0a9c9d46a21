/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What create, run and exec have in common: the options about the new process's terminal,
 * descriptors and pid-file, and what is made of them.
 */
#ifndef SRC_LAUNCH_H
#define SRC_LAUNCH_H

#include <signal.h>
#include <stdint.h>

#include "libcontainer/foreground.h"
#include "src/command.h"

struct launch { /* the first member of the options struct of these commands */
	const char *console_socket, *pid_file, *pidfd_socket;
	uint32_t preserve_fds;
	bool detach;
};

/* All but --detach, which create has no use for. */
extern const struct option launch_options[];
extern const struct option launch_detach_options[];

/* The options, made ready. */
struct launch_plan {
	int console_socket, pidfd_socket; /* owned, or -1 */
	const char *pid_file;             /* absolute, or NULL */
	unsigned listen_fds;              /* $LISTEN_FDS, where it is meant for us */
	unsigned preserve_fds; /* in all, from 3 on: listen_fds and --preserve-fds */
	struct foreground foreground;
	bool detach;
	bool in_foreground; /* foreground is to be undone */
	sigset_t sigmask;   /* for the container */
};

/* Before anything else is opened: what is inherited. Refuses $NOTIFY_SOCKET and
 * descriptors to preserve that are not open, and keeps all other inherited ones from
 * whatever is executed. */
int launch_prepare(struct cli *cli, const struct launch *l, struct launch_plan *p,
		   struct err *e);

/* Once the process is known: connects to the sockets, blocks the signals to forward
 * unless it is detached. terminal: process.terminal. runc's errors where --console-socket
 * is missing or too much. */
int launch_connect(struct cli *cli, const struct launch *l, bool terminal,
		   struct launch_plan *p, struct err *e);

void launch_done(struct launch_plan *p);

#define AUTO_LAUNCH __attribute__((cleanup(launch_done))) struct launch_plan
#define LAUNCH_INIT                                                                      \
	{                                                                                \
		.console_socket = -1, .pidfd_socket = -1                                 \
	}

#endif
