/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole way: a plan is made here, a child walks it in a root of its own and executes
 * a command of the host's there; what the command says on stdout is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/procfs.h"
#include "base/str.h"
#include "libcontainer/process/plan.h"

#include "tests/unit/child.h"
#include "tests/unit/tap.h"

#define PATH_ENV "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

#define STRINGS(...)                                                                     \
	{                                                                                \
		.v = (const char *[]){__VA_ARGS__, NULL},                                \
		.count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),         \
	}

static char dir[] = "/tmp/process_test.XXXXXX";

/* --- the root --- */

static int bind(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL);
}

static int put(const char *name, const char *text, mode_t mode)
{
	AUTO_FD fd = open(name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || fd_write_full(fd, text, strlen(text)) < 0)
		return -1;
	return fchmod(fd, mode);
}

/* The host's programs, as folders or as the symlinks into /usr that they are. */
static int put_programs(void)
{
	static const char *const names[] = {"usr", "bin", "sbin", "lib", "lib64"};
	char from[16], target[64];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(from, sizeof(from), "/%s", names[i]);
		n = readlink(from, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			if (symlink(target, names[i]) < 0)
				return -1;
		} else if (access(from, F_OK) == 0 &&
			   (mkdir(names[i], 0755) < 0 || bind(from, names[i]) < 0)) {
			return -1;
		}
	}
	return 0;
}

/* In the child: a root of its own, as rootfs_pivot would leave it. */
static int enter_root(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", 0, "mode=755") < 0 || chdir(dir) < 0 ||
	    put_programs() < 0)
		return -1;
	if (mkdir("etc", 0755) < 0 || mkdir("proc", 0755) < 0 ||
	    bind("/proc", "proc") < 0 || mkdir("tmp", 01777) < 0 ||
	    mkdir("home", 0755) < 0 || mkdir("home/web", 0700) < 0 ||
	    chown("home/web", 33, 33) < 0)
		return -1;
	if (put("etc/passwd",
		"root:x:0:0::/root:/bin/sh\nweb:x:33:33::/home/web:/bin/sh\n",
		0644) < 0 ||
	    put("roots-own", "#!/bin/sh\necho ran\n", 0700) < 0 ||
	    put("garbage", "\x01\x02", 0755) < 0)
		return -1;
	return chroot(".") < 0 || chdir("/") < 0 ? -1 : 0;
}

/* --- the way --- */

static int preserved = -1; /* becomes descriptor 3 of the child */
static int no_root;        /* enter_root can't: it is only for root */

/* The words that callers take for "the command can't be executed". */
static bool has_words(const char *text)
{
	return strcasestr(text, "permission denied") ||
	       strcasestr(text, "operation not permitted") ||
	       strcasestr(text, "no such file or directory");
}

static int walk(struct process_plan *p, struct err *e)
{
	AUTO_FD proc = procfs_open(e);
	AUTO_FD host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD host2 = fcntl(host, F_DUPFD, 3); /* not even close-on-exec */
	int r;

	if (proc < 0 || host2 < 0)
		return -1;
	r = process_set_early(p, proc, e);
	if (r < 0)
		return r;
	if (enter_root() < 0)
		return err_sys(e, "the test's root");
	r = process_own_stdio(p, e);
	if (r == 0)
		r = process_find_exec(p, e);
	if (r == 0)
		r = process_set_label(p, proc, e);
	return r < 0 ? r : process_exec(p, proc, -1, e);
}

static void child(const struct process_options *o, int out)
{
	AUTO_ARENA a = {0};
	struct process_plan *p;
	struct err e = {0};

	(void)dup2(out, 1);
	if (preserved >= 0 && preserved != 3)
		(void)dup2(preserved, 3);
	(void)(preserved >= 0 ? fcntl(3, F_SETFD, 0) : close(3));
	if (process_plan_make(&a, o, &p, &e) == 0)
		(void)walk(p, &e);
	if (has_words(e.text) && !str_after(e.text, "exec") &&
	    !str_after(e.text, "chdir to cwd"))
		(void)dprintf(1, "forbidden words in: ");
	(void)dprintf(1, "%s", e.text);
	_exit(111);
}

