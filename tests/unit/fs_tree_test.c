/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

#define MIB ((size_t)1 << 20)

static struct world world;
static struct client *c;

static void begin_with(struct fs_config config)
{
	world_make(&world);
	host_file(world.tree, "f", "text");
	c = client_new(server_with(config));
	CHECK(init(c) == sizeof(struct fuse_init_out));
}

static void begin(enum vm_fs kind)
{
	begin_with((struct fs_config){.kind = kind});
}

static void end(void)
{
	fs_free(c->fs);
	client_free(c);
	world_end(&world);
}

static int detach(const char *name)
{
	struct err e = {0};

	return fs_detach(c->fs, name, &e);
}

static void the_top_lists_trees(void)
{
	AUTO_FD file = -1;
	struct fuse_read_in in = {.size = 4096};
	struct fuse_dirent *d;
	struct fuse_attr a;
	uint64_t x = 0, y = 0, fh = 0;

	begin(VM_FS_PRIVATE);
	file = openat(world.tree, "f", O_PATH | O_CLOEXEC);
	CHECK(attach(c->fs, "one", world.tree, false) == 0);
	CHECK(attach(c->fs, "two", file, true) == 0); /* a file is a tree, too */
	CHECK(getattr(c, 1, &a) == 0 && a.mode == (S_IFDIR | 0555));
	CHECK(lookup(c, 1, "one", &x) == 0);
	CHECK(S_ISDIR(ENTRY(c)->attr.mode) && ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT);
	CHECK(ENTRY(c)->entry_valid == 0 && ENTRY(c)->entry_valid_nsec == 0);
	CHECK(lookup(c, 1, "two", &y) == 0);
	CHECK(S_ISREG(ENTRY(c)->attr.mode) &&
	      !(ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT));
	CHECK(open_node(c, FUSE_OPEN, y, O_RDWR, &fh) == -EROFS);
	CHECK(open_node(c, FUSE_OPEN, y, O_RDONLY, &fh) == 0);
	CHECK(read_at(c, y, fh, 0, 10) == 4);
	CHECK(lookup(c, 1, "three", &x) == -ENOENT);
	CHECK(open_node(c, FUSE_OPENDIR, 1, 0, &in.fh) == 0);
	CHECK(ask(c, FUSE_READDIR, 1, 4096, PART(in), NOTHING) == 4 * 32);
	d = (void *)(c->reply + 64);
	CHECK(d->namelen == 3 && memcmp(d->name, "one", 3) == 0);
	in.offset = d->off;
	CHECK(ask(c, FUSE_READDIR, 1, 4096, PART(in), NOTHING) == 32);
	in.offset = 2;
	CHECK(ask(c, FUSE_READDIRPLUS, 1, 4096, PART(in), NOTHING) == 2 * 160);
	CHECK(ENTRY(c)->nodeid != 0);
	CHECK(release(c, FUSE_RELEASEDIR, 1, in.fh) == 0);
	end();
}

static void names_of_trees_are_checked(void)
{
	AUTO_FD fifo = -1;

	begin(VM_FS_PRIVATE);
	CHECK(attach(c->fs, "a/b", world.tree, false) == -EINVAL);
	CHECK(attach(c->fs, "..", world.tree, false) == -EINVAL);
	CHECK(attach(c->fs, "a", world.tree, false) == 0);
	CHECK(attach(c->fs, "a", world.tree, false) == -EEXIST);
	CHECK(attach(c->fs, "", world.tree, false) == -EBUSY);
	CHECK(detach("b") == -ENOENT);
	CHECK(mkfifoat(world.top, "p", 0600) == 0);
	fifo = openat(world.top, "p", O_PATH | O_CLOEXEC);
	CHECK(attach(c->fs, "p", fifo, false) == -EINVAL);
	CHECK(detach("a") == 0);
	CHECK(attach(c->fs, "", world.tree, false) == 0);
	CHECK(attach(c->fs, "a", world.tree, false) == -EBUSY);
	CHECK(attach(c->fs, "x", -1, false) == -EBADF || 1);
	end();
}

