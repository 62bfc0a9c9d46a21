/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of FUSE requests of any bytes, on a tree that is a folder beside others: what
 * is outside must be as before, and no descriptor may be left.
 *
 * The input is a byte of options, then records: an opcode, how to fill in what a guest
 * would know (numbers of inodes and handles that it was given), a length, and as many
 * bytes of the request behind its header.
 */
#define WORLD_IN (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp")

#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/fs_client.h"

#define KNOWN        8
#define WINDOW       (4U << 20)
#define REQUESTS     64

#define FILL_NODE(m) ((m)&7)
#define FILL_FH(m)   ((m) >> 3 & 3)
#define FILL_ARGS    0x20 /* the first number of the arguments is a known one */
#define WRONG_LEN    0x40
#define RAW_HEADER   0x80

struct run {
	struct client *c;
	uint64_t node[KNOWN], fh[4];
	unsigned nodes, fhs;
};

static struct world world;
static void *window;
static struct stat secret, outside;
static int home; /* where libFuzzer's own paths begin: a worker is elsewhere */

static void fail(const char *what)
{
	(void)fprintf(stderr, "%s\n", what);
	abort();
}

static void look_outside(struct stat *s, struct stat *o)
{
	AUTO_FD fd = openat(world.top, "secret", O_RDONLY | O_CLOEXEC);
	char text[16];

	if (fstatat(world.top, "secret", s, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(world.top, "outside", o, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fd_read_full(fd, text, sizeof(text)) != 6 || memcmp(text, "secret", 6) != 0)
		fail("what is outside is gone");
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mode == b->st_mode &&
	       a->st_nlink == b->st_nlink && a->st_uid == b->st_uid &&
	       a->st_size == b->st_size && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void tear_down(void)
{
	world_end(&world);
}

static void set_up(void)
{
	/* No input fills the disk. */
	const struct rlimit lim = {1 << 20, 1 << 20};

	(void)signal(SIGXFSZ, SIG_IGN);
	(void)setrlimit(RLIMIT_FSIZE, &lim);
	home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	world_make(&world);
	host_file(world.top, "secret", "secret");
	if (mkdirat(world.top, "outside", 0777) < 0)
		fail("mkdir");
	look_outside(&secret, &outside);
	window = mmap(NULL, WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)atexit(tear_down);
}

/* A tree with some of each kind, for each input anew. */
static void fill_tree(void)
{
	fd_close(&world.tree);
	if (path_remove_tree(world.top, "tree", ERR_IGNORE) < 0 ||
	    mkdirat(world.top, "tree", 0777) < 0)
		fail("the tree can't be made anew");
	world.tree = openat(world.top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	host_file(world.tree, "f", "text");
	if (mkdirat(world.tree, "d", 0777) < 0 ||
	    symlinkat("../secret", world.tree, "l") < 0 ||
	    symlinkat("../outside", world.tree, "o") < 0 ||
	    mkfifoat(world.tree, "p", 0666) < 0)
		fail("the tree can't be filled");
	host_file(world.tree, "d/g", "more");
}

static void done(void *arg, uint64_t token, uint32_t written)
{
	(void)arg;
	(void)token;
	(void)written;
}

static void learn(struct run *r, uint32_t op, int len)
{
	uint64_t first;

	if (len < 8)
		return;
	memcpy(&first, r->c->reply, sizeof(first));
	switch (op) {
	case FUSE_LOOKUP:
	case FUSE_MKDIR:
	case FUSE_MKNOD:
	case FUSE_SYMLINK:
	case FUSE_LINK:
	case FUSE_CREATE:
	case FS_OP_TMPFILE:
		r->node[2 + r->nodes++ % (KNOWN - 2)] = first;
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		r->fh[r->fhs++ % 4] = first;
		break;
	default:
		break;
	}
	if ((op == FUSE_CREATE || op == FS_OP_TMPFILE) && len == 144)
		memcpy(&r->fh[r->fhs++ % 4], r->c->reply + 128, 8);
}

/* Puts known numbers where this operation has them. */
static void fill_args(const struct run *r, uint32_t op, unsigned mode, size_t len)
{
	uint8_t *args = r->c->ask + sizeof(struct fuse_in_header);
	uint64_t fh = r->fh[FILL_FH(mode)], node = r->node[FILL_NODE(mode)];
	bool names = op == FUSE_RENAME || op == FUSE_RENAME2 || op == FUSE_LINK;

	if (op == FUSE_GETATTR || op == FUSE_SETATTR || op == FS_OP_STATX) {
		if (len >= 16)
			memcpy(args + 8, &fh, 8);
	} else if (op == FUSE_COPY_FILE_RANGE || op == FS_OP_COPY_FILE_RANGE_64) {
		if (len >= 32) {
			memcpy(args, &fh, 8);
			memcpy(args + 16, &node, 8);
			memcpy(args + 24, &fh, 8);
		}
	} else if (len >= 8) {
		memcpy(args, names ? &node : &fh, 8);
	}
}

static void request(struct run *r, uint32_t op, unsigned mode, const uint8_t *data,
		    size_t len)
{
	struct fuse_out_header h;
	size_t total = sizeof(struct fuse_in_header) + len;
	int n;

	memcpy(r->c->ask + sizeof(struct fuse_in_header), data, len);
	head(r->c, op, r->node[FILL_NODE(mode)], total + (mode & WRONG_LEN ? 1 : 0));
	if (mode & FILL_ARGS)
		fill_args(r, op, mode, len);
	if (mode & RAW_HEADER)
		memcpy(r->c->ask + 8, data, len < 32 ? len : 32);
	n = raw(r->c, total, 4096);
	(void)fs_poll(r->c->w);
	if (n < (int)sizeof(h))
		return;
	memcpy(&h, r->c->answer, sizeof(h));
	if (h.len != (uint32_t)n || h.error > 0 || h.error <= -512)
		fail("a reply that is none");
	if (h.error == 0)
		learn(r, op, n - (int)sizeof(h));
}

static void run(struct client *c, const uint8_t *data, size_t size)
{
	struct run r = {.c = c, .node = {1, 1}};

	if (data[0] & 4)
		(void)lookup(c, 1, "t", &r.node[1]);
	data++;
	size--;
	for (unsigned n = 0; n < REQUESTS && size >= 3; n++) {
		size_t len = data[2] <= size - 3 ? data[2] : size - 3;

		request(&r, data[0] % (FS_OP_MAX + 2), data[1], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat s, o;
	struct client *c;
	struct fs *fs;
	struct err e;
	uid_t uid = geteuid();
	unsigned fds;

	if (size < 4)
		return 0;
	if (!window)
		set_up();
	fill_tree();
	fds = count_fds();
	fs = server_with(
		(struct fs_config){.kind = data[0] & 1 ? VM_FS_SHARED : VM_FS_PRIVATE,
				   .max_fds = 24,
				   .max_inodes = 40,
				   .dax_host = window,
				   .dax_len = WINDOW,
				   .done = done});
	if (fs_attach(fs,
		      &(struct vm_tree_config){.name = data[0] & 4 ? "t" : "",
					       .fd = world.tree,
					       .read_only = data[0] & 2,
					       .dax = true},
		      &e) < 0)
		fail(e.text);
	c = client_new(fs);
	(void)init(c);
	run(c, data, size);
	if (data[0] & 8)
		(void)fs_detach(fs, data[0] & 4 ? "t" : "", &e);
	fs_free(fs);
	client_free(c);
	if (fchdir(home) < 0)
		fail("no way home");
	look_outside(&s, &o);
	if (!same(&s, &secret) || !same(&o, &outside))
		fail("what is outside has changed");
	if (geteuid() != uid)
		fail("we are somebody else");
	if (fds != count_fds())
		fail("descriptors are left");
	return 0;
}
