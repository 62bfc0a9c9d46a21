/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names, and on what they name. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

/* ---- the model's part ---- */

void change_size(struct node *n, uint64_t size)
{
	if (size < n->size)
		memset(n->data + size, 0, n->size - size);
	n->size = size;
	n->mtime_known = false;
}

/* chown(2): also for root. */
void change_owner(struct node *n, uid_t uid, gid_t gid)
{
	n->uid = uid;
	n->gid = gid;
	if (!S_ISREG(n->mode))
		return;
	n->mode &= ~(mode_t)S_ISUID;
	if (n->mode & S_IXGRP)
		n->mode &= ~(mode_t)S_ISGID;
}

/* Such that we can go on using it without privilege. */
mode_t pick_mode(struct exer *x, const struct node *n)
{
	mode_t mode = (mode_t)rnd(x, 01000) | (S_ISDIR(n->mode) ? 0700 : 0600);

	if (x->root && one_in(x, 4))
		mode |= S_ISDIR(n->mode) ? S_ISVTX : (mode_t)rnd(x, 8) << 9;
	return mode;
}

struct handle *handle_new(struct exer *x, int fd, struct node *n, bool append)
{
	for (int i = 0; i < HANDLES_MAX; i++) {
		struct handle *h = &x->handle[i];

		if (h->fd >= 0)
			continue;
		*h = (struct handle){.fd = fd, .node = n, .append = append};
		n->opened++;
		return h;
	}
	(void)close(fd);
	return NULL;
}

static bool is_full(const struct exer *x, const struct node *dir)
{
	return x->nodes >= NODES_MAX - 2 || dir->children == CHILDREN_MAX;
}

static unsigned height_of(const struct node *n)
{
	unsigned most = 0;

	for (unsigned i = 0; i < n->children; i++) {
		unsigned h = S_ISDIR(n->child[i].node->mode)
				     ? 1 + height_of(n->child[i].node)
				     : 1;

		most = h > most ? h : most;
	}
	return most;
}

/* ---- operations ---- */

static void op_mkdir(struct exer *x)
{
	struct node *dir = pick_dir(x);
	const char *name = pick_name(x, dir);
	mode_t mode = (mode_t)rnd(x, 01000) | 0700;
	char path[PATH_LEN];

	if (is_full(x, dir) || depth_of(dir) >= DEPTH_MAX)
		return;
	path_of(dir, name, path);
	about(x, "%s, mode %o", path, mode);
	if (expect(x, mkdirat(x->top, path, mode), child_find(dir, name) ? EEXIST : 0))
		child_add(dir, name, node_new(x, S_IFDIR | mode));
}

static void op_create(struct exer *x)
{
	struct node *dir = pick_dir(x), *n;
	const char *name = pick_name(x, dir);
	mode_t mode = (mode_t)rnd(x, 01000) | 0600;
	char path[PATH_LEN];
	int fd;

	if (is_full(x, dir))
		return;
	path_of(dir, name, path);
	about(x, "%s, mode %o", path, mode);
	fd = openat(x->top, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (!expect(x, fd, child_find(dir, name) ? EEXIST : 0))
		return;
	n = node_new(x, S_IFREG | mode);
	child_add(dir, name, n);
	(void)handle_new(x, fd, n, false);
}

static void op_open(struct exer *x)
{
	bool append = one_in(x, 5), trunc = one_in(x, 8);
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW, want = 0, fd;
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);

	if (!n)
		want = ENOENT;
	else if (S_ISLNK(n->mode))
		want = ELOOP;
	else if (S_ISDIR(n->mode))
		want = EISDIR;
	about(x, "%s%s%s", path, append ? ", append" : "", trunc ? ", truncate" : "");
	flags |= (append ? O_APPEND : 0) | (trunc ? O_TRUNC : 0);
	fd = openat(x->top, path, flags);
	if (!expect(x, fd, want) || !n)
		return;
	if (trunc)
		change_size(n, 0);
	(void)handle_new(x, fd, n, append);
}

