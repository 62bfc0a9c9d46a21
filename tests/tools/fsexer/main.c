/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/fsexer/exer.h"

static const char usage[] =
	"fsexer [-s SEED] [-n STEPS] [-c STEPS] [-b STEP] [-Div] FOLDER\n"
	"Random operations in a new folder within FOLDER, compared with a model in "
	"memory.\n"
	"  -s SEED   repeats what this seed does (default: by the clock)\n"
	"  -n STEPS  how many operations (default 10000)\n"
	"  -c STEPS  compares all of the tree each so many steps (default 500)\n"
	"  -D        drops the kernel's caches before that (root)\n"
	"  -i        doesn't compare inode numbers\n"
	"  -v        prints each operation\n"
	"  -b STEP   spoils a byte then, to see that it is found\n"
	"Status: 0, 1 for a difference, 2 if something else went wrong.\n";

/* ---- chance ---- */

/* splitmix64 */
static uint64_t next(struct exer *x)
{
	uint64_t z = x->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t rnd(struct exer *x, uint64_t below)
{
	return below ? next(x) % below : 0;
}

bool one_in(struct exer *x, unsigned n)
{
	return rnd(x, n) == 0;
}

void fill(struct exer *x, uint8_t *p, size_t len)
{
	uint64_t v = next(x);

	for (size_t i = 0; i < len; i++) {
		v = v * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[i] = (uint8_t)(v >> 56);
	}
}

struct node *pick_dir(struct exer *x)
{
	struct node *dir = x->tree;
	unsigned n = 1;

	/* Each of them is as likely. */
	for (unsigned i = 0; i < x->nodes; i++) {
		struct node *d = x->node[i];

		if (S_ISDIR(d->mode) && d != x->tree && one_in(x, ++n))
			dir = d;
	}
	return dir;
}

const char *pick_name(struct exer *x, struct node *dir)
{
	static const char *const names[] = {
		"a",
		"b",
		"c",
		"d",
		"e",
		"f",
		"g",
		"h",
		"i",
		"j",
		"k",
		"l",
		"m",
		"file",
		"dir",
		"...",
		".x",
		" ",
		"-",
		"%s",
		"\\",
		"\xc3\xbc",
		"two words",
		"new\nline",
		"A",
		"a-name-of-more-than-thirty-six-bytes-is-not-kept-inline",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxx"
		"xxxxxxxxxxxxxxxxxx",
	};

	if (dir->children && !one_in(x, 3))
		return dir->child[rnd(x, dir->children)].name;
	return names[rnd(x, sizeof(names) / sizeof(names[0]))];
}

struct node *pick_path(struct exer *x, char path[PATH_LEN])
{
	struct node *dir = pick_dir(x);
	const char *name = pick_name(x, dir);
	struct child *c = child_find(dir, name);

	path_of(dir, name, path);
	return c ? c->node : NULL;
}

struct handle *pick_handle(struct exer *x)
{
	unsigned first = (unsigned)rnd(x, HANDLES_MAX);

	for (unsigned i = 0; i < HANDLES_MAX; i++) {
		struct handle *h = &x->handle[(first + i) % HANDLES_MAX];

		if (h->fd >= 0)
			return h;
	}
	return NULL;
}

/* ---- results ---- */

void about(struct exer *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(x->detail, sizeof(x->detail), fmt, ap);
	va_end(ap);
	if (x->verbose)
		printf("%llu: %s: %s\n", (unsigned long long)x->step, x->what, x->detail);
}

void differ(struct exer *x, const char *fmt, ...)
{
	va_list ap;

	printf("difference with seed %llu at step %llu: %s: %s: ",
	       (unsigned long long)x->seed, (unsigned long long)x->step, x->what,
	       x->detail);
	va_start(ap, fmt);
	(void)vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	(void)fflush(stdout);
	exit(1);
}

bool expect(struct exer *x, int64_t r, int want)
{
	int got = r < 0 ? errno : 0;

	if (got == want)
		return got == 0;
	if (got == ENOSPC || got == EDQUOT || got == ENOMEM) {
		(void)fprintf(stderr, "fsexer: step %llu: %s: %s\n",
			      (unsigned long long)x->step, x->what, strerrorname_np(got));
		exit(2);
	}
	differ(x, "%s instead of %s", got ? strerrorname_np(got) : "success",
	       want ? strerrorname_np(want) : "success");
}

/* ---- running ---- */

static const struct op *pick_op(struct exer *x)
{
	unsigned sum = 0, at;

	for (unsigned i = 0; i < tree_ops_count; i++)
		sum += tree_ops[i].weight;
	for (unsigned i = 0; i < data_ops_count; i++)
		sum += data_ops[i].weight;
	at = (unsigned)rnd(x, sum);
	for (unsigned i = 0; i < tree_ops_count; i++) {
		if (at < tree_ops[i].weight)
			return &tree_ops[i];
		at -= tree_ops[i].weight;
	}
	for (unsigned i = 0; i < data_ops_count; i++) {
		if (at < data_ops[i].weight)
			return &data_ops[i];
		at -= data_ops[i].weight;
	}
	abort();
}

/* Changes a byte of some file that has a name, behind the model's back; whether it did. */
static bool spoil(struct exer *x, struct node *dir)
{
	char path[PATH_LEN];
	bool done = false;

	for (unsigned i = 0; i < dir->children && !done; i++) {
		struct node *n = dir->child[i].node;
		uint8_t v;
		int fd;

		if (S_ISDIR(n->mode))
			done = spoil(x, n);
		if (!S_ISREG(n->mode) || !n->size)
			continue;
		path_of(dir, dir->child[i].name, path);
		fd = openat(x->top, path, O_WRONLY | O_CLOEXEC);
		v = n->data[n->size / 2] ^ 1;
		done = fd >= 0 && pwrite(fd, &v, 1, (off_t)(n->size / 2)) == 1;
		if (fd >= 0)
			(void)close(fd);
	}
	return done;
}

static void run(struct exer *x, uint64_t steps, uint64_t check_each, uint64_t spoil_at)
{
	for (x->step = 1; x->step <= steps; x->step++) {
		const struct op *op = pick_op(x);

		x->what = op->name;
		x->detail[0] = '\0';
		op->run(x);
		if (spoil_at && x->step >= spoil_at && spoil(x, x->tree))
			spoil_at = 0;
		if (x->step % check_each == 0)
			check_tree(x);
	}
	check_tree(x);
}

/* Empties the tree by what the model knows of it, from below. */
static void clean(struct exer *x, struct node *dir)
{
	char path[PATH_LEN];

	x->what = "clean";
	while (dir->children) {
		struct child *c = &dir->child[dir->children - 1];
		struct node *n = c->node;
		bool is_dir = S_ISDIR(n->mode);

		if (is_dir)
			clean(x, n);
		path_of(dir, c->name, path);
		about(x, "%s", path);
		(void)expect(x, unlinkat(x->top, path, is_dir ? AT_REMOVEDIR : 0), 0);
		child_remove(dir, c->name);
		node_put(x, n);
	}
}

static void finish(struct exer *x)
{
	for (int i = 0; i < HANDLES_MAX; i++) {
		struct handle *h = &x->handle[i];

		if (h->fd < 0)
			continue;
		(void)close(h->fd);
		h->fd = -1;
		h->node->opened--;
		node_put(x, h->node);
	}
	clean(x, x->tree);
	check_names(x, x->tree, ".");
	node_put(x, x->tree);
	free(x->buf);
}

static void enter(struct exer *x, const char *folder, char *name, size_t len)
{
	(void)snprintf(name, len, "fsexer.%llu", (unsigned long long)x->seed);
	(void)umask(0);
	if (chdir(folder) < 0 || mkdir(name, 0755) < 0 || chdir(name) < 0 ||
	    chmod(".", 0755) < 0) {
		(void)fprintf(stderr, "fsexer: make %s in %s: %s\n", name, folder,
			      strerrorname_np(errno));
		exit(2);
	}
	x->top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	x->buf = malloc(FILE_MAX + 1);
	if (x->top < 0 || !x->buf) {
		(void)fprintf(stderr, "fsexer: %s\n", strerrorname_np(errno));
		exit(2);
	}
	for (int i = 0; i < HANDLES_MAX; i++)
		x->handle[i].fd = -1;
	x->tree = node_new(x, S_IFDIR | 0755);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		(void)fputs(usage, stderr);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	struct exer state = {0}, *x = &state;
	uint64_t steps = 10000, check_each = 500, spoil_at = 0;
	struct timespec now;
	char name[64];
	int c;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	x->seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	while ((c = getopt(argc, argv, "s:n:c:b:Div")) != -1) {
		switch (c) {
		case 's':
			x->seed = number(optarg);
			break;
		case 'n':
			steps = number(optarg);
			break;
		case 'c':
			check_each = number(optarg);
			break;
		case 'b':
			spoil_at = number(optarg);
			break;
		case 'D':
			x->drop = true;
			break;
		case 'i':
			x->no_inodes = true;
			break;
		case 'v':
			x->verbose = true;
			break;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc || !check_each) {
		(void)fputs(usage, stderr);
		return 2;
	}
	x->rng = x->seed;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %llu, %llu steps\n", (unsigned long long)x->seed,
	       (unsigned long long)steps);
	enter(x, argv[optind], name, sizeof(name));
	probe(x);
	run(x, steps, check_each, spoil_at);
	finish(x);
	if (chdir("..") < 0 || rmdir(name) < 0) {
		(void)fprintf(stderr, "fsexer: remove %s: %s\n", name,
			      strerrorname_np(errno));
		return 2;
	}
	printf("no difference\n");
	(void)close(x->top);
	return 0;
}
