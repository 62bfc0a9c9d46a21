/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on open files, those without a name among them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

#define PAGE UINT64_C(4096)

/* Somewhere up to `most`: at pages, around them, and anywhere. */
static uint64_t pick_offset(struct exer *x, uint64_t most)
{
	uint64_t off = rnd(x, most + 1);

	if (one_in(x, 3))
		off &= ~(PAGE - 1);
	else if (one_in(x, 5) && off > 0)
		off = (off & ~(PAGE - 1)) + PAGE - 1;
	return off > most ? most : off;
}

/* Mostly within the file or a little behind it. */
static uint64_t pick_place(struct exer *x, const struct node *n)
{
	uint64_t most = n->size + 2 * PAGE;

	if (one_in(x, 10) || most > FILE_MAX)
		most = FILE_MAX;
	return pick_offset(x, most);
}

static uint64_t pick_len(struct exer *x)
{
	return one_in(x, 4) ? rnd(x, FILE_MAX / 2) : rnd(x, 3 * PAGE);
}

/* What lies within the file. */
static uint64_t clamp(uint64_t off, uint64_t len, uint64_t end)
{
	if (off >= end)
		return 0;
	return len < end - off ? len : end - off;
}

static const char *which(const struct exer *x, const struct handle *h)
{
	static const char *const names[HANDLES_MAX] = {
		"file 0", "file 1", "file 2", "file 3", "file 4",
		"file 5", "file 6", "file 7", "file 8", "file 9"};

	return names[h - x->handle];
}

static void written(struct node *n, uint64_t off, const void *data, uint64_t len)
{
	if (!len)
		return;
	memcpy(n->data + off, data, len);
	if (n->size < off + len)
		n->size = off + len;
	n->mtime_known = false;
}

static void op_write(struct exer *x)
{
	struct handle *h = pick_handle(x);
	uint64_t off, len;
	ssize_t r;

	if (!h)
		return;
	off = pick_place(x, h->node);
	if (h->append)
		off = h->node->size;
	len = clamp(off, pick_len(x), FILE_MAX);
	fill(x, x->buf, len);
	about(x, "%s, %#llx bytes at %#llx%s", which(x, h), (unsigned long long)len,
	      (unsigned long long)off, h->append ? " (append)" : "");
	r = pwrite(h->fd, x->buf, len, (off_t)off);
	if (!expect(x, r, 0))
		return;
	if ((uint64_t)r != len)
		differ(x, "%zd bytes were written", r);
	written(h->node, off, x->buf, len);
}

static void compare(struct exer *x, const struct node *n, const uint8_t *got,
		    uint64_t off, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++) {
		uint64_t at = off + i;

		if (got[i] != n->data[at])
			differ(x, "byte %#llx of %#llx is %#x, not %#x",
			       (unsigned long long)at, (unsigned long long)n->size,
			       got[i], n->data[at]);
	}
}

static void op_read(struct exer *x)
{
	struct handle *h = pick_handle(x);
	uint64_t off, len;
	ssize_t r;

	if (!h)
		return;
	off = pick_place(x, h->node);
	len = pick_len(x);
	about(x, "%s, %#llx bytes at %#llx", which(x, h), (unsigned long long)len,
	      (unsigned long long)off);
	r = pread(h->fd, x->buf, len, (off_t)off);
	if (!expect(x, r, 0))
		return;
	if ((uint64_t)r != clamp(off, len, h->node->size))
		differ(x, "%zd bytes were read of a file of %#llx", r,
		       (unsigned long long)h->node->size);
	compare(x, h->node, x->buf, off, (uint64_t)r);
}

static void op_ftruncate(struct exer *x)
{
	struct handle *h = pick_handle(x);
	uint64_t size;

	if (!h)
		return;
	size = pick_place(x, h->node);
	about(x, "%s, %#llx bytes", which(x, h), (unsigned long long)size);
	if (expect(x, ftruncate(h->fd, (off_t)size), 0))
		change_size(h->node, size);
}

static void op_truncate(struct exer *x)
{
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	uint64_t size = pick_offset(x, FILE_MAX);

	if (n && S_ISLNK(n->mode))
		return; /* it would be followed */
	about(x, "%s, %#llx bytes", path, (unsigned long long)size);
	if (expect(x, truncate(path, (off_t)size),
		   !n                 ? ENOENT
		   : S_ISDIR(n->mode) ? EISDIR
				      : 0))
		change_size(n, size);
}