static void op_unlink(struct exer *x)
{
	struct node *dir = pick_dir(x);
	const char *name = pick_name(x, dir);
	struct child *c = child_find(dir, name);
	struct node *n = c ? c->node : NULL;
	char path[PATH_LEN];

	path_of(dir, name, path);
	about(x, "%s", path);
	if (!expect(x, unlinkat(x->top, path, 0),
		    !n                 ? ENOENT
		    : S_ISDIR(n->mode) ? EISDIR
				       : 0))
		return;
	child_remove(dir, c->name);
	node_put(x, n);
}

static void op_rmdir(struct exer *x)
{
	struct node *dir = pick_dir(x);
	const char *name = pick_name(x, dir);
	struct child *c = child_find(dir, name);
	struct node *n = c ? c->node : NULL;
	char path[PATH_LEN];

	path_of(dir, name, path);
	about(x, "%s", path);
	if (!expect(x, unlinkat(x->top, path, AT_REMOVEDIR),
		    !n                  ? ENOENT
		    : !S_ISDIR(n->mode) ? ENOTDIR
		    : n->children       ? ENOTEMPTY
					: 0))
		return;
	child_remove(dir, c->name);
	node_put(x, n);
}

static void op_symlink(struct exer *x)
{
	struct node *dir = pick_dir(x), *n;
	const char *name = pick_name(x, dir);
	size_t len = one_in(x, 10) ? 1 + rnd(x, 4000) : 1 + rnd(x, 60);
	char path[PATH_LEN], target[PATH_LEN];

	if (is_full(x, dir))
		return;
	for (size_t i = 0; i < len; i++)
		target[i] = "abc/.-"[rnd(x, 6)];
	target[len] = '\0';
	path_of(dir, name, path);
	about(x, "%s, %zu bytes", path, len);
	if (!expect(x, symlinkat(target, x->top, path),
		    child_find(dir, name) ? EEXIST : 0))
		return;
	n = node_new(x, S_IFLNK | 0777);
	n->target = strdup(target);
	child_add(dir, name, n);
}

static void op_readlink(struct exer *x)
{
	char path[PATH_LEN], target[PATH_LEN];
	struct node *n = pick_path(x, path);
	ssize_t r;

	about(x, "%s", path);
	r = readlinkat(x->top, path, target, sizeof(target));
	if (!expect(x, r, !n ? ENOENT : !S_ISLNK(n->mode) ? EINVAL : 0) || !n)
		return;
	if ((size_t)r != strlen(n->target) || memcmp(target, n->target, (size_t)r) != 0)
		differ(x, "it points to '%.*s', not '%s'", (int)r, target, n->target);
}

static void op_link(struct exer *x)
{
	struct node *dir = pick_dir(x);
	const char *name = pick_name(x, dir);
	char from[PATH_LEN], path[PATH_LEN];
	struct node *n = pick_path(x, from);
	int want = 0;

	if (is_full(x, dir))
		return;
	path_of(dir, name, path);
	about(x, "%s to %s", from, path);
	if (!n)
		want = ENOENT;
	else if (child_find(dir, name))
		want = EEXIST;
	else if (S_ISDIR(n->mode))
		want = EPERM;
	if (expect(x, linkat(x->top, from, x->top, path, 0), want) && n)
		child_add(dir, name, n);
}

/* ---- rename ---- */

struct renaming {
	struct node *from_dir, *to_dir;
	char from[NAME_LEN], to[NAME_LEN];
	struct node *node, *there; /* what is moved; what has that name */
	unsigned flags;
};

static struct node *child_node(struct node *dir, const char *name)
{
	struct child *c = child_find(dir, name);

	return c ? c->node : NULL;
}

