/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "libcontainer/process/plan.h"

#include "tests/unit/tap.h"

static char dir[] = "/tmp/exec_path_test.XXXXXX";

static void put(const char *name, const char *text, mode_t mode)
{
	AUTO_FD fd = open(name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || fd_write_full(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0)
		abort();
}

/* The tree: bin/tool and bin2/tool, sbin/tool that is a folder, etc/tool without x. */
static void setup(void)
{
	if (!mkdtemp(dir) || chdir(dir) < 0 || chmod(".", 0755) < 0 ||
	    mkdir("bin", 0755) < 0 || mkdir("bin2", 0755) < 0 ||
	    mkdir("sbin", 0755) < 0 || mkdir("sbin/tool", 0755) < 0 ||
	    mkdir("etc", 0755) < 0)
		abort();
	put("bin/tool", "#!/bin/sh\nexit 3\n", 0755);
	put("bin2/tool", "#!/bin/sh\nexit 4\n", 0755);
	put("etc/tool", "text\n", 0644);
	put("here", "#!/bin/sh\n", 0755);
	put("empty", "", 0755);
	put("garbage", "\x01\x02\x03", 0755);
	put("lost", "#!/nosuch/interpreter\n", 0755);
	if (symlink("/proc/self/exe", "magic") < 0 || symlink("loop", "loop") < 0)
		abort();
}

/* The error's text, or what was found, with the folder's name as "D". */
static const char *find(const char *name, const char *path_env)
{
	static char ret[1024];
	char path[PATH_MAX], full[PATH_MAX], env[1024];
	struct err e = {0};
	const char *got, *p, *d;
	size_t n = 0;

	/* "D" is the folder in what is asked, too. */
	(void)snprintf(full, sizeof(full), "%s%s", name[0] == 'D' ? dir : name,
		       name[0] == 'D' ? name + 1 : "");
	for (d = path_env; d && *d; d++) {
		if (*d == 'D')
			n += (size_t)snprintf(env + n, sizeof(env) - n, "%s", dir);
		else
			env[n++] = *d;
	}
	env[n] = '\0';
	got = exec_path_find(full, path_env ? env : NULL, path, &e) == 0 ? path : e.text;
	for (n = 0; *got; n++) {
		p = strncmp(got, dir, strlen(dir)) == 0 ? got + strlen(dir) : NULL;
		ret[n] = (char)(p ? 'D' : *got);
		got = p ? p : got + 1;
	}
	ret[n] = '\0';
	return ret;
}

static void takes_the_first_in_path(void)
{
	CHECK_STR(find("tool", "/nosuch:D/bin:D/bin2"), "D/bin/tool");
	CHECK_STR(find("tool", "D/bin2:D/bin"), "D/bin2/tool");
	CHECK_STR(find("tool", "D/bin2//:D/bin"), "D/bin2/tool");
	CHECK_STR(find("sh", "/bin"), "/bin/sh");
}

static void passes_over_what_cannot_run(void)
{
	CHECK_STR(find("tool", "D/sbin:D/etc:D/here:D/bin"), "D/bin/tool");
}

static void not_in_path(void)
{
	static const char want[] = "exec: \"tool\": executable file not found in $PATH";

	CHECK_STR(find("tool", "D/sbin:D/etc"), want);
	CHECK_STR(find("tool", ""), want);
	CHECK_STR(find("tool", NULL), want);
	CHECK_STR(find("", "/bin"), "exec: \"\": executable file not found in $PATH");
}

static void never_from_the_current_directory(void)
{
	static const char want[] =
		"exec: \"here\": cannot run executable found relative to current "
		"directory";

	CHECK_STR(find("here", ":/bin"), want);
	CHECK_STR(find("here", "/bin::/sbin"), want);
	CHECK_STR(find("here", "."), want);
	CHECK_STR(find("./here", NULL), "./here");
	CHECK_STR(find("bin/tool", "/bin"), "bin/tool");
}

static void a_path_is_taken_as_it_is(void)
{
	CHECK_STR(find("D/bin/tool", "D/bin2"), "D/bin/tool");
	CHECK_STR(find("/nosuch", "/bin"),
		  "exec: \"/nosuch\": stat /nosuch: no such file or directory");
	CHECK_STR(find("D/here/x", NULL),
		  "exec: \"D/here/x\": stat D/here/x: not a "
		  "directory");
	CHECK_STR(find("D/etc/tool", NULL), "exec: \"D/etc/tool\": permission denied");
	CHECK_STR(find("/etc", NULL),
		  "exec: \"/etc\": is a directory: permission denied");
	CHECK_STR(find("D/loop", NULL),
		  "exec: \"D/loop\": stat D/loop: too many levels of symbolic links");
}

static void magic_links_lead_nowhere(void)
{
	CHECK_STR(find("/proc/self/exe", NULL),
		  "exec: \"/proc/self/exe\": stat /proc/self/exe: too many levels of "
		  "symbolic links");
	CHECK_STR(find("D/magic", NULL),
		  "exec: \"D/magic\": stat D/magic: too many levels of symbolic links");
	CHECK_STR(find("magic", "D"),
		  "exec: \"magic\": executable file not found in $PATH");
}

static void too_long_a_name(void)
{
	static const char missing[] = "x\": executable file not found in $PATH",
			  too_long[] = "x: file name too long";
	static char name[5 * PATH_MAX], path[PATH_MAX];
	struct err e = {0};

	memset(name, 'x', sizeof(name) - 1);
	CHECK(exec_path_find(name, "/bin:/usr/bin", path, &e) == -ENOENT);
	CHECK_STR(e.text + strlen(e.text) - strlen(missing), missing);
	name[0] = '/';
	CHECK(exec_path_find(name, NULL, path, &e) == -ENAMETOOLONG);
	CHECK(strncmp(e.text, "exec: \"/xxx", 11) == 0);
	CHECK_STR(e.text + strlen(e.text) - strlen(too_long), too_long);
}

static int in_noexec(void)
{
	char path[PATH_MAX], name[128];
	struct err e = {0};

	(void)snprintf(name, sizeof(name), "%s/bin", dir);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(name, name, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, name, NULL, MS_REMOUNT | MS_BIND | MS_NOEXEC, NULL) < 0)
		return 77;
	(void)snprintf(name, sizeof(name), "%s/bin/tool", dir);
	return exec_path_find(name, NULL, path, &e) == -EACCES ? 0 : 1;
}

