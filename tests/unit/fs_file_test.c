/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

static struct world world;
static struct client *c;
static uint64_t top; /* the tree's root, by nodeid */

static void begin(enum vm_fs kind)
{
	struct fs *fs = server_with((struct fs_config){.kind = kind});

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

static void reads_and_writes(void)
{
	uint64_t n, fh;
	char text[16] = "";
	AUTO_FD host = -1;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR | O_EXCL, 0640, &n, &fh) == 0);
	CHECK(write_at(c, n, fh, 3, "hello", 5, 0, 0) == 5);
	CHECK(read_at(c, n, fh, 0, 100) == 8);
	CHECK(memcmp(c->reply, "\0\0\0hello", 8) == 0);
	CHECK(read_at(c, n, fh, 8, 100) == 0);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(read_at(c, n, fh, 0, 100) == -EBADF);
	host = openat(world.tree, "f", O_RDONLY | O_CLOEXEC);
	CHECK(fd_read_full(host, text, sizeof(text)) == 8 &&
	      !memcmp(text + 3, "hello", 5));
	CHECK(create(c, top, "f", O_RDWR | O_EXCL, 0640, &n, &fh) == -EEXIST);
	CHECK(create(c, top, "f", O_RDWR | O_TRUNC, 0640, &n, &fh) == 0);
	CHECK(read_at(c, n, fh, 0, 100) == 0);
	end();
}

static void handles_belong_to_inodes(void)
{
	uint64_t a, b, fa, fb;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "a", O_RDWR, 0644, &a, &fa) == 0);
	CHECK(create(c, top, "b", O_RDWR, 0644, &b, &fb) == 0);
	CHECK(read_at(c, a, fb, 0, 10) == -EBADF);
	CHECK(write_at(c, b, fa, 0, "x", 1, 0, 0) == -EBADF);
	CHECK(release(c, FUSE_RELEASE, a, fb) == -EBADF);
	CHECK(read_at(c, b, fb, 0, 10) == 0);
	CHECK(open_node(c, FUSE_OPEN, a, O_RDONLY, &fa) == 0);
	CHECK(write_at(c, a, fa, 0, "x", 1, 0, 0) == -EBADF);
	end();
}

static void private_opens_for_writeback(void)
{
	uint64_t n, fh;

	begin(VM_FS_PRIVATE);
	host_file(world.tree, "f", "text");
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(ENTRY(c)->entry_valid == 86400 && ENTRY(c)->attr_valid == 86400);
	CHECK(open_node(c, FUSE_OPEN, n, O_WRONLY | O_APPEND, &fh) == 0);
	CHECK(((struct fuse_open_out *)(void *)c->reply)->open_flags & FOPEN_KEEP_CACHE);
	CHECK(read_at(c, n, fh, 0, 10) == 4);
	/* Where the guest says, as it has worked out the end itself. */
	CHECK(write_at(c, n, fh, 0, "X", 1, FUSE_WRITE_CACHE, O_APPEND) == 1);
	CHECK(write_at(c, n, fh, 1, "Y", 1, 0, O_APPEND) == 1);
	CHECK(read_at(c, n, fh, 0, 10) == 4 && memcmp(c->reply, "XYxt", 4) == 0);
	end();
}

static void host_appends_are_seen(void)
{
	AUTO_FD host = -1;
	struct fuse_attr a;
	uint64_t n, fh;

	begin(VM_FS_SHARED);
	host_file(world.tree, "log", "one\n");
	CHECK(lookup(c, top, "log", &n) == 0);
	CHECK(ENTRY(c)->entry_valid <= 1 && ENTRY(c)->attr_valid == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR | O_APPEND, &fh) == 0);
	CHECK(read_at(c, n, fh, 0, 100) == 4);
	host = openat(world.tree, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK(fd_write_full(host, "two\n", 4) == 0);
	CHECK(getattr(c, n, &a) == 0 && a.size == 8);
	CHECK(read_at(c, n, fh, 4, 100) == 4 && memcmp(c->reply, "two\n", 4) == 0);
	/* An append goes to the end that the host knows, not where the guest thinks. */
	CHECK(write_at(c, n, fh, 4, "three\n", 6, 0, O_APPEND) == 6);
	CHECK(read_at(c, n, fh, 0, 100) == 14);
	CHECK(memcmp(c->reply, "one\ntwo\nthree\n", 14) == 0);
	/* ... but for what its cache writes back. */
	CHECK(write_at(c, n, fh, 0, "ONE", 3, FUSE_WRITE_CACHE, O_APPEND) == 3);
	CHECK(read_at(c, n, fh, 0, 100) == 14 && memcmp(c->reply, "ONE\ntwo", 7) == 0);
	end();
}

