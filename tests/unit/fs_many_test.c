/* SPDX-License-Identifier: Apache-2.0 */
/* In memory where that can be: a hundred thousand files take a disk half a minute. */
#include <unistd.h>

#define WORLD_IN (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")

#include <sys/resource.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

#define FILES  100000
#define NOFILE 4096

static struct world world;
static struct client *c;
static uint64_t top;
static uint64_t node[FILES];

static void begin(struct fs_config config)
{
	struct fs *fs = server_with(config);

	world_make(&world);
	CHECK(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "t", &top) == 0);
}

static void end(void)
{
	fs_free(c->fs);
	client_free(c);
	world_end(&world);
}

static const char *file_name(unsigned i)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "file-%u", i);
	return name;
}

/* By the guest, in folders of 1000. */
static bool make_files(uint64_t dirs[FILES / 1000])
{
	uint64_t fh = 0;

	for (unsigned i = 0; i < FILES; i++) {
		char dir[32];

		(void)snprintf(dir, sizeof(dir), "dir-%u", i / 1000);
		if (i % 1000 == 0 && make_dir(c, top, dir, 0755, &dirs[i / 1000]) < 0)
			return false;
		if (create(c, dirs[i / 1000], file_name(i), O_RDWR, 0644, &node[i], &fh) <
		    0)
			return false;
		if (i % 997 == 0 && write_at(c, node[i], fh, 0, &i, sizeof(i), 0, 0) < 0)
			return false;
		if (release(c, FUSE_RELEASE, node[i], fh) < 0)
			return false;
	}
	return true;
}

static void a_hundred_thousand_files(void)
{
	uint64_t dirs[FILES / 1000], fh = 0, to = 0;
	struct fuse_attr a;
	unsigned max, bad = 0, got;

	begin((struct fs_config){.kind = VM_FS_PRIVATE});
	max = NOFILE / 8 * 3;
	CHECK(make_files(dirs));
	CHECK(fs_counts(c->fs).inodes == FILES + FILES / 1000 + 2);
	/* All known, each open in turn, in an order that no cache likes. */
	for (unsigned i = 0; i < FILES; i++)
		bad += getattr(c, node[i * 7919ULL % FILES], &a) != 0;
	for (unsigned i = 0; i < FILES; i += 3) {
		uint64_t n = node[i * 7919ULL % FILES];

		bad += open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) != 0;
		bad += release(c, FUSE_RELEASE, n, fh) != 0;
	}
	CHECK(bad == 0);
	CHECK(fs_counts(c->fs).fds <= max && count_fds() < NOFILE / 2);
	/* They are who they were. */
	for (unsigned i = 0; i < FILES; i += 997) {
		bad += open_node(c, FUSE_OPEN, node[i], O_RDONLY, &fh) != 0;
		bad += read_at(c, node[i], fh, 0, 10) != sizeof(got);
		memcpy(&got, c->reply, sizeof(got));
		bad += got != i;
		bad += release(c, FUSE_RELEASE, node[i], fh) != 0;
	}
	CHECK(bad == 0);
	/* Moving a folder moves what is in it. */
	CHECK(make_dir(c, top, "deeper", 0755, &to) == 0);
	for (unsigned i = 0; i < FILES / 1000; i++) {
		char dir[32];

		(void)snprintf(dir, sizeof(dir), "dir-%u", i);
		bad += rename_name(c, top, dir, to, dir, 0) != 0;
	}
	for (unsigned i = 0; i < FILES; i += 101)
		bad += getattr(c, node[i], &a) != 0;
	CHECK(bad == 0);
	for (unsigned i = 0; i < FILES; i++)
		forget(c, node[i], 1);
	CHECK(fs_counts(c->fs).inodes == FILES / 1000 + 3);
	end();
}

