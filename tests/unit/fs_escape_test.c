/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others' servers let a guest do to the host, tried on ours: some of it with the
 * host's help, in races and with mounts.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "tests/unit/fs_client.h"
#include "tests/unit/tap.h"

static struct world world;
static struct client *c;
static uint64_t top;

static void begin_with(struct fs_config config)
{
	struct fs *fs = server_with(config);

	world_make(&world);
	host_file(world.top, "secret", "secret");
	CHECK(mkdirat(world.top, "outside", 0777) == 0);
	CHECK(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	CHECK(init(c) == sizeof(struct fuse_init_out));
	CHECK(lookup(c, 1, "t", &top) == 0);
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

/* Mounts of ours, seen by nobody else. False: can't be had. */
static bool own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static const char *in_tree(const char *name)
{
	static char path[100];

	(void)snprintf(path, sizeof(path), "%s/tree/%s", world.path, name);
	return path;
}

static int create_existing(const char *name, int flags)
{
	uint64_t n = 0, fh = 0;

	return create(c, top, name, flags, 0644, &n, &fh);
}

static void proc_in_a_tree_is_an_error_there(void)
{
	struct fuse_read_in in = {.size = 8192};
	uint64_t n = 0;
	int r;

	if (!own_mounts())
		SKIP("no mount namespace");
	begin(VM_FS_SHARED);
	CHECK(mkdirat(world.tree, "proc", 0755) == 0);
	host_file(world.tree, "mem", "");
	host_file(world.tree, "ok", "");
	CHECK(mount("/proc", in_tree("proc"), NULL, MS_BIND, NULL) == 0);
	CHECK(lookup(c, top, "proc", &n) == -EACCES);
	/* A single file of it: the memory of a process. */
	CHECK(mount("/proc/self/mem", in_tree("mem"), NULL, MS_BIND, NULL) == 0);
	CHECK(lookup(c, top, "mem", &n) == -EACCES);
	CHECK(create_existing("mem", O_RDWR) == -EACCES);
	CHECK(create_existing("mem", O_WRONLY | O_TRUNC) == -EACCES);
	CHECK(unlink_name(c, top, "mem") == -EBUSY);
	/* Listed they are, but not known. */
	CHECK(open_node(c, FUSE_OPENDIR, top, 0, &in.fh) == 0);
	r = ask(c, FUSE_READDIRPLUS, top, 8192, PART(in), NOTHING);
	CHECK(r > 0);
	for (int at = 0; at < r;) {
		struct fuse_direntplus *p = (void *)(c->reply + at);

		CHECK((p->entry_out.nodeid != 0) ==
		      (p->dirent.namelen == 2 && !memcmp(p->dirent.name, "ok", 2)));
		at += (int)FUSE_DIRENTPLUS_SIZE(p);
	}
	CHECK(umount2(in_tree("proc"), MNT_DETACH) == 0);
	CHECK(umount2(in_tree("mem"), MNT_DETACH) == 0);
	end();
}

/* A mount that comes after the guest knows the place. */
static void later_mounts_are_seen(enum vm_fs kind)
{
	struct fuse_attr a;
	uint64_t f = 0, d = 0, x = 0, fh = 0;

	begin(kind);
	host_file(world.tree, "mem", "file");
	CHECK(mkdirat(world.tree, "d", 0755) == 0);
	host_file(world.tree, "d/environ", "below");
	CHECK(lookup(c, top, "mem", &f) == 0 && lookup(c, top, "d", &d) == 0);
	CHECK(mount("/proc/self/mem", in_tree("mem"), NULL, MS_BIND, NULL) == 0);
	CHECK(mount("/proc/self", in_tree("d"), NULL, MS_BIND, NULL) == 0);
	CHECK(open_node(c, FUSE_OPEN, f, O_RDWR, &fh) == -ESTALE);
	CHECK(getattr(c, f, &a) == -ESTALE);
	CHECK(lookup(c, top, "mem", &x) == -EACCES);
	CHECK(lookup(c, d, "environ", &x) == -ESTALE || x != 0);
	if (x != 0) { /* it has the folder below the mount open */
		CHECK(open_node(c, FUSE_OPEN, x, O_RDONLY, &fh) == 0);
		CHECK(read_at(c, x, fh, 0, 100) == 5 && !memcmp(c->reply, "below", 5));
	}
	CHECK(lookup(c, top, "d", &x) == -EACCES);
	CHECK(umount2(in_tree("d"), MNT_DETACH) == 0);
	CHECK(umount2(in_tree("mem"), MNT_DETACH) == 0);
	CHECK(open_node(c, FUSE_OPEN, f, O_RDWR, &fh) == 0);
	end();
}

static void mounts_that_come_later(void)
{
	if (!own_mounts())
		SKIP("no mount namespace");
	later_mounts_are_seen(VM_FS_PRIVATE);
	later_mounts_are_seen(VM_FS_SHARED);
}

static void served_types_are_an_allow_list(void)
{
	static const struct {
		const char *type, *path;
	} never[] = {{"proc", "/proc"},
		     {"sysfs", "/sys"},
		     {"devpts", "/dev/pts"},
		     {"mqueue", "/dev/mqueue"},
		     {"cgroup2", "/sys/fs/cgroup/unified"},
		     {"debugfs", "/sys/kernel/debug"},
		     {"tracefs", "/sys/kernel/tracing"},
		     {"securityfs", "/sys/kernel/security"},
		     {"bpf", "/sys/fs/bpf"},
		     {"configfs", "/sys/kernel/config"}};
	uint64_t n = 0, inner = 0;

	if (!own_mounts())
		SKIP("no mount namespace");
	begin(VM_FS_PRIVATE);
	CHECK(mkdirat(world.tree, "m", 0755) == 0);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		AUTO_FD fd = -1;

		if (mount(never[i].type, in_tree("m"), never[i].type, 0, NULL) < 0)
			continue; /* not in this kernel */
		CHECK(lookup(c, top, "m", &n) == -EACCES);
		fd = open(in_tree("m"), O_PATH | O_CLOEXEC);
		CHECK(attach(c->fs, "other", fd, true) == -EPERM);
		CHECK(umount2(in_tree("m"), MNT_DETACH) == 0);
	}
	CHECK(mount("tmpfs", in_tree("m"), "tmpfs", 0, NULL) == 0);
	CHECK(lookup(c, top, "m", &n) == 0);
	CHECK(ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT);
	/* ... and one in that. */
	CHECK(make_dir(c, n, "p", 0755, &inner) == 0);
	CHECK(!(ENTRY(c)->attr.flags & FUSE_ATTR_SUBMOUNT));
	CHECK(mount("/proc", in_tree("m/p"), NULL, MS_BIND, NULL) == 0);
	CHECK(lookup(c, n, "p", &inner) == -EACCES);
	CHECK(rename_name(c, n, "p", top, "p", 0) < 0);
	CHECK(umount2(in_tree("m/p"), MNT_DETACH) == 0);
	CHECK(umount2(in_tree("m"), MNT_DETACH) == 0);
	end();
}

/* Between a folder with an innocent file, and a link to where the secret is. */
struct swapper {
	_Atomic bool stop;
	pthread_t thread;
	const char *a, *b;
};

static void *swap(void *arg)
{
	struct swapper *s = arg;

	while (!s->stop)
		(void)renameat2(world.tree, s->a, world.tree, s->b, RENAME_EXCHANGE);
	return NULL;
}

static void swap_start(struct swapper *s, const char *a, const char *b)
{
	s->stop = false;
	s->a = a;
	s->b = b;
	(void)pthread_create(&s->thread, NULL, swap, s);
}

static void swap_stop(struct swapper *s)
{
	s->stop = true;
	(void)pthread_join(s->thread, NULL);
}

/* Reads d/secret in any way; never finds the one outside. */
static void peek(uint64_t dir, unsigned *hits)
{
	uint64_t n = 0, fh = 0;

	if (lookup(c, dir, "secret", &n) < 0)
		return;
	if (open_node(c, FUSE_OPEN, n, O_RDWR, &fh) == 0) {
		int r = read_at(c, n, fh, 0, 100);

		CHECK(r == 4 && memcmp(c->reply, "mine", 4) == 0);
		CHECK(release(c, FUSE_RELEASE, n, fh) == 0);
		(*hits)++;
	}
	forget(c, n, 1);
}

static void symlink_races(enum vm_fs kind)
{
	struct swapper s;
	unsigned hits = 0;
	struct stat st;
	uint64_t n = 0, x = 0, fh = 0;

	begin(kind);
	CHECK(mkdirat(world.tree, "d", 0777) == 0);
	host_file(world.tree, "d/secret", "mine");
	CHECK(symlinkat("..", world.tree, "l") == 0);
	swap_start(&s, "d", "l");
	for (int i = 0; i < 3000; i++) {
		if (lookup(c, top, "d", &n) < 0)
			continue;
		peek(n, &hits);
		if (create(c, n, "planted", O_RDWR, 0644, &x, &fh) == 0) {
			(void)release(c, FUSE_RELEASE, x, fh);
			(void)unlink_name(c, n, "planted");
			forget(c, x, 1);
		}
		(void)unlink_name(c, n, "outside");
		(void)ask(c, FUSE_RMDIR, n, 0, NAME("outside"), NOTHING);
		forget(c, n, 1);
	}
	swap_stop(&s);
	CHECK(hits > 0); /* it was a race */
	CHECK(fstatat(world.top, "outside", &st, 0) == 0);
	CHECK(fstatat(world.top, "secret", &st, 0) == 0 && st.st_size == 6);
	CHECK(fstatat(world.top, "planted", &st, 0) < 0);
	end();
}

static void links_swapped_in_lead_nowhere(void)
{
	symlink_races(VM_FS_PRIVATE);
	symlink_races(VM_FS_SHARED);
}

static void fifos_swapped_in_are_not_opened(void)
{
	struct swapper s;
	unsigned opened = 0;
	uint64_t n = 0, fh = 0;

	begin(VM_FS_SHARED);
	host_file(world.tree, "f", "text");
	CHECK(mkfifoat(world.tree, "p", 0666) == 0);
	(void)alarm(60); /* a FIFO that is opened waits for good */
	swap_start(&s, "f", "p");
	for (int i = 0; i < 3000; i++) {
		if (lookup(c, top, "f", &n) < 0)
			continue;
		if (open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0) {
			opened++;
			CHECK(read_at(c, n, fh, 0, 100) == 4);
			(void)release(c, FUSE_RELEASE, n, fh);
		}
		(void)create_existing("f", O_WRONLY);
		forget(c, n, 1);
	}
	swap_stop(&s);
	(void)alarm(0);
	CHECK(opened > 0);
	end();
}

static void only_files_and_folders_are_opened(void)
{
	struct fuse_setattr_in set = {.valid = FATTR_SIZE};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	AUTO_FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char *const names[] = {"fifo", "sock", "null", "link"};
	uint64_t n = 0, fh = 0;

	begin(VM_FS_PRIVATE);
	(void)alarm(60);
	CHECK(mkfifoat(world.tree, "fifo", 0666) == 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", in_tree("sock"));
	CHECK(bind(sock, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	CHECK(symlinkat("../secret", world.tree, "link") == 0);
	if (mknodat(world.tree, "null", S_IFCHR | 0666, makedev(1, 3)) < 0)
		CHECK(mkfifoat(world.tree, "null", 0666) == 0);
	for (size_t i = 0; i < 4; i++) {
		CHECK(lookup(c, top, names[i], &n) == 0);
		CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -EPERM);
		CHECK(open_node(c, FUSE_OPEN, n, O_RDWR | O_TRUNC, &fh) == -EPERM);
		CHECK(open_node(c, FUSE_OPENDIR, n, O_RDONLY, &fh) == -ENOTDIR);
		CHECK(create_existing(names[i], O_RDWR) == -EPERM);
		CHECK(create_existing(names[i], O_RDWR | O_TRUNC) == -EPERM);
		CHECK(ask(c, FUSE_SETATTR, n, 104, PART(set), NOTHING) == -EINVAL);
		CHECK(ask(c, FUSE_LOOKUP, n, 128, NAME("x"), NOTHING) == -ENOTDIR);
	}
	(void)alarm(0);
	end();
}

static int set_size(uint64_t n)
{
	struct fuse_setattr_in set = {.valid = FATTR_SIZE, .size = 1};

	return ask(c, FUSE_SETATTR, n, 104, PART(set), NOTHING);
}

/* Anybody may have a lease on a file of its own; who opens it waits, unless it says not to,
 * until the lease is given up or its time is over (45 s). */
static void leases_are_not_waited_for(void)
{
	struct fuse_lk_in lk = {.owner = 1, .lk = {.end = 9, .type = F_WRLCK}};
	uint64_t n = 0, fh = 0;
	AUTO_FD host = -1;

	(void)signal(SIGIO, SIG_IGN);
	begin(VM_FS_SHARED);
	host_file(world.tree, "f", "text");
	host = openat(world.tree, "f", O_RDONLY | O_CLOEXEC);
	CHECK(lookup(c, top, "f", &n) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &lk.fh) == 0);
	if (fcntl(host, F_SETLEASE, F_RDLCK) < 0) {
		end();
		SKIP("no leases");
	}
	/* Who only reads isn't in the way. */
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &fh) == -EAGAIN);
	CHECK(set_size(n) == -EAGAIN);
	CHECK(create_existing("f", O_RDWR) == -EAGAIN);
	CHECK(create_existing("f", O_WRONLY | O_TRUNC) == -EAGAIN);
	CHECK(ask(c, FUSE_SETLK, n, 0, PART(lk), NOTHING) == -EAGAIN);
	CHECK(release(c, FUSE_RELEASE, n, lk.fh) == 0);
	/* Its holder has been told, and gives it up. */
	CHECK(fcntl(host, F_SETLEASE, F_UNLCK) == 0);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDWR, &lk.fh) == 0);
	CHECK(ask(c, FUSE_SETLK, n, 0, PART(lk), NOTHING) == 0);
	CHECK(set_size(n) > 0 && read_at(c, n, lk.fh, 0, 10) == 1);
	end();
	(void)signal(SIGIO, SIG_DFL);
}