static void a_tree_can_be_the_root(void)
{
	struct fuse_attr a;
	struct stat st;
	uint64_t n = 0, fh = 0;

	begin(VM_FS_PRIVATE);
	CHECK(attach(c->fs, "", world.tree, false) == 0);
	CHECK(fstat(world.tree, &st) == 0);
	CHECK(getattr(c, 1, &a) == 0 && a.ino == st.st_ino);
	CHECK(!(a.flags & FUSE_ATTR_SUBMOUNT));
	CHECK(lookup(c, 1, "f", &n) == 0);
	CHECK(create(c, 1, "g", O_RDWR, 0644, &n, &fh) == 0);
	CHECK(ask(c, FUSE_STATFS, 1, 128, NOTHING) > 0);
	forget(c, 1, UINT64_MAX);
	CHECK(lookup(c, 1, "g", &n) == 0);
	CHECK(detach("") == 0);
	CHECK(lookup(c, 1, "f", &n) == -ENOENT);
	CHECK(getattr(c, 1, &a) == 0 && a.mode == (S_IFDIR | 0555));
	end();
}

/* How many mappings are of files in the tree. */
static unsigned mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, world.path) != NULL;
	if (f)
		(void)fclose(f);
	return n;
}

static void detaching_closes_everything(void)
{
	void *window = mmap(NULL, 8 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct err e = {0};
	struct fuse_setupmapping_in map = {.fh = UINT64_MAX, .len = 2 * MIB, .flags = 3};
	struct fuse_read_in rd = {.size = 4096};
	uint64_t top = 0, again = 0, n = 0, fh = 0, dir = 0, dh = 0, other = 0, x = 0;
	unsigned fds;

	begin_with((struct fs_config){
		.kind = VM_FS_PRIVATE, .dax_host = window, .dax_len = 8 * MIB});
	CHECK(attach(c->fs, "other", world.top, false) == 0);
	fds = count_fds();
	CHECK(fs_attach(c->fs,
			&(struct vm_tree_config){
				.name = "t", .fd = world.tree, .dax = true},
			&e) == 0);
	CHECK(lookup(c, 1, "other", &other) == 0);
	CHECK(lookup(c, 1, "t", &top) == 0);
	for (int i = 0; i < 200; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "d%d", i);
		CHECK(make_dir(c, top, name, 0755, &dir) == 0);
		CHECK(create(c, dir, "g", O_RDWR, 0644, &n, &fh) == 0);
		CHECK(open_node(c, FUSE_OPENDIR, dir, 0, &dh) == 0);
	}
	rd.fh = dh;
	CHECK(ask(c, FUSE_READDIRPLUS, dir, 4096, PART(rd), NOTHING) > 0);
	CHECK(unlink_name(c, dir, "g") == 0);
	CHECK(ask(c, FUSE_SETUPMAPPING, n, 0, PART(map), NOTHING) == 0);
	CHECK(count_fds() > fds + 400 && mapped() == 1);
	CHECK(detach("t") == 0);
	CHECK(count_fds() == fds && mapped() == 0);
	CHECK(fs_counts(c->fs).handles == 0 && fs_counts(c->fs).inodes == 2);
	/* The guest still holds it all. */
	CHECK(read_at(c, n, fh, 0, 10) == -ESTALE);
	CHECK(write_at(c, n, fh, 0, "x", 1, 0, 0) == -ESTALE);
	CHECK(ask(c, FUSE_READDIR, dir, 4096, PART(rd), NOTHING) == -ESTALE);
	CHECK(lookup(c, top, "d0", &x) == -ESTALE);
	CHECK(create(c, dir, "h", O_RDWR, 0644, &x, &fh) == -ESTALE);
	CHECK(ask(c, FUSE_SETUPMAPPING, n, 0, PART(map), NOTHING) == -ESTALE);
	CHECK(release(c, FUSE_RELEASE, n, fh) == -ESTALE);
	forget(c, n, 1);
	CHECK(lookup(c, 1, "t", &x) == -ENOENT);
	/* Others go on; and the same name is another tree. */
	CHECK(lookup(c, other, "tree", &x) == 0);
	CHECK(attach(c->fs, "t", world.tree, false) == 0);
	CHECK(lookup(c, 1, "t", &again) == 0 && again != top);
	CHECK(lookup(c, again, "d0", &x) == 0);
	CHECK(lookup(c, top, "d0", &x) == -ESTALE);
	end();
	(void)munmap(window, 8 * MIB);
}

struct busy {
	struct fs *fs;
	_Atomic bool stop;
	_Atomic unsigned stale, fine;
	pthread_t thread;
};