static void replaced_files_are_noticed(void)
{
	uint64_t n, again, fh;

	begin(VM_FS_SHARED);
	host_file(world.tree, "f", "old");
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	host_file(world.tree, "new", "new");
	CHECK(renameat(world.tree, "new", world.tree, "f") == 0);
	/* The open one stays; opening it anew makes the guest look again. */
	CHECK(read_at(c, n, fh, 0, 10) == 3 && memcmp(c->reply, "old", 3) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -ESTALE);
	CHECK(lookup(c, top, "f", &again) == 0 && again != n);
	CHECK(open_node(c, FUSE_OPEN, again, O_RDONLY, &fh) == 0);
	CHECK(read_at(c, again, fh, 0, 10) == 3 && memcmp(c->reply, "new", 3) == 0);
	end();
}

static void unlinked_files_stay_usable(void)
{
	uint64_t n, d, fh;
	struct fuse_attr a;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(write_at(c, n, fh, 0, "text", 4, 0, 0) == 4);
	CHECK(unlink_name(c, top, "f") == 0);
	CHECK(read_at(c, n, fh, 0, 10) == 4);
	CHECK(getattr(c, n, &a) == 0 && a.nlink == 0 && a.size == 4);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(getattr(c, n, &a) == 0 && a.nlink == 0); /* an O_PATH descriptor, say */
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(read_at(c, n, fh, 0, 10) == 4);
	CHECK(make_dir(c, top, "d", 0755, &d) == 0);
	CHECK(ask(c, FUSE_RMDIR, top, 0, NAME("d"), NOTHING) == 0);
	CHECK(getattr(c, d, &a) == 0);
	/* Replaced by a rename is the same. */
	CHECK(create(c, top, "x", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(create(c, top, "y", O_RDWR, 0644, &d, &fh) == 0);
	CHECK(rename_name(c, top, "y", top, "x", 0) == 0);
	CHECK(getattr(c, n, &a) == 0 && a.nlink == 0);
	CHECK(getattr(c, d, &a) == 0 && a.nlink == 1);
	end();
}

static void moved_files_are_found_again(void)
{
	uint64_t n, d, fh, other;
	struct fuse_attr a;

	begin(VM_FS_PRIVATE);
	CHECK(make_dir(c, top, "d", 0755, &d) == 0);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	CHECK(rename_name(c, top, "f", d, "g", RENAME_NOREPLACE) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(create(c, top, "f", O_RDWR, 0600, &other, &fh) == 0);
	CHECK(rename_name(c, top, "f", d, "g", RENAME_NOREPLACE) == -EEXIST);
	CHECK(rename_name(c, top, "f", d, "g", RENAME_EXCHANGE) == 0);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 0777) == 0644);
	CHECK(lookup(c, top, "f", &fh) == 0 && fh == n);
	CHECK(lookup(c, d, "g", &fh) == 0 && fh == other);
	CHECK(rename_name(c, top, "f", d, "g", 8) == -EINVAL);
	end();
}

/* As overlayfs in the guest does it. */
static void whiteouts_are_left(void)
{
	uint64_t n, m, fh;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	if (geteuid() != 0) {
		end();
		SKIP("not root: no device nodes");
	}
	CHECK(rename_name(c, top, "f", top, "g", RENAME_WHITEOUT) == 0);
	CHECK(lookup(c, top, "g", &m) == 0 && m == n);
	CHECK(lookup(c, top, "f", &m) == 0 && m != n);
	CHECK(S_ISCHR(ENTRY(c)->attr.mode) && ENTRY(c)->attr.rdev == 0);
	CHECK(open_node(c, FUSE_OPEN, m, O_RDONLY, &fh) == -EPERM);
	CHECK(rename_name(c, top, "g", top, "h", RENAME_WHITEOUT | RENAME_EXCHANGE) ==
	      -EINVAL);
	end();
}

/* The host puts another file at the name, whose inode number is that of the old one. */
static void births_tell_files_apart(void)
{
	struct statx old = {0}, new = {0};
	struct fuse_attr a;
	uint64_t n, m, fh;

	begin(VM_FS_PRIVATE);
	host_file(world.tree, "f", "old");
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(statx(world.tree, "f", 0, STATX_ALL, &old) == 0);
	for (int i = 0; i < 1000 && new.stx_ino != old.stx_ino; i++) {
		CHECK(unlinkat(world.tree, "f", 0) == 0);
		host_file(world.tree, "f", "new");
		CHECK(statx(world.tree, "f", 0, STATX_ALL, &new) == 0);
	}
	if (new.stx_ino != old.stx_ino || !(new.stx_mask &STATX_BTIME)) {
		end();
		SKIP("this filesystem doesn't use its numbers again");
	}
	CHECK(getattr(c, n, &a) == -ESTALE);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -ESTALE);
	CHECK(lookup(c, top, "f", &m) == 0 && m != n);
	CHECK(open_node(c, FUSE_OPEN, m, O_RDONLY, &fh) == 0);
	end();
}