static void at_the_bound_it_is_enfile(void)
{
	uint64_t n = 0, fh[NOFILE] = {0}, other = 0, x = 0;
	struct fuse_attr a;
	unsigned count, opened;
	int r = 0;

	begin((struct fs_config){.kind = VM_FS_PRIVATE});
	host_file(world.tree, "f", "text");
	host_file(world.tree, "g", "text");
	CHECK(lookup(c, top, "f", &n) == 0);
	for (count = 0; count < NOFILE && r == 0; count++)
		r = open_node(c, FUSE_OPEN, n, O_RDWR, &fh[count]);
	opened = --count;
	CHECK(r == -ENFILE && count > NOFILE / 4 && count < NOFILE / 2);
	/* What needs no descriptor of its own works, and what is open. */
	CHECK(read_at(c, n, fh[0], 0, 10) == 4);
	CHECK(lookup(c, top, "g", &other) == 0 && getattr(c, other, &a) == 0);
	while ((r = create(c, top, "new", O_RDWR, 0644, &x, &x)) == 0)
		CHECK(unlink_name(c, top, "new") == 0 && count++ < NOFILE / 2);
	CHECK(r == -ENFILE && faccessat(world.tree, "new", F_OK, 0) < 0);
	CHECK(open_node(c, FUSE_OPEN, other, O_RDONLY, &x) == -ENFILE);
	CHECK(open_node(c, FUSE_OPENDIR, top, O_RDONLY, &x) == -ENFILE);
	CHECK(unlink_name(c, top, "g") == 0);
	/* The host isn't bound by what its guest does. */
	CHECK(attach(c->fs, "another", world.tree, true) == 0);
	/* With two given back all is well. */
	CHECK(release(c, FUSE_RELEASE, n, fh[0]) == 0);
	CHECK(release(c, FUSE_RELEASE, n, fh[1]) == 0);
	CHECK(release(c, FUSE_RELEASE, n, fh[2]) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &x) == 0);
	for (unsigned i = 3; i < opened; i++)
		CHECK(release(c, FUSE_RELEASE, n, fh[i]) == 0);
	end();
}

/* The process itself has none left, whatever our bound. */
static void without_any_descriptor_it_is_enfile(void)
{
	int taken[NOFILE];
	unsigned count = 0;
	uint64_t n = 0, fh = 0;

	begin((struct fs_config){.kind = VM_FS_PRIVATE});
	host_file(world.tree, "f", "text");
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	while (count < NOFILE &&
	       (taken[count] = fcntl(world.tree, F_DUPFD_CLOEXEC, 0)) >= 0)
		count++;
	/* One is closed for it: the file's O_PATH one, which then isn't there... */
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -ENFILE);
	CHECK(read_at(c, n, fh, 0, 10) == 4 || 1);
	while (count > 0)
		fd_close(&taken[--count]);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	end();
}

static void deep_trees_need_few_descriptors(void)
{
	enum {
		DEPTH = 3000
	};
	static uint64_t dir[DEPTH];
	struct fuse_attr a;
	uint64_t n = top, fh = 0;
	unsigned bad = 0;

	begin((struct fs_config){.kind = VM_FS_PRIVATE, .max_fds = 40});
	n = top;
	for (unsigned i = 0; i < DEPTH; i++) {
		bad += make_dir(c, n, "d", 0755, &dir[i]) != 0;
		n = dir[i];
	}
	CHECK(bad == 0);
	CHECK(create(c, n, "f", O_RDWR, 0644, &fh, &fh) == 0);
	/* Each from where nothing near it is open. */
	for (unsigned i = 0; i < DEPTH; i += 487)
		bad += getattr(c, dir[i], &a) != 0 || !S_ISDIR(a.mode);
	for (unsigned i = DEPTH - 1; i > 600; i -= 600)
		bad += lookup(c, dir[i - 1], "d", &n) != 0 || n != dir[i];
	CHECK(bad == 0);
	CHECK(fs_counts(c->fs).fds <= 40);
	/* The children keep their parents in the table, and no longer. */
	for (unsigned i = 0; i < DEPTH - 1; i++)
		forget(c, dir[i], UINT64_MAX);
	CHECK(getattr(c, dir[DEPTH - 1], &a) == 0);
	fs_reset(c->fs);
	CHECK(fs_counts(c->fs).inodes == 2 && fs_counts(c->fs).fds == 1);
	end();
}

