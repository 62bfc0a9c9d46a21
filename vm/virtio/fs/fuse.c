/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol: a request is checked here once, so that no operation can forget it: its
 * lengths, its names, what kind of inode it is for and whether the tree may be written.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "vm/virtio/fs/internal.h"
#include "vm/virtio/queue.h"

/* What the guest is told to do by itself in either kind. HANDLE_KILLPRIV_V2 saves it a
 * GETXATTR for each write. */
#define OFFER_ALWAYS                                                                     \
	(FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS | \
	 FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS |                 \
	 FUSE_HANDLE_KILLPRIV_V2 | FUSE_MAX_PAGES | FUSE_SUBMOUNTS | FUSE_INIT_EXT |     \
	 FUSE_CREATE_SUPP_GROUP | FUSE_DIRECT_IO_ALLOW_MMAP)

/* These belong together: a server of ACLs must apply the umask itself, and is told when
 * setting one clears set-id. */
#define OFFER_ACL     (FUSE_POSIX_ACL | FUSE_DONT_MASK | FUSE_SETXATTR_EXT)

#define OFFER_PRIVATE (FUSE_WRITEBACK_CACHE | FUSE_CACHE_SYMLINKS)
#define OFFER_SHARED  (FUSE_AUTO_INVAL_DATA | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS)
#define OFFER_DAX     (FUSE_MAP_ALIGNMENT | FUSE_HAS_INODE_DAX)

uint64_t fs_offer(const struct fs *fs, uint64_t theirs)
{
	uint64_t ours = OFFER_ALWAYS;

	ours |= fs->kind == VM_FS_PRIVATE ? OFFER_PRIVATE : OFFER_SHARED;
	if (fs->dax_len > 0)
		ours |= OFFER_DAX;
	if ((theirs & OFFER_ACL) == OFFER_ACL) {
		ours |= OFFER_ACL;
		/* Linux 6.12 breaks the connection over this one without ACLs. */
		ours |= FUSE_ALLOW_IDMAP;
	}
	if (!(theirs & FUSE_INIT_EXT))
		theirs &= UINT32_MAX;
	return ours & theirs;
}

static int op_init(struct fs_req *r)
{
	const struct fuse_init_in *in = r->args;
	struct fuse_init_out *out = r->reply;
	uint64_t theirs = (uint32_t)in->flags, flags;

	memset(out, 0, sizeof(*out));
	out->major = FUSE_KERNEL_VERSION;
	out->minor = FS_FUSE_MINOR;
	if (in->major > FUSE_KERNEL_VERSION)
		return sizeof(*out); /* it will ask again, for ours */
	if (in->major < FUSE_KERNEL_VERSION || in->minor < FS_FUSE_MINOR_MIN)
		return -EPROTO;
	if (theirs & FUSE_INIT_EXT && r->args_len >= sizeof(*in))
		theirs |= (uint64_t)in->flags2 << 32;
	else
		theirs &= ~(uint64_t)FUSE_INIT_EXT;
	flags = fs_offer(r->fs, theirs);
	fs_end_session(r->fs, -ENOTCONN);
	atomic_store(&r->fs->flags, flags | FS_READY);
	out->max_readahead = in->max_readahead;
	out->flags = (uint32_t)flags;
	out->flags2 = (uint32_t)(flags >> 32);
	out->max_background = 128;
	out->congestion_threshold = 96;
	out->max_write = FS_IO_MAX;
	out->max_pages = FS_IO_MAX / 4096;
	out->time_gran = 1;
	out->map_alignment = 21;
	return sizeof(*out);
}

static int op_destroy(struct fs_req *r)
{
	fs_end_session(r->fs, -ENOTCONN);
	return 0;
}

static int op_forget(struct fs_req *r)
{
	const struct fuse_forget_in *in = r->args;

	inode_forget(r->fs, r->h.nodeid, in->nlookup);
	return 0;
}

static int op_batch_forget(struct fs_req *r)
{
	const struct fuse_batch_forget_in *in = r->args;
	const struct fuse_forget_one *one = (const void *)r->rest;
	size_t count = r->rest_len / sizeof(*one);

	if (in->count < count)
		count = in->count;
	for (size_t i = 0; i < count; i++)
		inode_forget(r->fs, one[i].nodeid, one[i].nlookup);
	return 0;
}

/* overlayfs in the guest asks for flags that it then does without: only ENOTTY says so,
 * other errors end a copy-up. */
static int op_ioctl(struct fs_req *r)
{
	(void)r;
	return -ENOTTY;
}

#define IN(type)  .in_min = sizeof(struct type)
#define OUT(type) .out_min = sizeof(struct type)

