/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcontainer as a library: containers made from two threads at once, and a caller that
 * is the same before and after. The root filesystem is this machine's, read-only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "libcontainer/container.h"

#include "tests/unit/tap.h"

#define ROUNDS 8

static char top[] = "/tmp/container_test.XXXXXX";

static const char config[] =
	"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"/\",\"readonly\":true},"
	"\"process\":{\"cwd\":\"/\",\"args\":[\"/bin/sh\",\"-c\",\"exit 7\"],"
	"\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0,\"gid\":0}},"
	"\"hostname\":\"inside\","
	"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"mode=755\"]}],"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":"
	"\"ipc\"},"
	"{\"type\":\"uts\"},{\"type\":\"network\"},{\"type\":\"cgroup\"}]}}";

static void add_link(struct sbuf *b, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		n = 0;
	target[n] = '\0';
	sbuf_addf(b, "%s=%s\n", path, target);
}

static int is_fd(const char *name, int fd)
{
	uint32_t n;

	return str_to_u32(name, &n) == 0 && (int)n == fd;
}

static void add_dir(struct sbuf *b, const char *path, int links)
{
	struct dirent *d;
	DIR *dir = opendir(path);

	while (dir && (d = readdir(dir))) {
		char full[512];

		if (d->d_name[0] == '.' || is_fd(d->d_name, dirfd(dir)))
			continue;
		(void)snprintf(full, sizeof(full), "%s/%s", path, d->d_name);
		if (links)
			add_link(b, full);
		else
			sbuf_addf(b, "%s\n", full);
	}
	if (dir)
		(void)closedir(dir);
}

/* All of the caller that a container's making could have changed. */
static void describe(struct sbuf *b)
{
	mode_t mask = umask(0);
	sigset_t blocked;
	int subreaper = -1;

	(void)umask(mask);
	sbuf_addf(b, "umask=%o\nuid=%d:%d gid=%d:%d\n", mask, getuid(), geteuid(),
		  getgid(), getegid());
	(void)prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	sbuf_addf(b, "subreaper=%d dumpable=%d\n", subreaper, prctl(PR_GET_DUMPABLE));
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa = {0};

		(void)sigaction(sig, NULL, &sa);
		sbuf_addf(b, "%d:%d:%p ", sig, sigismember(&blocked, sig),
			  (void *)sa.sa_handler);
	}
	add_link(b, "/proc/self/cwd");
	add_link(b, "/proc/self/root");
	add_dir(b, "/proc/self/ns", 1);
	add_dir(b, "/proc/self/fd", 1);
	add_dir(b, "/proc/self/task", 0);
	for (char **env = environ; *env; env++)
		sbuf_addf(b, "%s\n", *env);
}

static int run_one(const char *id, struct err *e)
{
	struct container_options o = {
		.root = top,
		.id = id,
		.bundle = "/",
		.spec_text = config,
		.spec_len = sizeof(config) - 1,
		.stdio = {0, 1, 2},
		.console_socket = -1,
		.pidfd_socket = -1,
	};
	struct container *c = NULL;
	AUTO_ARENA a = {0};
	struct spec *s;
	int r, status;

	r = spec_decode(&a, "config.json", config, sizeof(config) - 1, &s, e);
	if (r < 0)
		return r;
	o.spec = s;
	r = container_create(&o, &c, e);
	if (r < 0)
		return r;
	r = container_status(c, e);
	if (r == CONTAINER_CREATED)
		r = container_start(c, NULL, e);
	else if (r >= 0)
		r = err_set(e, EINVAL, "status %d after create", r);
	status = r == 0 ? proc_wait(c->pid) : 0;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 7))
		r = err_set(e, EINVAL, "wait status %d", status);
	if (container_delete(c, true, NULL, r == 0 ? e : ERR_IGNORE) < 0 && r == 0)
		r = -e->code;
	container_free(c);
	return r;
}

static void *run_many(void *arg)
{
	struct err e;
	char id[32];

	for (int i = 0; i < ROUNDS; i++) {
		(void)snprintf(id, sizeof(id), "%s-%d", (const char *)arg, i);
		if (run_one(id, &e) < 0) {
			printf("# %s: %s\n", id, e.text);
			return (void *)1;
		}
	}
	return NULL;
}

static int can_run(void)
{
	return geteuid() == 0 && mkdtemp(top) != NULL;
}

static void two_threads(void)
{
	AUTO_SBUF before = {0};
	AUTO_SBUF after = {0};
	char one[] = "one", two[] = "two";
	void *bad[2] = {0};
	pthread_t t[2];

	if (!can_run())
		SKIP("needs root");
	describe(&before);
	CHECK(pthread_create(&t[0], NULL, run_many, one) == 0);
	CHECK(pthread_create(&t[1], NULL, run_many, two) == 0);
	for (int i = 0; i < 2; i++) {
		(void)pthread_join(t[i], &bad[i]);
		CHECK(!bad[i]);
	}
	describe(&after);
	CHECK_STR(after.data, before.data);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	CHECK(path_remove_tree(AT_FDCWD, top, ERR_IGNORE) == 0);
}

static void refuses_bad_ids(void)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "a b", "a\n", "\xc3\xa9"};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(container_check_id(bad[i], &e) < 0);
	CHECK(container_check_id("a_B+c-1.2", &e) == 0);
}

static const struct test tests[] = {
	{"ids that could leave the root are refused", refuses_bad_ids},
	{"two threads make containers, and the caller is as before", two_threads},
};
TEST_MAIN(tests)
