/* SPDX-License-Identifier: Apache-2.0 */
/* Which kernel a sandbox gets, among files that are made for each test. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/kernel.h"

#include "tests/unit/tap.h"

static char top[64];
static char packaged[96], boot[96], modules[96];

static void begin(void)
{
	(void)snprintf(top, sizeof(top), "/tmp/kernel-test-XXXXXX");
	CHECK(mkdtemp(top) != NULL);
	(void)snprintf(packaged, sizeof(packaged), "%s/lib/vmlinux", top);
	(void)snprintf(boot, sizeof(boot), "%s/boot", top);
	(void)snprintf(modules, sizeof(modules), "%s/modules", top);
}

static void end(void)
{
	CHECK(path_remove_tree(AT_FDCWD, top, ERR_IGNORE) == 0);
}

/* A path below top, for as long as the next eight. */
static const char *at(const char *name)
{
	static char paths[8][160];
	static unsigned next;
	char *p = paths[next++ % 8];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", top, name);
	return p;
}

static void make_folders(const char *name)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	for (char *slash = path + strlen(top) + 1; (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		CHECK(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static void put(const char *name, const void *data, size_t len, mode_t mode)
{
	AUTO_FD fd = -1;

	make_folders(name);
	fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && fd_write_full(fd, data, len) == 0);
	CHECK(fchmod(fd, mode) == 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text), 0644);
}

/* The start of a bzImage of this version, with the name of the file behind it. */
static void put_image(const char *name, const char *version)
{
	char image[1024] = "";

	(void)snprintf(image + 0x202, 5, "HdrS");
	image[0x20e] = 0x40; /* + 0x200 */
	(void)snprintf(image + 0x240, sizeof(image) - 0x240, "%s", version);
	put(name, image, sizeof(image), 0644);
}

static bool is_file(int fd, const char *name)
{
	struct stat a, b;

	return fd >= 0 && fstat(fd, &a) == 0 && stat(at(name), &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* NULL: none is to be found there. */
static void check_finds(const char *configured, const char *kernel, const char *dir)
{
	const struct kernel_places p = {packaged, boot, modules, "6.1.0-9-amd64"};
	AUTO_FD fd = -1;
	AUTO_FD modules_fd = -1;
	struct err e = {0};
	int r = sandbox_kernel_find_in(&p, configured, &fd, &modules_fd, &e);

	CHECK_STR(e.text, "");
	CHECK(r == 0);
	if (!is_file(fd, kernel))
		printf("# not %s\n", kernel);
	CHECK(is_file(fd, kernel));
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(dir ? is_file(modules_fd, dir) : modules_fd == -1);
}

static void check_refuses(const char *configured, int code, const char *text)
{
	const struct kernel_places p = {packaged, boot, modules, "6.1.0-9-amd64"};
	int fd = -1, dir = -1;
	struct err e = {0};

	CHECK(sandbox_kernel_find_in(&p, configured, &fd, &dir, &e) == -code);
	CHECK(fd == -1 && dir == -1);
	if (!strstr(e.text, text))
		printf("# %s\n", e.text);
	CHECK(strstr(e.text, text) != NULL);
}

static void order(void)
{
	begin();
	put_text("lib/vmlinux", "minimal");
	put_image("boot/vmlinuz-6.1.0-9-amd64", "6.1.0-9-amd64 (x@y) #1 SMP");
	put_text("modules/6.1.0-9-amd64/modules.dep", "");
	put_text("my/kernel", "mine");
	check_finds(at("my/kernel"), "my/kernel", NULL);
	check_finds(NULL, "lib/vmlinux", NULL);
	CHECK(unlink(at("lib/vmlinux")) == 0);
	check_finds(NULL, "boot/vmlinuz-6.1.0-9-amd64", "modules/6.1.0-9-amd64");
	CHECK(unlink(at("boot/vmlinuz-6.1.0-9-amd64")) == 0);
	put_image("modules/6.1.0-9-amd64/vmlinuz", "6.1.0-9-amd64");
	check_finds(NULL, "modules/6.1.0-9-amd64/vmlinuz", "modules/6.1.0-9-amd64");
	end();
}

static void none(void)
{
	begin();
	check_refuses(NULL, ENOENT, "contrib/guest-kernel/build makes one");
	check_refuses(NULL, ENOENT, "/boot/vmlinuz-6.1.0-9-amd64");
	check_refuses(at("nowhere"), ENOENT, "nowhere: ENOENT");
	/* One that is configured wrongly isn't replaced by another. */
	put_text("lib/vmlinux", "minimal");
	check_refuses(at("nowhere"), ENOENT, "nowhere: ENOENT");
	check_refuses("my/kernel", EINVAL, "not an absolute path");
	end();
}

static void modules_beside(void)
{
	begin();
	put_image("my/vmlinuz", "5.10.3-cloud (x@y) #1");
	check_finds(at("my/vmlinuz"), "my/vmlinuz", NULL);
	put_text("modules/5.10.3-cloud/modules.dep", "");
	check_finds(at("my/vmlinuz"), "my/vmlinuz", "modules/5.10.3-cloud");
	put_text("my/modules/5.10.3-cloud/modules.dep", "");
	check_finds(at("my/vmlinuz"), "my/vmlinuz", "my/modules/5.10.3-cloud");
	put_text("my/modules/modules.dep", "");
	check_finds(at("my/vmlinuz"), "my/vmlinuz", "my/modules");
	end();
}

/* Whoever made a file could have written anything into it. */
static void versions_are_no_paths(void)
{
	static const char *const bad[] = {"../evil", "..", "a/b", "", "/etc"};

	begin();
	put_text("evil/modules.dep", "");
	put_text("modules/modules.dep", "");
	put_text("modules/a/b/modules.dep", "");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put_image("my/vmlinuz", bad[i]);
		check_finds(at("my/vmlinuz"), "my/vmlinuz", NULL);
	}
	/* A version that lies behind the file's end. */
	put("my/vmlinuz", "short", 5, 0644);
	check_finds(at("my/vmlinuz"), "my/vmlinuz", NULL);
	end();
}

static void surprises(void)
{
	begin();
	make_folders("my/folder/x");
	check_refuses(at("my/folder"), EINVAL, "not a regular file");
	CHECK(mkfifo(at("my/pipe"), 0644) == 0);
	check_refuses(at("my/pipe"), EINVAL, "not a regular file");
	check_refuses("/dev/null", EINVAL, "not a regular file");
	put("my/open", "x", 1, 0646);
	check_refuses(at("my/open"), EPERM, "others than its owner can write to it");
	put("my/group", "x", 1, 0664);
	check_refuses(at("my/group"), EPERM, "others than its owner can write to it");
	/* The packaged one too: it isn't passed over in silence. */
	put("lib/vmlinux", "x", 1, 0666);
	check_refuses(NULL, EPERM, "others than its owner can write to it");
	end();
}

static void owners(void)
{
	if (geteuid() != 0)
		SKIP("needs root to give files away");
	begin();
	put_image("my/vmlinuz", "5.10.3-cloud");
	CHECK(chown(at("my/vmlinuz"), 1000, 1000) == 0);
	check_refuses(at("my/vmlinuz"), EPERM, "its owner is user 1000, not root");
	CHECK(chown(at("my/vmlinuz"), 0, 0) == 0);
	put_text("my/modules/modules.dep", "");
	CHECK(chown(at("my/modules"), 1000, 1000) == 0);
	check_refuses(at("my/vmlinuz"), EPERM, "others than root can write there");
	CHECK(chown(at("my/modules"), 0, 0) == 0 && chmod(at("my/modules"), 0777) == 0);
	check_refuses(at("my/vmlinuz"), EPERM, "others than root can write there");
	end();
}

static const struct test tests[] = {
	{"the configured kernel comes first, then hull's, then the host's own", order},
	{"without a kernel the error says how to get one", none},
	{"modules are found by the version in the image, beside it or of the system",
	 modules_beside},
	{"a version in an image never leads out of the folder of modules",
	 versions_are_no_paths},
	{"what is no file, or can be written by others, is no kernel", surprises},
	{"a kernel or modules of another user are refused", owners},
};
TEST_MAIN(tests)