/* What the command, or the error, says. */
static const char *run_with(const struct process_options *o)
{
	static char text[8192];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		child(o, ends[1]);
	(void)close(ends[1]);
	n = fd_read_full(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(ends[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	return text;
}

static const char *run(struct spec_process *s)
{
	const struct process_options o = {.process = s};

	return run_with(&o);
}

#define NEEDS_ROOT                                                                       \
	do {                                                                             \
		if (no_root)                                                             \
			SKIP("root with mount namespaces");                              \
	} while (0)

static struct spec_process shell(const char *line)
{
	static const char *args[4], *env[2];

	memcpy(args, (const char *[]){"sh", "-c", line, NULL}, sizeof(args));
	memcpy(env, (const char *[]){PATH_ENV, NULL}, sizeof(env));
	return (struct spec_process){
		.args = {.v = args, .count = 3},
		.env = {.v = env, .count = 1},
		.cwd = "/",
	};
}

/* --- identity --- */

static const char *const some_caps[] = {"CAP_CHOWN", "CAP_NET_BIND_SERVICE", NULL};
static const struct strings caps_list = {.v = (const char **)some_caps, .count = 2};

static void is_the_user(void)
{
	struct spec_process s = shell(
		"exec grep -E '^(Uid|Gid|Groups|Umask|Cap|NoNew|"
		"SigIgn)' /proc/self/status");
	struct spec_capabilities caps = {.bounding = caps_list,
					 .effective = caps_list,
					 .permitted = caps_list,
					 .inheritable = caps_list,
					 .ambient = caps_list};
	uint32_t groups[] = {7, 8};

	NEEDS_ROOT;
	s.user = (struct spec_user){.uid = 33,
				    .gid = 34,
				    .additional_gids = groups,
				    .additional_gids_count = 2};
	s.capabilities = &caps;
	s.no_new_privileges = true;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	CHECK_STR(run(&s),
		  "Umask:\t0022\n"
		  "Uid:\t33\t33\t33\t33\n"
		  "Gid:\t34\t34\t34\t34\n"
		  "Groups:\t7 8 \n"
		  "SigIgn:\t0000000000000000\n"
		  "CapInh:\t0000000000000401\n"
		  "CapPrm:\t0000000000000401\n"
		  "CapEff:\t0000000000000401\n"
		  "CapBnd:\t0000000000000401\n"
		  "CapAmb:\t0000000000000401\n"
		  "NoNewPrivs:\t1\n");
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGUSR1, SIG_DFL);
}

static void has_no_more_than_is_given(void)
{
	struct spec_process s = shell(
		"exec grep -E '^(Uid|Groups|Umask|Cap|NoNew)' "
		"/proc/self/status");

	NEEDS_ROOT;
	s.user.umask.set = true;
	s.user.umask.v = 027;
	CHECK_STR(run(&s),
		  "Umask:\t0027\n"
		  "Uid:\t0\t0\t0\t0\n"
		  "Groups:\t \n"
		  "CapInh:\t0000000000000000\n"
		  "CapPrm:\t0000000000000000\n"
		  "CapEff:\t0000000000000000\n"
		  "CapBnd:\t0000000000000000\n"
		  "CapAmb:\t0000000000000000\n"
		  "NoNewPrivs:\t0\n");
}

static void is_filtered(void)
{
	struct spec_process s = shell(
		"mkdir /tmp/x 2>&-; echo $?; grep "
		"^Seccomp: /proc/self/status");
	struct spec_seccomp_rule rule = {.names = STRINGS("mkdir", "mkdirat"),
					 .action = "SCMP_ACT_ERRNO",
					 .errno_ret = {.set = true, .v = EXDEV}};
	const struct spec_seccomp filter = {.default_action = "SCMP_ACT_ALLOW",
					    .syscalls = &rule,
					    .syscalls_count = 1};
	const struct process_options o = {.process = &s, .seccomp = &filter};

	NEEDS_ROOT;
	s.user.uid = 33;
	/* Loaded with CAP_SYS_ADMIN, before that goes; and by no_new_privs. */
	CHECK_STR(run_with(&o), "1\nSeccomp:\t2\n");
	s.no_new_privileges = true;
	CHECK_STR(run_with(&o), "1\nSeccomp:\t2\n");
}

/* --- environment --- */

static void has_its_environment(void)
{
	static const char *args[] = {"env", NULL};
	static const char *env[] = {"A=1", PATH_ENV, "B=x=y", "A=2", "HOME=", "E=", NULL};
	struct spec_process s = {.args = {.v = args, .count = 1},
				 .env = {.v = env, .count = 6},
				 .cwd = "/"};

	NEEDS_ROOT;
	s.user.uid = 33;
	CHECK_STR(run(&s), PATH_ENV "\nB=x=y\nA=2\nE=\nHOME=/home/web\n");
	s.user.uid = 4242;
	CHECK_STR(run(&s), PATH_ENV "\nB=x=y\nA=2\nE=\nHOME=/\n");
	env[4] = "HOME=/else";
	CHECK_STR(run(&s), PATH_ENV "\nB=x=y\nA=2\nHOME=/else\nE=\n");
}

static void the_last_path_counts(void)
{
	static const char *args[] = {"env", NULL};
	static const char *env[] = {PATH_ENV, "PATH=/nosuch", NULL};
	struct spec_process s = {.args = {.v = args, .count = 1},
				 .env = {.v = env, .count = 2},
				 .cwd = "/"};

	NEEDS_ROOT;
	CHECK_STR(run(&s), "exec: \"env\": executable file not found in $PATH");
	s.env.count = 0;
	CHECK_STR(run(&s), "exec: \"env\": executable file not found in $PATH");
}

static void bad_variables_are_refused(void)
{
	static const char *env[] = {"A=1", "B", NULL};
	struct spec_process s = shell("exit 0");

	s.env.v = env;
	s.env.count = 2;
	CHECK_STR(run(&s), "process.env[1]: invalid environment variable: missing '='");
	env[1] = "=x";
	CHECK_STR(run(&s),
		  "process.env[1]: invalid environment variable: name cannot be empty");
}

/* --- descriptors --- */

static void has_no_other_descriptors(void)
{
	struct spec_process s = shell("exec ls /proc/self/fd");

	NEEDS_ROOT;
	/* 3 is the folder that ls reads. */
	CHECK_STR(run(&s), "0\n1\n2\n3\n");
}

static void has_the_preserved_ones(void)
{
	struct spec_process s = shell(
		"read line <&3; echo $line $LISTEN_FDS; [ $LISTEN_PID = "
		"$$ ] && echo mine; exec ls /proc/self/fd");
	struct process_options o = {.process = &s, .preserve_fds = 1, .listen_fds = 1};
	int ends[2];

	NEEDS_ROOT;
	CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "passed\n", 7) == 7);
	preserved = ends[0];
	CHECK_STR(run_with(&o), "passed 1\nmine\n0\n1\n2\n3\n4\n");
	o.preserve_fds = 2;
	CHECK_STR(run_with(&o), "unable to stat preserved-fd 1 (of 2): EBADF");
	preserved = -1;
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

/* One that the runtime has opened must not fill a gap. */
static void own_descriptors_are_not_preserved(void)
{
	struct spec_process s = shell("exit 0");
	const struct process_options o = {.process = &s, .preserve_fds = 1};
	AUTO_ARENA a = {0};
	AUTO_FD saved = fcntl(3, F_DUPFD_CLOEXEC, 10);
	struct process_plan *p;
	struct err e = {0};

	CHECK(dup3(0, 3, O_CLOEXEC) == 3);
	CHECK(process_plan_make(&a, &o, &p, &e) == -EBADF);
	CHECK_STR(e.text, "unable to stat preserved-fd 0 (of 1): EBADF");
	if (saved >= 0)
		(void)dup3(saved, 3, O_CLOEXEC);
	else
		(void)close(3);
}

static int walks_with_closed_stdin(void)
{
	struct spec_process s = shell("exit 0");
	const struct process_options o = {.process = &s};
	AUTO_ARENA a = {0};
	struct process_plan *p;
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);

	(void)close(0);
	if (process_plan_make(&a, &o, &p, &e) < 0 || proc < 0)
		return 1;
	if (process_set_early(p, proc, &e) != -EBADF)
		return 2;
	return str_eq(e.text, "stdin is closed: EBADF") ? 0 : 3;
}