/* In the order in which renameat2(2) looks. */
static int rename_error(const struct renaming *r)
{
	const struct node *n = r->node, *t = r->there;

	if (!n)
		return ENOENT;
	if (r->flags & RENAME_NOREPLACE && t)
		return EEXIST;
	if (r->flags & RENAME_EXCHANGE && !t)
		return ENOENT;
	if (is_ancestor(n, r->to_dir))
		return EINVAL;
	if (t && is_ancestor(t, r->from_dir))
		return r->flags & RENAME_EXCHANGE ? EINVAL : ENOTEMPTY;
	if (!t || n == t || r->flags & RENAME_EXCHANGE)
		return 0;
	if (S_ISDIR(n->mode))
		return !S_ISDIR(t->mode) ? ENOTDIR : t->children ? ENOTEMPTY : 0;
	return S_ISDIR(t->mode) ? EISDIR : 0;
}

static void renamed(struct exer *x, const struct renaming *r)
{
	if (r->node == r->there)
		return;
	child_remove(r->from_dir, r->from);
	if (r->there)
		child_remove(r->to_dir, r->to);
	child_add(r->to_dir, r->to, r->node);
	if (r->flags & RENAME_EXCHANGE)
		child_add(r->from_dir, r->from, r->there);
	/* Their ".." may be something that they wrote. */
	if (S_ISDIR(r->node->mode))
		r->node->mtime_known = false;
	if (!r->there)
		return;
	if (S_ISDIR(r->there->mode))
		r->there->mtime_known = false;
	node_put(x, r->there);
}

static void op_rename(struct exer *x)
{
	struct renaming r = {.from_dir = pick_dir(x), .to_dir = pick_dir(x)};
	char from[PATH_LEN], to[PATH_LEN];

	if (one_in(x, 3))
		r.to_dir = r.from_dir;
	(void)snprintf(r.from, sizeof(r.from), "%s", pick_name(x, r.from_dir));
	(void)snprintf(r.to, sizeof(r.to), "%s", pick_name(x, r.to_dir));
	if (one_in(x, 5))
		r.flags = RENAME_NOREPLACE;
	else if (x->can_exchange && one_in(x, 4))
		r.flags = RENAME_EXCHANGE;
	r.node = child_node(r.from_dir, r.from);
	r.there = child_node(r.to_dir, r.to);
	if (r.to_dir->children == CHILDREN_MAX)
		return;
	if ((r.node && depth_of(r.to_dir) + height_of(r.node) > HEIGHT_MAX) ||
	    (r.there && depth_of(r.from_dir) + height_of(r.there) > HEIGHT_MAX))
		return;
	path_of(r.from_dir, r.from, from);
	path_of(r.to_dir, r.to, to);
	about(x, "%s to %s, flags %u", from, to, r.flags);
	if (expect(x, renameat2(x->top, from, x->top, to, r.flags), rename_error(&r)) &&
	    r.node)
		renamed(x, &r);
}

/* ---- attributes ---- */

static void op_stat(struct exer *x)
{
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	struct stat st;

	about(x, "%s", path);
	if (expect(x, fstatat(x->top, path, &st, AT_SYMLINK_NOFOLLOW), n ? 0 : ENOENT) &&
	    n)
		check_stat(x, n, &st, path);
}

static void op_chmod(struct exer *x)
{
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	mode_t mode;

	if (n && S_ISLNK(n->mode))
		return; /* it would be followed */
	mode = n ? pick_mode(x, n) : 0600;
	about(x, "%s, mode %o", path, mode);
	if (expect(x, fchmodat(x->top, path, mode, 0), n ? 0 : ENOENT) && n)
		n->mode = (n->mode & S_IFMT) | mode;
}

static void op_chown(struct exer *x)
{
	static const uid_t ids[] = {0, 1, 1000, 65534};
	uid_t uid = ids[rnd(x, 4)];
	gid_t gid = ids[rnd(x, 4)];
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);

	if (!x->can_chown)
		return;
	about(x, "%s, %u:%u", path, uid, gid);
	if (expect(x, fchownat(x->top, path, uid, gid, AT_SYMLINK_NOFOLLOW),
		   n ? 0 : ENOENT) &&
	    n)
		change_owner(n, uid, gid);
}