/* What isn't here is answered ENOSYS, which Linux remembers: ACCESS (the guest checks by
 * default_permissions), BMAP, POLL. */
static const struct fs_op ops[FS_OP_MAX + 1] = {
	[FUSE_LOOKUP] = {op_lookup, OUT(fuse_entry_out), .names = 1,
			 .flags = OP_DIR | OP_TOP},
	[FUSE_FORGET] = {op_forget, IN(fuse_forget_in), .flags = OP_NOINODE | OP_NOREPLY},
	[FUSE_GETATTR] = {op_getattr, IN(fuse_getattr_in), OUT(fuse_attr_out),
			  .flags = OP_TOP},
	[FUSE_SETATTR] = {op_setattr, IN(fuse_setattr_in), OUT(fuse_attr_out),
			  .flags = OP_WRITE},
	[FUSE_READLINK] = {.fn = op_readlink},
	[FUSE_SYMLINK] = {op_symlink, OUT(fuse_entry_out), .names = 2,
			  .flags = OP_DIR | OP_WRITE | OP_ANYNAME},
	[FUSE_MKNOD] = {op_mknod, IN(fuse_mknod_in), OUT(fuse_entry_out), .names = 1,
			.flags = OP_DIR | OP_WRITE},
	[FUSE_MKDIR] = {op_mkdir, IN(fuse_mkdir_in), OUT(fuse_entry_out), .names = 1,
			.flags = OP_DIR | OP_WRITE},
	[FUSE_UNLINK] = {op_unlink, .names = 1, .flags = OP_DIR | OP_WRITE},
	[FUSE_RMDIR] = {op_rmdir, .names = 1, .flags = OP_DIR | OP_WRITE},
	[FUSE_RENAME] = {op_rename, IN(fuse_rename_in), .names = 2,
			 .flags = OP_DIR | OP_WRITE},
	[FUSE_LINK] = {op_link, IN(fuse_link_in), OUT(fuse_entry_out), .names = 1,
		       .flags = OP_DIR | OP_WRITE},
	[FUSE_OPEN] = {op_open, IN(fuse_open_in), OUT(fuse_open_out)},
	[FUSE_READ] = {op_read, IN(fuse_read_in)},
	[FUSE_WRITE] = {op_write, IN(fuse_write_in), OUT(fuse_write_out),
			.flags = OP_WRITE | OP_DATA},
	[FUSE_STATFS] = {op_statfs, OUT(fuse_statfs_out), .flags = OP_TOP},
	[FUSE_RELEASE] = {op_release, IN(fuse_release_in)},
	[FUSE_FSYNC] = {op_fsync, IN(fuse_fsync_in)},
	[FUSE_SETXATTR] = {op_setxattr, .in_min = FUSE_COMPAT_SETXATTR_IN_SIZE,
			   .flags = OP_WRITE},
	[FUSE_GETXATTR] = {op_getxattr, IN(fuse_getxattr_in), .names = 1,
			   .flags = OP_TOP | OP_ANYNAME},
	[FUSE_LISTXATTR] = {op_listxattr, IN(fuse_getxattr_in), .flags = OP_TOP},
	[FUSE_REMOVEXATTR] = {op_removexattr, .names = 1, .flags = OP_WRITE | OP_ANYNAME},
	[FUSE_FLUSH] = {op_flush, IN(fuse_flush_in)},
	[FUSE_INIT] = {op_init, .in_min = 16, OUT(fuse_init_out),
		       .flags = OP_NOINODE | OP_EARLY},
	[FUSE_OPENDIR] = {op_opendir, IN(fuse_open_in), OUT(fuse_open_out),
			  .flags = OP_DIR | OP_TOP},
	[FUSE_READDIR] = {op_readdir, IN(fuse_read_in), .flags = OP_DIR | OP_TOP},
	[FUSE_RELEASEDIR] = {op_releasedir, IN(fuse_release_in),
			     .flags = OP_DIR | OP_TOP},
	[FUSE_FSYNCDIR] = {op_fsync, IN(fuse_fsync_in), .flags = OP_DIR},
	[FUSE_GETLK] = {op_getlk, IN(fuse_lk_in), OUT(fuse_lk_out)},
	[FUSE_SETLK] = {op_setlk, IN(fuse_lk_in)},
	[FUSE_SETLKW] = {op_setlkw, IN(fuse_lk_in)},
	[FUSE_CREATE] = {op_create, IN(fuse_create_in),
			 .out_min = sizeof(struct fuse_entry_out) +
				    sizeof(struct fuse_open_out),
			 .names = 1, .flags = OP_DIR | OP_WRITE},
	[FUSE_INTERRUPT] = {op_interrupt, IN(fuse_interrupt_in),
			    .flags = OP_NOINODE | OP_NOREPLY},
	[FUSE_DESTROY] = {op_destroy, .flags = OP_NOINODE},
	[FUSE_IOCTL] = {op_ioctl, IN(fuse_ioctl_in), .flags = OP_TOP},
	[FUSE_BATCH_FORGET] = {op_batch_forget, IN(fuse_batch_forget_in),
			       .flags = OP_NOINODE | OP_NOREPLY},
	[FUSE_FALLOCATE] = {op_fallocate, IN(fuse_fallocate_in), .flags = OP_WRITE},
	[FUSE_READDIRPLUS] = {op_readdirplus, IN(fuse_read_in), .flags = OP_DIR | OP_TOP},
	[FUSE_RENAME2] = {op_rename2, IN(fuse_rename2_in), .names = 2,
			  .flags = OP_DIR | OP_WRITE},
	[FUSE_LSEEK] = {op_lseek, IN(fuse_lseek_in), OUT(fuse_lseek_out)},
	[FUSE_COPY_FILE_RANGE] = {op_copy_file_range, IN(fuse_copy_file_range_in),
				  OUT(fuse_write_out)},
	[FUSE_SETUPMAPPING] = {op_setupmapping, IN(fuse_setupmapping_in)},
	[FUSE_REMOVEMAPPING] = {op_removemapping, IN(fuse_removemapping_in),
				.flags = OP_NOINODE},
	[FS_OP_SYNCFS] = {op_syncfs, IN(fuse_syncfs_in), .flags = OP_TOP},
	[FS_OP_TMPFILE] = {op_tmpfile, IN(fuse_create_in),
			   .out_min = sizeof(struct fuse_entry_out) +
				      sizeof(struct fuse_open_out),
			   .flags = OP_DIR | OP_WRITE},
	[FS_OP_STATX] = {op_statx, IN(fs_statx_in), OUT(fs_statx_out), .flags = OP_TOP},
	[FS_OP_COPY_FILE_RANGE_64] = {op_copy_file_range_64, IN(fuse_copy_file_range_in),
				      OUT(fs_copy_out)},
};

