/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's side of the filesystem server, for tests: FUSE requests as bytes, on trees in
 * a temporary folder. Calls return what the guest would see: -errno, or the length of the
 * reply, which is in c->reply.
 */
#ifndef TESTS_UNIT_FS_CLIENT_H
#define TESTS_UNIT_FS_CLIENT_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "vm/virtio/fs/abi.h"
#include "vm/virtio/fs/fs.h"

#include "tests/unit/usage.h"

struct client {
	struct fs *fs;
	struct fs_worker *w;
	uint32_t uid, gid;
	uint64_t unique;
	uint64_t token; /* of the last call */
	uint8_t ask[160 << 10], answer[160 << 10];
	uint8_t *reply;
	uint16_t extlen; /* of the extensions at the end of the next request, then 0 */
};

/* The world: a temporary folder with the tree "t" in it, and what is outside. */
struct world {
	char path[64];
	int top, tree; /* descriptors */
};

/* In /tmp, or where a test says first. */
#ifndef WORLD_IN
#define WORLD_IN "/tmp"
#endif

static inline void world_make(struct world *w)
{
	(void)umask(022);
	(void)snprintf(w->path, sizeof(w->path), "%s/fs_test.XXXXXX", WORLD_IN);
	if (!mkdtemp(w->path))
		abort();
	w->top = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->top < 0 || mkdirat(w->top, "tree", 0755) < 0)
		abort();
	w->tree = openat(w->top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline void world_end(struct world *w)
{
	AUTO_FD tmp = open(WORLD_IN, O_PATH | O_DIRECTORY | O_CLOEXEC);

	fd_close(&w->tree);
	fd_close(&w->top);
	(void)path_remove_tree(tmp, w->path + strlen(WORLD_IN) + 1, ERR_IGNORE);
}

static inline void host_file(int dir, const char *name, const char *text)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || fd_write_full(fd, text, strlen(text)) < 0)
		abort();
}

/* The server's own descriptors and threads of the test get this one. */
static inline struct fs *server_with(struct fs_config c)
{
	AUTO_FD proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct fs *fs = NULL;
	struct err e = {0};

	c.proc_fd = proc;
	if (fs_new(&c, &fs, &e) < 0) {
		printf("# %s\n", e.text);
		abort();
	}
	return fs;
}

static inline int attach(struct fs *fs, const char *name, int fd, bool read_only)
{
	struct err e = {0};

	return fs_attach(
		fs,
		&(struct vm_tree_config){.name = name, .fd = fd, .read_only = read_only},
		&e);
}

static inline struct client *client_new(struct fs *fs)
{
	struct client *c = calloc(1, sizeof(*c));
	struct err e = {0};

	if (!c || fs_worker_new(fs, &c->w, &e) < 0) {
		printf("# %s\n", e.text);
		abort();
	}
	c->fs = fs;
	c->unique = 2;
	return c;
}

static inline void client_free(struct client *c)
{
	fs_worker_free(c->w);
	free(c);
}

/* Sends ask[0..len) as it is. Returns fs_handle()'s result. */
static inline int raw(struct client *c, size_t len, size_t out_len)
{
	struct iovec in[2], out[2];
	unsigned n_in = 1;
	int r;

	in[0] = (struct iovec){c->ask, len};
	if (len > 48) { /* as Linux does it: header and data apart */
		in[0].iov_len = 40;
		in[1] = (struct iovec){c->ask + 40, len - 40};
		n_in = 2;
	}
	memset(c->answer, 0xa5, 4096);
	out[0] = (struct iovec){c->answer, out_len < 16 ? out_len : 16};
	out[1] = (struct iovec){c->answer + 16, out_len < 16 ? 0 : out_len - 16};
	c->reply = c->answer + 16;
	r = fs_handle(c->w, in, n_in, out, out_len > 16 ? 2 : 1, ++c->token);
	return r;
}

/* Puts a header before what is in ask[40..len). */
static inline void head(struct client *c, uint32_t op, uint64_t nodeid, size_t len)
{
	struct fuse_in_header h = {
		.len = (uint32_t)len,
		.opcode = op,
		.unique = c->unique += 2,
		.nodeid = nodeid,
		.uid = c->uid,
		.gid = c->gid,
		.pid = 1,
	};

	memcpy(c->ask, &h, sizeof(h));
	memcpy(c->ask + FS_IN_EXTLEN_OFF, &c->extlen, sizeof(c->extlen));
	c->extlen = 0;
}

/* A request of parts (pointer, length), ended by NULL, with room for out bytes. */
static inline int ask(struct client *c, uint32_t op, uint64_t nodeid, size_t out, ...)
{
	struct fuse_out_header h;
	size_t len = sizeof(struct fuse_in_header);
	const void *p;
	va_list ap;
	int r;

	va_start(ap, out);
	while ((p = va_arg(ap, const void *))) {
		size_t n = va_arg(ap, size_t);

		if (len + n > sizeof(c->ask))
			abort();
		memcpy(c->ask + len, p, n);
		len += n;
	}
	va_end(ap);
	head(c, op, nodeid, len);
	r = raw(c, len, out + sizeof(h));
	if (r < (int)sizeof(h))
		return r;
	memcpy(&h, c->answer, sizeof(h));
	if (h.unique != c->unique || h.len != (uint32_t)r || (h.error && r != sizeof(h)))
		return -99999;
	return h.error ? h.error : r - (int)sizeof(h);
}