static void *hammer(void *arg)
{
	struct busy *b = arg;
	struct client *mine = client_new(b->fs);
	uint64_t top = 0, n = 0, fh = 0;

	while (!b->stop) {
		if (lookup(mine, 1, "t", &top) < 0)
			continue;
		if (create(mine, top, "x", O_RDWR, 0644, &n, &fh) == 0)
			(void)write_at(mine, n, fh, 0, "text", 4, 0, 0);
		if (lookup(mine, top, "f", &n) == 0 &&
		    open_node(mine, FUSE_OPEN, n, O_RDONLY, &fh) == 0 &&
		    read_at(mine, n, fh, 0, 10) == 4)
			b->fine++;
		else
			b->stale++;
	}
	client_free(mine);
	return NULL;
}

static void trees_come_and_go_under_load(void)
{
	struct busy b[3];
	unsigned fds;

	begin(VM_FS_SHARED);
	fds = count_fds();
	for (int i = 0; i < 3; i++) {
		b[i] = (struct busy){.fs = c->fs};
		(void)pthread_create(&b[i].thread, NULL, hammer, &b[i]);
	}
	for (int i = 0; i < 300; i++) {
		CHECK(attach(c->fs, "t", world.tree, false) == 0);
		while (i % 30 == 0 && b[0].fine == 0)
			(void)sched_yield();
		CHECK(detach("t") == 0);
		if (i % 50 == 0) { /* nothing of it is open, whoever is at it */
			CHECK(fs_counts(c->fs).fds == 0);
			CHECK(fs_counts(c->fs).inodes == 1);
		}
	}
	for (int i = 0; i < 3; i++) {
		b[i].stop = true;
		(void)pthread_join(b[i].thread, NULL);
	}
	CHECK(count_fds() == fds);
	end();
}

static void mounts_in_a_tree_are_submounts(void)
{
	char path[100];
	struct stat st;
	uint64_t top = 0, m = 0, x = 0, fh = 0;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		SKIP("no mount namespace");
	begin(VM_FS_PRIVATE);
	(void)snprintf(path, sizeof(path), "%s/tree/m", world.path);
	CHECK(mkdirat(world.tree, "m", 0755) == 0);
	CHECK(mount("tmpfs", path, "tmpfs", 0, NULL) == 0);
	CHECK(attach(c->fs, "", world.tree, false) == 0);
	top = 1;
	CHECK(lookup(c, top, "m", &m) == 0);
	CHECK(ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT);
	CHECK(stat(path, &st) == 0 && st.st_ino == ENTRY(c)->attr.ino);
	CHECK(create(c, m, "f", O_RDWR, 0644, &x, &fh) == 0);
	CHECK(rename_name(c, m, "f", top, "g", 0) == -EXDEV);
	CHECK(ask(c, FUSE_RMDIR, top, 0, NAME("m"), NOTHING) == -EBUSY);
	/* To a guest that knows nothing of submounts it is a folder. */
	CHECK(ask(c, FUSE_INIT, 0, 64, "\7\0\0\0\37\0\0\0\0\0\2\0\0\0\0\0", (size_t)16,
		  NOTHING) == 64);
	CHECK(lookup(c, top, "m", &m) == 0);
	CHECK(!(ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT));
	/* It is gone, and comes back as another. */
	CHECK(detach("") == 0);
	CHECK(umount(path) == 0);
	end();
}

static int set_map(uint64_t n, uint64_t moff, uint64_t len, uint64_t foff, uint64_t flags)
{
	struct fuse_setupmapping_in in = {.fh = UINT64_MAX,
					  .foffset = foff,
					  .len = len,
					  .flags = flags,
					  .moffset = moff};

	return ask(c, FUSE_SETUPMAPPING, n, 0, PART(in), NOTHING);
}

static int unset_map(uint64_t moff, uint64_t len, uint32_t count)
{
	struct fuse_removemapping_in in = {.count = count};
	struct fuse_removemapping_one one = {moff, len};
	uint32_t c4 = in.count;

	return ask(c, FUSE_REMOVEMAPPING, 1, 0, PART(c4), PART(one), NOTHING);
}

