/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host and hull-guest say to each other, over vsock.
 *
 * The guest listens on PROTOCOL_PORT; whoever connects speaks first. That is a command, or
 * the proxy of a container or an exec (the monitor only carries the bytes: a connection to
 * the socket SANDBOX_SOCKET in the sandbox's folder is one to the guest). A message is a
 * frame (frame.h) with a JSON object. The first message of a connection says what it is
 * for ("op"); a reply is {} with what was asked for, or
 *
 *	{"error": {"code": ERRNO, "text": "..."}}
 *
 * One question, one answer, and the guest closes:
 *
 *	kill	{"op", "id", "signal": N}			every process of the container
 *	pids	{"op", "id"}					{"pids": [N...]} the guest's own
 *	stats	{"op", "id"}					{"stats": {...}} (stats_json)
 *	freeze	{"op", "id", "on": BOOL}
 *	update	{"op", "id", "resources": TEXT}			the JSON of `update`, as text
 *	network	{"op", "network": {...}}			network.h; loopback always
 *
 * The life of a process: the connection stays, and is what its process hangs on. If it
 * breaks before "exited" came, the guest kills the process (a container with all of it).
 *
 *	create	{"op", "id", "config": TEXT, "root": NAME, "binds": {"INDEX": NAME...},
 *		 "shm": {"INDEX": BYTES...}, "size": [ROWS, COLUMNS]}
 *		a container, up to its start gate. config: config.json, as text. root and
 *		binds: the trees (PROTOCOL_FS...) of the rootfs and of mounts[INDEX]. shm: where
 *		mounts[INDEX] is a host's tmpfs at /dev/shm, its size (guest_spec.h).
 *	exec	{"op", "id", "process": TEXT, "size"}
 *		one more process in it; it is at its own gate then.
 *		Both answer {"token": TEXT, "streams": [N...]}: see attach.
 *	start	{"op": "start"}		the process begins; answered when it has, or with its error
 *	signal	{"op": "signal", "signal": N}			to that process; no answer
 *	resize	{"op": "resize", "rows": N, "columns": N}	its terminal; no answer
 *	exited	{"exited": STATUS, "oom": BOOL}		from the guest, the last message: what
 *		exit(3) was given, or 128 + signal. All of its output has been written to the
 *		streams, and all that it wrote to files has reached the host.
 *
 * Its stdio, each a connection of its own:
 *
 *	attach	{"op", "token": TEXT, "stream": N}	{}
 *		from then on bytes as they are, no frames. 0 is stdin, 1 stdout, 2 stderr; with
 *		a terminal there is 0 alone, both ways. The end of a stream is its shutdown.
 *		"start" waits until all have been attached.
 *
 * The guest makes one connection itself, to PROTOCOL_HOST_PORT, once it listens: frames of
 *
 *	{"hello": PROTOCOL_VERSION, "guest": HULL_VERSION}		the first
 *	{"level": "debug" | "info" | "warning" | "error", "msg": TEXT}	its log
 *
 * If that breaks (the machine was restored from a saved one), it makes another. Before the
 * first request it does nothing that would tell one guest from another.
 *
 * Neither side trusts the other: all lengths have limits, what isn't understood ends the
 * connection, and the host has a deadline for each answer.
 */
#ifndef SANDBOX_PROTOCOL_H
#define SANDBOX_PROTOCOL_H

#define PROTOCOL_VERSION   1
#define PROTOCOL_PORT      1024
#define PROTOCOL_HOST_PORT 1024

/* config.json may be long; answers are short. */
#define PROTOCOL_REQUEST_MAX ((size_t)16 * 1024 * 1024)
#define PROTOCOL_ANSWER_MAX  ((size_t)1024 * 1024)

/* The tags of the two filesystems, and where the guest mounts them. */
#define PROTOCOL_FS_PRIVATE "fs-private" /* rootfs */
#define PROTOCOL_FS_SHARED  "fs-shared"  /* volumes */
#define PROTOCOL_FS_ROOT    "/run/hull/fs/"

#endif