/* A file of the host's overlay is what its layers say: its own xattrs aren't the guest's. */
static void overlays_cannot_be_redirected(void)
{
	static const char *const names[] = {
		"trusted.overlay.redirect", "trusted.overlay.opaque",
		"trusted.overlay.metacopy", "trusted.overlay.origin"};
	struct fuse_setxattr_in in = {.size = 8};
	char options[300], lower[100], upper[100];
	AUTO_FD at = -1, layer = -1;
	uint64_t d = 0, m = 0;

	if (!own_mounts())
		SKIP("no mount namespace");
	begin(VM_FS_PRIVATE);
	CHECK(mount("tmpfs", world.path, "tmpfs", 0, NULL) == 0);
	at = open(world.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(mkdirat(at, "lower", 0755) == 0 && mkdirat(at, "upper", 0755) == 0);
	CHECK(mkdirat(at, "work", 0755) == 0 && mkdirat(at, "merged", 0755) == 0);
	CHECK(mkdirat(at, "lower/d", 0755) == 0);
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s/lower,upperdir=%s/upper,"
		       "workdir=%s/work",
		       world.path, world.path, world.path);
	(void)snprintf(lower, sizeof(lower), "%s/merged", world.path);
	if (mount("overlay", lower, "overlay", 0, options) < 0) {
		CHECK(umount2(world.path, MNT_DETACH) == 0);
		end();
		SKIP("no overlay on tmpfs");
	}
	layer = openat(at, "merged", O_PATH | O_CLOEXEC);
	CHECK(attach(c->fs, "merged", layer, false) == 0);
	CHECK(lookup(c, 1, "merged", &m) == 0 && lookup(c, m, "d", &d) == 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)ask(c, FUSE_SETXATTR, d, 0, PART(in), NAME(names[i]), "/outside",
			  (size_t)8, NOTHING);
	(void)snprintf(upper, sizeof(upper), "%s/upper/d", world.path);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char value[8] = "";

		(void)lgetxattr(upper, names[i], value, sizeof(value));
		CHECK(memcmp(value, "/outside", 8) != 0);
	}
	fd_close(&layer);
	fd_close(&at);
	CHECK(umount2(lower, MNT_DETACH) == 0 && umount2(world.path, MNT_DETACH) == 0);
	end();
}