static void closed_stdio_is_an_error(void)
{
	CHECK(in_child(walks_with_closed_stdin) == 0);
}

static int owns_stdio(void)
{
	struct spec_process s = shell("exit 0");
	const struct process_options o = {.process = &s};
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	AUTO_ARENA a = {0};
	struct process_plan *p;
	struct err e = {0};
	struct stat st;
	int ends[2];

	s.user.uid = 33;
	if (pipe2(ends, O_CLOEXEC) < 0 || process_plan_make(&a, &o, &p, &e) < 0)
		return 1;
	if (dup2(null, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(file, 2) < 0)
		return 2;
	if (process_own_stdio(p, &e) < 0)
		return 3;
	if (fstat(0, &st) < 0 || st.st_uid != 0)
		return 4;
	if (fstat(1, &st) < 0 || st.st_uid != 33 || st.st_gid != 0)
		return 5;
	return fstat(2, &st) < 0 || st.st_uid != 0 ? 6 : 0;
}

static void stdio_is_the_users(void)
{
	if (geteuid() != 0)
		SKIP("root");
	CHECK(in_child(owns_stdio) == 0);
}

/* --- folder and executable --- */

static const char *run_making_cwd(struct spec_process *s)
{
	const struct process_options o = {.process = s, .make_cwd = true};

	return run_with(&o);
}

static void is_in_its_folder(void)
{
	struct spec_process s = shell("pwd; exec stat -c %a .");

	NEEDS_ROOT;
	s.cwd = "/made/for/it";
	CHECK_STR(run_making_cwd(&s), "/made/for/it\n755\n");
	s.user.uid = 33;
	s.cwd = "/home/web";
	CHECK_STR(run(&s), "/home/web\n700\n");
	s.cwd = NULL;
	s.args.v[2] = "pwd";
	CHECK_STR(run(&s), "/\n");
}

#define CHDIR(path) "chdir to cwd (\"" path "\") set in config.json failed: "

static void a_folder_that_cannot_be_is_an_error(void)
{
	struct spec_process s = shell("pwd");

	NEEDS_ROOT;
	s.cwd = "/missing";
	CHECK_STR(run(&s), CHDIR("/missing") "no such file or directory");
	s.cwd = "/etc/passwd";
	CHECK_STR(run(&s), CHDIR("/etc/passwd") "not a directory");
	CHECK_STR(run_making_cwd(&s), CHDIR("/etc/passwd") "not a directory");
	s.cwd = "/etc/passwd/below";
	CHECK_STR(run_making_cwd(&s), CHDIR("/etc/passwd/below") "not a directory");
	/* A descriptor of the host's root that the runtime has open. */
	s.cwd = "/proc/self/fd/4";
	CHECK_STR(run(&s), CHDIR("/proc/self/fd/4") "too many levels of symbolic links");
	CHECK_STR(run_making_cwd(&s),
		  CHDIR("/proc/self/fd/4") "too many levels of symbolic links");
}

static void an_executable_that_cannot_be_is_an_error(void)
{
	static const char *args[] = {NULL, NULL};
	struct spec_process s = shell("");

	NEEDS_ROOT;
	s.args.v = args;
	s.args.count = 1;
	args[0] = "nosuch";
	CHECK_STR(run(&s), "exec: \"nosuch\": executable file not found in $PATH");
	args[0] = "/nosuch";
	CHECK_STR(run(&s), "exec: \"/nosuch\": stat /nosuch: no such file or directory");
	args[0] = "/etc/passwd";
	CHECK_STR(run(&s), "exec: \"/etc/passwd\": permission denied");
	args[0] = "/etc";
	CHECK_STR(run(&s), "exec: \"/etc\": is a directory: permission denied");
	args[0] = "/garbage";
	CHECK_STR(run(&s), "exec /garbage: exec format error");
	args[0] = "/proc/self/fd/4/bin/sh";
	CHECK_STR(run(&s),
		  "exec: \"/proc/self/fd/4/bin/sh\": stat "
		  "/proc/self/fd/4/bin/sh: too many levels of symbolic links");
	args[0] = "/roots-own";
	CHECK_STR(run(&s), "ran\n");
	s.user.uid = 33;
	CHECK_STR(run(&s), "exec: \"/roots-own\": permission denied");
	s.args.count = 0;
	CHECK_STR(run(&s), "process.args must not be empty");
}

/* --- limits --- */

static void has_its_limits(void)
{
	struct spec_process s = shell("ulimit -n; ulimit -Hn; ulimit -c");
	struct spec_rlimit limits[] = {
		{.type = "RLIMIT_NOFILE", .soft = 4, .hard = 5},
		{.type = "RLIMIT_CORE", .soft = 0, .hard = 0},
	};

	NEEDS_ROOT;
	s.rlimits = limits;
	s.rlimits_count = 2;
	/* So few that the runtime itself could not go on with them. */
	CHECK_STR(run(&s), "4\n5\n0\n");
	limits[0].type = "RLIMIT_NOSUCH";
	CHECK_STR(run(&s), "process.rlimits[0]: unknown type RLIMIT_NOSUCH");
}

static void has_its_oom_score(void)
{
	struct spec_process s = shell("exec cat /proc/self/oom_score_adj");

	NEEDS_ROOT;
	s.oom_score_adj.set = true;
	s.oom_score_adj.v = 500;
	CHECK_STR(run(&s), "500\n");
}

static int outside_of(pid_t pid, bool nobody)
{
	struct spec_process s = shell("exit 0");
	struct spec_rlimit limit = {.type = "RLIMIT_NOFILE", .soft = 10, .hard = 4096};
	const struct process_options o = {.process = &s, .in_userns = true};
	AUTO_ARENA a = {0};
	struct process_plan *p;
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);
	char path[64], got[16];
	int r;

	s.oom_score_adj.set = true;
	s.oom_score_adj.v = nobody ? -1000 : 300;
	s.rlimits = &limit;
	s.rlimits_count = nobody ? 0 : 1;
	if (process_plan_make(&a, &o, &p, &e) < 0)
		return 1;
	if (nobody && geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 2;
	r = process_set_outside(p, pid, proc, &e);
	if (nobody)
		return r < 0 && str_eq(e.text, "process.oomScoreAdj: -1000: EACCES") ? 0
										     : 3;
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	return r == 0 && file_read_line(AT_FDCWD, path, got, sizeof(got)) > 0 &&
			       str_eq(got, "300")
		       ? 0
		       : 4;
}

static int outside_of_a_child(void)
{
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	r = outside_of(pid, false);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return r;
}

static int without_right(void)
{
	return outside_of(getpid(), true);
}

static void a_child_is_set_from_outside(void)
{
	CHECK(in_child(outside_of_a_child) == 0);
	CHECK(in_child(without_right) == 0);
}

/* --- labels and keys --- */

static void labels_need_their_module(void)
{
	struct spec_process s = shell("echo ran");
	char enabled[8];

	NEEDS_ROOT;
	if (access("/sys/fs/selinux/enforce", F_OK) == 0)
		SKIP("a kernel without SELinux");
	s.selinux_label = "system_u:system_r:container_t:s0";
	CHECK_STR(run(&s), "ran\n");
	if (file_read_line(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", enabled,
			   sizeof(enabled)) > 0 &&
	    enabled[0] == 'Y')
		SKIP("a kernel without AppArmor");
	s.apparmor_profile = "nosuch";
	CHECK_STR(run(&s), "process.apparmorProfile: apparmor is not enabled");
}

static void a_label_that_cannot_be_written_names_the_file(void)
{
	const struct lsm l = {.apparmor = "exec \001no such profile"};
	const struct lsm l2 = {.selinux = "no:such:label:s0"};
	struct err e = {0};
	AUTO_FD proc = procfs_open(&e);

	/* Without a module EINVAL (or ENOENT), with one a refusal of it. */
	CHECK(lsm_set_exec(&l, proc, &e) < 0);
	CHECK(strstr(e.text,
		     "unable to apply apparmor profile: write \"exec ?no such "
		     "profile\" to `/proc/thread-self/attr/"));
	CHECK(strstr(e.text, "exec`: E") && !has_words(e.text));
	CHECK(lsm_set_exec(&l2, proc, &e) < 0);
	CHECK(strstr(e.text,
		     "unable to set selinux label: write \"no:such:label:s0\" to "
		     "`/proc/thread-self/attr/exec`: E"));
	CHECK(!has_words(e.text));
}

static int joins_a_keyring(void)
{
	char text[256] = "", again[256] = "";
	struct err e = {0};
	const char *perm;

	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) < 0)
		return 77;
	if (keyring_join("_ses.process_test", false, NULL, &e) < 0)
		return 1;
	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text,
		    sizeof(text) - 1) < 0)
		return 2;
	/* "keyring;UID;GID;PERM;NAME" */
	perm = strrchr(text, ';');
	if (!perm || !str_eq(perm, ";_ses.process_test"))
		return 6;
	while (perm > text && perm[-1] != ';')
		perm--;
	if (!(strtoul(perm, NULL, 16) & 0x80000))
		return 3;
	/* Twice is once. */
	if (keyring_join("_ses.process_test", false, NULL, &e) < 0 ||
	    syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, again,
		    sizeof(again) - 1) < 0)
		return 4;
	return str_eq(text, again) ? 0 : 5;
}