static void hard_links_are_one_inode(void)
{
	struct fuse_link_in in;
	uint64_t n, fh, m;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "a", O_RDWR, 0644, &n, &fh) == 0);
	in.oldnodeid = n;
	CHECK(ask(c, FUSE_LINK, top, sizeof(struct fuse_entry_out), PART(in), NAME("b"),
		  NOTHING) == sizeof(struct fuse_entry_out));
	CHECK(ENTRY(c)->nodeid == n && ENTRY(c)->attr.nlink == 2);
	CHECK(lookup(c, top, "b", &m) == 0 && m == n);
	CHECK(unlink_name(c, top, "a") == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(unlink_name(c, top, "b") == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	end();
}

static void symlinks_are_text(void)
{
	struct fuse_link_in in;
	struct fuse_attr a;
	uint64_t n;

	begin(VM_FS_PRIVATE);
	CHECK(ask(c, FUSE_SYMLINK, top, sizeof(struct fuse_entry_out), NAME("l"),
		  NAME("/etc/passwd"), NOTHING) == sizeof(struct fuse_entry_out));
	n = ENTRY(c)->nodeid;
	CHECK(S_ISLNK(ENTRY(c)->attr.mode));
	CHECK(ask(c, FUSE_READLINK, n, 4096, NOTHING) == 11);
	CHECK(memcmp(c->reply, "/etc/passwd", 11) == 0);
	CHECK(getattr(c, n, &a) == 0 && a.size == 11);
	in.oldnodeid = n;
	CHECK(ask(c, FUSE_LINK, top, sizeof(struct fuse_entry_out), PART(in), NAME("m"),
		  NOTHING) > 0);
	CHECK(S_ISLNK(ENTRY(c)->attr.mode) && ENTRY(c)->attr.nlink == 2);
	end();
}

static void tmpfiles_get_a_name_or_not(void)
{
	struct fuse_create_in in = {.flags = O_RDWR, .mode = S_IFREG | 0600};
	struct fuse_link_in link;
	uint64_t n, fh, m;

	begin(VM_FS_PRIVATE);
	/* Linux sends "/" as its name. */
	CHECK(ask(c, FS_OP_TMPFILE, top, 144, PART(in), NAME("/"), NOTHING) == 144);
	n = ENTRY(c)->nodeid;
	CHECK(ENTRY(c)->attr.nlink == 0);
	fh = ((struct fuse_open_out *)(void *)(c->reply + 128))->fh;
	CHECK(write_at(c, n, fh, 0, "tmp", 3, 0, 0) == 3);
	CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
	link.oldnodeid = n;
	CHECK(ask(c, FUSE_LINK, top, 128, PART(link), NAME("named"), NOTHING) == 128);
	CHECK(lookup(c, top, "named", &m) == 0 && m == n);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(read_at(c, n, fh, 0, 10) == 3);
	end();
}

/* All names of a folder, sorted as they come; in steps of `size`. */
static unsigned list(uint64_t dir, uint32_t op, uint32_t size, unsigned *ret_known)
{
	struct fuse_read_in in = {.size = size};
	unsigned n = 0;
	int r;

	*ret_known = 0;
	CHECK(open_node(c, FUSE_OPENDIR, dir, O_RDONLY, &in.fh) == 0);
	while ((r = ask(c, op, dir, size, PART(in), NOTHING)) > 0) {
		size_t at = 0;

		while (at < (size_t)r) {
			struct fuse_direntplus *p = (void *)(c->reply + at);
			struct fuse_dirent *d = op == FUSE_READDIR ? (void *)p
								   : &p->dirent;

			n++;
			in.offset = d->off;
			if (op == FUSE_READDIR) {
				at += FUSE_DIRENT_SIZE(d);
			} else {
				*ret_known += p->entry_out.nodeid != 0;
				at += FUSE_DIRENTPLUS_SIZE(p);
			}
		}
	}
	CHECK(r == 0);
	CHECK(release(c, FUSE_RELEASEDIR, dir, in.fh) == 0);
	return n;
}

static void folders_are_read(void)
{
	unsigned known, before;

	begin(VM_FS_PRIVATE);
	for (int i = 0; i < 1000; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "a rather long name of a file %d", i);
		host_file(world.tree, name, "");
	}
	CHECK(list(top, FUSE_READDIR, 4096, &known) == 1002);
	CHECK(list(top, FUSE_READDIR, 100, &known) == 1002);
	before = fs_counts(c->fs).inodes;
	CHECK(list(top, FUSE_READDIRPLUS, 65536, &known) == 1002);
	CHECK(known == 1000); /* not "." and ".." */
	CHECK(fs_counts(c->fs).inodes == before + 1000);
	CHECK(list(top, FUSE_READDIRPLUS, 4096, &known) == 1002 && known == 1000);
	end();
}

