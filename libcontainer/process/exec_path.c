/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's executable: found as Go's os/exec does, which is what runc's callers know.
 * See plan.h.
 *
 * Errors are in Go's words, because callers turn them into the exit statuses 126 and 127
 * (err_words; all other errors can't have these). The one other user of these words is
 * the chdir to cwd, which counts as much as the executable with runc.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/process/plan.h"

const char *exec_path_words(int code, char buf[EXEC_WORDS])
{
	const char *text = strerrordesc_np(code < 0 ? -code : code);
	size_t i = 0;

	if (!text)
		return err_name(code, buf, EXEC_WORDS);
	for (; i < EXEC_WORDS - 1 && text[i]; i++)
		buf[i] = (char)tolower((unsigned char)text[i]);
	buf[i] = '\0';
	return buf;
}

/* Magic links (/proc/self/exe, /proc/self/fd/N) lead to files of the host: they are no
 * way to an executable (CVE-2019-5736, CVE-2024-21626). */
static int open_file(const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* May this file be executed, also with regard to a mount's noexec? faccessat2(2) knows;
 * where it is missing or filtered the mode alone must do, as in Go. */
static int may_execute(const char *path, mode_t mode)
{
#ifdef SYS_faccessat2
	if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
#else
	(void)path;
#endif
	return mode & 0111 ? 0 : -EACCES;
}

/* Returns 0, or -errno; *ret_stat if it was looking at it that failed. */
static int check(const char *path, bool *ret_stat)
{
	AUTO_FD fd = open_file(path);
	struct stat st;

	*ret_stat = true;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_stat = false;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return may_execute(path, st.st_mode);
}

static int find_path(const char *name, char ret[PATH_MAX], struct err *e)
{
	char words[EXEC_WORDS];
	bool is_stat;
	int r = -ENAMETOOLONG;

	is_stat = true;
	if (strlen(name) < PATH_MAX)
		r = check(name, &is_stat);
	if (r < 0 && is_stat)
		return err_words(e, -r, "exec: \"" SHOWN "\": stat " SHOWN ": %s", name,
				 name, exec_path_words(r, words));
	/* execve(2) says EACCES. Go says the first half, and docker's daemon adds the second
	 * for the sake of its client; podman has no other way to know. */
	if (r == -EISDIR)
		return err_words(e, EACCES,
				 "exec: \"" SHOWN "\": is a directory: permission denied",
				 name);
	if (r < 0)
		return err_words(e, -r, "exec: \"" SHOWN "\": %s", name,
				 exec_path_words(r, words));
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}

/* dir/name without doubled slashes; false if it doesn't fit. */
static bool join(char ret[PATH_MAX], const char *dir, size_t len, const char *name)
{
	int n;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len >= PATH_MAX)
		return false;
	n = snprintf(ret, PATH_MAX, "%.*s%s%s", (int)len, dir,
		     len && dir[len - 1] == '/' ? "" : "/", name);
	return n > 0 && n < PATH_MAX;
}

int exec_path_find(const char *name, const char *path_env, char ret[PATH_MAX],
		   struct err *e)
{
	const char *dir = path_env, *end;
	bool is_stat;

	if (strchr(name, '/'))
		return find_path(name, ret, e);
	for (; dir && *dir && *name; dir = *end ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		/* An empty element is the current directory, as in a shell; a command
		 * found there must not be run unless it is asked for as "./name". */
		if (end == dir ? !join(ret, ".", 1, name)
			       : !join(ret, dir, (size_t)(end - dir), name))
			continue;
		if (check(ret, &is_stat) < 0)
			continue;
		if (ret[0] != '/')
			return err_words(e, ENOENT,
					 "exec: \"" SHOWN
					 "\": cannot run executable found "
					 "relative to current directory",
					 name);
		return 0;
	}
	return err_words(e, ENOENT,
			 "exec: \"" SHOWN "\": executable file not found in $PATH", name);
}

int exec_path_run(const char *path, const char *const *argv, const char *const *envp,
		  struct err *e)
{
	char words[EXEC_WORDS];

	(void)execve(path, (char *const *)argv, (char *const *)envp);
	return err_words(e, errno, "exec %s: %s", path, exec_path_words(errno, words));
}
