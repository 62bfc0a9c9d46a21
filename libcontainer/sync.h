/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The talk between the runtime's process and the container's child while it is made: one
 * SOCK_SEQPACKET pair, one small message a step. All of it is safe after clone.
 *
 *	child              runtime
 *	SYNC_PID        -->             its pid (only behind an intermediate process)
 *	               <-- SYNC_GO      the id maps are written (new user namespace only)
 *	SYNC_NAMESPACES -->             all namespaces are entered (only if hooks want to know)
 *	               <-- SYNC_GO      prestart and createRuntime hooks have run
 *	SYNC_CREATED    -->             at the start gate; the terminal's master comes along
 *	               <-- SYNC_GO      the state is written: wait at the gate from now on
 *	               <-- SYNC_START   or (foreground): no gate, begin
 *	(closed by execve)              the user's program runs
 *
 * SYNC_ERROR may come from the child at any point, and ends it. A closed socket means
 * that the other side has died.
 */
#ifndef LIBCONTAINER_SYNC_H
#define LIBCONTAINER_SYNC_H

#include "base/err.h"

enum sync_type {
	SYNC_GO = 1,
	SYNC_PID, /* from a child of an intermediate process: value is its pid */
	SYNC_NAMESPACES,
	SYNC_CREATED,
	SYNC_START,
	SYNC_ERROR,
};

/* 0 or -errno. fd (or -1) goes along. */
int sync_send(int sock, enum sync_type type, int value, int fd);

/* As sync_send from the runtime's side: if the child is gone, its last error is ours. */
int sync_tell(int sock, enum sync_type type, struct err *e);

/* Sends an error; nobody is left to tell if that fails. */
void sync_send_err(int sock, const struct err *err);

/* Waits for a message of this type. The other side's error becomes ours; if it is gone,
 * -EPIPE. ret_value and ret_fd may be NULL (then a descriptor is closed). */
int sync_expect(int sock, enum sync_type type, int *ret_value, int *ret_fd,
		struct err *e);

/* Waits until the other side has closed the socket: 0. An error that it sends first is
 * returned; -EPIPE if it has died without reading what was sent to it. */
int sync_expect_close(int sock, struct err *e);

#endif