bool fs_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX && !strchr(name, '/') && !str_eq(name, ".") &&
	       !str_eq(name, "..");
}

static int parse_names(struct fs_req *r, const uint8_t *p, size_t len)
{
	for (unsigned i = 0; i < r->op->names; i++) {
		const uint8_t *nul = memchr(p, 0, len);

		if (!nul)
			return -EINVAL;
		r->name[i] = (const char *)p;
		if (!(r->op->flags & OP_ANYNAME) && !fs_name_ok(r->name[i]))
			return strlen(r->name[i]) > NAME_MAX ? -ENAMETOOLONG : -EINVAL;
		len -= (size_t)(nul + 1 - p);
		p = nul + 1;
	}
	r->rest = p;
	r->rest_len = len;
	return 0;
}

/* Extensions stand at the end, each with its size; those not known are skipped. */
static int parse_extensions(struct fs_req *r, const uint8_t *p, size_t len)
{
	while (len > 0) {
		struct fs_ext_header x;
		uint32_t groups[2];

		if (len < sizeof(x))
			return -EINVAL;
		memcpy(&x, p, sizeof(x));
		if (x.size < sizeof(x) || x.size > len)
			return -EINVAL;
		if (x.type == FS_EXT_GROUPS && x.size >= sizeof(x) + sizeof(groups)) {
			memcpy(groups, p + sizeof(x), sizeof(groups));
			r->has_group = groups[0] == 1;
			r->group = groups[1];
		}
		x.size = (uint32_t)FUSE_REC_ALIGN((uint64_t)x.size);
		if (x.size > len)
			return -EINVAL;
		p += x.size;
		len -= x.size;
	}
	return 0;
}

/* Copies the request out of the guest's memory (but for data to be written), so that it
 * can't change while it is looked at. */
