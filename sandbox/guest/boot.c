/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/initramfs.h"
#include "sandbox/protocol.h"

#define ORDER_MAX ((size_t)64 * 1024)
#define NEW_ROOT  "/newroot"

struct mount_point {
	const char *path, *type;
	unsigned long flags;
	const char *data;
};

static int mount_one(const struct mount_point *m, const char *source, struct err *e)
{
	if (mkdir(m->path, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "mkdir %s", m->path);
	if (mount(source ? source : m->type, m->path, m->type, m->flags, m->data) < 0)
		return err_sys(e, "mount %s", m->path);
	return 0;
}

/* ---- modules ---- */

static int load_module(const char *name, struct err *e)
{
	AUTO_SBUF path = {0};
	AUTO_FD fd = -1;

	sbuf_addf(&path, "/" GUEST_MODULES "/%s", name);
	if (path.failed)
		return err_code(e, ENOMEM, "module %s", name);
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "module %s", name);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return err_sys(e, "module %s", name);
	(void)unlink(path.data);
	return 0;
}

/* One that isn't for this machine (ENODEV) is no reason to stop. */
static int load_modules(struct err *e)
{
	AUTO_FREE char *text = NULL;
	char *line, *rest;
	size_t len;
	int r = file_read(AT_FDCWD, "/" GUEST_MODULES "/order", ORDER_MAX, &text, &len,
			  e);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		r = load_module(line, e);
		if (r < 0 && r != -ENODEV)
			return r;
	}
	return 0;
}

/* ---- mounts ---- */

/* The kernel's own root filesystem can't be pivoted away from (pivot_root(2)), which every
 * container does: so there is another one on top of it. */
static int leave_first_root(struct err *e)
{
	static const struct mount_point root = {NEW_ROOT, "tmpfs", 0,
						"mode=0755,size=16M"};
	int r = mount_one(&root, NULL, e);

	if (r < 0)
		return r;
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		return err_sys(e, "enter the new root");
	return 0;
}

static int mount_all(struct err *e)
{
	const unsigned long strict = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	const struct mount_point points[] = {
		{"/proc", "proc", strict, NULL},
		{"/sys", "sysfs", strict, NULL},
		{"/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755"},
		{"/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		 "mode=0620,gid=5,ptmxmode=0666"},
		{"/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755"},
		{"/sys/fs/cgroup", "cgroup2", strict, "nsdelegate,memory_recursiveprot"},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(points) / sizeof(points[0]); i++)
		r = mount_one(&points[i], NULL, e);
	return r;
}

/* Every controller that there is, for the groups below. */
static int enable_controllers(struct err *e)
{
	AUTO_FREE char *text = NULL;
	AUTO_SBUF words = {0};
	AUTO_FD dir = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = -1;
	char *word, *rest;
	size_t len;
	int r;

	if (dir < 0)
		return err_sys(e, "open /sys/fs/cgroup");
	r = file_read(dir, "cgroup.controllers", 4096, &text, &len, e);
	if (r < 0)
		return r;
	for (word = strtok_r(text, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest))
		sbuf_addf(&words, "+%s ", word);
	if (words.failed)
		return err_code(e, ENOMEM, "cgroup controllers");
	if (!words.len)
		return 0;
	fd = openat(dir, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, words.data, words.len) < 0)
		return err_sys(e, "enable cgroup controllers");
	return 0;
}

int boot(struct err *e)
{
	int r = load_modules(e);

	if (r == 0)
		r = leave_first_root(e);
	if (r == 0)
		r = mount_all(e);
	return r == 0 ? enable_controllers(e) : r;
}

static int loopback_up(struct err *e)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	AUTO_FD sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		return err_sys(e, "bring loopback up");
	return 0;
}

int boot_connect(struct err *e)
{
	if ((mkdir("/run/hull", 0700) < 0 && errno != EEXIST) ||
	    (mkdir(PROTOCOL_FS_ROOT, 0755) < 0 && errno != EEXIST))
		return err_sys(e, "mkdir " PROTOCOL_FS_ROOT);
	return loopback_up(e);
}

int boot_mount(const char *fs, struct err *e)
{
	AUTO_SBUF path = {0};
	struct mount_point m = {.type = "virtiofs"};

	sbuf_addf(&path, PROTOCOL_FS_ROOT "%s", fs);
	if (path.failed)
		return err_code(e, ENOMEM, "mount %s", fs);
	m.path = path.data;
	return mount_one(&m, fs, e);
}