static void has_its_keyring(void)
{
	int r = in_child(joins_a_keyring);

	if (r == 77)
		SKIP("keyctl");
	CHECK(r == 0);
}

static const struct test tests[] = {
	{"user, groups, umask, capabilities and signals are the spec's", is_the_user},
	{"what the spec doesn't give is not there", has_no_more_than_is_given},
	{"a seccomp filter is loaded with and without no_new_privs", is_filtered},
	{"the environment is the spec's, with HOME", has_its_environment},
	{"of two PATHs the last one counts", the_last_path_counts},
	{"variables without a name or value are refused", bad_variables_are_refused},
	{"no descriptor of the runtime is left", has_no_other_descriptors},
	{"preserved descriptors are, and LISTEN_PID is right", has_the_preserved_ones},
	{"a descriptor of the runtime's own can't be preserved",
	 own_descriptors_are_not_preserved},
	{"closed stdio is an error", closed_stdio_is_an_error},
	{"a pipe becomes the user's, the null device and a file don't",
	 stdio_is_the_users},
	{"cwd is made, and may be the user's alone", is_in_its_folder},
	{"a cwd that is no folder, or outside, is an error",
	 a_folder_that_cannot_be_is_an_error},
	{"an executable that can't run is told in runc's words",
	 an_executable_that_cannot_be_is_an_error},
	{"limits are set", has_its_limits},
	{"oom_score_adj is set", has_its_oom_score},
	{"limits and oom_score_adj are set from outside", a_child_is_set_from_outside},
	{"labels need their module", labels_need_their_module},
	{"a label that is refused names the file",
	 a_label_that_cannot_be_written_names_the_file},
	{"the session keyring is joined by name", has_its_keyring},
};

static int try_root(void)
{
	return enter_root() < 0 ? 1 : 0;
}

int main(void)
{
	int r;

	if (!mkdtemp(dir))
		return 1;
	no_root = in_child(try_root);
	r = tap_main(tests, sizeof(tests) / sizeof(tests[0]));
	(void)rmdir(dir);
	return r;
}
