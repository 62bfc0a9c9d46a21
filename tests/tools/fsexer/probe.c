/* SPDX-License-Identifier: Apache-2.0 */
/* What this filesystem can: the rest is left out, and said so. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

static bool say(const char *what, bool can)
{
	if (!can)
		printf("without %s: %s\n", what, strerrorname_np(errno));
	return can;
}

static bool map(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return false;
	(void)munmap(p, 4096);
	return true;
}

static bool tmpfile_at(int top)
{
	int fd = openat(top, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

void probe(struct exer *x)
{
	int a = openat(x->top, "p1", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int b = openat(x->top, "p2", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t from = 0, to = 0;

	if (a < 0 || b < 0 || pwrite(a, "1", 1, 0) != 1) {
		(void)fprintf(stderr, "fsexer: no files here: %s\n",
			      strerrorname_np(errno));
		exit(2);
	}
	x->root = geteuid() == 0;
	x->can_exchange = say("exchanging", renameat2(x->top, "p1", x->top, "p2",
						      RENAME_EXCHANGE) == 0);
	x->can_tmpfile = say("O_TMPFILE", tmpfile_at(x->top));
	x->can_copy = say("copy_file_range",
			  copy_file_range(a, &from, b, &to, 1, 0) >= 0);
	x->can_fallocate = say(
		"fallocate",
		fallocate(a, 0, 0, 4096) == 0 &&
			fallocate(a, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				  4096) == 0);
	x->can_zero_range = say("zeroing ranges",
				fallocate(a, FALLOC_FL_ZERO_RANGE, 0, 4096) == 0);
	x->can_mmap = say("mmap", map(a));
	x->can_xattr = say("attributes", fsetxattr(a, "user.p", "1", 1, 0) == 0);
	x->can_chown = x->root && say("owners", fchown(a, 1, 1) == 0);
	(void)close(a);
	(void)close(b);
	(void)unlinkat(x->top, "p1", 0);
	(void)unlinkat(x->top, "p2", 0);
}