#define PART(x)  &(x), sizeof(x)
#define NAME(s)  (s), strlen(s) + 1
#define NOTHING  (const void *)NULL
#define ENTRY(c) ((struct fuse_entry_out *)(void *)(c)->reply)

static inline int init(struct client *c)
{
	struct fuse_init_in in = {
		.major = 7,
		.minor = 41,
		.max_readahead = 131072,
		.flags = 0x7fffffff,
		.flags2 = 0xffffffff,
	};

	return ask(c, FUSE_INIT, 0, sizeof(struct fuse_init_out), PART(in), NOTHING);
}

/* Each LOOKUP counts: the nodeid is to be forgotten as often. */
static inline int lookup(struct client *c, uint64_t dir, const char *name, uint64_t *ret)
{
	int r = ask(c, FUSE_LOOKUP, dir, sizeof(struct fuse_entry_out), NAME(name),
		    NOTHING);

	*ret = 0;
	if (r < 0)
		return r;
	if (ENTRY(c)->nodeid == 0)
		return -ENOENT;
	*ret = ENTRY(c)->nodeid;
	return 0;
}

static inline void forget(struct client *c, uint64_t nodeid, uint64_t n)
{
	struct fuse_forget_in in = {.nlookup = n};

	(void)ask(c, FUSE_FORGET, nodeid, 0, PART(in), NOTHING);
}

static inline int getattr(struct client *c, uint64_t nodeid, struct fuse_attr *ret)
{
	struct fuse_getattr_in in = {0};
	int r = ask(c, FUSE_GETATTR, nodeid, sizeof(struct fuse_attr_out), PART(in),
		    NOTHING);

	memset(ret, 0, sizeof(*ret));
	if (r < 0)
		return r;
	*ret = ((struct fuse_attr_out *)(void *)c->reply)->attr;
	return 0;
}

static inline int open_node(struct client *c, uint32_t op, uint64_t nodeid, int flags,
			    uint64_t *ret_fh)
{
	struct fuse_open_in in = {.flags = (uint32_t)flags};
	int r = ask(c, op, nodeid, sizeof(struct fuse_open_out), PART(in), NOTHING);

	*ret_fh = 0;
	if (r < 0)
		return r;
	*ret_fh = ((struct fuse_open_out *)(void *)c->reply)->fh;
	return 0;
}

static inline int release(struct client *c, uint32_t op, uint64_t nodeid, uint64_t fh)
{
	struct fuse_release_in in = {.fh = fh};

	return ask(c, op, nodeid, 0, PART(in), NOTHING);
}

static inline int read_at(struct client *c, uint64_t nodeid, uint64_t fh, uint64_t off,
			  uint32_t size)
{
	struct fuse_read_in in = {.fh = fh, .offset = off, .size = size};

	return ask(c, FUSE_READ, nodeid, size, PART(in), NOTHING);
}

/* The number of bytes written. */
static inline int write_at(struct client *c, uint64_t nodeid, uint64_t fh, uint64_t off,
			   const void *data, uint32_t size, uint32_t write_flags,
			   uint32_t flags)
{
	struct fuse_write_in in = {.fh = fh,
				   .offset = off,
				   .size = size,
				   .write_flags = write_flags,
				   .flags = flags};
	int r = ask(c, FUSE_WRITE, nodeid, sizeof(struct fuse_write_out), PART(in), data,
		    (size_t)size, NOTHING);

	return r < 0 ? r : (int)((struct fuse_write_out *)(void *)c->reply)->size;
}

static inline int create(struct client *c, uint64_t dir, const char *name, int flags,
			 mode_t mode, uint64_t *ret_node, uint64_t *ret_fh)
{
	struct fuse_create_in in = {.flags = (uint32_t)flags, .mode = mode | S_IFREG};
	int r = ask(c, FUSE_CREATE, dir,
		    sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out),
		    PART(in), NAME(name), NOTHING);

	*ret_node = *ret_fh = 0;
	if (r < 0)
		return r;
	*ret_node = ENTRY(c)->nodeid;
	*ret_fh = ((struct fuse_open_out *)(void *)(c->reply +
						    sizeof(struct fuse_entry_out)))
			  ->fh;
	return 0;
}

static inline int unlink_name(struct client *c, uint64_t dir, const char *name)
{
	return ask(c, FUSE_UNLINK, dir, 0, NAME(name), NOTHING);
}

static inline int make_dir(struct client *c, uint64_t dir, const char *name, mode_t mode,
			   uint64_t *ret)
{
	struct fuse_mkdir_in in = {.mode = mode};
	int r = ask(c, FUSE_MKDIR, dir, sizeof(struct fuse_entry_out), PART(in),
		    NAME(name), NOTHING);

	*ret = 0;
	if (r < 0)
		return r;
	*ret = ENTRY(c)->nodeid;
	return 0;
}

static inline int rename_name(struct client *c, uint64_t from, const char *old,
			      uint64_t to, const char *new, uint32_t flags)
{
	struct fuse_rename2_in in = {.newdir = to, .flags = flags};

	return ask(c, FUSE_RENAME2, from, 0, PART(in), NAME(old), NAME(new), NOTHING);
}

#endif
