/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/proc.h"
#include "sandbox/jail_rules.h"

#include "tests/unit/jail_world.h"
static const char *const columns[] = {"main", "vcpu", "fs", "block", "proxy"};

/* ---- what kills ---- */

#define KINDS(kinds)   (~(kinds) & ((1U << JAIL_THREADS) - 1))
#define ALL_BUT(kinds) KINDS(kinds)
#define EVERY          KINDS(0U)

static const struct attempt {
	const char *what;
	unsigned who;
	long nr, args[4];
} attempts[] = {
	{"chroot", EVERY, SYS_chroot, {(long)"/"}},
	{"pivot_root", EVERY, SYS_pivot_root, {(long)".", (long)"."}},
	{"mount", EVERY, SYS_mount, {(long)"none", (long)"/", (long)"tmpfs"}},
	{"fsopen", EVERY, SYS_fsopen, {(long)"proc"}},
	{"open_tree", EVERY, SYS_open_tree, {AT_FDCWD, (long)"/", 1}},
	{"fork", EVERY, SYS_clone, {SIGCHLD}},
	{"clone3", EVERY, SYS_clone3, {0}},
	{"execve", EVERY, SYS_execve, {(long)"/bin/true"}},
	{"execveat", EVERY, SYS_execveat, {AT_FDCWD, (long)"/bin/true"}},
	{"unshare", EVERY, SYS_unshare, {CLONE_NEWUSER}},
	{"setns", EVERY, SYS_setns, {0}},
	{"ptrace", EVERY, SYS_ptrace, {0}},
	{"process_vm_readv", EVERY, SYS_process_vm_readv, {1}},
	{"bpf", EVERY, SYS_bpf, {0}},
	{"io_uring_setup", EVERY, SYS_io_uring_setup, {1}},
	{"keyctl", EVERY, SYS_keyctl, {KEYCTL_GET_KEYRING_ID}},
	{"perf_event_open", EVERY, SYS_perf_event_open, {0}},
	{"userfaultfd", EVERY, SYS_userfaultfd, {0}},
	{"open_by_handle_at", EVERY, SYS_open_by_handle_at, {AT_FDCWD}},
	{"kill", EVERY, SYS_kill, {1}},
	{"a signal to a thread", EVERY, SYS_tgkill, {1, 1, SIGKILL}},
	{"pidfd_open", EVERY, SYS_pidfd_open, {1}},
	{"an inet socket", EVERY, SYS_socket, {AF_INET, SOCK_STREAM}},
	{"a netlink socket", EVERY, SYS_socket, {AF_NETLINK, SOCK_RAW}},
	{"bind", EVERY, SYS_bind, {0}},
	{"code by mmap", EVERY, SYS_mmap, {0, 4096, PROT_EXEC, MAP_PRIVATE}},
	{"code by mprotect", EVERY, SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}},
	{"a seccomp filter", EVERY, SYS_seccomp, {0}},
	{"prctl", EVERY, SYS_prctl, {PR_SET_DUMPABLE, 1}},
	{"open", EVERY, SYS_open, {(long)"/"}},
	{"typing into a terminal", EVERY, SYS_ioctl, {0, 0x5412 /* TIOCSTI */}},
	{"a new machine", EVERY, SYS_ioctl, {0, 0xae01 /* KVM_CREATE_VM */}},
	{"openat",
	 ALL_BUT(JAIL_WHO(JAIL_MAIN) | JAIL_WHO(JAIL_FS)),
	 SYS_openat,
	 {AT_FDCWD, (long)"/"}},
	{"openat2", ALL_BUT(JAIL_WHO(JAIL_FS)), SYS_openat2, {AT_FDCWD}},
	{"setresuid", ALL_BUT(JAIL_WHO(JAIL_FS)), SYS_setresuid, {1}},
	{"capset", ALL_BUT(JAIL_WHO(JAIL_FS)), SYS_capset, {0}},
	{"connect", ALL_BUT(JAIL_WHO(JAIL_PROXY)), SYS_connect, {0}},
	{"a unix socket", ALL_BUT(JAIL_WHO(JAIL_PROXY)), SYS_socket, {AF_UNIX}},
	{"read", ALL_BUT(JAIL_WHO(JAIL_MAIN) | JAIL_WHO(JAIL_PROXY)), SYS_read, {-1}},
};

