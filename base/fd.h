/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors: who owns one is in the type. `int fd` is borrowed, `int *fd` is taken
 * from or closed. Everything that opens, opens close-on-exec.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Closes *fd once and sets it to -1; errno is kept, nothing happens if *fd < 0.
 * (Never retried: on Linux the number is free even after EINTR, close(2).) */
void fd_close(int *fd);

/* Moves the descriptor out of *fd. */
int fd_take(int *fd);

#define AUTO_FD __attribute__((cleanup(fd_close))) int

/* Reads until EOF or len bytes; returns the count or -errno. */
ssize_t fd_read_full(int fd, void *buf, size_t len);

/* Writes all of it; returns 0 or -errno. */
int fd_write_full(int fd, const void *buf, size_t len);

/* Marks every open descriptor >= first close-on-exec. Returns 0 or -errno. */
int fd_cloexec_from(int first);

/* Sends len > 0 bytes and, if fd >= 0, that descriptor in one message over a unix
 * socket (SCM_RIGHTS, unix(7)). Returns 0 or -errno; never raises SIGPIPE. */
int fd_send(int sock, const void *buf, size_t len, int fd);

/* Receives one message; a descriptor that came along is stored in *ret_fd (else -1).
 * More than one descriptor is closed and refused with -EPROTO. Returns the number of
 * bytes, 0 at EOF, or -errno. */
ssize_t fd_recv(int sock, void *buf, size_t len, int *ret_fd);

/* A connected pair of close-on-exec SOCK_SEQPACKET sockets. */
int fd_pair(int ret_pair[2], struct err *e);

/* The path "/proc/self/fd/N" of a descriptor, for calls that take paths only and are
 * made in a process whose /proc is its own. buf holds at least FD_PATH_MAX bytes. */
#define FD_PATH_MAX 32
const char *fd_path(int fd, char buf[FD_PATH_MAX]);

#endif