static void noexec_mounts_count(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_noexec());
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WEXITSTATUS(status) == 77)
		SKIP("CAP_SYS_ADMIN");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The error of an execve that fails. */
static const char *run(const char *path)
{
	static const char *const args[] = {"x", NULL}, *const env[] = {NULL};
	static struct err e;

	CHECK(exec_path_run(path, args, env, &e) < 0);
	return e.text;
}

static void execve_fails_in_words(void)
{
	CHECK_STR(run("./garbage"), "exec ./garbage: exec format error");
	CHECK_STR(run("./empty"), "exec ./empty: exec format error");
	CHECK_STR(run("./lost"), "exec ./lost: no such file or directory");
	CHECK_STR(run("./etc/tool"), "exec ./etc/tool: permission denied");
}

static const struct test tests[] = {
	{"the first executable of PATH is taken", takes_the_first_in_path},
	{"folders and files without x are passed over", passes_over_what_cannot_run},
	{"a name that PATH doesn't have is an error in runc's words", not_in_path},
	{"PATH never finds a command in the current directory",
	 never_from_the_current_directory},
	{"a name with a slash is a path", a_path_is_taken_as_it_is},
	{"magic links lead to no executable", magic_links_lead_nowhere},
	{"a name that is too long is an error", too_long_a_name},
	{"a mount's noexec is seen before the execve", noexec_mounts_count},
	{"what execve says is told in words", execve_fails_in_words},
};

int main(void)
{
	int r;

	setup();
	r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	if (chdir("/") < 0)
		return 1;
	(void)path_remove_tree(AT_FDCWD, dir, ERR_IGNORE);
	return r;
}