static int mknod_as(uint32_t mode, uint32_t rdev, const char *name)
{
	struct fuse_mknod_in in = {.mode = mode, .rdev = rdev};

	return ask(c, FUSE_MKNOD, top, 128, PART(in), NAME(name), NOTHING);
}

static void device_nodes_are_not_made(void)
{
	begin(VM_FS_PRIVATE);
	CHECK(mknod_as(S_IFCHR | 0666, 0x103, "null") == -EPERM);
	CHECK(mknod_as(S_IFBLK | 0666, 0x800, "sda") == -EPERM);
	CHECK(mknod_as(S_IFBLK | 0666, 0, "zero") == -EPERM);
	CHECK(mknod_as(S_IFDIR | 0666, 0, "dir") == -EINVAL);
	CHECK(mknod_as(S_IFLNK | 0666, 0, "link") == -EINVAL);
	CHECK(mknod_as(S_IFIFO | 0666, 0, "fifo") == 128);
	CHECK(mknod_as(S_IFSOCK | 0666, 0, "sock") == 128);
	CHECK(mknod_as(S_IFREG | 0666, 0, "file") == 128);
	if (geteuid() == 0)
		CHECK(mknod_as(S_IFCHR, 0, "whiteout") == 128);
	end();
	if (geteuid() != 0)
		SKIP("not root: no device nodes");
	begin_with((struct fs_config){.kind = VM_FS_PRIVATE, .devices = true});
	CHECK(mknod_as(S_IFCHR | 0666, 0x103, "null") == 128);
	CHECK(ENTRY(c)->attr.rdev == 0x103);
	CHECK(mknod_as(S_IFBLK | 0666, 0xabc00 | 0x12300000 | 0xcd, "big") == 128);
	CHECK(ENTRY(c)->attr.rdev == (0xabc00 | 0x12300000 | 0xcd));
	end();
}

