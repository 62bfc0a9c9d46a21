/* SPDX-License-Identifier: Apache-2.0 */
/* What hull packs for its guests, with the hull-guest that this build carries. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "sandbox/guest_binary.h"
#include "sandbox/initramfs.h"

#include "tests/unit/tap.h"

#define SIZE_MAX_PACKED ((off_t)2 * 1024 * 1024)

#define WITH_GUEST                                                                       \
	if (guest_binary_len() == 0)                                                     \
	SKIP("built without hull-guest")

static int make(void)
{
	struct err e = {0};
	int fd = -1;

	CHECK(initramfs_make(-1, &fd, &e) == 0);
	return fd;
}

static void small(void)
{
	struct stat st;

	WITH_GUEST;
	AUTO_FD fd = make();

	CHECK(fstat(fd, &st) == 0 && st.st_size < SIZE_MAX_PACKED);
	printf("# %lld bytes\n", (long long)st.st_size);
}

static void sealed(void)
{
	WITH_GUEST;
	AUTO_FD fd = make();

	CHECK(fcntl(fd, F_GET_SEALS) ==
	      (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	CHECK(write(fd, "x", 1) < 0 && errno == EPERM);
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
}

static void carries_all_of_it(void)
{
	char head[6];
	struct stat st;
	const char *text;

	WITH_GUEST;
	AUTO_FD fd = make();

	CHECK(pread(fd, head, sizeof(head), 0) == sizeof(head) &&
	      memcmp(head, "070701", sizeof(head)) == 0);
	CHECK(fstat(fd, &st) == 0);
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (text == MAP_FAILED)
		abort();
	CHECK(memmem(text, (size_t)st.st_size, guest_binary, guest_binary_len()));
	CHECK(memmem(text, (size_t)st.st_size, "TRAILER!!!", 10));
	(void)munmap((void *)text, (size_t)st.st_size);
}

/* The host's libraries are not there: no program header asks for an interpreter. */
static void is_static(void)
{
	WITH_GUEST;
	CHECK(memcmp(guest_binary, "\177ELF", 4) == 0);
	CHECK(!memmem(guest_binary, guest_binary_len(), "/lib64/ld-linux", 15));
}

static void says_so(void)
{
	struct err e = {0};
	int fd = -1;

	if (guest_binary_len() > 0)
		SKIP("built with hull-guest");
	CHECK(initramfs_make(-1, &fd, &e) == -ENOTSUP);
	CHECK(strstr(e.text, "built without its guest"));
	CHECK(fd == -1);
}

static const struct test tests[] = {
	{"an initramfs without modules has less than 2 MiB", small},
	{"an initramfs can't be changed by who has it", sealed},
	{"an initramfs has all of hull-guest in an archive", carries_all_of_it},
	{"hull-guest needs no interpreter", is_static},
	{"a hull without its guest says so", says_so},
};

TEST_MAIN(tests)
