/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/file.h>
#include <time.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

static struct world world;
static struct client *c;
static uint64_t top;
static struct state_writer *saved;
static struct err why;

static void begin(enum vm_fs kind)
{
	struct fs *fs = server_with((struct fs_config){.kind = kind});

	world_make(&world);
	host_file(world.tree, "f", "text");
	CHECK(mkdirat(world.tree, "d", 0755) == 0);
	host_file(world.tree, "d/g", "more");
	CHECK(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "t", &top) == 0);
}

static void save(void)
{
	saved = state_writer_new();
	state_begin(saved, "fs  ", 1);
	fs_save(c->fs, saved);
	state_end(saved);
	fs_free(c->fs);
	client_free(c);
}

/* A new server that gets what was saved; its answer. */
static int restore(enum vm_fs kind, const char *tree)
{
	struct state_reader *r = NULL;
	const void *data;
	size_t len;
	int e = state_finish(saved, &data, &len, &why);

	c = client_new(server_with((struct fs_config){.kind = kind}));
	CHECK(attach(c->fs, "another", world.top, false) == 0);
	CHECK(attach(c->fs, tree, world.tree, false) == 0);
	if (e == 0)
		e = state_reader_new(data, len, &r, &why);
	if (e == 0) {
		state_enter(r, "fs  ", 1);
		e = fs_restore(c->fs, r, &why);
		state_leave(r);
		if (e == 0)
			e = state_check(r, &why);
	}
	state_reader_free(r);
	return e;
}

static void end(void)
{
	fs_free(c->fs);
	client_free(c);
	state_writer_free(saved);
	world_end(&world);
}

/* A refusal says why, and leaves a server that a guest can begin with. */
static void refused(const char *text)
{
	uint64_t n;

	CHECK(strstr(why.text, text));
	if (!strstr(why.text, text))
		printf("# %s\n", why.text);
	CHECK(lookup(c, 1, "t", &n) == -EIO);
	CHECK(fs_counts(c->fs).handles == 0 && fs_counts(c->fs).inodes == 3);
	CHECK(init(c) == sizeof(struct fuse_init_out));
}

static void sessions_go_on(void)
{
	struct fuse_read_in rd = {.size = 4096};
	struct fuse_attr a;
	uint64_t f, d = 0, g, x, fh, dh;

	begin(VM_FS_PRIVATE);
	CHECK(lookup(c, top, "f", &f) == 0 && lookup(c, top, "f", &f) == 0);
	for (int i = 0; i < 100; i++) { /* numbers that were used and are free */
		CHECK(lookup(c, top, "d", &d) == 0);
		if (i < 99)
			forget(c, d, 1);
	}
	CHECK(lookup(c, d, "g", &g) == 0);
	CHECK(open_node(c, FUSE_OPEN, f, O_RDWR, &fh) == 0);
	CHECK(open_node(c, FUSE_OPENDIR, d, 0, &dh) == 0);
	save();
	CHECK(restore(VM_FS_PRIVATE, "t") == 0);
	CHECK(read_at(c, f, fh, 0, 10) == 4 && memcmp(c->reply, "text", 4) == 0);
	CHECK(write_at(c, f, fh, 0, "T", 1, 0, 0) == 1);
	rd.fh = dh;
	CHECK(ask(c, FUSE_READDIR, d, 4096, PART(rd), NOTHING) == 3 * 32);
	CHECK(getattr(c, g, &a) == 0 && a.size == 4);
	CHECK(lookup(c, top, "d", &x) == 0 && x == d);
	CHECK(lookup(c, d, "g", &x) == 0 && x == g);
	CHECK(lookup(c, 1, "t", &x) == 0 && x == top);
	/* It is counted as it was. */
	forget(c, f, 1);
	CHECK(getattr(c, f, &a) == 0);
	CHECK(release(c, FUSE_RELEASE, f, fh) == 0);
	forget(c, f, 1);
	CHECK(getattr(c, f, &a) == -ESTALE);
	/* New numbers are new. */
	CHECK(lookup(c, top, "f", &x) == 0 && x != f);
	CHECK(open_node(c, FUSE_OPEN, x, O_RDWR, &x) == 0 && x != fh && x != dh);
	end();
}

static void without_a_guest_nothing_is_kept(void)
{
	uint64_t n;

	begin(VM_FS_PRIVATE);
	CHECK(ask(c, FUSE_DESTROY, 0, 0, NOTHING) == 0);
	save();
	CHECK(restore(VM_FS_SHARED, "other name") == 0);
	CHECK(lookup(c, 1, "another", &n) == -EIO);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "another", &n) == 0);
	end();
}