static void positions_in_folders_work(void)
{
	struct fuse_read_in in = {.size = 4096};
	struct fuse_dirent *d;
	uint64_t first, second;

	begin(VM_FS_PRIVATE);
	host_file(world.tree, "a", "");
	host_file(world.tree, "b", "");
	CHECK(open_node(c, FUSE_OPENDIR, top, O_RDONLY, &in.fh) == 0);
	CHECK(ask(c, FUSE_READDIR, top, 4096, PART(in), NOTHING) == 4 * 32);
	d = (void *)c->reply;
	first = d->off;
	second = ((struct fuse_dirent *)(void *)(c->reply + 32))->ino;
	CHECK(ask(c, FUSE_READDIR, top, 4096, PART(in), NOTHING) == 4 * 32); /* rewound */
	in.offset = first;
	CHECK(ask(c, FUSE_READDIR, top, 4096, PART(in), NOTHING) == 3 * 32);
	CHECK(d->ino == second);
	end();
}

static int setattr(uint64_t n, struct fuse_setattr_in in)
{
	return ask(c, FUSE_SETATTR, n, sizeof(struct fuse_attr_out), PART(in), NOTHING);
}

static void attributes_are_set(void)
{
	struct fuse_attr *a;
	uint64_t n, fh;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	a = &((struct fuse_attr_out *)(void *)c->reply)->attr;
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 0100751}) >
	      0);
	CHECK(a->mode == 0100751);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_SIZE, .size = 77}) > 0);
	CHECK(a->size == 77);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_SIZE | FATTR_FH,
						  .size = 7,
						  .fh = fh}) > 0);
	CHECK(a->size == 7);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_MTIME | FATTR_ATIME_NOW,
						  .mtime = 1000000000,
						  .mtimensec = 5}) > 0);
	CHECK(a->mtime == 1000000000 && a->mtimensec == 5 && a->atime > 1700000000);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_SIZE,
						  .size = 1ULL << 63}) == -EFBIG);
	if (geteuid() != 0)
		SKIP("not root: owners can't be changed");
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_UID | FATTR_GID |
							   FATTR_MODE,
						  .uid = 1234,
						  .gid = 5678,
						  .mode = 06755}) > 0);
	CHECK(a->uid == 1234 && a->gid == 5678 && (a->mode & 07777) == 06755);
	end();
}

static void statx_has_birth(void)
{
	struct fs_statx_in in = {.sx_mask = 0xfff};
	struct fs_statx_out *out;
	struct statx st;

	begin(VM_FS_PRIVATE);
	CHECK(ask(c, FS_OP_STATX, top, sizeof(*out), PART(in), NOTHING) == sizeof(*out));
	out = (void *)c->reply;
	CHECK(statx(world.tree, "", AT_EMPTY_PATH, STATX_ALL, &st) == 0);
	CHECK(out->stat.btime.sec == st.stx_btime.tv_sec);
	CHECK(out->stat.ino == st.stx_ino && out->stat.mode == st.stx_mode);
	end();
}

static void holes_and_copies(void)
{
	struct fuse_fallocate_in fa = {.length = 65536};
	struct fuse_copy_file_range_in cp = {.len = 1 << 20};
	struct fuse_lseek_in ls = {.whence = SEEK_HOLE};
	uint64_t n, m;

	begin(VM_FS_SHARED);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fa.fh) == 0);
	CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) == 0);
	CHECK(write_at(c, n, fa.fh, 0, "data", 4, 0, 0) == 4);
	CHECK(create(c, top, "g", O_RDWR, 0644, &m, &cp.fh_out) == 0);
	cp.fh_in = fa.fh;
	cp.nodeid_out = m;
	CHECK(ask(c, FUSE_COPY_FILE_RANGE, n, 8, PART(cp), NOTHING) == 8);
	CHECK(((struct fuse_write_out *)(void *)c->reply)->size == 65536);
	CHECK(ask(c, FS_OP_COPY_FILE_RANGE_64, n, 8, PART(cp), NOTHING) == 8);
	CHECK(read_at(c, m, cp.fh_out, 0, 4) == 4 && memcmp(c->reply, "data", 4) == 0);
	ls.fh = fa.fh;
	CHECK(ask(c, FUSE_LSEEK, n, 8, PART(ls), NOTHING) == 8);
	CHECK(((struct fuse_lseek_out *)(void *)c->reply)->offset == 65536);
	ls.whence = 99;
	CHECK(ask(c, FUSE_LSEEK, n, 8, PART(ls), NOTHING) == -EINVAL);
	fa.length = 1ULL << 63;
	CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) == -EINVAL);
	end();
}

static void writeback_has_no_holes(void)
{
	struct fuse_lseek_in ls = {.whence = SEEK_DATA};
	uint64_t n;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &ls.fh) == 0);
	CHECK(ask(c, FUSE_LSEEK, n, 8, PART(ls), NOTHING) == -ENOSYS);
	end();
}