static int parse(struct fs_req *r, size_t total)
{
	size_t len = total - sizeof(r->h), ext;
	uint16_t extlen;
	int e;

	memcpy(&extlen, (const uint8_t *)&r->h + FS_IN_EXTLEN_OFF, sizeof(extlen));
	ext = (size_t)extlen * 8;
	if (r->h.len != total || len < r->op->in_min + ext)
		return -EINVAL;
	if (r->op->flags & OP_DATA) {
		if (ext > 0)
			return -EINVAL;
		r->args_len = r->op->in_min;
		r->in_len = len - r->op->in_min;
	} else if (len > sizeof(r->w->in)) {
		return -E2BIG;
	} else {
		r->args_len = len;
	}
	if (iov_read(r->in, r->n_in, sizeof(r->h), r->w->in, r->args_len) != r->args_len)
		return -EINVAL;
	r->args = r->w->in;
	if (r->op->flags & OP_DATA) {
		unsigned used = iov_cut(r->in, r->n_in, sizeof(r->h) + r->args_len);

		r->in += used;
		r->n_in -= used;
		return 0;
	}
	r->args_len -= ext;
	e = parse_extensions(r, r->w->in + r->args_len, ext);
	if (e < 0)
		return e;
	return parse_names(r, r->w->in + r->op->in_min, r->args_len - r->op->in_min);
}

/* The place of the reply's header is kept apart, as its parts may be of any size. */
static bool split_head(struct fs_req *r)
{
	size_t need = sizeof(struct fuse_out_header);

	while (need > 0 && r->n_out > 0) {
		struct iovec *v = r->out;
		size_t n = v->iov_len < need ? v->iov_len : need;

		if (n > 0)
			r->head[r->n_head++] = (struct iovec){v->iov_base, n};
		need -= n;
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		if (v->iov_len == 0) {
			r->out++;
			r->n_out--;
		}
	}
	for (unsigned i = 0; i < r->n_out; i++)
		r->out_len += r->out[i].iov_len;
	return need == 0;
}

static void put_head(const struct iovec *head, unsigned n, uint64_t unique, int error,
		     size_t len)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + len),
		.error = error,
		.unique = unique,
	};

	(void)iov_write(head, n, 0, &h, sizeof(h));
}

void fs_reply_error(const struct iovec *head, unsigned n_head, uint64_t unique, int error)
{
	put_head(head, n_head, unique, error, 0);
}

/* Finds the inode, and what the operation may not be asked of it. */
static int find_inode(struct fs_req *r)
{
	const struct inode *i;
	int e = inode_get(r->fs, r->h.nodeid, &r->inode);

	if (e < 0)
		return e;
	i = r->inode;
	if (!i->tree && !(r->op->flags & OP_TOP))
		return r->op->flags & OP_WRITE ? -EROFS : -EOPNOTSUPP;
	if (r->op->flags & OP_DIR && i->id.type != S_IFDIR)
		return -ENOTDIR;
	if (r->op->flags & OP_WRITE && i->tree && i->tree->read_only)
		return -EROFS;
	return 0;
}

static int run(struct fs_req *r, size_t total)
{
	int e = parse(r, total);

	if (e < 0)
		return e;
	if (!(r->op->flags & OP_EARLY) && !fs_has(r->fs, FS_READY))
		return -EIO;
	if (r->out_len < r->op->out_min)
		return -EINVAL;
	r->reply = r->w->out;
	r->reply_max = r->out_len < sizeof(r->w->out) ? r->out_len : sizeof(r->w->out);
	if (!(r->op->flags & OP_NOINODE)) {
		e = find_inode(r);
		if (e < 0)
			goto out;
	}
	e = r->op->fn(r);
out:
	inode_put(r->fs, r->inode);
	return e;
}

int fs_handle(struct fs_worker *w, struct iovec *in, unsigned n_in, struct iovec *out,
	      unsigned n_out, uint64_t token)
{
	struct fs_req r = {
		.fs = w->fs,
		.w = w,
		.token = token,
		.in = in,
		.n_in = n_in,
		.out = out,
		.n_out = n_out,
	};
	size_t total = 0;
	bool room;
	int e;

	for (unsigned i = 0; i < n_in; i++)
		total += in[i].iov_len;
	if (iov_read(in, n_in, 0, &r.h, sizeof(r.h)) < sizeof(r.h))
		return 0;
	if (r.h.opcode <= FS_OP_MAX && ops[r.h.opcode].fn)
		r.op = &ops[r.h.opcode];
	room = split_head(&r);
	if (r.op && r.op->flags & OP_NOREPLY) {
		(void)run(&r, total);
		return 0;
	}
	if (!room)
		return 0;
	e = r.op ? run(&r, total) : -ENOSYS;
	if (e == -EINPROGRESS)
		return e;
	if (e < 0) {
		fs_reply_error(r.head, r.n_head, r.h.unique, e);
		return sizeof(struct fuse_out_header);
	}
	if (!r.direct)
		(void)iov_write(r.out, r.n_out, 0, r.reply, (size_t)e);
	put_head(r.head, r.n_head, r.h.unique, 0, (size_t)e);
	return (int)sizeof(struct fuse_out_header) + e;
}