static void what_is_gone_or_another_is_refused(void)
{
	uint64_t n;

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	save();
	CHECK(unlinkat(world.tree, "f", 0) == 0);
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	refused("'f' is gone");
	end();

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	save();
	host_file(world.tree, "new", "text");
	CHECK(renameat(world.tree, "new", world.tree, "f") == 0);
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	refused("'f' is another file now");
	end();

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	save();
	CHECK(restore(VM_FS_SHARED, "u") < 0);
	CHECK(strstr(why.text, "no tree 't'"));
	end();
}

static void what_has_changed_is_refused_if_private(void)
{
	uint64_t n, fh;

	begin(VM_FS_PRIVATE);
	CHECK(lookup(c, top, "f", &n) == 0);
	save();
	host_file(world.tree, "f", "TEXT");
	CHECK(restore(VM_FS_PRIVATE, "t") < 0);
	refused("'f' has changed");
	end();

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	save();
	host_file(world.tree, "f", "TEXT");
	CHECK(restore(VM_FS_SHARED, "t") == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(read_at(c, n, fh, 0, 4) == 4 && memcmp(c->reply, "TEXT", 4) == 0);
	end();
}

static void removed_files_in_use_are_refused(void)
{
	uint64_t n, fh;

	begin(VM_FS_SHARED);
	CHECK(create(c, top, "h", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(unlink_name(c, top, "h") == 0);
	save();
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	refused("removed files");
	end();
}

static void stale_ones_stay_stale(void)
{
	struct fuse_attr a;
	uint64_t n;

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(unlinkat(world.tree, "f", 0) == 0);
	save();
	CHECK(restore(VM_FS_SHARED, "t") == 0);
	CHECK(getattr(c, n, &a) == -ESTALE);
	forget(c, n, 1);
	CHECK(fs_counts(c->fs).inodes == 3);
	end();
}

static int lock_file(uint64_t n, uint64_t fh, uint32_t type, uint32_t flags)
{
	struct fuse_lk_in in = {
		.fh = fh, .owner = 1, .lk = {.end = 9, .type = type}, .lk_flags = flags};

	return ask(c, FUSE_SETLK, n, 0, PART(in), NOTHING);
}

static void locks_are_had_again_or_refused(void)
{
	uint64_t n, fh;
	AUTO_FD host = -1;

	begin(VM_FS_SHARED);
	host = openat(world.tree, "f", O_RDWR | O_CLOEXEC);
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &fh) == 0);
	CHECK(lock_file(n, fh, F_WRLCK, FUSE_LK_FLOCK) == 0);
	save();
	CHECK(flock(host, LOCK_EX | LOCK_NB) == 0); /* nobody has it meanwhile */
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	refused("another's now");
	fs_free(c->fs);
	client_free(c);
	CHECK(flock(host, LOCK_UN) == 0);
	CHECK(restore(VM_FS_SHARED, "t") == 0);
	CHECK(flock(host, LOCK_EX | LOCK_NB) < 0);
	end();

	begin(VM_FS_SHARED);
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &fh) == 0);
	CHECK(lock_file(n, fh, F_WRLCK, 0) == 0);
	save();
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	refused("POSIX locks");
	end();
}

static void other_kinds_are_refused(void)
{
	begin(VM_FS_PRIVATE);
	save();
	CHECK(restore(VM_FS_SHARED, "t") < 0);
	CHECK(strstr(why.text, "features"));
	end();
}

/* ---- states made by hand, as a checksum guards files ---- */

static void put_file(struct state_writer *w, int dir, const char *name)
{
	struct statx sx;

	if (statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_ALL, &sx) < 0)
		abort();
	state_put_u64(w, sx.stx_ino);
	state_put_u64(w, (uint64_t)sx.stx_btime.tv_sec);
	state_put_u32(w, sx.stx_btime.tv_nsec);
	state_put_u32(w, sx.stx_mode & S_IFMT);
	state_put_u64(w, (uint64_t)sx.stx_ctime.tv_sec);
	state_put_u32(w, sx.stx_ctime.tv_nsec);
	state_put_u64(w, sx.stx_size);
}

/* A session that knows the tree "t" as 2. */
static struct state_writer *state_by_hand(uint64_t lookups)
{
	struct state_writer *w = state_writer_new();

	state_begin(w, "fs  ", 1);
	state_put_u64(w, UINT64_C(1) << 63);
	state_put_u32(w, 1);
	state_put_bytes(w, "t", 1);
	state_put_u64(w, 2);
	put_file(w, world.tree, "");
	state_put_u64(w, lookups);
	return w;
}

