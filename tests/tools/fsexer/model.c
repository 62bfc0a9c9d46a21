/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

struct node *node_new(struct exer *x, mode_t mode)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n && S_ISREG(mode))
		n->data = calloc(1, FILE_MAX);
	if (!n || (S_ISREG(mode) && !n->data)) {
		(void)fputs("fsexer: no memory\n", stderr);
		exit(2);
	}
	n->mode = mode;
	n->uid = geteuid();
	n->gid = getegid();
	x->node[x->nodes++] = n;
	return n;
}

void node_put(struct exer *x, struct node *n)
{
	if (n->links || n->opened || (S_ISDIR(n->mode) && n->parent))
		return;
	for (unsigned i = 0; i < x->nodes; i++) {
		if (x->node[i] == n) {
			x->node[i] = x->node[--x->nodes];
			break;
		}
	}
	free(n->data);
	free(n->target);
	free(n);
}

struct child *child_find(struct node *dir, const char *name)
{
	for (unsigned i = 0; i < dir->children; i++) {
		if (strcmp(dir->child[i].name, name) == 0)
			return &dir->child[i];
	}
	return NULL;
}

void child_add(struct node *dir, const char *name, struct node *n)
{
	struct child *c = &dir->child[dir->children++];

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	c->node = n;
	if (S_ISDIR(n->mode))
		n->parent = dir;
	else
		n->links++;
	dir->mtime_known = false;
}

void child_remove(struct node *dir, const char *name)
{
	struct child *c = child_find(dir, name);

	if (!c)
		return;
	if (S_ISDIR(c->node->mode))
		c->node->parent = NULL;
	else
		c->node->links--;
	*c = dir->child[--dir->children];
	dir->mtime_known = false;
}

bool is_ancestor(const struct node *a, const struct node *n)
{
	for (; n; n = n->parent) {
		if (n == a)
			return true;
	}
	return false;
}

unsigned depth_of(const struct node *dir)
{
	unsigned d = 0;

	for (; dir->parent; dir = dir->parent)
		d++;
	return d;
}

/* Folders have one name: it is found in their parent. */
static const char *name_of(const struct node *dir)
{
	const struct node *p = dir->parent;

	for (unsigned i = 0; i < p->children; i++) {
		if (p->child[i].node == dir)
			return p->child[i].name;
	}
	abort();
}

void path_of(const struct node *dir, const char *name, char path[PATH_LEN])
{
	size_t at = PATH_LEN - 1, len = strlen(name);

	path[at] = '\0';
	at -= len;
	memcpy(path + at, name, len);
	for (; dir->parent; dir = dir->parent) {
		const char *s = name_of(dir);

		path[--at] = '/';
		len = strlen(s);
		at -= len;
		memcpy(path + at, s, len);
	}
	memmove(path, path + at, PATH_LEN - at);
}
