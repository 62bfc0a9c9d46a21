/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and groups. See plan.h.
 *
 * The ids are set by bare system calls: libc's functions want to change all threads of a
 * process, and in a child cloned from a threaded one wait for threads that are not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/process/plan.h"

/* On 32-bit machines the plain names are the calls with 16-bit ids. */
#ifdef SYS_setgroups32
#define HULL_SETGROUPS SYS_setgroups32
#define HULL_SETRESUID SYS_setresuid32
#define HULL_SETRESGID SYS_setresgid32
#else
#define HULL_SETGROUPS SYS_setgroups
#define HULL_SETRESUID SYS_setresuid
#define HULL_SETRESGID SYS_setresgid
#endif

/* How much of a container's /etc/passwd is read at most. */
#define PASSWD_MAX (16U << 20)

/* Reads lines through a buffer on the stack; a line that is longer is passed over. */
struct lines {
	int fd;
	bool overlong;
	size_t start, end, total;
	char buf[8192];
};

/* Makes room and reads on; false at the end. */
static bool lines_fill(struct lines *l)
{
	ssize_t n;

	if (l->start == 0 && l->end == sizeof(l->buf)) {
		l->overlong = true;
		l->end = 0;
	}
	memmove(l->buf, l->buf + l->start, l->end - l->start);
	l->end -= l->start;
	l->start = 0;
	if (l->total >= PASSWD_MAX)
		return false;
	do {
		n = read(l->fd, l->buf + l->end, sizeof(l->buf) - l->end);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	l->end += (size_t)n;
	l->total += (size_t)n;
	return true;
}

/* The next line without its end, or NULL. The file's last may lack the newline. */
static char *lines_next(struct lines *l)
{
	char *line, *nl;
	bool more = true;

	for (;;) {
		line = l->buf + l->start;
		nl = memchr(line, '\n', l->end - l->start);
		if (!nl && more) {
			more = lines_fill(l);
			continue;
		}
		if (!nl && (l->start == l->end || l->end == sizeof(l->buf)))
			return NULL;
		if (!nl) {
			nl = l->buf + l->end;
			l->end++;
		}
		*nl = '\0';
		l->start = (size_t)(nl + 1 - l->buf);
		if (!l->overlong)
			return line;
		l->overlong = false;
	}
}

/* The home of a passwd(5) line if it is uid's, else NULL. The line is cut up. */
static const char *home_of(char *line, uid_t uid)
{
	char *field[7] = {0};
	uint32_t number;

	for (size_t i = 0; i < ARRAY_LEN(field) && line; i++)
		field[i] = strsep(&line, ":");
	if (!field[2] || str_to_u32(field[2], &number) < 0 || number != uid)
		return NULL;
	return field[5] ? field[5] : "";
}

void user_home(int root_fd, uid_t uid, char *buf, size_t len)
{
	/* The file is the image's: a FIFO in its place must not block. */
	AUTO_FD fd = path_open_in(root_fd, "/etc/passwd",
				  O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct lines l = {.fd = fd};
	const char *home = NULL;
	struct stat st;
	char *line;

	memcpy(buf, "/", 2);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	while (!home && (line = lines_next(&l)))
		home = home_of(line, uid);
	if (home && *home && strlen(home) < len)
		memcpy(buf, home, strlen(home) + 1);
}

static bool setgroups_denied(int proc_fd)
{
	AUTO_FD fd = procfs_open_at(proc_fd, "self/setgroups", O_RDONLY);
	char word[8] = "";

	return fd >= 0 && fd_read_full(fd, word, sizeof(word) - 1) > 0 &&
	       str_after(word, "deny");
}

int user_set_groups(const struct user *u, int proc_fd, struct err *e)
{
	if (u->keep_groups)
		return 0;
	if (syscall(HULL_SETGROUPS, u->groups_count, u->groups) == 0)
		return 0;
	if (errno == EPERM && setgroups_denied(proc_fd)) {
		if (u->groups_count == 0)
			return 0;
		return err_set(e, EPERM,
			       "process.user.additionalGids: the user namespace denies "
			       "setgroups");
	}
	return err_sys(e, "process.user.additionalGids: setgroups");
}

/* A change of ids takes the parent-death signal away (prctl(2)), which is not ours. */
static int get_death_signal(void)
{
	int sig = 0;

	return prctl(PR_GET_PDEATHSIG, &sig) == 0 ? sig : 0;
}

static void put_death_signal(int sig)
{
	if (sig)
		(void)prctl(PR_SET_PDEATHSIG, sig);
}

static void set_file_ids(uid_t uid, gid_t gid)
{
	int sig = get_death_signal();

	/* In this order the capabilities over files still allow the group's change on
	 * the way in; on the way out it is to the process's own group anyway. */
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	put_death_signal(sig);
}

void user_enter_files(const struct user *u)
{
	if (u->uid == 0 || u->overrides_modes)
		return;
	/* That it may be denied is told by user_set_groups. */
	if (!u->keep_groups)
		(void)syscall(HULL_SETGROUPS, u->groups_count, u->groups);
	set_file_ids(u->uid, u->gid);
}

void user_leave_files(const struct user *u)
{
	if (u->uid != 0 && !u->overrides_modes)
		set_file_ids(geteuid(), getegid());
}

int user_set_ids(const struct user *u, struct err *e)
{
	int sig = get_death_signal();

	if (syscall(HULL_SETRESGID, u->gid, u->gid, u->gid) < 0)
		return errno == EINVAL
			       ? err_set(e, EINVAL,
					 "cannot setgid to unmapped gid %u in user "
					 "namespace",
					 u->gid)
			       : err_sys(e, "setresgid %u", u->gid);
	if (syscall(HULL_SETRESUID, u->uid, u->uid, u->uid) < 0)
		return errno == EINVAL
			       ? err_set(e, EINVAL,
					 "cannot setuid to unmapped uid %u in user "
					 "namespace",
					 u->uid)
			       : err_sys(e, "setresuid %u", u->uid);
	put_death_signal(sig);
	return 0;
}
