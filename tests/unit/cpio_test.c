/* SPDX-License-Identifier: Apache-2.0 */
/* The archive, read by cpio(1) where there is one, and byte by byte. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/cpio.h"

#include "tests/unit/child.h"
#include "tests/unit/tap.h"

static int fd = -1;
static char bytes[65536];
static size_t length;

static struct cpio begin(void)
{
	fd = memfd_create("cpio", MFD_CLOEXEC);
	CHECK(fd >= 0);
	return (struct cpio){.fd = fd};
}

static void end(struct cpio *c)
{
	struct err e;
	ssize_t n;

	CHECK(cpio_end(c, &e) == 0);
	n = pread(fd, bytes, sizeof(bytes), 0);
	CHECK(n > 0);
	length = n > 0 ? (size_t)n : 0;
	CHECK(length == c->written);
	fd_close(&fd);
}

/* A field of the header at `at`: 0 is the inode, 1 the mode, ... */
static unsigned long field(size_t at, unsigned index)
{
	char text[9] = "";

	memcpy(text, bytes + at + 6 + (size_t)index * 8, 8);
	return strtoul(text, NULL, 16);
}

static size_t next(size_t at)
{
	size_t data = (at + 110 + field(at, 11) + 3) & ~(size_t)3;

	return (data + field(at, 6) + 3) & ~(size_t)3;
}

static void entries(void)
{
	struct cpio c = begin();
	struct err e;
	size_t at = 0;

	CHECK(cpio_folder(&c, "dev", 0755, &e) == 0);
	CHECK(cpio_device(&c, "dev/console", S_IFCHR | 0600, makedev(5, 1), &e) == 0);
	CHECK(cpio_file(&c, "init", 0755, "hello", 5, &e) == 0);
	end(&c);

	CHECK(memcmp(bytes, "070701", 6) == 0);
	CHECK(field(at, 1) == (S_IFDIR | 0755) && strcmp(bytes + at + 110, "dev") == 0);
	at = next(at);
	CHECK(field(at, 1) == (S_IFCHR | 0600) && field(at, 9) == 5 &&
	      field(at, 10) == 1);
	at = next(at);
	CHECK(field(at, 1) == (S_IFREG | 0755) && field(at, 6) == 5);
	CHECK(strcmp(bytes + at + 110, "init") == 0);
	CHECK(memcmp(bytes + ((at + 110 + 5 + 3) & ~(size_t)3), "hello", 5) == 0);
	at = next(at);
	CHECK(strcmp(bytes + at + 110, "TRAILER!!!") == 0);
	CHECK(next(at) == length);
}

static void from_a_file(void)
{
	int file = memfd_create("file", MFD_CLOEXEC);
	struct cpio c = begin();
	struct err e;

	CHECK(file >= 0 && write(file, "0123456", 7) == 7);
	CHECK(cpio_file_from(&c, "f", 0644, file, &e) == 0);
	end(&c);
	CHECK(field(0, 6) == 7 && memcmp(bytes + 112, "0123456", 8) == 0);
	fd_close(&file);
}

static void refusals(void)
{
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cpio c = begin();
	struct err e;

	CHECK(cpio_file_from(&c, "f", 0644, dir, &e) == -EINVAL);
	CHECK(strcmp(e.text, "f is not a regular file") == 0);
	CHECK(c.written == 0);
	fd_close(&dir);
	fd_close(&fd);
}

static void unpacked(void)
{
	char folder[] = "/tmp/cpio_test.XXXXXX", command[200];
	struct cpio c = begin();
	struct err e;

	if (run_shell("command -v cpio >/dev/null") != 0) {
		fd_close(&fd);
		SKIP("no cpio");
	}
	CHECK(mkdtemp(folder) != NULL);
	CHECK(cpio_folder(&c, "a", 0750, &e) == 0);
	CHECK(cpio_file(&c, "a/b", 0640, "text\n", 5, &e) == 0);
	CHECK(cpio_end(&c, &e) == 0);
	(void)snprintf(command, sizeof(command),
		       "cd %s && cpio --quiet -id </proc/%d/fd/%d && "
		       "[ \"$(stat -c %%a a a/b | xargs)\" = '750 640' ] && "
		       "[ \"$(cat a/b)\" = text ] && rm -r %s",
		       folder, getpid(), fd, folder);
	CHECK(run_shell(command) == 0);
	fd_close(&fd);
}

static const struct test tests[] = {
	{"folders, devices and files are entries, and a mark ends them", entries},
	{"a file's content is copied", from_a_file},
	{"what is no regular file is refused, and nothing written", refusals},
	{"cpio unpacks it", unpacked},
};
TEST_MAIN(tests)
