/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsexer: random operations on a folder, each compared with a model of it in memory, as
 * fsx does it for one file. What is done depends on the seed and the model alone, so that
 * a difference is found again by its seed.
 */
#ifndef TESTS_TOOLS_FSEXER_EXER_H
#define TESTS_TOOLS_FSEXER_EXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#define NODES_MAX    160
#define CHILDREN_MAX 24
#define DEPTH_MAX    5
#define HANDLES_MAX  10
#define XATTRS_MAX   6
#define XATTR_MAX    300
#define FILE_MAX     (UINT64_C(192) * 1024)
#define HEIGHT_MAX   8 /* of the tree, so that no path is too long */
#define NAME_LEN     256
#define PATH_LEN     4096

/* ---- model ---- */

struct xattr {
	char name[32];
	uint8_t value[XATTR_MAX];
	size_t len;
};

struct node {
	mode_t mode; /* with the type, S_IFMT */
	uid_t uid;
	gid_t gid;
	ino_t ino;       /* 0: not yet seen */
	unsigned links;  /* names, of what isn't a folder */
	unsigned opened; /* handles */
	uint64_t size;
	uint8_t *data; /* FILE_MAX bytes of a file, zero from size on */
	char *target;  /* of a link */
	bool mtime_known;
	struct timespec mtime;
	unsigned xattrs;
	struct xattr xattr[XATTRS_MAX];

	/* Of a folder. */
	struct node *parent;
	unsigned children;
	struct child {
		char name[NAME_LEN];
		struct node *node;
	} child[CHILDREN_MAX];
};

struct handle {
	int fd; /* -1: free */
	struct node *node;
	bool append;
};

struct exer {
	uint64_t seed, rng, step;
	const char *what; /* the operation under way */
	char detail[1024];
	bool verbose, root;
	bool no_inodes; /* don't compare inode numbers */
	bool drop;      /* drop caches now and then */

	/* What this filesystem can. */
	bool can_exchange, can_tmpfile, can_fallocate, can_zero_range, can_xattr,
		can_copy, can_mmap, can_chown;

	int top; /* the folder, also the current one */
	struct node *tree;
	struct node *node[NODES_MAX]; /* all that are there or open */
	unsigned nodes;
	struct handle handle[HANDLES_MAX];
	uint8_t *buf; /* FILE_MAX bytes and one */
};

/* model.c */
struct node *node_new(struct exer *x, mode_t mode);
void node_put(struct exer *x, struct node *n); /* frees it if nobody has it any more */
struct child *child_find(struct node *dir, const char *name);
void child_add(struct node *dir, const char *name, struct node *n);
void child_remove(struct node *dir, const char *name);
bool is_ancestor(const struct node *a, const struct node *n); /* or n itself */
unsigned depth_of(const struct node *dir);
void path_of(const struct node *dir, const char *name, char path[PATH_LEN]);

/* ---- chance ---- */

uint64_t rnd(struct exer *x, uint64_t below);
bool one_in(struct exer *x, unsigned n);
struct node *pick_dir(struct exer *x);
const char *pick_name(struct exer *x, struct node *dir);     /* often one that is there */
struct node *pick_path(struct exer *x, char path[PATH_LEN]); /* NULL: nothing is there */
struct handle *pick_handle(struct exer *x);                  /* open, or NULL */
void fill(struct exer *x, uint8_t *p, size_t len);

/* ---- results ---- */

/* What the operation is about, for a report. */
void about(struct exer *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reports a difference and ends the program. */
void differ(struct exer *x, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* A call returned r (-1: errno), and should have failed with `want` (0: not). True if it
 * did what it should and that was no failure. */
bool expect(struct exer *x, int64_t r, int want);

/* check.c */
void check_stat(struct exer *x, struct node *n, const struct stat *st, const char *path);
void check_content(struct exer *x, struct node *n, int fd, const char *path);
void check_names(struct exer *x, struct node *dir, const char *path);
void check_xattrs(struct exer *x, struct node *n, const char *path);
void check_tree(struct exer *x);

/* tree.c, data.c: operations */
struct op {
	const char *name;
	unsigned weight;
	void (*run)(struct exer *x);
};
extern const struct op tree_ops[], data_ops[];
extern const unsigned tree_ops_count, data_ops_count;
void change_owner(struct node *n, uid_t uid, gid_t gid);
void change_size(struct node *n, uint64_t size);
mode_t pick_mode(struct exer *x, const struct node *n);
struct handle *handle_new(struct exer *x, int fd, struct node *n, bool append);

/* probe.c */
void probe(struct exer *x);

#endif
