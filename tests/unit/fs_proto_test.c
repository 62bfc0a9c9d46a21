/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"
#include "tests/unit/usage.h"

static struct world world;
static struct client *c;
static uint64_t top;

static void begin_with(enum vm_fs kind, bool read_only)
{
	struct fs *fs = server_with((struct fs_config){.kind = kind});

	world_make(&world);
	host_file(world.tree, "f", "text");
	CHECK(mkdirat(world.tree, "d", 0755) == 0);
	CHECK(attach(fs, "t", world.tree, read_only) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "t", &top) == 0);
}

static void begin(void)
{
	begin_with(VM_FS_PRIVATE, false);
}

static void end(void)
{
	fs_free(c->fs);
	client_free(c);
	world_end(&world);
}

/* How many entries a folder of the host has. */
static unsigned count(int at, const char *name)
{
	return count_entries(
		fdopendir(openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}

static int with_name(uint32_t op, const void *args, size_t len, const char *name)
{
	return len ? ask(c, op, top, 144, args, len, NAME(name), NOTHING)
		   : ask(c, op, top, 144, NAME(name), NOTHING);
}

static int with_two(uint32_t op, const void *args, size_t len, const char *one,
		    const char *two)
{
	return len ? ask(c, op, top, 144, args, len, NAME(one), NAME(two), NOTHING)
		   : ask(c, op, top, 144, NAME(one), NAME(two), NOTHING);
}

static void try_name(const char *name)
{
	struct fuse_mknod_in node = {.mode = S_IFREG | 0644};
	struct fuse_mkdir_in dir = {.mode = 0755};
	struct fuse_create_in new = {.flags = O_RDWR, .mode = S_IFREG | 0644};
	struct fuse_rename_in ren = {.newdir = top};
	struct fuse_rename2_in ren2 = {.newdir = top};
	struct fuse_link_in link = {0};
	int want = strlen(name) > 255 ? -ENAMETOOLONG : -EINVAL;

	CHECK(lookup(c, top, "f", &link.oldnodeid) == 0);
	CHECK(with_name(FUSE_LOOKUP, NULL, 0, name) == want);
	CHECK(with_name(FUSE_MKNOD, PART(node), name) == want);
	CHECK(with_name(FUSE_MKDIR, PART(dir), name) == want);
	CHECK(with_name(FUSE_UNLINK, NULL, 0, name) == want);
	CHECK(with_name(FUSE_RMDIR, NULL, 0, name) == want);
	CHECK(with_name(FUSE_CREATE, PART(new), name) == want);
	CHECK(with_name(FUSE_LINK, PART(link), name) == want);
	CHECK(with_two(FUSE_SYMLINK, NULL, 0, name, "target") == -EINVAL);
	CHECK(with_two(FUSE_RENAME, PART(ren), name, "g") == want);
	CHECK(with_two(FUSE_RENAME, PART(ren), "f", name) == want);
	CHECK(with_two(FUSE_RENAME2, PART(ren2), name, "g") == want);
	CHECK(with_two(FUSE_RENAME2, PART(ren2), "f", name) == want);
}

static void names_are_components(void)
{
	static const char *const bad[] = {"",    ".",           "..",       "/",
					  "a/b", "/etc/passwd", "../out",   "d/..",
					  "./f", "d/",          "//",       "d/../../out",
					  "f/",  "..//x",       "\x01/\x02"};
	char longer[300];

	begin();
	host_file(world.top, "out", "secret");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		try_name(bad[i]);
	memset(longer, 'x', 256);
	longer[256] = '\0';
	try_name(longer);
	CHECK(count(world.top, "tree") == 4);
	CHECK(count(AT_FDCWD, world.path) == 4);
	/* The longest name is one. */
	longer[255] = '\0';
	CHECK(with_name(FUSE_LOOKUP, NULL, 0, longer) == 128);
	end();
}

static void names_end_within_the_request(void)
{
	begin();
	CHECK(ask(c, FUSE_LOOKUP, top, 128, "f", (size_t)1, NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_LOOKUP, top, 128, NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_RENAME2, top, 128, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0f\0g",
		  (size_t)19, NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("l"), "x", (size_t)1, NOTHING) ==
	      -EINVAL);
	end();
}

static void lengths_are_checked(void)
{
	struct fuse_getattr_in in = {0};
	uint64_t wrong[] = {0, 39, 40, 55, 57, 1 << 20, UINT32_MAX};

	begin();
	memcpy(c->ask + 40, &in, sizeof(in));
	head(c, FUSE_GETATTR, top, 56);
	CHECK(raw(c, 56, 120) == 120);
	CHECK(raw(c, 39, 120) == 0); /* no header, no answer */
	CHECK(raw(c, 0, 120) == 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct fuse_out_header h;

		head(c, FUSE_GETATTR, top, wrong[i]);
		CHECK(raw(c, 56, 120) == 16);
		memcpy(&h, c->answer, sizeof(h));
		CHECK(h.error == -EINVAL && h.unique == c->unique);
	}
	/* Too short for the operation's struct. */
	CHECK(ask(c, FUSE_GETATTR, top, 104, "1234567", (size_t)8, NOTHING) == -EINVAL);
	/* Too long to be anything. */
	head(c, FUSE_GETATTR, top, 150 << 10);
	CHECK(raw(c, 150 << 10, 120) == 16);
	end();
}

static void replies_need_room(void)
{
	struct fuse_mkdir_in in = {.mode = 0755};

	begin();
	CHECK(ask(c, FUSE_MKDIR, top, 127, PART(in), NAME("new"), NOTHING) == -EINVAL);
	memcpy(c->ask + 40, &in, sizeof(in));
	memcpy(c->ask + 48, "new", 4);
	head(c, FUSE_MKDIR, top, 52);
	CHECK(raw(c, 52, 15) == 0);
	CHECK(raw(c, 52, 0) == 0);
	CHECK(faccessat(world.tree, "new", F_OK, 0) < 0); /* and then nothing was done */
	end();
}

static void parts_may_be_of_any_size(void)
{
	struct fuse_getattr_in in = {0};
	struct fuse_attr_out out;
	struct iovec v[56], w[120];

	begin();
	memcpy(c->ask + 40, &in, sizeof(in));
	head(c, FUSE_GETATTR, top, 56);
	for (unsigned i = 0; i < 56; i++)
		v[i] = (struct iovec){c->ask + i, 1};
	for (unsigned i = 0; i < 120; i++)
		w[i] = (struct iovec){c->answer + i, 1};
	CHECK(fs_handle(c->w, v, 56, w, 120, 0) == 120);
	memcpy(&out, c->answer + 16, sizeof(out));
	CHECK(S_ISDIR(out.attr.mode));
	end();
}

static void unknown_operations_are_enosys(void)
{
	static const uint32_t unknown[] = {
		0,  7,  19,   FUSE_ACCESS, FUSE_BMAP, FUSE_POLL, FUSE_NOTIFY_REPLY,
		54, 55, 4096, 436207616,   UINT32_MAX};
	struct fuse_ioctl_in in = {.cmd = 0x80086601}; /* FS_IOC_GETFLAGS */
	uint64_t n;

	begin();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CHECK(ask(c, unknown[i], top, 128, PART(in), NOTHING) == -ENOSYS);
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(ask(c, FUSE_IOCTL, n, 128, PART(in), NOTHING) == -ENOTTY);
	CHECK(ask(c, FUSE_IOCTL, top, 128, PART(in), NOTHING) == -ENOTTY);
	end();
}

static struct fuse_init_out *try_init(uint32_t major, uint32_t minor, uint64_t flags,
				      int *ret)
{
	struct fuse_init_in in = {.major = major,
				  .minor = minor,
				  .flags = (uint32_t)flags,
				  .flags2 = (uint32_t)(flags >> 32)};

	*ret = ask(c, FUSE_INIT, 0, 64, PART(in), NOTHING);
	return (void *)c->reply;
}

static void versions_are_negotiated(void)
{
	struct fuse_init_out *o;
	uint64_t n;
	int r;

	begin();
	o = try_init(8, 0, UINT64_MAX, &r);
	CHECK(r == 64 && o->major == 7);
	(void)try_init(6, 99, UINT64_MAX, &r);
	CHECK(r == -EPROTO);
	(void)try_init(7, 30, UINT64_MAX, &r);
	CHECK(r == -EPROTO);
	/* An old guest's request ends before flags2. */
	CHECK(ask(c, FUSE_INIT, 0, 64, "\7\0\0\0\37\0\0\0\0\0\2\0\377\377\377\377",
		  (size_t)16, NOTHING) == 64);
	o = (void *)c->reply;
	CHECK(o->flags2 == 0 && !(o->flags & FUSE_INIT_EXT));
	/* A new session knows nothing of the old one. */
	CHECK(lookup(c, 1, "t", &n) == 0);
	(void)try_init(7, 41, UINT64_MAX, &r);
	CHECK(r == 64);
	CHECK(ask(c, FUSE_STATFS, n, 128, NOTHING) > 0); /* a tree's root stays */
	CHECK(ask(c, FUSE_DESTROY, 0, 0, NOTHING) == 0);
	CHECK(ask(c, FUSE_STATFS, n, 128, NOTHING) == -EIO);
	end();
}

static void kinds_differ_in_what_they_offer(void)
{
	const uint64_t ext = FUSE_INIT_EXT | FUSE_ALLOW_IDMAP;
	struct fuse_init_out *o;
	int r;

	begin();
	o = try_init(7, 41, UINT64_MAX, &r);
	CHECK(o->flags & FUSE_WRITEBACK_CACHE && o->flags & FUSE_SUBMOUNTS);
	CHECK(o->flags & FUSE_HANDLE_KILLPRIV_V2 && !(o->flags & FUSE_AUTO_INVAL_DATA));
	CHECK(!(o->flags & (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS)));
	CHECK(!(o->flags & FUSE_MAP_ALIGNMENT)); /* DAX is off */
	CHECK(!(o->flags & FUSE_HANDLE_KILLPRIV) && !(o->flags & FUSE_EXPORT_SUPPORT));
	CHECK(!(o->flags2 & (uint32_t)(FUSE_SECURITY_CTX >> 32)));
	CHECK(o->flags2 & (uint32_t)(FUSE_ALLOW_IDMAP >> 32));
	CHECK(o->max_write == 1 << 20 && o->max_pages == 256 && o->time_gran == 1);
	o = try_init(7, 41, ext, &r);
	CHECK(!(o->flags2 & (uint32_t)(FUSE_ALLOW_IDMAP >> 32)));
	o = try_init(7, 41, ext | FUSE_POSIX_ACL | FUSE_DONT_MASK, &r);
	CHECK(!(o->flags2 & (uint32_t)(FUSE_ALLOW_IDMAP >> 32)));
	CHECK(!(o->flags & FUSE_POSIX_ACL));
	end();
	begin_with(VM_FS_SHARED, false);
	o = try_init(7, 41, UINT64_MAX, &r);
	CHECK(!(o->flags & (FUSE_WRITEBACK_CACHE | FUSE_CACHE_SYMLINKS)));
	CHECK(o->flags & FUSE_POSIX_LOCKS && o->flags & FUSE_FLOCK_LOCKS);
	CHECK(o->flags & FUSE_AUTO_INVAL_DATA);
	end();
}

static void nothing_before_init(void)
{
	struct fs *fs = server_with((struct fs_config){.kind = VM_FS_PRIVATE});
	uint64_t n;

	world_make(&world);
	CHECK(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(lookup(c, 1, "t", &n) == -EIO);
	CHECK(init(c) == 64);
	CHECK(lookup(c, 1, "t", &n) == 0);
	end();
}

static void forgetting_saturates(void)
{
	struct fuse_batch_forget_in batch = {.count = 1000000};
	struct fuse_forget_one one[2];
	uint64_t n, m;

	begin();
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(lookup(c, top, "f", &n) == 0);
	forget(c, n, 1);
	CHECK(ask(c, FUSE_STATFS, n, 128, NOTHING) > 0);
	forget(c, n, UINT64_MAX);
	CHECK(ask(c, FUSE_STATFS, n, 128, NOTHING) == -ESTALE);
	forget(c, n, 5);
	forget(c, 1, UINT64_MAX);
	forget(c, 0, 1);
	forget(c, UINT64_MAX, 1);
	CHECK(lookup(c, top, "f", &m) == 0 && m != n); /* numbers aren't used again */
	one[0] = (struct fuse_forget_one){m, 1};
	one[1] = (struct fuse_forget_one){top, UINT64_MAX};
	CHECK(ask(c, FUSE_BATCH_FORGET, 0, 0, PART(batch), PART(one), NOTHING) == 0);
	CHECK(ask(c, FUSE_STATFS, m, 128, NOTHING) == -ESTALE);
	CHECK(ask(c, FUSE_STATFS, top, 128, NOTHING) > 0); /* the tree keeps its root */
	CHECK(lookup(c, 1, "t", &top) == 0);
	end();
}

static void data_is_bounded_by_the_request(void)
{
	struct fuse_write_in in = {0};
	uint64_t n;

	begin();
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &in.fh) == 0);
	in.size = 5;
	CHECK(ask(c, FUSE_WRITE, n, 8, PART(in), "1234", (size_t)4, NOTHING) == -EINVAL);
	in.size = UINT32_MAX;
	CHECK(ask(c, FUSE_WRITE, n, 8, PART(in), "1234", (size_t)4, NOTHING) == -EINVAL);
	in.size = 2;
	CHECK(ask(c, FUSE_WRITE, n, 8, PART(in), "1234", (size_t)4, NOTHING) == 8);
	in.offset = UINT64_MAX;
	CHECK(ask(c, FUSE_WRITE, n, 8, PART(in), "12", (size_t)2, NOTHING) == -EINVAL);
	CHECK(read_at(c, n, in.fh, UINT64_MAX, 10) == -EINVAL);
	CHECK(read_at(c, n, in.fh, 0, 4) == 4 && memcmp(c->reply, "12xt", 4) == 0);
	{
		/* READ of more than there is room for stays within it. */
		struct fuse_read_in rd = {.fh = in.fh, .size = UINT32_MAX};

		CHECK(ask(c, FUSE_READ, n, 3, PART(rd), NOTHING) == 3);
		CHECK(c->reply[3] == 0xa5);
		CHECK(ask(c, FUSE_READ, n, 0, PART(rd), NOTHING) == 0);
	}
	end();
}

static void xattr_sizes_are_checked(void)
{
	struct fuse_setxattr_in in = {.size = 100};
	struct fuse_getxattr_in get = {.size = 100000};
	uint64_t n;

	begin();
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(ask(c, FUSE_SETXATTR, n, 0, PART(in), NAME("user.x"), "v", (size_t)1,
		  NOTHING) == -EINVAL);
	in.size = UINT32_MAX;
	CHECK(ask(c, FUSE_SETXATTR, n, 0, PART(in), NAME("user.x"), "v", (size_t)1,
		  NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_SETXATTR, n, 0, PART(in), "user.x", (size_t)6, NOTHING) ==
	      -EINVAL);
	CHECK(ask(c, FUSE_SETXATTR, n, 0, "12345678", (size_t)8, NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(get), NAME("user.x"), NOTHING) ==
	      -EINVAL);
	CHECK(ask(c, FUSE_LISTXATTR, n, 100, PART(get), NOTHING) == -EINVAL);
	end();
}

static void extensions_are_checked(void)
{
	struct fuse_mkdir_in in = {.mode = 0755};
	struct fs_ext_header x[2] = {{.size = 16, .type = 99}};

	begin();
	c->extlen = 2;
	CHECK(ask(c, FUSE_MKDIR, top, 128, PART(in), "a\0\0\0\0\0\0", (size_t)8, PART(x),
		  NOTHING) == 128); /* one that we don't know is skipped */
	for (uint32_t size = 0; size < 8; size++) {
		x[0].size = size;
		c->extlen = 2;
		CHECK(ask(c, FUSE_MKDIR, top, 128, PART(in), "b\0\0\0\0\0\0", (size_t)8,
			  PART(x), NOTHING) == -EINVAL);
	}
	x[0].size = UINT32_MAX;
	c->extlen = 2;
	CHECK(ask(c, FUSE_MKDIR, top, 128, PART(in), "b\0\0\0\0\0\0", (size_t)8, PART(x),
		  NOTHING) == -EINVAL);
	c->extlen = 0xffff;
	CHECK(ask(c, FUSE_MKDIR, top, 128, PART(in), NAME("b"), NOTHING) == -EINVAL);
	CHECK(faccessat(world.tree, "b", F_OK, 0) < 0);
	end();
}

static void read_only_trees_are_not_written(void)
{
	struct fuse_setattr_in set = {.valid = FATTR_MODE, .mode = 0};
	struct fuse_setxattr_in x = {.size = 1};
	struct fuse_create_in tmp = {.flags = O_RDWR, .mode = S_IFREG | 0600};
	struct fuse_mknod_in node = {.mode = S_IFIFO | 0600};
	struct fuse_mkdir_in dir = {.mode = 0755};
	struct fuse_link_in link = {0};
	uint64_t n, fh, m;
	static const int writing[] = {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC,
				      O_WRONLY | O_APPEND};

	begin_with(VM_FS_SHARED, true);
	CHECK(lookup(c, top, "f", &n) == 0);
	link.oldnodeid = n;
	for (size_t i = 0; i < 4; i++)
		CHECK(open_node(c, FUSE_OPEN, n, writing[i], &fh) == -EROFS);
	CHECK(create(c, top, "g", O_RDONLY, 0644, &m, &fh) == -EROFS);
	CHECK(create(c, top, "f", O_RDONLY | O_TRUNC, 0644, &m, &fh) == -EROFS);
	CHECK(ask(c, FS_OP_TMPFILE, top, 144, PART(tmp), NAME("/"), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_SETATTR, n, 104, PART(set), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_SETXATTR, n, 0, PART(x), NAME("user.x"), "v", (size_t)1,
		  NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_REMOVEXATTR, n, 0, NAME("user.x"), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_MKNOD, top, 128, PART(node), NAME("p"), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_MKDIR, top, 128, PART(dir), NAME("e"), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("l"), NAME("x"), NOTHING) == -EROFS);
	CHECK(ask(c, FUSE_LINK, top, 128, PART(link), NAME("l"), NOTHING) == -EROFS);
	CHECK(unlink_name(c, top, "f") == -EROFS);
	CHECK(ask(c, FUSE_RMDIR, top, 0, NAME("d"), NOTHING) == -EROFS);
	CHECK(rename_name(c, top, "f", top, "g", 0) == -EROFS);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(write_at(c, n, fh, 0, "x", 1, 0, 0) == -EROFS);
	{
		struct fuse_fallocate_in fa = {.fh = fh, .length = 10};

		CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) == -EROFS);
	}
	CHECK(read_at(c, n, fh, 0, 10) == 4);
	CHECK(count(world.top, "tree") == 4);
	end();
}

static const struct test tests[] = {
	{"a name is one component, in every operation", names_are_components},
	{"a name ends within its request", names_end_within_the_request},
	{"lengths must be what the header says, and enough", lengths_are_checked},
	{"without room for the reply nothing is done", replies_need_room},
	{"requests and replies may be in parts of any size", parts_may_be_of_any_size},
	{"what isn't served is ENOSYS, ioctl ENOTTY", unknown_operations_are_enosys},
	{"versions are negotiated, INIT and DESTROY start anew", versions_are_negotiated},
	{"private and shared offer what they should, never IDMAP without ACLs",
	 kinds_differ_in_what_they_offer},
	{"nothing is served before INIT", nothing_before_init},
	{"forgetting too much, or what isn't known, does no harm", forgetting_saturates},
	{"reads and writes stay within the request", data_is_bounded_by_the_request},
	{"sizes of xattrs are checked", xattr_sizes_are_checked},
	{"extensions are checked, unknown ones skipped", extensions_are_checked},
	{"a read-only tree refuses everything that writes",
	 read_only_trees_are_not_written},
};
TEST_MAIN(tests)