static void syncs_and_statfs(void)
{
	struct fuse_fsync_in in = {0};
	struct fuse_syncfs_in sync = {0};
	uint64_t n;

	begin(VM_FS_SHARED);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &in.fh) == 0);
	CHECK(ask(c, FUSE_FSYNC, n, 0, PART(in), NOTHING) == 0);
	in.fsync_flags = 1;
	CHECK(ask(c, FUSE_FSYNC, n, 0, PART(in), NOTHING) == 0);
	CHECK(open_node(c, FUSE_OPENDIR, top, 0, &in.fh) == 0);
	CHECK(ask(c, FUSE_FSYNCDIR, top, 0, PART(in), NOTHING) == 0);
	CHECK(ask(c, FS_OP_SYNCFS, top, 0, PART(sync), NOTHING) == 0);
	CHECK(ask(c, FS_OP_SYNCFS, 1, 0, PART(sync), NOTHING) == 0);
	CHECK(ask(c, FUSE_STATFS, top, sizeof(struct fuse_statfs_out), NOTHING) ==
	      sizeof(struct fuse_statfs_out));
	CHECK(((struct fuse_statfs_out *)(void *)c->reply)->st.blocks > 0);
	CHECK(ask(c, FUSE_STATFS, 1, sizeof(struct fuse_statfs_out), NOTHING) > 0);
	end();
}

static int setxattr_raw(uint64_t n, const char *name, const char *value, uint32_t flags)
{
	struct fuse_setxattr_in in = {.size = (uint32_t)strlen(value),
				      .setxattr_flags = flags};

	return ask(c, FUSE_SETXATTR, n, 0, PART(in), NAME(name), value, strlen(value),
		   NOTHING);
}

static void xattrs_work_on_all_kinds(void)
{
	struct fuse_getxattr_in in = {.size = 100};
	uint64_t n, fh;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(setxattr_raw(n, "user.key", "value", 0) == 0);
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(in), NAME("user.key"), NOTHING) == 5);
	CHECK(memcmp(c->reply, "value", 5) == 0);
	CHECK(ask(c, FUSE_LISTXATTR, n, 100, PART(in), NOTHING) >= 9);
	in.size = 0;
	CHECK(ask(c, FUSE_GETXATTR, n, 8, PART(in), NAME("user.key"), NOTHING) == 8);
	CHECK(((struct fuse_getxattr_out *)(void *)c->reply)->size == 5);
	in.size = 2;
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(in), NAME("user.key"), NOTHING) ==
	      -ERANGE);
	CHECK(ask(c, FUSE_REMOVEXATTR, n, 0, NAME("user.key"), NOTHING) == 0);
	in.size = 100;
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(in), NAME("user.key"), NOTHING) ==
	      -ENODATA);
	CHECK(ask(c, FUSE_GETXATTR, 1, 100, PART(in), NAME("user.key"), NOTHING) ==
	      -ENODATA);
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(in), NAME(""), NOTHING) == -ERANGE);
	if (geteuid() != 0)
		SKIP("not root: no security xattrs");
	/* Of a link itself, which is never followed, and of a FIFO, which isn't opened. */
	host_file(world.top, "outside", "");
	CHECK(symlinkat("../outside", world.tree, "l") == 0);
	CHECK(lookup(c, top, "l", &n) == 0);
	CHECK(setxattr_raw(n, "trusted.key", "link", 0) == 0);
	CHECK(fgetxattr(open(world.path, O_RDONLY | O_CLOEXEC), "trusted.key", NULL, 0) <
	      0);
	CHECK(ask(c, FUSE_GETXATTR, n, 100, PART(in), NAME("trusted.key"), NOTHING) == 4);
	CHECK(mkfifoat(world.tree, "p", 0600) == 0);
	CHECK(lookup(c, top, "p", &n) == 0);
	CHECK(setxattr_raw(n, "trusted.key", "pipe", 0) == 0);
	end();
}

static void acl_clears_sgid_when_told(void)
{
	/* u::rwx g::r-x o::r-x */
	static const uint8_t acl[] = {2,   0,   0, 0, 1,   0,   7,   0,   255, 255,
				      255, 255, 4, 0, 5,   0,   255, 255, 255, 255,
				      32,  0,   5, 0, 255, 255, 255, 255};
	struct fuse_setxattr_in in = {.size = sizeof(acl)};
	struct fuse_attr a;
	uint64_t n, fh;
	int r;

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_MODE, .mode = 02755}) >
	      0);
	r = ask(c, FUSE_SETXATTR, n, 0, PART(in), NAME("system.posix_acl_access"), acl,
		sizeof(acl), NOTHING);
	if (r == -EOPNOTSUPP)
		SKIP("no ACLs on /tmp");
	CHECK(r == 0 && getattr(c, n, &a) == 0 && a.mode & S_ISGID);
	in.setxattr_flags = FUSE_SETXATTR_ACL_KILL_SGID;
	CHECK(ask(c, FUSE_SETXATTR, n, 0, PART(in), NAME("system.posix_acl_access"), acl,
		  sizeof(acl), NOTHING) == 0);
	CHECK(getattr(c, n, &a) == 0 && !(a.mode & S_ISGID));
	end();
}

