/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the folder is what the model says. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

static void check_number(struct exer *x, const char *path, const char *what, uint64_t got,
			 uint64_t want)
{
	if (got != want)
		differ(x, "%s: %s is %#llx, not %#llx", path, what,
		       (unsigned long long)got, (unsigned long long)want);
}

void check_stat(struct exer *x, struct node *n, const struct stat *st, const char *path)
{
	check_number(x, path, "the mode", st->st_mode, n->mode);
	check_number(x, path, "the owner", st->st_uid, n->uid);
	check_number(x, path, "the group", st->st_gid, n->gid);
	if (!S_ISDIR(n->mode))
		check_number(x, path, "the number of links", st->st_nlink, n->links);
	if (S_ISREG(n->mode))
		check_number(x, path, "the size", (uint64_t)st->st_size, n->size);
	if (S_ISLNK(n->mode))
		check_number(x, path, "the size", (uint64_t)st->st_size,
			     strlen(n->target));
	if (n->ino && !x->no_inodes)
		check_number(x, path, "the inode", st->st_ino, n->ino);
	n->ino = st->st_ino;
	if (n->mtime_known && (st->st_mtim.tv_sec != n->mtime.tv_sec ||
			       st->st_mtim.tv_nsec != n->mtime.tv_nsec))
		differ(x, "%s: the mtime is %lld.%09ld, not %lld.%09ld", path,
		       (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		       (long long)n->mtime.tv_sec, n->mtime.tv_nsec);
}

void check_content(struct exer *x, struct node *n, int fd, const char *path)
{
	ssize_t r = pread(fd, x->buf, FILE_MAX + 1, 0);

	if (!expect(x, r, 0))
		return;
	check_number(x, path, "what can be read", (uint64_t)r, n->size);
	for (uint64_t i = 0; i < n->size; i++) {
		if (x->buf[i] != n->data[i])
			differ(x, "%s: byte %#llx of %#llx is %#x, not %#x", path,
			       (unsigned long long)i, (unsigned long long)n->size,
			       x->buf[i], n->data[i]);
	}
}

static unsigned char type_of(mode_t mode)
{
	return S_ISDIR(mode) ? DT_DIR : S_ISLNK(mode) ? DT_LNK : DT_REG;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void check_entry(struct exer *x, struct node *dir, const char *path,
			const struct dirent *f)
{
	struct child *c = child_find(dir, f->d_name);

	if (!c)
		differ(x, "%s: there is '%s', which shouldn't be", path, f->d_name);
	if (f->d_type != DT_UNKNOWN && f->d_type != type_of(c->node->mode))
		differ(x, "%s: the type of '%s' is %d", path, f->d_name, f->d_type);
}

void check_names(struct exer *x, struct node *dir, const char *path)
{
	int fd = openat(x->top, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	unsigned n = 0, dots = 0;

	if (!d)
		differ(x, "%s: can't be listed: %s", path, strerrorname_np(errno));
	errno = 0;
	for (const struct dirent *f = readdir(d); f; f = readdir(d)) {
		if (is_dots(f->d_name)) {
			dots++;
			continue;
		}
		check_entry(x, dir, path, f);
		n++;
	}
	if (errno)
		differ(x, "%s: listing it: %s", path, strerrorname_np(errno));
	(void)closedir(d);
	check_number(x, path, "the number of names", n, dir->children);
	check_number(x, path, "the number of dots", dots, 2);
}

static void check_value(struct exer *x, const char *path, const struct xattr *a)
{
	uint8_t value[XATTR_MAX + 1];
	ssize_t r = lgetxattr(path, a->name, value, sizeof(value));

	if (!expect(x, r, 0))
		return;
	if ((size_t)r != a->len || memcmp(value, a->value, a->len) != 0)
		differ(x, "%s: %s has another value (%zd bytes, not %zu)", path, a->name,
		       r, a->len);
}

void check_xattrs(struct exer *x, struct node *n, const char *path)
{
	char list[4096];
	unsigned count = 0;
	ssize_t r;

	if (!x->can_xattr || S_ISLNK(n->mode))
		return;
	r = llistxattr(path, list, sizeof(list));
	if (!expect(x, r, 0))
		return;
	for (const char *p = list; p < list + r; p += strlen(p) + 1)
		count += strncmp(p, "user.", 5) == 0;
	check_number(x, path, "the number of attributes", count, n->xattrs);
	for (unsigned i = 0; i < n->xattrs; i++)
		check_value(x, path, &n->xattr[i]);
}

static void check_link(struct exer *x, struct node *n, const char *path)
{
	char target[PATH_LEN];
	ssize_t r = readlinkat(x->top, path, target, sizeof(target));

	if (expect(x, r, 0) &&
	    ((size_t)r != strlen(n->target) || memcmp(target, n->target, (size_t)r) != 0))
		differ(x, "%s: it points to '%.*s', not '%s'", path, (int)r, target,
		       n->target);
}

static void check_node(struct exer *x, struct node *n, const char *path)
{
	struct stat st;
	int fd;

	if (!expect(x, fstatat(x->top, path, &st, AT_SYMLINK_NOFOLLOW), 0))
		return;
	check_stat(x, n, &st, path);
	check_xattrs(x, n, path);
	if (S_ISLNK(n->mode))
		check_link(x, n, path);
	if (S_ISDIR(n->mode))
		check_names(x, n, path);
	if (!S_ISREG(n->mode))
		return;
	fd = openat(x->top, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (!expect(x, fd, 0))
		return;
	check_content(x, n, fd, path);
	(void)close(fd);
}

static void check_below(struct exer *x, struct node *dir)
{
	char path[PATH_LEN];

	for (unsigned i = 0; i < dir->children; i++) {
		struct node *n = dir->child[i].node;

		path_of(dir, dir->child[i].name, path);
		check_node(x, n, path);
		if (S_ISDIR(n->mode))
			check_below(x, n);
	}
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	ssize_t r = fd < 0 ? 0 : write(fd, "3", 1);

	(void)r;
	if (fd >= 0)
		(void)close(fd);
}

void check_tree(struct exer *x)
{
	struct stat st;

	x->what = "check";
	about(x, "all of it");
	if (x->drop) {
		if (syncfs(x->top) < 0)
			differ(x, "syncfs: %s", strerrorname_np(errno));
		drop_caches();
	}
	check_names(x, x->tree, ".");
	check_below(x, x->tree);
	/* What has no name any more, or several handles. */
	for (int i = 0; i < HANDLES_MAX; i++) {
		const struct handle *h = &x->handle[i];

		if (h->fd < 0)
			continue;
		if (expect(x, fstat(h->fd, &st), 0))
			check_stat(x, h->node, &st, "an open file");
		check_content(x, h->node, h->fd, "an open file");
	}
}