static void op_fallocate(struct exer *x)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[rnd(x, x->can_zero_range ? 5 : 3)];
	struct handle *h = pick_handle(x);
	uint64_t off, len;

	if (!h || !x->can_fallocate)
		return;
	off = pick_place(x, h->node);
	len = clamp(off, 1 + pick_len(x), FILE_MAX);
	if (!len)
		return;
	about(x, "%s, mode %#x, %#llx bytes at %#llx", which(x, h), mode,
	      (unsigned long long)len, (unsigned long long)off);
	if (!expect(x, fallocate(h->fd, mode, (off_t)off, (off_t)len), 0))
		return;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(h->node->data + off, 0, clamp(off, len, h->node->size));
	if (!(mode & FALLOC_FL_KEEP_SIZE) && h->node->size < off + len)
		h->node->size = off + len;
	h->node->mtime_known = false;
}

/* It may copy less than it was asked to, but nothing only at the end. */
static uint64_t copy(struct exer *x, const struct handle *from, const struct handle *to,
		     uint64_t in, uint64_t out, uint64_t len)
{
	uint64_t done = 0;
	ssize_t r = 1;

	while (done < len && r > 0) {
		off_t a = (off_t)(in + done), b = (off_t)(out + done);

		r = copy_file_range(from->fd, &a, to->fd, &b, len - done, 0);
		if (!expect(x, r, 0))
			break;
		done += (uint64_t)r;
	}
	return done;
}

static void op_copy(struct exer *x)
{
	struct handle *from = pick_handle(x), *to = pick_handle(x);
	uint64_t in, out, len, n;

	if (!from || !to || to->append || !x->can_copy)
		return;
	in = pick_place(x, from->node);
	out = pick_place(x, to->node);
	len = clamp(out, pick_len(x), FILE_MAX);
	if (from->node == to->node && in < out + len && out < in + len)
		return; /* they may not overlap */
	about(x, "%s at %#llx to %s at %#llx, %#llx bytes", which(x, from),
	      (unsigned long long)in, which(x, to), (unsigned long long)out,
	      (unsigned long long)len);
	/* A file that is copied within itself may grow meanwhile. */
	n = copy(x, from, to, in, out,
		 from->node == to->node ? clamp(in, len, from->node->size) : len);
	if (n != clamp(in, len, from->node->size))
		differ(x, "%#llx bytes were copied of a file of %#llx",
		       (unsigned long long)n, (unsigned long long)from->node->size);
	memcpy(x->buf, from->node->data + in, n);
	written(to->node, out, x->buf, n);
}

/* ---- mappings ---- */

struct mapping {
	uint64_t off, len; /* what is mapped of the file, from a page on */
	uint8_t *p;
};

static bool map_some(struct exer *x, const struct handle *h, struct mapping *m)
{
	m->off = rnd(x, h->node->size) & ~(PAGE - 1);
	m->len = clamp(m->off, 1 + pick_len(x), h->node->size);
	about(x, "%s, %#llx bytes at %#llx", which(x, h), (unsigned long long)m->len,
	      (unsigned long long)m->off);
	m->p = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd,
		    (off_t)m->off);
	return expect(x, m->p == MAP_FAILED ? -1 : 0, 0);
}

static void op_mmap_write(struct exer *x)
{
	struct handle *h = pick_handle(x);
	struct mapping m;
	uint64_t skip;

	if (!h || !h->node->size || !x->can_mmap || !map_some(x, h, &m))
		return;
	skip = rnd(x, m.len);
	fill(x, m.p + skip, m.len - skip);
	written(h->node, m.off + skip, m.p + skip, m.len - skip);
	if (one_in(x, 3))
		(void)expect(x, msync(m.p, m.len, MS_SYNC), 0);
	(void)munmap(m.p, m.len);
}

/* Behind the end of the file are zeros, up to that of the page. */
static void op_mmap_read(struct exer *x)
{
	struct handle *h = pick_handle(x);
	struct mapping m;

	if (!h || !h->node->size || !x->can_mmap || !map_some(x, h, &m))
		return;
	compare(x, h->node, m.p, m.off, m.len);
	for (uint64_t i = m.len; m.off + m.len == h->node->size && i % PAGE; i++) {
		if (m.p[i])
			differ(x, "byte %#llx of the mapping, behind the end, is %#x",
			       (unsigned long long)i, m.p[i]);
	}
	(void)munmap(m.p, m.len);
}

/* ---- the rest ---- */

static void op_fsync(struct exer *x)
{
	struct handle *h = pick_handle(x);

	if (!h)
		return;
	about(x, "%s", which(x, h));
	if (one_in(x, 4))
		(void)expect(x, syncfs(h->fd), 0);
	else if (one_in(x, 2))
		(void)expect(x, fdatasync(h->fd), 0);
	else
		(void)expect(x, fsync(h->fd), 0);
}

static void op_fstat(struct exer *x)
{
	struct handle *h = pick_handle(x);
	struct stat st;

	if (!h)
		return;
	about(x, "%s", which(x, h));
	if (expect(x, fstat(h->fd, &st), 0))
		check_stat(x, h->node, &st, which(x, h));
}