static void privileges_are_killed(void)
{
	struct fuse_attr a;
	uint64_t n, fh;
	const struct fuse_setattr_in suid = {.valid = FATTR_MODE, .mode = 06755};
	struct fuse_open_in in = {.flags = O_WRONLY | O_TRUNC,
				  .open_flags = FUSE_OPEN_KILL_SUIDGID};

	begin(VM_FS_PRIVATE);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fh) == 0);
	if (geteuid() != 0)
		SKIP("not root: the kernel kills them anyway");
	CHECK(setattr(n, suid) > 0);
	CHECK(write_at(c, n, fh, 0, "x", 1, 0, 0) == 1);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 06000);
	CHECK(write_at(c, n, fh, 0, "x", 1, FUSE_WRITE_KILL_SUIDGID, 0) == 1);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 0);
	CHECK(setattr(n, suid) > 0);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_SIZE}) > 0);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 06000);
	CHECK(setattr(n, (struct fuse_setattr_in){.valid = FATTR_SIZE |
							   FATTR_KILL_SUIDGID}) > 0);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 0);
	CHECK(setattr(n, suid) > 0);
	CHECK(ask(c, FUSE_OPEN, n, 16, PART(in), NOTHING) == 16);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 0);
	/* And we are who we were. */
	CHECK(setattr(n, suid) > 0);
	CHECK(write_at(c, n, fh, 0, "x", 1, 0, 0) == 1);
	CHECK(getattr(c, n, &a) == 0 && (a.mode & 06000) == 06000);
	end();
}

static unsigned mode_of(uint64_t n)
{
	struct fuse_attr a;

	return getattr(c, n, &a) == 0 ? a.mode & 07777 : 0;
}

/* FALLOCATE and COPY_FILE_RANGE have no flag for it. */
static void others_kill_privileges_by_who_asks(void)
{
	const struct fuse_setattr_in suid = {.valid = FATTR_MODE, .mode = 06777};
	struct fuse_fallocate_in fa = {.length = 4096};
	struct fuse_copy_file_range_in cp = {.len = 4};
	uint64_t n, m;

	begin(VM_FS_SHARED);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fa.fh) == 0);
	CHECK(create(c, top, "g", O_RDWR, 0644, &m, &cp.fh_in) == 0);
	if (geteuid() != 0) {
		end();
		SKIP("not root: the kernel kills them anyway");
	}
	CHECK(write_at(c, m, cp.fh_in, 0, "text", 4, 0, 0) == 4);
	cp.nodeid_out = n;
	cp.fh_out = fa.fh;
	CHECK(setattr(n, suid) > 0);
	CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) == 0);
	CHECK(ask(c, FUSE_COPY_FILE_RANGE, m, 8, PART(cp), NOTHING) == 8);
	CHECK(mode_of(n) == 06777);
	c->uid = 1111;
	CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) == 0);
	CHECK((mode_of(n) & S_ISUID) == 0);
	CHECK(setattr(n, suid) > 0 && mode_of(n) == 06777);
	CHECK(ask(c, FUSE_COPY_FILE_RANGE, m, 8, PART(cp), NOTHING) == 8);
	CHECK((mode_of(n) & S_ISUID) == 0);
	end();
}

/* As the kernel knows this thread. */
struct self {
	uid_t uid[3];
	gid_t gid[3], groups[64];
	int n_groups;
	struct __user_cap_data_struct caps[2];
};

static struct self self_now(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct self s = {0};

	CHECK(getresuid(&s.uid[0], &s.uid[1], &s.uid[2]) == 0);
	CHECK(getresgid(&s.gid[0], &s.gid[1], &s.gid[2]) == 0);
	s.n_groups = getgroups(64, s.groups);
	CHECK(syscall(SYS_capget, &h, s.caps) == 0);
	return s;
}

static void failures_leave_us_who_we_were(void)
{
	struct fs_ext_header ext = {.size = 16, .type = FS_EXT_GROUPS};
	struct fuse_mkdir_in dir = {.mode = 0777, .umask = 0777};
	struct fuse_mknod_in node = {.mode = S_IFREG | 0666, .umask = 0777};
	const uint32_t groups[2] = {1, 4444};
	struct self before, after;
	uint64_t n, fh;

	begin(VM_FS_PRIVATE);
	host_file(world.tree, "d", "");
	before = self_now();
	for (uint32_t id = 0; id < 4; id++) {
		/* The last one means "no change" to the system calls. */
		static const uint32_t ids[] = {0, 1111, 4294967294, UINT32_MAX};

		c->uid = ids[id];
		c->gid = ids[3 - id];
		c->extlen = 2;
		CHECK(ask(c, FUSE_MKDIR, top, 128, PART(dir), "d\0\0\0\0\0\0", (size_t)8,
			  PART(ext), PART(groups), NOTHING) < 0);
		CHECK(ask(c, FUSE_MKNOD, top, 128, PART(node), NAME("d"), NOTHING) < 0);
		CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("d"), NAME("x"), NOTHING) < 0);
		CHECK(create(c, top, "d", O_RDWR | O_EXCL, 0666, &n, &fh) < 0);
		after = self_now();
		CHECK(memcmp(&before, &after, sizeof(before)) == 0);
	}
	/* Nor is the last one's umask anybody else's. */
	c->uid = c->gid = 0;
	CHECK(create(c, top, "f", O_RDWR, 0666, &n, &fh) == 0 && mode_of(n) == 0666);
	end();
}

