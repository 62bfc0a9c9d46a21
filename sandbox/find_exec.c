/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/find_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

/* Of a path and a folder that it may be in. */
static bool is_below(const char *path, size_t len, const char *folder)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return len >= n && memcmp(path, folder, n) == 0 && (len == n || path[n] == '/');
}

/* procfs and its kind have no commands in them. */
static bool may_hold_commands(const struct spec_mount *m)
{
	static const char *const none[] = {"proc",   "sysfs",  "cgroup", "cgroup2",
					   "devpts", "mqueue", NULL};

	for (const char *const *v = none; *v; v++) {
		if (m->type && str_eq(m->type, *v))
			return false;
	}
	return true;
}

static bool is_covered(const struct spec *s, const char *path, size_t len)
{
	for (size_t i = 0; i < s->mounts_count; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (may_hold_commands(m) && is_below(path, len, m->destination))
			return true;
	}
	return false;
}

static const char *path_of(const struct spec_process *p)
{
	for (size_t i = 0; i < p->env.count; i++) {
		const char *v = str_after(p->env.v[i], "PATH=");

		if (v)
			return v;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* What a mount may yet put where the command is looked for. */
static bool may_come_by_a_mount(const struct spec *s)
{
	const char *command = s->process->args.v[0], *cwd = s->process->cwd, *v, *end;

	if (is_covered(s, cwd, strlen(cwd)))
		return true;
	if (command[0] == '/')
		return is_covered(s, command, strlen(command));
	for (v = path_of(s->process); *v; v = *end ? end + 1 : end) {
		end = strchrnul(v, ':');
		if (is_covered(s, v, (size_t)(end - v)))
			return true;
	}
	return false;
}

static void __attribute__((noreturn)) look(struct process_plan *plan, int root, int out)
{
	struct err e = {0};

	if (fchdir(root) < 0 || chroot(".") < 0)
		(void)err_sys(&e, "enter the rootfs");
	else
		(void)process_find_exec(plan, &e);
	_exit(fd_write_full(out, &e, sizeof(e)) < 0);
}

int sandbox_find_exec(struct process_plan *plan, const struct spec *s, int root,
		      struct err *e)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	AUTO_FD in = -1;
	AUTO_FD out = -1;
	struct err found;
	ssize_t n;
	int p[2];
	pid_t pid;

	if (may_come_by_a_mount(s))
		return 0;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	in = p[0];
	out = p[1];
	pid = proc_clone(&args);
	if (pid < 0)
		return err_code(e, pid, "clone");
	if (pid == 0)
		look(plan, root, out);
	fd_close(&out);
	n = fd_read_full(in, &found, sizeof(found));
	(void)proc_wait(pid);
	if (n != (ssize_t)sizeof(found))
		return err_set(e, EPIPE, "the search for the command died");
	if (found.code == 0)
		return 0;
	*e = found;
	return -e->code;
}
