/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of tests/caller: a program that does to a runtime what containerd's shim (by
 * go-runc) and conmon do, and sees what they would see.
 */
#ifndef TESTS_CALLER_CALLER_H
#define TESTS_CALLER_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* ---- time: everything has a deadline, nothing sleeps ---- */

/* Now, in milliseconds of CLOCK_MONOTONIC. */
int64_t time_ms(void);

/* What is left until then for poll(2): never negative. */
int time_left(int64_t deadline);

/* ---- streams: descriptors with a name, and what was read from them ---- */

struct stream {
	char name[64];
	int fd;           /* owned; -1 once closed or at its end */
	bool ended;       /* read until EOF (or a terminal's EIO) */
	struct sbuf data; /* all that was read */
};

#define STREAMS_MAX 32

struct streams {
	struct stream all[STREAMS_MAX];
	size_t count;
};

/* The stream of that name, or NULL with the error written. */
struct stream *streams_find(struct streams *s, const char *name, struct err *e);

/* Adds a stream, taking *fd. A name that is taken again replaces the old stream. */
int streams_add(struct streams *s, const char *name, int *fd, struct err *e);

void streams_done(struct streams *s);

/* Reads what is there: 1 if there was something, 0 at the end, -errno. */
int stream_read(struct stream *s, struct err *e);

/* Reads until the end; -ETIMEDOUT if something holds the other side open. */
int stream_read_all(struct stream *s, int64_t deadline, struct err *e);

/* Reads until text has come. */
int stream_expect(struct stream *s, const char *text, int64_t deadline, struct err *e);

/* ---- the command line: one command of a runtime ---- */

enum wiring {
	WIRE_CAPTURE, /* stdout and stderr are one pipe, read until EOF: go-runc's default
		       */
	WIRE_SPLIT,   /* a pipe each, both read until EOF */
	WIRE_HOLD,    /* the container's own pipes: NAME.in, NAME.out and NAME.err */
	WIRE_CONMON,  /* the same without NAME.in: stdin is /dev/null */
};

struct cli {
	enum wiring wiring;
	const char *name;  /* of the streams; WIRE_HOLD and WIRE_CONMON */
	const char *extra; /* a stream whose other side the command inherits, or NULL */
	const char *dir;   /* working directory, or NULL */
	char **argv;
	char **env;
	int64_t timeout_ms;
};

struct cli_result {
	int status;      /* wait status */
	int64_t ms;      /* how long it took, with the reading until EOF */
	struct sbuf out; /* WIRE_CAPTURE: both; WIRE_SPLIT: stdout */
	struct sbuf err;
};

/* Runs it as those callers do: killed if the caller dies, no descriptor above 2 but the
 * extra one. Returns when it has ended, and all that is captured has reached its EOF. */
int cli_run(const struct cli *c, struct streams *s, struct cli_result *ret,
	    struct err *e);

/* ---- what a caller looks at ---- */

/* The pid in a pid-file: ASCII digits and nothing else, as strconv.Atoi wants it. */
int pid_file_read(const char *path, pid_t *ret, struct err *e);

/*
 * Like both callers, it reaps every child that ends, whichever it is waiting for: the
 * first process of a pid namespace ends only after all others there have been reaped,
 * those of an exec too.
 */
#define ENDED_MAX 64

struct reaper {
	int signals; /* owned; signalfd of SIGCHLD */
	size_t count;
	struct {
		pid_t pid;
		int status;
	} ended[ENDED_MAX]; /* reaped and not asked for yet */
};

int reaper_init(struct reaper *r, struct err *e);

/* Waits for a direct child: -ECHILD if it isn't one, -ETIMEDOUT. */
int reaper_wait(struct reaper *r, pid_t pid, int64_t deadline, int *ret_status,
		struct err *e);

/* Whether a direct child has ended; -ECHILD if it isn't one. */
int reaper_has_ended(const struct reaper *r, pid_t pid, struct err *e);

/* A console socket: listens; takes the master from the one message that go-runc's and
 * conmon's checks let through. */
int console_listen(const char *path, struct err *e);
int console_receive(int listener, int64_t deadline, char name[4096], int *ret_master,
		    struct err *e);

/* What go-runc takes out of a --log file: a stream of JSON objects with a level, and a
 * time that parses as RFC 3339. */
struct log_summary {
	size_t objects, errors;
	struct sbuf last; /* msg of the last object whose level is "error" */
};

int log_file_read(const char *path, struct log_summary *ret, struct err *e);

#endif