static void op_fchmod(struct exer *x)
{
	struct handle *h = pick_handle(x);
	mode_t mode;

	if (!h)
		return;
	mode = pick_mode(x, h->node);
	about(x, "%s, mode %o", which(x, h), mode);
	if (expect(x, fchmod(h->fd, mode), 0))
		h->node->mode = (h->node->mode & S_IFMT) | mode;
}

static void op_fchown(struct exer *x)
{
	struct handle *h = pick_handle(x);
	uid_t uid = (uid_t)rnd(x, 3);
	gid_t gid = (gid_t)rnd(x, 3);

	if (!h || !x->can_chown)
		return;
	about(x, "%s, %u:%u", which(x, h), uid, gid);
	if (expect(x, fchown(h->fd, uid, gid), 0))
		change_owner(h->node, uid, gid);
}

/* A filesystem may know of less holes than there are zeros, never of more. */
static void op_seek(struct exer *x)
{
	struct handle *h = pick_handle(x);
	uint64_t off, size, end;
	off_t r;

	if (!h)
		return;
	size = h->node->size;
	off = pick_place(x, h->node);
	about(x, "%s, %#llx of %#llx", which(x, h), (unsigned long long)off,
	      (unsigned long long)size);
	r = lseek(h->fd, (off_t)off, SEEK_HOLE);
	if (!expect(x, r, off >= size ? ENXIO : 0))
		return;
	if ((uint64_t)r < off || (uint64_t)r > size)
		differ(x, "the hole is at %#llx", (unsigned long long)r);
	r = lseek(h->fd, (off_t)off, SEEK_DATA);
	if (r < 0 && errno != ENXIO)
		differ(x, "looking for data: %s", strerrorname_np(errno));
	end = r < 0 ? size : (uint64_t)r;
	if (end < off || end > size)
		differ(x, "the data is at %#llx", (unsigned long long)end);
	for (uint64_t i = off; i < end; i++) {
		if (h->node->data[i])
			differ(x, "no data before %#llx, but %#x at %#llx",
			       (unsigned long long)end, h->node->data[i],
			       (unsigned long long)i);
	}
}

static void op_close(struct exer *x)
{
	struct handle *h = pick_handle(x);

	if (!h)
		return;
	about(x, "%s", which(x, h));
	(void)expect(x, close(h->fd), 0);
	h->fd = -1;
	h->node->opened--;
	node_put(x, h->node);
}

static int link_open(const struct exer *x, int fd, const char *path)
{
	char self[64];

	if (x->root)
		return linkat(fd, "", x->top, path, AT_EMPTY_PATH);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, x->top, path, AT_SYMLINK_FOLLOW);
}

/* A file without a name, which may get one. */
static void op_tmpfile(struct exer *x)
{
	struct node *dir = pick_dir(x), *n;
	const char *name = pick_name(x, dir);
	mode_t mode = (mode_t)rnd(x, 01000) | 0600;
	uint64_t len = pick_len(x);
	char path[PATH_LEN];
	struct handle *h;
	int fd;

	if (!x->can_tmpfile || x->nodes >= NODES_MAX - 2 || dir->children == CHILDREN_MAX)
		return;
	path_of(dir, ".", path);
	about(x, "%s, mode %o, %#llx bytes", path, mode, (unsigned long long)len);
	fd = openat(x->top, path, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	if (!expect(x, fd, 0))
		return;
	n = node_new(x, S_IFREG | mode);
	n->opened++;
	fill(x, x->buf, len);
	if (pwrite(fd, x->buf, len, 0) != (ssize_t)len)
		differ(x, "writing: %s", strerrorname_np(errno));
	written(n, 0, x->buf, len);
	if (!one_in(x, 3)) {
		path_of(dir, name, path);
		about(x, "linked to %s", path);
		if (expect(x, link_open(x, fd, path), child_find(dir, name) ? EEXIST : 0))
			child_add(dir, name, n);
	}
	h = handle_new(x, fd, n, false);
	(void)h;
	n->opened--;
	node_put(x, n);
}

const struct op data_ops[] = {
	{"write", 22, op_write},
	{"read", 14, op_read},
	{"ftruncate", 5, op_ftruncate},
	{"truncate", 3, op_truncate},
	{"fallocate", 7, op_fallocate},
	{"copy", 6, op_copy},
	{"mmap_write", 7, op_mmap_write},
	{"mmap_read", 5, op_mmap_read},
	{"fsync", 3, op_fsync},
	{"fstat", 5, op_fstat},
	{"fchmod", 2, op_fchmod},
	{"fchown", 2, op_fchown},
	{"seek", 4, op_seek},
	{"close", 7, op_close},
	{"tmpfile", 3, op_tmpfile},
};
const unsigned data_ops_count = sizeof(data_ops) / sizeof(data_ops[0]);