static void dax_stays_in_its_window(void)
{
	uint8_t *window = mmap(NULL, 8 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
	struct err e = {0};
	uint64_t ro = 0, rw = 0, no = 0, n = 0, m = 0;

	begin_with((struct fs_config){
		.kind = VM_FS_PRIVATE, .dax_host = window, .dax_len = 8 * MIB});
	CHECK(fs_attach(c->fs,
			&(struct vm_tree_config){
				.name = "rw", .fd = world.tree, .dax = true},
			&e) == 0);
	CHECK(fs_attach(c->fs,
			&(struct vm_tree_config){.name = "ro",
						 .fd = world.tree,
						 .dax = true,
						 .read_only = true},
			&e) == 0);
	CHECK(attach(c->fs, "no", world.tree, false) == 0);
	CHECK(lookup(c, 1, "rw", &rw) == 0 && lookup(c, rw, "f", &n) == 0);
	CHECK(ENTRY(c)->attr.flags & FUSE_ATTR_DAX);
	CHECK(set_map(n, 2 * MIB, 2 * MIB, 0, 3) == 0);
	CHECK(memcmp(window + 2 * MIB, "text", 4) == 0);
	window[2 * MIB] = 'T';
	CHECK(set_map(n, 0, 3 * MIB, 0, 2) == -EINVAL);
	CHECK(set_map(n, 4096, 2 * MIB, 0, 2) == -EINVAL);
	CHECK(set_map(n, 8 * MIB, 2 * MIB, 0, 2) == -EINVAL);
	CHECK(set_map(n, 0, 0, 0, 2) == -EINVAL);
	CHECK(set_map(n, UINT64_MAX - 2 * MIB + 1, 2 * MIB, 0, 2) == -EINVAL);
	CHECK(set_map(n, 2 * MIB, UINT64_MAX - 2 * MIB + 1, 0, 2) == -EINVAL);
	CHECK(set_map(n, 0, 2 * MIB, UINT64_MAX - 4095, 2) == -EINVAL);
	CHECK(set_map(n, 0, 2 * MIB, 1, 2) == -EINVAL);
	CHECK(set_map(rw, 0, 2 * MIB, 0, 2) == -EOPNOTSUPP); /* a folder */
	CHECK(lookup(c, 1, "ro", &ro) == 0 && lookup(c, ro, "f", &m) == 0);
	CHECK(set_map(m, 4 * MIB, 2 * MIB, 0, 3) == -EROFS);
	CHECK(set_map(m, 4 * MIB, 2 * MIB, 0, 2) == 0 && window[4 * MIB] == 'T');
	CHECK(lookup(c, 1, "no", &no) == 0 && lookup(c, no, "f", &m) == 0);
	CHECK(!(ENTRY(c)->attr.flags & FUSE_ATTR_DAX));
	CHECK(set_map(m, 0, 2 * MIB, 0, 2) == -EOPNOTSUPP);
	CHECK(mapped() == 2);
	CHECK(unset_map(8 * MIB, 2 * MIB, 1) == -EINVAL);
	CHECK(unset_map(2 * MIB, 2 * MIB, 2) == -EINVAL);
	CHECK(unset_map(2 * MIB, 2 * MIB, UINT32_MAX) == -EINVAL);
	CHECK(unset_map(2 * MIB, 2 * MIB, 1) == 0 && mapped() == 1);
	CHECK(ask(c, FUSE_DESTROY, 0, 0, NOTHING) == 0 && mapped() == 0);
	end();
	(void)munmap(window, 8 * MIB);
}

/* ---- a filesystem of another process, with one file that can't be mapped ---- */

static void fuse_answer(int fd, uint64_t unique, int error, const void *body, size_t len)
{
	struct fuse_out_header h = {
		.len = (uint32_t)(sizeof(h) + len), .error = error, .unique = unique};
	uint8_t buf[sizeof(h) + 256];

	memcpy(buf, &h, sizeof(h));
	if (len > 0)
		memcpy(buf + sizeof(h), body, len);
	if (write(fd, buf, h.len) < 0)
		printf("# fuse: %s\n", strerror(errno));
}

static void fuse_serve_one(int fd, const struct fuse_in_header *h)
{
	struct fuse_attr file = {.ino = 2, .mode = S_IFREG | 0666, .nlink = 1};
	struct fuse_attr dir = {.ino = 1, .mode = S_IFDIR | 0777, .nlink = 2};
	struct fuse_init_out init_out = {
		.major = 7, .minor = 31, .max_write = 4096, .max_background = 1};
	struct fuse_entry_out entry = {.nodeid = 2, .attr = file};
	struct fuse_attr_out attr = {.attr = h->nodeid == 1 ? dir : file};
	struct fuse_open_out opened = {.open_flags = FOPEN_DIRECT_IO};
	struct fuse_statfs_out st = {.st.bsize = 4096};

	switch (h->opcode) {
	case FUSE_INIT:
		fuse_answer(fd, h->unique, 0, &init_out, sizeof(init_out));
		break;
	case FUSE_LOOKUP:
		fuse_answer(fd, h->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		fuse_answer(fd, h->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		fuse_answer(fd, h->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_STATFS:
		fuse_answer(fd, h->unique, 0, &st, sizeof(st));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		fuse_answer(fd, h->unique, -ENOSYS, NULL, 0);
	}
}

static void *fuse_serve(void *arg)
{
	static _Alignas(8) char buf[64 << 10];
	int fd = *(int *)arg;

	while (read(fd, buf, sizeof(buf)) >= (ssize_t)sizeof(struct fuse_in_header))
		fuse_serve_one(fd, (void *)buf);
	return NULL;
}

/* False: there is no FUSE to be had. */
static bool fuse_mount(const char *path, int *fd, pthread_t *ret)
{
	char options[100];

	*fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (*fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40777,user_id=0,group_id=0,allow_other", *fd);
	return mount("test", path, "fuse", 0, options) == 0 &&
	       pthread_create(ret, NULL, fuse_serve, fd) == 0;
}

static bool is_mapped(void *p, size_t len)
{
	static unsigned char pages[2 * MIB / 4096];

	return mincore(p, len, pages) == 0;
}

/* The kernel unmaps what was there before it asks the filesystem: a hole in the window
 * would be filled by whatever this process maps next, for the guest to see. */
static void refused_mappings_leave_no_hole(void)
{
	uint8_t *window = mmap(NULL, 4 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
	struct vm_tree_config config = {.name = "t", .fd = -1, .dax = true};
	struct err e = {0};
	uint64_t top = 0, mine = 0, n = 0;
	AUTO_FD fuse = -1, at = -1;
	pthread_t thread;
	char path[100];

	begin_with((struct fs_config){
		.kind = VM_FS_PRIVATE, .dax_host = window, .dax_len = 4 * MIB});
	CHECK(mkdirat(world.top, "fuse", 0777) == 0);
	(void)snprintf(path, sizeof(path), "%s/fuse", world.path);
	if (!fuse_mount(path, &fuse, &thread)) {
		end();
		SKIP("no FUSE");
	}
	config.fd = world.tree;
	CHECK(fs_attach(c->fs, &config, &e) == 0);
	at = open(path, O_PATH | O_CLOEXEC);
	config.name = "fuse";
	config.fd = at;
	CHECK(fs_attach(c->fs, &config, &e) == 0);
	CHECK(lookup(c, 1, "t", &top) == 0 && lookup(c, top, "f", &mine) == 0);
	CHECK(lookup(c, 1, "fuse", &top) == 0 && lookup(c, top, "f", &n) == 0);
	CHECK(set_map(mine, 0, 2 * MIB, 0, 2) == 0);
	CHECK(set_map(n, 0, 2 * MIB, 0, 3) == -ENODEV);
	CHECK(set_map(n, 2 * MIB, 2 * MIB, 0, 3) == -ENODEV);
	CHECK(is_mapped(window, 2 * MIB) && is_mapped(window + 2 * MIB, 2 * MIB));
	CHECK(!is_mapped(window, 2 * MIB) || memcmp(window, "text", 4) == 0);
	fd_close(&at);
	CHECK(fs_detach(c->fs, "fuse", &e) == 0);
	CHECK(umount(path) == 0);
	(void)pthread_join(thread, NULL);
	end();
	(void)munmap(window, 4 * MIB);
}

static const struct test tests[] = {
	{"the top folder lists the trees, files too", the_top_lists_trees},
	{"a tree needs a name of its own, and is a folder or a file",
	 names_of_trees_are_checked},
	{"a tree named \"\" is the root", a_tree_can_be_the_root},
	{"detaching closes each descriptor and mapping, and ESTALE follows",
	 detaching_closes_everything},
	{"trees come and go while workers use them", trees_come_and_go_under_load},
	{"a mount in a tree is a submount, for who knows what that is",
	 mounts_in_a_tree_are_submounts},
	{"DAX maps files into its window, and nowhere else", dax_stays_in_its_window},
	{"a file that can't be mapped leaves no hole in the window",
	 refused_mappings_leave_no_hole},
};
TEST_MAIN(tests)