/* The status of a child that is a thread of this kind and makes the attempt. */
static int try_it(const struct jail *j, enum jail_thread kind, const struct attempt *t)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		MUST(prctl(PR_SET_DUMPABLE, 0) == 0);
		enter_thread(j, kind);
		(void)syscall(t->nr, t->args[0], t->args[1], t->args[2], t->args[3], 0,
			      0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static void what_is_not_allowed_kills(void)
{
	struct jail *j = jail_made(true, true);

	for (unsigned kind = 0; j && kind < JAIL_THREADS; kind++) {
		for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
			int status;

			if (!(attempts[i].who & JAIL_WHO(kind)))
				continue;
			status = try_it(j, (enum jail_thread)kind, &attempts[i]);
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
				continue;
			printf("# %s, %s: status %#x\n", columns[kind], attempts[i].what,
			       (unsigned)status);
			tap_failed = 1;
		}
	}
	jail_free(j);
}

static void *other_thread(void *arg)
{
	(void)arg;
	for (;;)
		(void)pause();
	return NULL;
}

static void break_out(const struct jail *j)
{
	pthread_t t;

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(pthread_create(&t, NULL, other_thread, NULL) == 0);
	enter_thread(j, JAIL_BLOCK);
	(void)!chroot("/");
}

static void one_thread_s_attempt_ends_the_whole_process(void)
{
	struct jail *j = jail_made(false, false);
	int status;

	NEED_ROOT();
	status = jailed(break_out, j, false);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	jail_free(j);
}

/* ---- a process in it, seen from outside ---- */

struct inmate {
	const struct jail *j;
	enum jail_thread kind;
	sem_t *in, *end;
};

static void *be_thread(void *arg)
{
	struct inmate *i = arg;

	enter_thread(i->j, i->kind);
	(void)sem_post(i->in);
	while (sem_wait(i->end) < 0)
		;
	return NULL;
}

/* A thread of each kind; writes a byte when all are there, ends when it gets one. */
static void be_monitor(const struct jail *j, int *keep)
{
	struct inmate inmates[JAIL_THREADS];
	pthread_t threads[JAIL_THREADS];
	int said = keep[0], asked = keep[1], proc;
	sem_t in, end;
	char c;

	MUST(sem_init(&in, 0, 0) == 0 && sem_init(&end, 0, 0) == 0);
	proc = enter_jail(j, keep, 2);
	fd_close(&proc);
	for (unsigned i = JAIL_MAIN + 1; i < JAIL_THREADS; i++) {
		inmates[i] = (struct inmate){j, (enum jail_thread)i, &in, &end};
		MUST(pthread_create(&threads[i], NULL, be_thread, &inmates[i]) == 0);
	}
	for (unsigned i = JAIL_MAIN + 1; i < JAIL_THREADS; i++)
		MUST(sem_wait(&in) == 0);
	enter_thread(j, JAIL_MAIN);
	MUST(write(said, "r", 1) == 1 && read(asked, &c, 1) == 1);
	_exit(7);
}

struct monitor {
	pid_t pid;
	int said, asks; /* owned */
};

static bool monitor_start(struct monitor *m, const struct jail *j)
{
	int said[2] = {-1, -1}, asked[2] = {-1, -1};
	char c;

	CHECK(pipe2(said, O_CLOEXEC) == 0 && pipe2(asked, O_CLOEXEC) == 0);
	(void)fflush(stdout);
	m->pid = fork();
	if (m->pid == 0) {
		int keep[5] = {said[1], asked[0]};

		/* Not to be kept. */
		MUST(dup2(said[1], 900) == 900);
		be_monitor(j, keep);
	}
	m->said = said[0];
	m->asks = asked[1];
	fd_close(&said[1]);
	fd_close(&asked[0]);
	return read(m->said, &c, 1) == 1;
}

