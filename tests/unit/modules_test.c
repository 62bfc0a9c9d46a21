/* SPDX-License-Identifier: Apache-2.0 */
/* modules.dep, as depmod writes it and as nobody should. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "sandbox/modules.h"

#include "tests/unit/tap.h"

static char folder[64];
static int dir = -1;
static struct arena arena;
static struct strings found;
static struct err e;

static void put(const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && fd_write_full(fd, text, strlen(text)) == 0);
}

static void begin(const char *dep, const char *builtin)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/modules_test.XXXXXX");
	CHECK(mkdtemp(folder) != NULL);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put("modules.dep", dep);
	put("modules.builtin", builtin);
	arena = (struct arena){0};
	e = (struct err){0};
}

static void end(void)
{
	arena_done(&arena);
	fd_close(&dir);
	CHECK(path_remove_tree(AT_FDCWD, folder, ERR_IGNORE) == 0);
}

static int find(const struct module_need *needs)
{
	return modules_find(&arena, dir, needs, &found, &e);
}

static bool is(const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count && i < found.count; i++) {
		if (!str_eq(found.v[i], paths[i])) {
			printf("# %s, not %s\n", found.v[i], paths[i]);
			return false;
		}
	}
	return found.count == count && found.v[count] == NULL;
}

static void in_order(void)
{
	static const struct module_need needs[] = {
		{"virtio_net", "A", true},
		{"vsock_virtio", "B", true},
		{NULL, NULL, false},
	};
	static const char *const wanted[] = {
		"kernel/virtio.ko",          "kernel/failover.ko",
		"kernel/net/virtio-net.ko",  "kernel/vsock.ko.xz",
		"kernel/vsock-virtio.ko.xz",
	};

	begin("kernel/other.ko:\n"
	      "kernel/vsock-virtio.ko.xz: kernel/vsock.ko.xz kernel/virtio.ko\n"
	      "kernel/net/virtio-net.ko: kernel/failover.ko kernel/virtio.ko\n",
	      "");
	CHECK(find(needs) == 0);
	CHECK(is(wanted, ARRAY_LEN(wanted)));
	end();
}

static void by_whole_name(void)
{
	static const struct module_need needs[] = {
		{"virtio", "VIRTIO", true},
		{NULL, NULL, false},
	};

	begin("kernel/virtio_net.ko:\nkernel/my_virtio.ko:\nvirtio.kox:\n", "");
	CHECK(find(needs) == -ENOTSUP);
	end();
	begin("virtio.ko:\n", "");
	CHECK(find(needs) == 0 && found.count == 1);
	end();
}

static void built_in(void)
{
	static const struct module_need needs[] = {
		{"virtio_mmio", "VIRTIO_MMIO", true},
		{"extra", "EXTRA", false},
		{NULL, NULL, false},
	};

	begin("", "kernel/drivers/virtio/virtio_mmio.ko\n");
	CHECK(find(needs) == 0 && found.count == 0);
	end();
}

static void all_missing_are_named(void)
{
	static const struct module_need needs[] = {
		{"a", "OPTION_A", true},
		{"b", "OPTION_B", true},
		{"c", "OPTION_C", false},
		{NULL, NULL, false},
	};

	begin("", "");
	CHECK(find(needs) == -ENOTSUP);
	CHECK(strstr(e.text, ": CONFIG_OPTION_A CONFIG_OPTION_B") != NULL);
	CHECK(strstr(e.text, "OPTION_C") == NULL);
	end();
}

static void bad_lists(void)
{
	static const struct module_need needs[] = {
		{"a", "A", true},
		{NULL, NULL, false},
	};
	static const char *const bad[] = {
		"a.ko: ../../etc/shadow\n",
		"a.ko: /etc/shadow\n",
		"/a.ko:\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		begin(bad[i], "");
		CHECK(find(needs) == -EINVAL);
		CHECK(str_after(e.text, "modules.dep: a bad path: ") != NULL);
		end();
	}
	begin("a.ko:\n", "");
	CHECK(unlinkat(dir, "modules.dep", 0) == 0);
	CHECK(find(needs) == -ENOENT);
	end();
}

static const struct test tests[] = {
	{"what a module needs is loaded before it, and once", in_order},
	{"a module is found by its whole name", by_whole_name},
	{"what is built in needs no file", built_in},
	{"all options that are missing are named, and only those required",
	 all_missing_are_named},
	{"paths that lead elsewhere are refused, and a folder without lists", bad_lists},
};
TEST_MAIN(tests)