static void put_inode(struct state_writer *w, uint64_t nodeid, uint64_t parent, int dir,
		      const char *name, uint64_t lookups)
{
	state_put_u64(w, nodeid);
	state_put_u32(w, 0);
	state_put_u64(w, parent);
	state_put_bytes(w, name, (uint32_t)strlen(name));
	put_file(w, dir, name);
	state_put_u64(w, lookups);
}

/* In place of the server that begin() made. */
static int restore_by_hand(struct state_writer *w)
{
	fs_free(c->fs);
	client_free(c);
	state_end(w);
	saved = w;
	return restore(VM_FS_SHARED, "t");
}

/* Counted on to 0, the guest's reference would be lost, and what a tree that is taken
 * away leaves in the tables would be used. */
static void counts_do_not_wrap(void)
{
	struct state_writer *w;
	struct fuse_attr a;
	uint64_t f = 0;

	begin(VM_FS_SHARED);
	w = state_by_hand(UINT64_MAX);
	state_put_u32(w, 1);
	put_inode(w, 5, 2, world.tree, "f", UINT64_MAX);
	state_put_u32(w, 0);
	CHECK(restore_by_hand(w) == 0);
	CHECK(lookup(c, 1, "t", &top) == 0 && top == 2);
	CHECK(lookup(c, 2, "f", &f) == 0 && f == 5);
	CHECK(fs_detach(c->fs, "t", &why) == 0);
	CHECK(fs_counts(c->fs).inodes == 2 && fs_counts(c->fs).fds == 1);
	CHECK(getattr(c, f, &a) == -ESTALE);
	forget(c, f, 1);
	CHECK(getattr(c, f, &a) == -ESTALE);
	end();
}

#define DEPTH 3000

/* The CPU time that a nest of folders takes, numbered from its top or from its bottom. */
static double restore_nest(bool bottom_first)
{
	AUTO_FD at = -1;
	struct state_writer *w;
	uint64_t parent = 2;
	clock_t began;
	double seconds;

	begin(VM_FS_SHARED);
	w = state_by_hand(1);
	state_put_u32(w, DEPTH);
	at = fcntl(world.tree, F_DUPFD_CLOEXEC, 0);
	for (uint64_t i = 0; i < DEPTH; i++) {
		uint64_t n = bottom_first ? DEPTH + 2 - i : 3 + i;
		int in;

		CHECK(mkdirat(at, "n", 0755) == 0);
		put_inode(w, n, parent, at, "n", 1);
		in = openat(at, "n", O_PATH | O_CLOEXEC);
		fd_close(&at);
		at = in;
		parent = n;
	}
	state_put_u32(w, 0);
	began = clock();
	CHECK(restore_by_hand(w) == 0);
	seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
	CHECK(fs_counts(c->fs).inodes == DEPTH + 3);
	end();
	return seconds;
}

static void nests_take_their_time_once(void)
{
	double top_first = restore_nest(false), bottom_first = restore_nest(true);

	CHECK(bottom_first < top_first * 4 + 0.02);
	if (tap_failed)
		printf("# %.3f and %.3f s\n", top_first, bottom_first);
}

/* Rings of folders, and folders that aren't there. */
static void impossible_nests_are_refused(void)
{
	static const struct {
		uint64_t node[3], parent[3];
	} never[] = {
		{{3, 4, 5}, {3, 2, 2}}, /* its own */
		{{3, 4, 5}, {4, 3, 2}},  {{3, 4, 5}, {4, 5, 3}},
		{{3, 4, 5}, {2, 99, 2}}, {{3, 3, 5}, {2, 2, 2}}, /* twice */
		{{3, 3, 3}, {3, 3, 3}},  {{2, 4, 5}, {2, 2, 2}},
		{{1, 4, 5}, {2, 2, 2}},  {{3, 4, 5}, {0, 3, 2}}, /* in what is nowhere */
	};

	for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++) {
		struct state_writer *w;

		begin(VM_FS_SHARED);
		w = state_by_hand(1);
		state_put_u32(w, 3);
		for (int i = 0; i < 3; i++)
			put_inode(w, never[n].node[i], never[n].parent[i], world.tree,
				  "d", 1);
		state_put_u32(w, 0);
		CHECK(restore_by_hand(w) < 0);
		refused("");
		end();
	}
}

