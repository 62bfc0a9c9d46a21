/* SPDX-License-Identifier: Apache-2.0 */
/* The shared filesystems' server in the jail: what needs a capability, and what a list of
 * system calls could lack. (The exerciser of the lab's tests does all the rest of it.) */
#include <linux/capability.h>
#include <stdarg.h>
#include <sys/sysmacros.h>

#include "base/str.h"

#include "tests/unit/fs_client.h"
#include "tests/unit/jail_world.h"

/* One that the kernel takes: version 2, CAP_NET_RAW permitted. */
static const unsigned char file_caps[20] = {0, 0, 0, 2, 0, 0x20};

static struct world world;

static int set_attr(struct client *c, uint64_t node, uint32_t valid, uint32_t mode,
		    uint32_t uid, uint64_t size)
{
	struct fuse_setattr_in in = {
		.valid = valid, .mode = mode, .uid = uid, .gid = uid, .size = size};

	return ask(c, FUSE_SETATTR, node, sizeof(struct fuse_attr_out), PART(in),
		   NOTHING);
}

static int make_node(struct client *c, uint64_t dir, const char *name, mode_t mode,
		     dev_t dev)
{
	struct fuse_mknod_in in = {.mode = mode, .rdev = minor(dev) | major(dev) << 8};

	return ask(c, FUSE_MKNOD, dir, sizeof(struct fuse_entry_out), PART(in),
		   NAME(name), NOTHING);
}

static int set_xattr(struct client *c, uint64_t node, const char *name, const void *value,
		     uint32_t len)
{
	struct fuse_setxattr_in in = {.size = len};

	return ask(c, FUSE_SETXATTR, node, 0, PART(in), NAME(name), value, (size_t)len,
		   NOTHING);
}

/* A worker with the tree's number, in the order of a monitor. */
static struct client *worker_in_jail(const struct jail *j, uint64_t *ret_tree)
{
	struct fs_config config = {.kind = VM_FS_SHARED, .devices = true};
	struct client *c;
	struct fs *fs;
	struct err e;
	int keep[4] = {world.tree};

	config.proc_fd = enter_jail(j, keep, 1);
	MUST(fs_new(&config, &fs, &e) == 0);
	MUST(attach(fs, "t", world.tree, false) == 0);
	c = client_new(fs);
	enter_thread(j, JAIL_FS);
	MUST(init(c) >= 0);
	MUST(lookup(c, FUSE_ROOT_ID, "t", ret_tree) == 0);
	return c;
}

static void serve(const struct jail *j)
{
	uint64_t t, dir, file, fh, other;
	struct client *c = worker_in_jail(j, &t);
	struct fs *fs = c->fs;
	struct fuse_attr attr;

	/* As a user of the guest, in a folder that is root's alone. */
	MUST(make_dir(c, t, "dir", 0700, &dir) == 0);
	c->uid = c->gid = 1000;
	MUST(create(c, dir, "file", O_RDWR, 0640, &file, &fh) == 0);
	MUST(getattr(c, file, &attr) == 0 && attr.uid == 1000 && attr.gid == 1000);
	MUST(write_at(c, file, fh, 0, "hello", 5, 0, 0) >= 0);
	MUST(read_at(c, file, fh, 0, 5) == 5 && memcmp(c->reply, "hello", 5) == 0);
	MUST(release(c, FUSE_RELEASE, file, fh) == 0);
	c->uid = c->gid = 0;

	/* Given away, with set-id bits, which stay; and file capabilities. */
	MUST(set_attr(c, file, FATTR_UID | FATTR_GID, 0, 2000, 0) >= 0);
	MUST(set_attr(c, file, FATTR_MODE, 06755, 0, 0) >= 0);
	MUST(getattr(c, file, &attr) == 0);
	MUST(attr.uid == 2000 && (attr.mode & 07777) == 06755);
	MUST(set_attr(c, file, FATTR_SIZE, 0, 0, 3) >= 0);
	MUST(set_xattr(c, file, "user.a", "b", 1) >= 0);
	MUST(set_xattr(c, file, "security.capability", file_caps, sizeof(file_caps)) >=
	     0);

	MUST(rename_name(c, dir, "file", t, "moved", 0) == 0);
	MUST(lookup(c, t, "moved", &other) == 0 && other == file);
	MUST(unlink_name(c, t, "moved") == 0);

	/* A way out that only a list of system calls could leave. */
	MUST(lookup(c, FUSE_ROOT_ID, "..", &other) == -EINVAL);
	client_free(c);
	fs_free(fs);
}

/* As process 1 of a pid namespace, whose /proc is still that of another. */
static void serve_as_pid_1(const struct jail *j)
{
	int status = -1;
	pid_t pid;

	MUST(unshare(CLONE_NEWPID) == 0);
	pid = fork();
	if (pid == 0) {
		MUST(getpid() == 1);
		serve(j);
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void make_devices(const struct jail *j)
{
	uint64_t t;
	struct client *c = worker_in_jail(j, &t);
	int r = make_node(c, t, "null", S_IFCHR | 0666, makedev(1, 3));

	/* The exit status says which it was. */
	(void)fflush(stdout);
	_exit(r >= 0 ? 10 : r == -EPERM ? 11 : 12);
}

static int status_of(void (*fn)(const struct jail *j), bool device_nodes, bool userns)
{
	struct jail *j = jail_made(device_nodes, false);
	int status;

	world_make(&world);
	/* The user namespace's root must own it. */
	CHECK(!userns || fchownat(world.top, "tree", 100000, 100000, 0) == 0);
	CHECK(fchmodat(AT_FDCWD, world.path, 0755, 0) == 0);
	status = jailed(fn, j, userns);
	world_end(&world);
	jail_free(j);
	if (WIFSIGNALED(status))
		printf("# signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_file_server_does_all_that_it_should_in_its_jail(void)
{
	NEED_ROOT();
	CHECK(status_of(serve, false, false) == 0);
}

static void it_does_so_in_a_user_namespace(void)
{
	NEED_ROOT();
	CHECK(status_of(serve, false, true) == 0);
}

static void it_does_so_as_process_1_of_a_pid_namespace(void)
{
	NEED_ROOT();
	CHECK(status_of(serve_as_pid_1, false, false) == 0);
	CHECK(status_of(serve_as_pid_1, false, true) == 0);
}

static void device_nodes_are_made_only_where_the_jail_was_made_for_it(void)
{
	NEED_ROOT();
	CHECK(status_of(make_devices, true, false) == 10);
	CHECK(status_of(make_devices, false, false) == 11);
}

static const struct test tests[] = {
	{"the file server does all that it should in its jail",
	 the_file_server_does_all_that_it_should_in_its_jail},
	{"it does so in a user namespace", it_does_so_in_a_user_namespace},
	{"it does so as process 1 of a pid namespace",
	 it_does_so_as_process_1_of_a_pid_namespace},
	{"device nodes are made only where the jail was made for it",
	 device_nodes_are_made_only_where_the_jail_was_made_for_it},
};

TEST_MAIN(tests)