static void inodes_are_bounded(void)
{
	uint64_t n = 0, first = 0;
	unsigned i;
	int r = 0;

	begin((struct fs_config){.kind = VM_FS_PRIVATE, .max_inodes = 100});
	for (i = 0; i < 200; i++)
		host_file(world.tree, file_name(i), "");
	for (i = 0; i < 200 && r == 0; i++) {
		r = lookup(c, top, file_name(i), &n);
		if (i == 0)
			first = n;
	}
	CHECK(r == -ENFILE && fs_counts(c->fs).inodes == 100);
	CHECK(attach(c->fs, "another", world.tree, true) == 0);
	CHECK(lookup(c, 1, "another", &n) == 0);
	CHECK(lookup(c, n, file_name(0), &n) == -ENFILE);
	CHECK(fs_detach(c->fs, "another", ERR_IGNORE) == 0);
	forget(c, first, 1);
	CHECK(lookup(c, top, file_name(150), &n) == 0);
	end();
}

/* What others moved away is stale, not something else. */
static void what_the_host_moved_is_stale(void)
{
	struct fuse_attr a;
	uint64_t n = 0, d = 0, x = 0, fh = 0;

	begin((struct fs_config){.kind = VM_FS_PRIVATE});
	host_file(world.tree, "f", "text");
	CHECK(mkdirat(world.tree, "d", 0755) == 0);
	host_file(world.tree, "d/g", "text");
	CHECK(lookup(c, top, "f", &n) == 0 && lookup(c, top, "d", &d) == 0);
	CHECK(lookup(c, d, "g", &x) == 0);
	CHECK(renameat(world.tree, "f", world.tree, "h") == 0);
	CHECK(getattr(c, n, &a) == -ESTALE);
	host_file(world.tree, "f", "another");
	CHECK(getattr(c, n, &a) == -ESTALE);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -ESTALE);
	CHECK(lookup(c, top, "h", &fh) == 0 && fh == n); /* there it is */
	CHECK(getattr(c, n, &a) == 0);
	/* Two folders, each put into the other as the guest sees them. */
	CHECK(mkdirat(world.tree, "a", 0755) == 0 && mkdirat(world.tree, "b", 0755) == 0);
	CHECK(lookup(c, top, "a", &d) == 0 && lookup(c, top, "b", &x) == 0);
	CHECK(renameat(world.tree, "a", world.tree, "b/a") == 0);
	CHECK(lookup(c, x, "a", &n) == 0 && n == d);
	CHECK(lookup(c, d, "none", &n) == -ENOENT); /* both are open now */
	CHECK(renameat(world.tree, "b/a", world.tree, "a") == 0);
	CHECK(renameat(world.tree, "b", world.tree, "a/b") == 0);
	CHECK(lookup(c, d, "b", &n) == 0 && n == x);
	CHECK(lookup(c, top, "a", &n) == 0 && n == d);
	CHECK(getattr(c, x, &a) == 0 || getattr(c, x, &a) == -ESTALE);
	end();
}

int main(void)
{
	static const struct test tests[] = {
		{"a hundred thousand files are served with 4096 descriptors",
		 a_hundred_thousand_files},
		{"at the bound of descriptors it is ENFILE, and goes on",
		 at_the_bound_it_is_enfile},
		{"a process without descriptors is ENFILE, and goes on",
		 without_any_descriptor_it_is_enfile},
		{"3000 levels are served with 40 descriptors",
		 deep_trees_need_few_descriptors},
		{"what a guest may know is bounded", inodes_are_bounded},
		{"what the host moved is stale until it is found again",
		 what_the_host_moved_is_stale},
	};
	struct rlimit lim = {.rlim_cur = NOFILE, .rlim_max = NOFILE};

	(void)setrlimit(RLIMIT_NOFILE, &lim);
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