static void creators_own_what_they_make(void)
{
	struct fuse_mkdir_in dir = {.mode = 02777, .umask = 027};
	struct fs_ext_header ext = {.size = 16, .type = FS_EXT_GROUPS};
	const uint32_t groups[2] = {1, 4444};
	uint64_t n, fh, d;

	begin(VM_FS_PRIVATE);
	if (geteuid() != 0) {
		end();
		SKIP("not root: all is ours");
	}
	c->uid = 1111;
	c->gid = 2222;
	/* Root's folder: the guest has decided that this user may. */
	CHECK(create(c, top, "f", O_RDWR, 0666, &n, &fh) == 0);
	CHECK(ENTRY(c)->attr.uid == 1111 && ENTRY(c)->attr.gid == 2222);
	CHECK((ENTRY(c)->attr.mode & 0777) == 0666);
	CHECK(ask(c, FUSE_MKDIR, top, 128, PART(dir), NAME("d"), NOTHING) == 128);
	d = ENTRY(c)->nodeid;
	CHECK(ENTRY(c)->attr.uid == 1111 && (ENTRY(c)->attr.mode & 0777) == 0750);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("l"), NAME("x"), NOTHING) == 128);
	CHECK(ENTRY(c)->attr.uid == 1111);
	/* In a folder of another group with set-group-id, only a member keeps the bit. */
	CHECK(setattr(d, (struct fuse_setattr_in){.valid = FATTR_GID | FATTR_MODE,
						  .gid = 4444,
						  .mode = 02777}) > 0);
	CHECK(create(c, d, "no", O_RDWR, 02775, &n, &fh) == 0);
	CHECK(ENTRY(c)->attr.gid == 4444 && !(ENTRY(c)->attr.mode & S_ISGID));
	{
		struct fuse_create_in in = {.flags = O_RDWR, .mode = S_IFREG | 02775};

		c->extlen = 2;
		CHECK(ask(c, FUSE_CREATE, d, 144, PART(in), "yes\0\0\0\0\0", (size_t)8,
			  PART(ext), PART(groups), NOTHING) == 144);
		CHECK(ENTRY(c)->attr.gid == 4444 && ENTRY(c)->attr.mode & S_ISGID);
	}
	c->uid = c->gid = 0;
	CHECK(create(c, top, "root", O_RDWR, 0666, &n, &fh) == 0);
	CHECK(ENTRY(c)->attr.uid == 0 && ENTRY(c)->attr.gid == 0);
	CHECK(geteuid() == 0 && getegid() == 0);
	end();
}

static void negative_names_are_kept_in_private(void)
{
	uint64_t n;

	begin(VM_FS_PRIVATE);
	CHECK(ask(c, FUSE_LOOKUP, top, 128, NAME("none"), NOTHING) == 128);
	CHECK(ENTRY(c)->nodeid == 0 && ENTRY(c)->entry_valid > 0);
	end();
	begin(VM_FS_SHARED);
	CHECK(ask(c, FUSE_LOOKUP, top, 128, NAME("none"), NOTHING) == -ENOENT);
	CHECK(lookup(c, top, "none", &n) == -ENOENT);
	end();
}

static void absurd_numbers_are_refused(void)
{
	static const uint64_t far[] = {INT64_MAX, (uint64_t)INT64_MAX + 1,
				       UINT64_MAX - 4095, UINT64_MAX};
	static const uint32_t modes[] = {0,    1,    2,     3,          4,
					 0x10, 0x20, 0x400, 0x80000000, UINT32_MAX};
	struct fuse_fallocate_in fa = {0};
	struct fuse_copy_file_range_in cp = {0};
	struct fuse_lseek_in ls = {0};
	struct fuse_setattr_in set = {.valid = FATTR_SIZE};
	struct fuse_attr a;
	uint64_t n;

	begin(VM_FS_SHARED);
	CHECK(create(c, top, "f", O_RDWR, 0644, &n, &fa.fh) == 0);
	CHECK(write_at(c, n, fa.fh, 0, "text", 4, 0, 0) == 4);
	cp.fh_in = cp.fh_out = ls.fh = fa.fh;
	cp.nodeid_out = n;
	for (size_t i = 0; i < 4; i++) {
		for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
			fa.mode = modes[m];
			fa.offset = far[i];
			fa.length = far[i];
			CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) < 0);
			fa.offset = 0;
			if (fa.mode != 3) /* a hole may be as long as it likes */
				CHECK(ask(c, FUSE_FALLOCATE, n, 0, PART(fa), NOTHING) <
				      0);
		}
		ls.whence = (uint32_t)(3 + i); /* SEEK_DATA, SEEK_HOLE, none */
		ls.offset = far[i];
		CHECK(ask(c, FUSE_LSEEK, n, 8, PART(ls), NOTHING) < 0);
		cp.off_in = 0;
		cp.off_out = far[i];
		cp.len = UINT64_MAX;
		CHECK(ask(c, FUSE_COPY_FILE_RANGE, n, 8, PART(cp), NOTHING) < 0);
		cp.off_out = 0;
		cp.off_in = far[i];
		(void)ask(c, FUSE_COPY_FILE_RANGE, n, 8, PART(cp), NOTHING);
		CHECK(read_at(c, n, fa.fh, far[i], 4096) <= 0);
		CHECK(write_at(c, n, fa.fh, far[i], "x", 1, 0, 0) < 0);
		set.size = far[i];
		if (i > 0)
			CHECK(setattr(n, set) == -EFBIG);
	}
	CHECK(getattr(c, n, &a) == 0 && a.size == 4);
	end();
}