static void links_are_never_followed(void)
{
	struct fuse_setattr_in set = {.valid = FATTR_MODE, .mode = 0777};
	struct fuse_setattr_in times = {.valid = FATTR_MTIME, .mtime = 1};
	struct stat before, after;
	uint64_t n = 0, fh = 0, x = 0;

	begin(VM_FS_PRIVATE);
	CHECK(symlinkat("../outside", world.tree, "dir") == 0);
	CHECK(symlinkat("../secret", world.tree, "file") == 0);
	CHECK(symlinkat("../new", world.tree, "dangling") == 0);
	CHECK(symlinkat("/proc/self/root", world.tree, "magic") == 0);
	CHECK(fstatat(world.top, "secret", &before, 0) == 0);
	CHECK(lookup(c, top, "file", &n) == 0);
	CHECK(ask(c, FUSE_SETATTR, n, 104, PART(set), NOTHING) < 0);
	CHECK(ask(c, FUSE_SETATTR, n, 104, PART(times), NOTHING) > 0); /* the link's */
	CHECK(fstatat(world.top, "secret", &after, 0) == 0);
	CHECK(before.st_mode == after.st_mode && before.st_mtime == after.st_mtime);
	CHECK(create(c, top, "dangling", O_RDWR, 0644, &x, &fh) == -EPERM);
	CHECK(create(c, top, "dangling", O_RDWR | O_EXCL, 0644, &x, &fh) == -EEXIST);
	CHECK(faccessat(world.top, "new", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(lookup(c, top, "dir", &n) == 0);
	CHECK(lookup(c, n, "x", &x) == -ENOTDIR);
	CHECK(make_dir(c, n, "x", 0755, &x) == -ENOTDIR);
	CHECK(rename_name(c, top, "file", n, "moved", 0) == -ENOTDIR);
	CHECK(ask(c, FUSE_RMDIR, top, 0, NAME("dir"), NOTHING) == -ENOTDIR);
	CHECK(lookup(c, top, "magic", &n) == 0 && S_ISLNK(ENTRY(c)->attr.mode));
	CHECK(lookup(c, n, "etc", &x) == -ENOTDIR);
	CHECK(open_node(c, FUSE_OPEN, n, O_RDONLY, &fh) == -EPERM);
	CHECK(ask(c, FUSE_STATFS, n, 128, NOTHING) > 0);
	end();
}

/* Raw FUSE_SYMLINK with an absolute name was GHSA-2gv2-cffp-j227. */
static void symlinks_are_made_inside(void)
{
	char name[160];

	begin(VM_FS_PRIVATE);
	(void)snprintf(name, sizeof(name), "%s/planted", world.path);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME(name), NAME("x"), NOTHING) == -EINVAL);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("../planted"), NAME("x"), NOTHING) ==
	      -EINVAL);
	CHECK(faccessat(world.top, "planted", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK(ask(c, FUSE_SYMLINK, top, 128, NAME("l"), NAME(""), NOTHING) == -EINVAL);
	end();
}

static void trees_are_apart(void)
{
	struct fuse_link_in link;
	struct fuse_copy_file_range_in cp = {.len = 10};
	AUTO_FD other = -1;
	uint64_t a = 0, b = 0, x = 0, n = 0;

	begin(VM_FS_PRIVATE);
	CHECK(mkdirat(world.top, "ro", 0755) == 0);
	other = openat(world.top, "ro", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	host_file(other, "g", "read only");
	CHECK(attach(c->fs, "ro", other, true) == 0);
	CHECK(lookup(c, 1, "ro", &x) == 0 && lookup(c, x, "g", &b) == 0);
	CHECK(create(c, top, "f", O_RDWR, 0644, &a, &cp.fh_in) == 0);
	/* One filesystem on the host, and yet. */
	CHECK(rename_name(c, top, "f", x, "f", 0) == -EXDEV);
	CHECK(rename_name(c, x, "g", top, "g", 0) == -EROFS);
	link.oldnodeid = b;
	CHECK(ask(c, FUSE_LINK, top, 128, PART(link), NAME("g"), NOTHING) == -EXDEV);
	link.oldnodeid = x;
	CHECK(ask(c, FUSE_LINK, top, 128, PART(link), NAME("g"), NOTHING) == -EXDEV);
	CHECK(open_node(c, FUSE_OPEN, b, O_RDONLY, &cp.fh_out) == 0);
	cp.nodeid_out = b;
	CHECK(ask(c, FUSE_COPY_FILE_RANGE, a, 8, PART(cp), NOTHING) == -EXDEV);
	CHECK(read_at(c, a, cp.fh_out, 0, 10) == -EBADF);
	/* To the top folder nothing is done. */
	CHECK(create(c, 1, "new", O_RDWR, 0644, &n, &x) == -EROFS);
	CHECK(unlink_name(c, 1, "t") == -EROFS);
	CHECK(ask(c, FUSE_RMDIR, 1, 0, NAME("t"), NOTHING) == -EROFS);
	CHECK(rename_name(c, top, "f", 1, "f", 0) == -EXDEV);
	CHECK(rename_name(c, 1, "t", top, "f", 0) == -EROFS);
	end();
}

static void the_parent_is_not_reachable(void)
{
	struct fuse_read_in in = {.size = 4096};
	uint64_t x = 0;
	int r;

	begin(VM_FS_PRIVATE);
	CHECK(lookup(c, top, "..", &x) == -EINVAL && lookup(c, 1, "..", &x) == -EINVAL);
	CHECK(open_node(c, FUSE_OPENDIR, top, 0, &in.fh) == 0);
	r = ask(c, FUSE_READDIRPLUS, top, 4096, PART(in), NOTHING);
	CHECK(r > 0);
	for (int at = 0; at < r;) {
		struct fuse_direntplus *p = (void *)(c->reply + at);

		CHECK(p->entry_out.nodeid == 0); /* "." and ".." */
		at += (int)FUSE_DIRENTPLUS_SIZE(p);
	}
	end();
}

static const struct test tests[] = {
	{"a procfs bound into a tree is an error at that point, */mem isn't written",
	 proc_in_a_tree_is_an_error_there},
	{"a procfs mounted over what the guest knows isn't reached by it",
	 mounts_that_come_later},
	{"types of filesystems are an allow-list, in trees and mounts in them",
	 served_types_are_an_allow_list},
	{"symlinks swapped in during a request lead nowhere",
	 links_swapped_in_lead_nowhere},
	{"FIFOs swapped in during a request are not opened",
	 fifos_swapped_in_are_not_opened},
	{"FIFOs, sockets, devices and links are never opened",
	 only_files_and_folders_are_opened},
	{"a lease that another process has is not waited for", leases_are_not_waited_for},
	{"the xattrs of an overlay of the host can't be set through it",
	 overlays_cannot_be_redirected},
	{"device nodes are made only where that was allowed", device_nodes_are_not_made},
	{"no operation follows a symlink, magic ones neither", links_are_never_followed},
	{"symlinks are made inside the tree only", symlinks_are_made_inside},
	{"nothing is moved, linked or copied between trees, or into the top",
	 trees_are_apart},
	{"there is no way up", the_parent_is_not_reachable},
};
TEST_MAIN(tests)
