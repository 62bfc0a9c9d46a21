/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several workers and a guest that releases, forgets and reads the same things at once.
 * What may go wrong here is for the sanitizers to see (--enable-sanitizers=thread, too);
 * what can be counted must be even in the end.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

#define WORKERS 4
#define NAMES   12

static struct world world;
static struct fs *fs;
static _Atomic uint64_t node[NAMES], handle[NAMES];
static _Atomic unsigned good;
static unsigned rounds = 20000;

struct storm {
	pthread_t thread;
	unsigned seed;
	struct client *c;
	void (*step)(struct client *c, unsigned i, unsigned dice);
};

static unsigned roll(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void *storm(void *arg)
{
	struct storm *s = arg;

	s->c = client_new(fs);
	for (unsigned i = 0; i < rounds; i++) {
		unsigned r = roll(&s->seed);

		s->step(s->c, r % NAMES, r / NAMES);
	}
	client_free(s->c);
	return NULL;
}

static void done(void *arg, uint64_t token, uint32_t written)
{
	(void)arg;
	(void)token;
	(void)written;
}

static const char *name_of(unsigned i)
{
	static const char *const names[NAMES] = {"a", "b", "c", "d", "e", "f",
						 "g", "h", "i", "j", "k", "l"};

	return names[i];
}

/* The guest forgets and releases what other threads are just about to use. */
static void read_release_forget(struct client *c, unsigned i, unsigned dice)
{
	uint64_t n = node[i], fh = handle[i], x;

	switch (dice % 8) {
	case 0:
		if (lookup(c, 1, name_of(i), &x) == 0)
			node[i] = x;
		break;
	case 1:
		if (open_node(c, FUSE_OPEN, n, O_RDWR, &x) == 0)
			handle[i] = x;
		break;
	case 2:
		(void)release(c, FUSE_RELEASE, n, fh);
		break;
	case 3:
		forget(c, n, 1 + dice % 3);
		break;
	default:
		good += read_at(c, n, fh, 0, 16) == 4;
	}
}

static void list_all(struct client *c)
{
	struct fuse_read_in in = {.size = 4096};

	if (open_node(c, FUSE_OPENDIR, 1, 0, &in.fh) == 0) {
		(void)ask(c, FUSE_READDIRPLUS, 1, 4096, PART(in), NOTHING);
		(void)release(c, FUSE_RELEASEDIR, 1, in.fh);
	}
}

static void lock_it(struct client *c, unsigned i, unsigned dice)
{
	struct fuse_lk_in in = {.fh = handle[i],
				.owner = dice % 3,
				.lk = {.end = 99, .type = dice % 3},
				.lk_flags = dice / 16 % 2};

	(void)ask(c, dice % 5 ? FUSE_SETLK : FUSE_SETLKW, node[i], 0, PART(in), NOTHING);
	(void)fs_poll(c->w);
}

static void flush_it(struct client *c, unsigned i, unsigned dice)
{
	struct fuse_flush_in in = {.fh = handle[i], .lock_owner = dice % 3};

	(void)ask(c, FUSE_FLUSH, node[i], 0, PART(in), NOTHING);
}

static void everything(struct client *c, unsigned i, unsigned dice)
{
	uint64_t n = node[i], x, fh;
	struct fuse_attr a;

	switch (dice % 16) {
	case 0:
		if (create(c, 1, name_of(i), O_RDWR, 0644, &x, &fh) == 0) {
			node[i] = x;
			handle[i] = fh;
		}
		break;
	case 1:
		(void)unlink_name(c, 1, name_of(i));
		break;
	case 2:
		(void)rename_name(c, 1, name_of(i), 1, name_of(dice % NAMES), dice & 2);
		break;
	case 3:
		list_all(c);
		break;
	case 4:
		if (make_dir(c, 1, name_of(i), 0755, &x) == 0)
			node[i] = x;
		break;
	case 5:
		(void)ask(c, FUSE_RMDIR, 1, 0, NAME(name_of(i)), NOTHING);
		break;
	case 6:
		good += getattr(c, n, &a) == 0;
		break;
	case 7:
		(void)write_at(c, n, handle[i], dice % 100, "text", 4, 0, 0);
		break;
	case 8:
		lock_it(c, i, dice);
		break;
	case 9:
		flush_it(c, i, dice);
		break;
	case 10:
		(void)lookup(c, n, name_of(dice / 16 % NAMES), &x);
		break;
	case 11:
		if (dice / 16 % 200 == 0)
			(void)init(c); /* a hostile guest may, at any time */
		break;
	default:
		read_release_forget(c, i, dice / 16);
	}
}

static void blow(enum vm_fs kind,
		 void (*step)(struct client *c, unsigned i, unsigned dice))
{
	struct storm s[WORKERS];
	unsigned fds = count_fds();
	struct fs_counts n;
	struct client *c;

	good = 0;
	fs = server_with((struct fs_config){.kind = kind, .max_fds = 30, .done = done});
	world_make(&world);
	for (unsigned i = 0; i < NAMES; i++)
		host_file(world.tree, name_of(i), "text");
	CHECK(attach(fs, "", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	for (unsigned i = 0; i < WORKERS; i++) {
		s[i] = (struct storm){.seed = i, .step = step};
		if (pthread_create(&s[i].thread, NULL, storm, &s[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < WORKERS; i++)
		(void)pthread_join(s[i].thread, NULL);
	CHECK(good > 0);
	fs_reset(fs);
	n = fs_counts(fs);
	CHECK(n.handles == 0 && n.inodes == 2 && n.fds == 1 && n.parked == 0);
	fs_free(fs);
	client_free(c);
	world_end(&world);
	CHECK(count_fds() == fds);
}

static void release_forget_read(void)
{
	blow(VM_FS_PRIVATE, read_release_forget);
}

static void all_operations(void)
{
	blow(VM_FS_PRIVATE, everything);
	blow(VM_FS_SHARED, everything);
}

/* ---- trees that come and go ---- */

static _Atomic bool stop;
static _Atomic uint64_t guess;
static _Atomic unsigned moves; /* what the storms have done, so that there is one */

static void *guess_roots(void *arg)
{
	struct client *c = client_new(fs);
	struct fuse_attr a;

	(void)arg;
	while (!stop) {
		moves += getattr(c, guess, &a) == 0;
		forget(c, guess, 1);
	}
	client_free(c);
	return NULL;
}

/* What isn't attached yet has a number already, which a guest can guess: it would be in
 * use without anybody knowing. (A detach would wait for good, or not at all.) */
static void numbers_of_trees_are_guessed(void)
{
	pthread_t thread[3];
	struct err e = {0};
	struct client *c;

	fs = server_with((struct fs_config){.kind = VM_FS_PRIVATE});
	world_make(&world);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	stop = false;
	moves = 0;
	(void)alarm(120);
	for (int i = 0; i < 3; i++)
		(void)pthread_create(&thread[i], NULL, guess_roots, NULL);
	for (uint64_t n = 0; n < 1500; n++) {
		guess = n << 32 | 2; /* always the second one, and used n times */
		CHECK(attach(fs, "t", world.tree, false) == 0);
		if (n % 100 == 0) {
			unsigned before = moves;

			while (moves == before)
				(void)sched_yield();
		}
		CHECK(fs_detach(fs, "t", &e) == 0);
	}
	stop = true;
	for (int i = 0; i < 3; i++)
		(void)pthread_join(thread[i], NULL);
	(void)alarm(0);
	CHECK(fs_counts(fs).inodes == 1 && fs_counts(fs).fds == 0);
	fs_free(fs);
	client_free(c);
	world_end(&world);
}

/* Looks names of "t" up, opens them and forgets them, ends sessions, and does it in
 * another tree, for which descriptors of "t" are closed. */
static void *come_and_go(void *arg)
{
	unsigned seed = *(const unsigned *)arg;
	struct client *c = client_new(fs);
	uint64_t top, n, fh = 0;

	while (!stop) {
		unsigned dice = roll(&seed);

		if (dice % 64 == 0)
			(void)init(c);
		if (lookup(c, 1, dice % 3 ? "t" : "other", &top) < 0 ||
		    lookup(c, top, name_of(dice / 4 % NAMES), &n) < 0)
			continue;
		if (dice % 2)
			(void)open_node(c, FUSE_OPEN, n, O_RDONLY, &fh);
		forget(c, n, 1);
		if (dice % 5 == 0)
			(void)release(c, FUSE_RELEASE, n, fh);
		forget(c, n, UINT64_MAX);
		moves++;
	}
	client_free(c);
	return NULL;
}

static void detached_trees_can_be_unmounted(void)
{
	static unsigned seeds[WORKERS] = {1, 2, 3, 4};
	pthread_t thread[WORKERS];
	struct err e = {0};
	struct client *c;
	unsigned busy = 0;
	char path[100];

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		SKIP("no mount namespace");
	fs = server_with((struct fs_config){.kind = VM_FS_SHARED, .max_fds = 16});
	world_make(&world);
	(void)snprintf(path, sizeof(path), "%s/tree", world.path);
	for (unsigned i = 0; i < NAMES; i++)
		host_file(world.top, name_of(i), "text");
	CHECK(attach(fs, "other", world.top, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	stop = false;
	(void)alarm(120);
	for (unsigned i = 0; i < WORKERS; i++)
		(void)pthread_create(&thread[i], NULL, come_and_go, &seeds[i]);
	for (int round = 0; round < 100; round++) {
		AUTO_FD fd = -1;

		CHECK(mount("tmpfs", path, "tmpfs", 0, NULL) == 0);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (unsigned i = 0; i < NAMES; i++)
			host_file(fd, name_of(i), "text");
		CHECK(attach(fs, "t", fd, false) == 0);
		fd_close(&fd);
		moves = 0;
		while (moves < 20)
			(void)sched_yield();
		CHECK(fs_detach(fs, "t", &e) == 0);
		if (umount2(path, 0) < 0) {
			busy++;
			(void)umount2(path, MNT_DETACH);
		}
	}
	CHECK(busy == 0);
	stop = true;
	for (int i = 0; i < WORKERS; i++)
		(void)pthread_join(thread[i], NULL);
	(void)alarm(0);
	fs_free(fs);
	client_free(c);
	world_end(&world);
}

static const struct test tests[] = {
	{"RELEASE, FORGET and READ of the same things, from four workers",
	 release_forget_read},
	{"all kinds of operations and new sessions, from four workers", all_operations},
	{"a tree can't be used by a guessed number before it is attached",
	 numbers_of_trees_are_guessed},
	{"a detached tree can be unmounted, whatever is forgotten and closed meanwhile",
	 detached_trees_can_be_unmounted},
};
TEST_MAIN(tests)