static void absurd_positions_do_no_harm(void)
{
	struct fuse_read_in in = {.size = 4096};
	unsigned dice = 1, known = 0;
	int r;

	begin(VM_FS_SHARED);
	for (int i = 0; i < 300; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		host_file(world.tree, name, "");
	}
	CHECK(open_node(c, FUSE_OPENDIR, top, 0, &in.fh) == 0);
	for (int i = 0; i < 3000; i++) {
		for (int bits = 0; bits < 3; bits++) {
			dice = dice * 1664525 + 1013904223;
			in.offset = in.offset << 24 ^ dice >> 4;
		}
		in.offset >>= dice >> 24 & 63;
		in.size = i % 7 ? 4096 : dice >> 12 & 0xff;
		(void)ask(c, i % 2 ? FUSE_READDIR : FUSE_READDIRPLUS, top, 4096, PART(in),
			  NOTHING);
	}
	/* And from its begin all are there, once. */
	in.size = 4096;
	for (in.offset = 0;
	     (r = ask(c, FUSE_READDIR, top, 4096, PART(in), NOTHING)) > 0;) {
		for (int at = 0; at < r;) {
			struct fuse_dirent *d = (void *)(c->reply + at);

			known++;
			in.offset = d->off;
			at += (int)FUSE_DIRENT_SIZE(d);
		}
	}
	CHECK(r == 0 && known == 302);
	/* Of the top folder, too. */
	for (unsigned shift = 0; shift < 64; shift++) {
		in.offset = UINT64_MAX >> shift;
		r = ask(c, FUSE_READDIR, 1, 4096, PART(in), NOTHING);
		CHECK(r == 0 || in.offset < 3);
	}
	end();
}

static const struct test tests[] = {
	{"what is written is read, by the host too", reads_and_writes},
	{"a handle is good for its inode and access only", handles_belong_to_inodes},
	{"a private tree: long timeouts, writeback may read and place",
	 private_opens_for_writeback},
	{"a shared tree: host appends are seen, appends go to the end",
	 host_appends_are_seen},
	{"a shared tree: opening a replaced file is ESTALE, then the new one",
	 replaced_files_are_noticed},
	{"what has lost its name stays usable", unlinked_files_stay_usable},
	{"what was moved is found where it is, renameat2's flags work",
	 moved_files_are_found_again},
	{"RENAME_WHITEOUT leaves one", whiteouts_are_left},
	{"a new file with the number of an old one is another, by its birth time",
	 births_tell_files_apart},
	{"names of one file are one inode", hard_links_are_one_inode},
	{"symlinks are read and linked, never followed", symlinks_are_text},
	{"O_TMPFILE makes a file that can be linked later", tmpfiles_get_a_name_or_not},
	{"folders are read whole, in steps of any size", folders_are_read},
	{"positions in a folder can be returned to", positions_in_folders_work},
	{"mode, size, times and owner are set", attributes_are_set},
	{"STATX has the birth time", statx_has_birth},
	{"fallocate, holes, copies", holes_and_copies},
	{"a guest that writes back later asks itself for holes", writeback_has_no_holes},
	{"fsync, fsyncdir, syncfs, statfs", syncs_and_statfs},
	{"xattrs, of links and FIFOs too", xattrs_work_on_all_kinds},
	{"setting an ACL clears set-group-id where Linux says so",
	 acl_clears_sgid_when_told},
	{"set-id bits are killed when asked, and only then", privileges_are_killed},
	{"fallocate and copies kill set-id bits, unless root does it",
	 others_kill_privileges_by_who_asks},
	{"requests that fail leave ids, groups and capabilities as they were",
	 failures_leave_us_who_we_were},
	{"numbers beyond what files have are refused", absurd_numbers_are_refused},
	{"any position in a folder may be asked for", absurd_positions_do_no_harm},
	{"what a user creates is the user's, by umask and groups",
	 creators_own_what_they_make},
	{"that a name isn't there is kept in a private tree only",
	 negative_names_are_kept_in_private},
};
TEST_MAIN(tests)