static void monitor_end(struct monitor *m)
{
	int status = -1;

	(void)!write(m->asks, "e", 1);
	CHECK(waitpid(m->pid, &status, 0) == m->pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	fd_close(&m->said);
	fd_close(&m->asks);
}

static char *proc_text(const struct monitor *m, const char *name)
{
	AUTO_FREE char *path = str_fmt("/proc/%d/%s", m->pid, name);
	struct err e;
	char *text = NULL;
	size_t len;

	if (file_read(AT_FDCWD, path, 1 << 20, &text, &len, &e) < 0)
		printf("# %s\n", e.text);
	CHECK(text != NULL);
	return text;
}

static bool has_line(const char *text, const char *key, const char *value)
{
	AUTO_FREE char *line = str_fmt("\n%s:\t%s\n", key, value);
	bool yes = strstr(text, line) != NULL;

	if (!yes)
		printf("# not there: %s", line + 1);
	return yes;
}

/* Names in a folder of its /proc, but for "." and ".."; fn may be NULL. */
static unsigned each_name(const struct monitor *m, const char *dir,
			  void (*fn)(const struct monitor *m, const char *name))
{
	AUTO_FREE char *path = str_fmt("/proc/%d/%s", m->pid, dir);
	DIR *d = opendir(path);
	unsigned n = 0;

	CHECK(d != NULL);
	for (const struct dirent *i; d && (i = readdir(d)) != NULL;) {
		if (i->d_name[0] == '.')
			continue;
		n++;
		if (fn)
			fn(m, i->d_name);
	}
	if (d)
		(void)closedir(d);
	return n;
}

static void check_thread(const struct monitor *m, const char *tid)
{
	AUTO_FREE char *status_name = str_fmt("task/%s/status", tid);
	AUTO_FREE char *comm_name = str_fmt("task/%s/comm", tid);
	AUTO_FREE char *status = proc_text(m, status_name);
	AUTO_FREE char *comm = proc_text(m, comm_name);
	AUTO_FREE char *caps = str_fmt("%016llx",
				       (unsigned long long)jail_capabilities(true));
	bool fs = str_eq(comm, "fs\n");

	CHECK(has_line(status, "CapInh", "0000000000000000"));
	CHECK(has_line(status, "CapPrm", fs ? caps : "0000000000000000"));
	CHECK(has_line(status, "CapEff", fs ? caps : "0000000000000000"));
	CHECK(has_line(status, "CapBnd", caps));
	CHECK(has_line(status, "CapAmb", "0000000000000000"));
	CHECK(has_line(status, "NoNewPrivs", "1"));
	CHECK(has_line(status, "Seccomp", "2"));
}

static void every_thread_is_confined(void)
{
	struct jail *j = jail_made(true, false);
	struct monitor m;

	NEED_ROOT();
	if (monitor_start(&m, j)) {
		CHECK(each_name(&m, "task", check_thread) == JAIL_THREADS);
		monitor_end(&m);
	}
	jail_free(j);
}

static void check_mounts(const char *text)
{
	const char *end = text ? strchr(text, '\n') : NULL;

	CHECK(end && end[1] == '\0'); /* one line */
	CHECK(text && strstr(text, " / / ro,nosuid,nodev,noexec") != NULL);
	CHECK(text && strstr(text, " - tmpfs ") != NULL);
}

static void nothing_of_the_host_is_in_reach(void)
{
	struct jail *j = jail_made(true, false);
	struct monitor m;

	NEED_ROOT();
	if (monitor_start(&m, j)) {
		AUTO_FREE char *mounts = proc_text(&m, "mountinfo");
		AUTO_FREE char *limits = proc_text(&m, "limits");

		check_mounts(mounts);
		CHECK(each_name(&m, "root", NULL) == 0);
		CHECK(each_name(&m, "cwd", NULL) == 0);
		CHECK(each_name(&m, "fd", NULL) == 5);
		CHECK(strstr(limits,
			     "Max open files            4096                 4096 "));
		CHECK(strstr(limits,
			     "Max core file size        0                    0 "));
		monitor_end(&m);
	}
	jail_free(j);
}

/* ---- a process in it, before its threads are confined ---- */

static long session_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

static int refused(long r)
{
	return r < 0 ? errno : 0;
}

static void look_for_ways_out(const struct jail *j)
{
	long keyring = session_keyring();
	int keep[3], proc = enter_jail(j, keep, 0);
	struct stat self, above;

	MUST(fstat(proc, &self) == 0 && fstatat(proc, "..", &above, 0) == 0);
	MUST(self.st_ino == above.st_ino && self.st_dev == above.st_dev);
	MUST(refused(openat(proc, "../mem", O_RDONLY | O_CLOEXEC)) == ENOENT);
	MUST(refused(openat(proc, "../../sys/kernel/core_pattern",
			    O_WRONLY | O_CLOEXEC)) == ENOENT);
	MUST(keyring < 0 || session_keyring() != keyring);
	MUST(prctl(PR_GET_DUMPABLE) == 0);
	MUST(refused(chroot("/")) == EPERM);
	MUST(refused(mount("none", "/", "tmpfs", 0, NULL)) == EPERM);
	MUST(refused(mount(NULL, "/", NULL, MS_REMOUNT, NULL)) == EPERM);
	MUST(refused(umount2("/", MNT_DETACH)) == EPERM);
	MUST(refused(unshare(CLONE_NEWNS)) == EPERM);
	MUST(refused(mkdir("/new", 0700)) == EROFS);
	MUST(refused(mknod("/null", S_IFCHR | 0666, 0x103)) == EROFS);
	MUST(refused(open("/proc/self/mem", O_RDONLY | O_CLOEXEC)) == ENOENT);
	MUST(refused(open("/../../etc/passwd", O_RDONLY | O_CLOEXEC)) == ENOENT);
	MUST(refused(syscall(SYS_open_by_handle_at, AT_FDCWD, "\10\0\0\0\1\0\0\0........",
			     O_RDONLY)) == EPERM);
	MUST(refused(setrlimit(RLIMIT_NOFILE,
			       &(struct rlimit){NOFILE + 1, NOFILE + 1})) == EPERM);
	/* Not by becoming another user and root again. */
	MUST(seteuid(1000) == 0 && seteuid(0) == 0);
	MUST(refused(chroot("/")) == EPERM);
}

static void ended_well(int status)
{
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void there_is_no_way_out(void)
{
	struct jail *j = jail_made(true, false);

	NEED_ROOT();
	ended_well(jailed(look_for_ways_out, j, false));
	jail_free(j);
}

static void there_is_no_way_out_of_it_in_a_user_namespace(void)
{
	struct jail *j = jail_made(true, false);

	NEED_ROOT();
	ended_well(jailed(look_for_ways_out, j, true));
	jail_free(j);
}

static void keep_some(const struct jail *j)
{
	int keep[7] = {40, 7, 7, 20}, proc;

	for (int fd = 3; fd < 50; fd++)
		MUST(dup2(0, fd) == fd);
	proc = enter_jail(j, keep, 4);
	for (int fd = 0; fd < 200; fd++)
		MUST((fcntl(fd, F_GETFD) >= 0) ==
		     (fd < 3 || fd == 7 || fd == 20 || fd == 40 || fd == proc));
}

static void the_descriptors_that_were_named_stay_open_and_no_other(void)
{
	struct jail *j = jail_made(false, false);

	NEED_ROOT();
	ended_well(jailed(keep_some, j, false));
	jail_free(j);
}

static void look_at_caps(const struct jail *j)
{
	int keep[3];

	(void)enter_jail(j, keep, 0);
	MUST(prctl(PR_CAPBSET_READ, CAP_MKNOD) == 0);
	MUST(prctl(PR_CAPBSET_READ, CAP_DAC_READ_SEARCH) == 0);
	MUST(prctl(PR_CAPBSET_READ, CAP_CHOWN) == 1);
}

static void device_nodes_are_for_those_who_asked(void)
{
	struct jail *j = jail_made(false, false);

	NEED_ROOT();
	ended_well(jailed(look_at_caps, j, false));
	jail_free(j);
}

/* ---- a proxy's work ---- */

struct relay {
	const struct jail *j;
	int in[2], out[2], sock[2], signals, pty;
};

/* A pump, and what else a proxy does while its container runs. */
static void *relay_main(void *arg)
{
	const struct relay *r = arg;
	struct signalfd_siginfo info;
	struct pollfd p = {.fd = r->in[0], .events = POLLIN};
	struct winsize size;
	char buf[16];
	int passed = -1;

	enter_thread(r->j, JAIL_PROXY);
	MUST(poll(&p, 1, -1) == 1 && read(r->in[0], buf, sizeof(buf)) == 5);
	MUST(fd_write_full(r->out[1], buf, 5) == 0);
	MUST(ioctl(r->pty, TIOCGWINSZ, &size) == 0);
	MUST(read(r->signals, &info, sizeof(info)) == sizeof(info));
	MUST(info.ssi_signo == SIGTERM);
	MUST(send(r->sock[0], "x", 1, MSG_NOSIGNAL) == 1);
	MUST(fd_send(r->sock[0], "y", 1, r->out[0]) == 0);
	MUST(recv(r->sock[1], buf, 1, 0) == 1 &&
	     fd_recv(r->sock[1], buf, 1, &passed) == 1);
	MUST(fcntl(passed, F_GETFD) == FD_CLOEXEC);
	MUST(shutdown(r->sock[0], SHUT_WR) == 0 && recv(r->sock[1], buf, 1, 0) == 0);
	return NULL;
}

static void be_proxy(const struct jail *j)
{
	struct relay r = {.j = j};
	pthread_t t;
	sigset_t s;

	(void)sigfillset(&s);
	MUST(sigprocmask(SIG_BLOCK, &s, NULL) == 0);
	r.signals = signalfd(-1, &s, SFD_CLOEXEC);
	r.pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	MUST(r.signals >= 0 && r.pty >= 0);
	MUST(pipe2(r.in, O_CLOEXEC) == 0 && pipe2(r.out, O_CLOEXEC) == 0);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r.sock) == 0);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(write(r.in[1], "hello", 5) == 5 && kill(getpid(), SIGTERM) == 0);
	/* A thread that ends, and the process by one that is jailed. */
	MUST(pthread_create(&t, NULL, relay_main, &r) == 0);
	MUST(pthread_join(t, NULL) == 0);
	enter_thread(j, JAIL_PROXY);
}

static void a_proxy_does_its_work_in_the_jail(void)
{
	struct jail *j = jail_made(false, false);

	NEED_ROOT();
	ended_well(jailed(be_proxy, j, false));
	jail_free(j);
}

static const struct test tests[] = {
	{"what is not allowed kills, on each kind of thread", what_is_not_allowed_kills},
	{"one thread's attempt ends the whole process",
	 one_thread_s_attempt_ends_the_whole_process},
	{"every thread is confined, and the file server's alone have capabilities",
	 every_thread_is_confined},
	{"nothing of the host is in reach", nothing_of_the_host_is_in_reach},
	{"there is no way out", there_is_no_way_out},
	{"there is no way out of it in a user namespace",
	 there_is_no_way_out_of_it_in_a_user_namespace},
	{"the descriptors that were named stay open, and no other",
	 the_descriptors_that_were_named_stay_open_and_no_other},
	{"a proxy does its work in the jail", a_proxy_does_its_work_in_the_jail},
	{"device nodes are for those who asked", device_nodes_are_for_those_who_asked},
};

TEST_MAIN(tests)