static void op_utimens(struct exer *x)
{
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	struct timespec t[2] = {{.tv_nsec = UTIME_OMIT}};

	t[1].tv_sec = (time_t)rnd(x, INT32_MAX);
	t[1].tv_nsec = (long)rnd(x, 1000000000);
	about(x, "%s, %lld.%09ld", path, (long long)t[1].tv_sec, t[1].tv_nsec);
	if (!expect(x, utimensat(x->top, path, t, AT_SYMLINK_NOFOLLOW), n ? 0 : ENOENT) ||
	    !n)
		return;
	n->mtime_known = true;
	n->mtime = t[1];
}

static void op_readdir(struct exer *x)
{
	struct node *dir = pick_dir(x);
	char path[PATH_LEN];

	path_of(dir, ".", path);
	about(x, "%s", path);
	check_names(x, dir, path);
}

static const char *const xattr_names[XATTRS_MAX] = {
	"user.a", "user.b", "user.c.d", "user.E", "user.long-name-of-attribute",
	"user.-"};

static struct xattr *xattr_find(struct node *n, const char *name)
{
	for (unsigned i = 0; i < n->xattrs; i++) {
		if (strcmp(n->xattr[i].name, name) == 0)
			return &n->xattr[i];
	}
	return NULL;
}

static void op_setxattr(struct exer *x)
{
	static const int flags[] = {0, 0, XATTR_CREATE, XATTR_REPLACE};
	int flag = flags[rnd(x, 4)], want = 0;
	const char *name = xattr_names[rnd(x, XATTRS_MAX)];
	size_t len = rnd(x, XATTR_MAX + 1);
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	struct xattr *a = n ? xattr_find(n, name) : NULL;

	if (!x->can_xattr || (n && S_ISLNK(n->mode)))
		return;
	if (!n)
		want = ENOENT;
	else if (a && flag == XATTR_CREATE)
		want = EEXIST;
	else if (!a && flag == XATTR_REPLACE)
		want = ENODATA;
	fill(x, x->buf, len);
	about(x, "%s, %s, %zu bytes, flag %d", path, name, len, flag);
	if (!expect(x, lsetxattr(path, name, x->buf, len, flag), want) || !n)
		return;
	if (!a) {
		a = &n->xattr[n->xattrs++];
		(void)snprintf(a->name, sizeof(a->name), "%s", name);
	}
	memcpy(a->value, x->buf, len);
	a->len = len;
}

static void op_removexattr(struct exer *x)
{
	const char *name = xattr_names[rnd(x, XATTRS_MAX)];
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);
	struct xattr *a = n ? xattr_find(n, name) : NULL;

	if (!x->can_xattr || (n && S_ISLNK(n->mode)))
		return;
	about(x, "%s, %s", path, name);
	if (expect(x, lremovexattr(path, name), !n ? ENOENT : !a ? ENODATA : 0) && a)
		*a = n->xattr[--n->xattrs];
}

static void op_getxattr(struct exer *x)
{
	char path[PATH_LEN];
	struct node *n = pick_path(x, path);

	about(x, "%s", path);
	if (n)
		check_xattrs(x, n, path);
}

const struct op tree_ops[] = {
	{"mkdir", 5, op_mkdir},       {"create", 10, op_create},
	{"open", 8, op_open},         {"unlink", 5, op_unlink},
	{"rmdir", 4, op_rmdir},       {"symlink", 3, op_symlink},
	{"readlink", 3, op_readlink}, {"link", 4, op_link},
	{"rename", 9, op_rename},     {"stat", 8, op_stat},
	{"chmod", 4, op_chmod},       {"chown", 4, op_chown},
	{"utimens", 4, op_utimens},   {"readdir", 4, op_readdir},
	{"setxattr", 4, op_setxattr}, {"removexattr", 2, op_removexattr},
	{"getxattr", 3, op_getxattr},
};
const unsigned tree_ops_count = sizeof(tree_ops) / sizeof(tree_ops[0]);
