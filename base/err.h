/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way in which hull's code reports what went wrong.
 *
 * A function that can fail for a reason that a user must read takes a `struct err *`
 * as its last parameter. It returns 0, a count or a descriptor on success and -errno on
 * failure; the error is written on failure only, and then always. There is no
 * allocation and no ownership, so an error can be filled in a freshly cloned child and
 * crosses a pipe in one write.
 *
 * An errno appears in the text by its name ("mount /proc: EACCES"), never in words:
 * callers of a runtime turn the words "permission denied" and "no such file or
 * directory" into exit statuses that mean "the user's command can't be executed"
 * (podman's and docker's 126 and 127). Where such words come in all the same, in the name
 * of a file or in what a hook has said, they get hyphens: "no-such-file or directory".
 * Only err_words leaves them as they are.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <limits.h>
#include <stddef.h>

struct err {
	int code; /* errno value; 0 while nothing went wrong */
	/* One line, outermost context first, no newline. Of what doesn't fit the middle is
	 * left out: the front says what was done, and the end why it could not be. */
	char text[1020];
};
_Static_assert(sizeof(struct err) <= PIPE_BUF, "struct err must fit one pipe write");

/* An error that nobody wants to read. */
#define ERR_IGNORE (&(struct err){0})

/* Each returns -code. Control characters in the text are replaced, so that hostile
 * names can't forge a second line of log. */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set for what is wrong with the user's executable, and for what else callers are
 * to find by their words. */
int err_words(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set with errno, whose name is added: "open /x: ENOENT". */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As err_sys with a code that a call returned, positive or negative. */
int err_code(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts context before what is there: "exec in web: no process 12". Returns -e->code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The symbolic name of an errno value ("ENOENT"), or "errno 4242" written to buf. */
const char *err_name(int code, char *buf, size_t len);

#endif