/* FIFOs, devices and links that a state says are open. */
static void only_files_are_opened_again(void)
{
	static const char *const names[] = {"p", "l"};

	for (int i = 0; i < 2; i++) {
		struct state_writer *w;

		begin(VM_FS_SHARED);
		CHECK(mkfifoat(world.tree, "p", 0600) == 0);
		CHECK(symlinkat("f", world.tree, "l") == 0);
		w = state_by_hand(1);
		state_put_u32(w, 1);
		put_inode(w, 3, 2, world.tree, names[i], 1);
		state_put_u32(w, 1); /* handles */
		state_put_u64(w, 1);
		state_put_u64(w, 3);
		state_put_u32(w, O_RDONLY);
		state_put_u8(w, 0);
		(void)alarm(60); /* a FIFO would be waited for */
		CHECK(restore_by_hand(w) < 0);
		(void)alarm(0);
		refused("can't be opened again");
		end();
	}
}

/* Every number in it is wrong once: a section made by hand, as a checksum guards files. */
/* As far as the tree "t", which is there. */
static void put_tree(struct state_writer *w)
{
	struct stat st;
	struct statx sx;

	CHECK(fstat(world.tree, &st) == 0);
	CHECK(statx(world.tree, "", AT_EMPTY_PATH, STATX_ALL, &sx) == 0);
	state_put_u64(w, UINT64_C(1) << 63);
	state_put_u32(w, 0);
	state_put_u32(w, 1); /* trees */
	state_put_bytes(w, "t", 1);
	state_put_u64(w, 2);
	state_put_u64(w, st.st_ino);
	state_put_u64(w, (uint64_t)sx.stx_btime.tv_sec);
	state_put_u32(w, sx.stx_btime.tv_nsec);
	state_put_u32(w, S_IFDIR);
	state_put_u64(w, 0);
	state_put_u32(w, 0);
	state_put_u64(w, 0);
	state_put_u64(w, 1); /* lookups */
}

static void put_nonsense(struct state_writer *w, unsigned dice)
{
	static const uint64_t values[] = {0, 1,          2,           3,         4,
					  5, 0xffffffff, 0x100000001, UINT64_MAX};

	for (unsigned i = 0; i < 40; i++) {
		uint64_t v = values[(dice = dice * 1664525 + 1013904223) >> 8 & 7];

		switch (dice >> 16 & 3) {
		case 0:
			state_put_u32(w, (uint32_t)v);
			break;
		case 1:
			state_put_u64(w, v);
			break;
		case 2:
			state_put_bytes(w, "../f", (uint32_t)(v & 3) + 1);
			break;
		default:
			state_put_bytes(w, "f", 1);
		}
	}
}

static void nonsense_is_refused(void)
{
	struct err e = {0};
	unsigned fds = count_fds();

	for (unsigned seed = 0; seed < 3000; seed++) {
		struct state_writer *w = state_writer_new();
		struct state_reader *r = NULL;
		const void *data;
		size_t len;

		begin(VM_FS_SHARED);
		state_begin(w, "fs  ", 1);
		put_tree(w);
		put_nonsense(w, seed * 2654435761U);
		state_end(w);
		CHECK(state_finish(w, &data, &len, &e) == 0);
		CHECK(state_reader_new(data, len, &r, &e) == 0);
		state_enter(r, "fs  ", 1);
		if (fs_restore(c->fs, r, &e) == 0) {
			state_leave(r); /* too much of it */
			CHECK(state_check(r, &e) < 0);
		}
		CHECK(fs_counts(c->fs).handles == 0 && fs_counts(c->fs).inodes == 2);
		state_reader_free(r);
		state_writer_free(w);
		fs_free(c->fs);
		client_free(c);
		world_end(&world);
		if (tap_failed)
			break;
	}
	CHECK(count_fds() == fds);
}

static const struct test tests[] = {
	{"a restored session goes on by its numbers, with its files open",
	 sessions_go_on},
	{"without a guest there is nothing to restore", without_a_guest_nothing_is_kept},
	{"a file that is gone or another is refused", what_is_gone_or_another_is_refused},
	{"a changed file is refused where the guest believes what it keeps",
	 what_has_changed_is_refused_if_private},
	{"a removed file in use is refused", removed_files_in_use_are_refused},
	{"what was stale stays so", stale_ones_stay_stale},
	{"flocks are had again or refused, POSIX locks refused",
	 locks_are_had_again_or_refused},
	{"another kind of filesystem is refused", other_kinds_are_refused},
	{"lookups that a state counts up to the last number do no harm",
	 counts_do_not_wrap},
	{"a nest of folders is restored in its own time, however it is numbered",
	 nests_take_their_time_once},
	{"folders in each other, nowhere or there twice are refused",
	 impossible_nests_are_refused},
	{"a state opens regular files and folders only", only_files_are_opened_again},
	{"a state of nonsense is refused, and nothing of it is left",
	 nonsense_is_refused},
};
TEST_MAIN(tests)
