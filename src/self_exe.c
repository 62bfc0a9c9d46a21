/* SPDX-License-Identifier: Apache-2.0 */
#include "src/self_exe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "src/root.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3 */
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* On a read-only mount (nobody inside a container can make one of the host's mounts
 * writable), or a sealed memfd. */
static bool is_safe(int fd)
{
	struct statvfs fs;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0 && (seals & SEALS) == SEALS)
		return true;
	return fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

/* Returns a descriptor of the binary on a mount that is nowhere in the tree, or -errno.
 */
static int mount_read_only(int exe)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
	};
	AUTO_FD fd = (int)syscall(SYS_open_tree, exe, "",
				  AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return fd_take(&fd);
}

static int make_memfd(void)
{
	/* MFD_EXEC where it is known: vm.memfd_noexec may make the other kind the
	 * default. */
	int fd = memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("hull", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int copy_sealed(int exe, struct err *e)
{
	AUTO_FD fd = make_memfd();
	struct stat st;

	if (fd < 0)
		return err_code(e, fd, "memfd_create");
	if (fstat(exe, &st) < 0)
		return err_sys(e, "stat /proc/self/exe");
	for (off_t done = 0; done < st.st_size;) {
		ssize_t n = sendfile(fd, exe, &done, (size_t)(st.st_size - done));

		if (n < 0)
			return err_sys(e, "copy /proc/self/exe");
		if (n == 0)
			return err_set(e, EIO, "copy /proc/self/exe: it became shorter");
	}
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_sys(e, "seal the copy of /proc/self/exe");
	return fd_take(&fd);
}

static int protect(char **argv, struct err *e)
{
	AUTO_FD exe = -1, fd = -1;

	exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (exe < 0)
		return err_sys(e, "open /proc/self/exe");
	if (is_safe(exe))
		return 0;
	fd = mount_read_only(exe);
	/* What is executed must pass the test above, or it would go round for ever. */
	if (fd < 0 || !is_safe(fd)) {
		fd_close(&fd);
		fd = copy_sealed(exe, e);
		if (fd < 0)
			return fd;
		if (!is_safe(fd))
			return err_set(e, EIO,
				       "the copy of /proc/self/exe is not sealed");
	}
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return err_sys(e, "execute /proc/self/exe again");
}

int self_exe_protect(char **argv, struct err *e)
{
	int r = protect(argv, e);

	if (r < 0)
		return err_wrap(e, "protecting the program's own file");
	/* An execve by descriptor leaves the descriptor's number as the name. */
	(void)prctl(PR_SET_NAME, root_program_name(argv[0]));
	/* No ptrace and no /proc/PID/{exe,fd,mem} for a container's root. Not without
	 * privileges, where a process must be dumpable to reach its own /proc files, such
	 * as uid_map and oom_score_adj (proc(5)). */
	if (root_is_real() && prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(e, "prctl PR_SET_DUMPABLE");
	return 0;
}
