/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull-guest's server without a machine around it: its connections are socket pairs, the
 * host is played by the test, and the containers are real ones of this kernel, in a mount
 * namespace of the test's own.
 */
#ifndef TESTS_UNIT_GUEST_WORLD_H
#define TESTS_UNIT_GUEST_WORLD_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/str.h"
#include "sandbox/guest/life.h"
#include "sandbox/guest/server.h"
#include "sandbox/protocol.h"

#include "tests/unit/tap.h"

#define WAIT_MS 30000
#define ROOTFS  PROTOCOL_FS_ROOT PROTOCOL_FS_PRIVATE "/root"

static struct guest guest = {.lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER,
			     .log = {.fd = -1, .level = LOG_DEBUG}};
static const char *cannot; /* why nothing here can run */
static unsigned connects, mounts;

/* ---- the system of the guest ---- */

static int world_connect(struct err *e)
{
	(void)e;
	connects++;
	return 0;
}

static int world_mount(const char *fs, struct err *e)
{
	(void)fs;
	(void)e;
	mounts++;
	return 0;
}

static const struct guest_system world_system = {world_connect, world_mount};

static inline int copy_busybox(const char *to)
{
	AUTO_FD from = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	AUTO_FD fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;
	off_t at = 0;

	if (from < 0 || fd < 0 || fstat(from, &st) < 0)
		return -1;
	while (at < st.st_size) {
		if (sendfile(fd, from, &at, (size_t)(st.st_size - at)) <= 0)
			return -1;
	}
	return 0;
}

static inline const char *make_rootfs(void)
{
	static const char *const dirs[] = {
		"/run/hull",   PROTOCOL_FS_ROOT, PROTOCOL_FS_ROOT PROTOCOL_FS_PRIVATE,
		ROOTFS,        ROOTFS "/bin",    ROOTFS "/proc",
		ROOTFS "/dev", ROOTFS "/sys",    ROOTFS "/tmp",
	};
	static const char *const applets[] = {"sh",   "cat",  "sleep", "yes",
					      "stty", "kill", "echo"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		(void)mkdir(dirs[i], 0755);
	if (copy_busybox(ROOTFS "/bin/busybox") < 0)
		return "no busybox";
	for (size_t i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
		char path[128];

		(void)snprintf(path, sizeof(path), ROOTFS "/bin/%s", applets[i]);
		if (symlink("busybox", path) < 0)
			return "no links";
	}
	return NULL;
}

static inline void world_begin(void)
{
	guest.system = &world_system;
	guest.requests = guest_requests;
	if (geteuid() != 0)
		cannot = "not root";
	else if (unshare(CLONE_NEWNS) < 0 ||
		 mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		 mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") < 0)
		cannot = "no mount namespaces";
	else
		cannot = make_rootfs();
}

/* ---- connections ---- */

static inline void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;

	serve(&guest, &fd);
	return NULL;
}

/* The host's end of one more connection. */
static inline void dial(struct channel *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int p[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) < 0)
		abort();
	channel_open(c, &p[0]);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, serve_one, (void *)(intptr_t)p[1]) != 0)
		abort();
	(void)pthread_attr_destroy(&attr);
}

static inline void say(struct channel *c, const char *text)
{
	AUTO_SBUF out = {0};

	frame_add(&out, text, strlen(text));
	(void)!send(c->fd, out.data, out.len, MSG_NOSIGNAL);
}

/* What comes next; NULL: nothing more does. */
static inline const struct json *hear(struct channel *c, struct arena *a)
{
	const struct json *m;
	struct err e;
	int r = channel_receive(c, WAIT_MS, a, &m, &e);

	CHECK(r != -ETIMEDOUT);
	return r > 0 ? m : NULL;
}

/* The code of an error; 0: it is none; -1: nothing came. */
static inline int64_t code_of(const struct json *answer)
{
	const struct json *error = json_get(answer, "error");
	int64_t code = 0;

	if (!answer)
		return -1;
	if (error && (json_i64(json_get(error, "code"), &code) < 0 || code <= 0 ||
		      !json_get_string(error, "text")))
		abort();
	return code;
}

/* A question of one answer: its error's code, or 0. */
static inline int64_t ask(struct arena *a, const char *text, const struct json **ret)
{
	const struct json *answer;
	struct channel c;

	dial(&c);
	say(&c, text);
	answer = hear(&c, a);
	if (ret)
		*ret = answer;
	CHECK(hear(&c, a) == NULL);
	channel_close(&c);
	return code_of(answer);
}

/* ---- processes ---- */

struct process {
	struct channel life, streams[3];
	struct arena arena;
	const char *token;
	bool terminal;
};

static inline void put_process(struct json_writer *w, const char *script, bool terminal)
{
	json_open_object(w);
	json_put_bool(w, "terminal", terminal);
	json_put_string(w, "cwd", "/");
	json_key(w, "args");
	json_open_array(w);
	json_string(w, "/bin/sh");
	json_string(w, "-c");
	json_string(w, script);
	json_close_array(w);
	json_key(w, "env");
	json_open_array(w);
	json_string(w, "PATH=/bin");
	json_close_array(w);
	json_close_object(w);
}

static inline const char *config_of(struct arena *a, const char *script, bool terminal)
{
	static const char *const spaces[] = {"pid", "mount", "ipc", "uts"};
	AUTO_JSON *w = json_writer_new("");
	const char *text = "";
	size_t len;

	json_open_object(w);
	json_put_string(w, "ociVersion", "1.0.2");
	json_key(w, "root");
	json_open_object(w);
	json_put_string(w, "path", "rootfs");
	json_close_object(w);
	json_key(w, "process");
	put_process(w, script, terminal);
	json_key(w, "mounts");
	json_open_array(w);
	json_open_object(w);
	json_put_string(w, "destination", "/proc");
	json_put_string(w, "type", "proc");
	json_put_string(w, "source", "proc");
	json_close_object(w);
	json_close_array(w);
	json_key(w, "linux");
	json_open_object(w);
	json_key(w, "namespaces");
	json_open_array(w);
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		json_open_object(w);
		json_put_string(w, "type", spaces[i]);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
	json_close_object(w);
	CHECK(json_finish(w, &text, &len, ERR_IGNORE) == 0);
	return arena_strdup(a, text);
}

/* The text of a request: `create`, or `exec`. */
static inline const char *request_of(struct arena *a, const char *op, const char *id,
				     const char *script, bool terminal)
{
	AUTO_JSON *w = json_writer_new("");
	AUTO_JSON *process = json_writer_new("");
	const char *text = "";
	size_t len;

	json_open_object(w);
	json_put_string(w, "op", op);
	json_put_string(w, "id", id);
	put_process(process, script, terminal);
	if (str_eq(op, "create")) {
		json_put_string(w, "config", config_of(a, script, terminal));
		json_put_string(w, "root", "root");
	} else {
		CHECK(json_finish(process, &text, &len, ERR_IGNORE) == 0);
		json_put_string(w, "process", text);
	}
	json_key(w, "size");
	json_open_array(w);
	json_uint(w, 33);
	json_uint(w, 77);
	json_close_array(w);
	json_close_object(w);
	CHECK(json_finish(w, &text, &len, ERR_IGNORE) == 0);
	return arena_strdup(a, text);
}

/* Made, up to its gate: 0, or the error's code. */
static inline int64_t process_make(struct process *p, const char *op, const char *id,
				   const char *script, bool terminal)
{
	const struct json *m;
	int64_t code;

	*p = (struct process){.terminal = terminal};
	for (int i = 0; i < 3; i++)
		p->streams[i] = (struct channel)CHANNEL_INIT;
	dial(&p->life);
	say(&p->life, request_of(&p->arena, op, id, script, terminal));
	m = hear(&p->life, &p->arena);
	code = code_of(m);
	if (code > 0)
		printf("# %s\n", json_get_string(json_get(m, "error"), "text"));
	p->token = json_get_string(m, "token");
	CHECK(code != 0 || p->token);
	return code;
}

static inline int64_t process_attach(struct process *p, struct channel *c,
				     unsigned stream)
{
	char text[128];

	dial(c);
	(void)snprintf(text, sizeof(text),
		       "{\"op\":\"attach\",\"token\":\"%s\",\"stream\":%u}",
		       p->token ? p->token : "", stream);
	say(c, text);
	return code_of(hear(c, &p->arena));
}

static inline int64_t process_start(struct process *p)
{
	for (unsigned i = 0; i < (p->terminal ? 1U : 3U); i++)
		CHECK(process_attach(p, &p->streams[i], i) == 0);
	say(&p->life, "{\"op\":\"start\"}");
	return code_of(hear(&p->life, &p->arena));
}

/* Its status, which is the last that is heard; -1: none. */
static inline int64_t process_end(struct process *p)
{
	int64_t status = -1;
	const struct json *m = hear(&p->life, &p->arena);

	if (m && json_i64(json_get(m, "exited"), &status) < 0)
		status = -1;
	return status;
}

static inline void process_done(struct process *p)
{
	channel_close(&p->life);
	for (int i = 0; i < 3; i++)
		channel_close(&p->streams[i]);
	arena_done(&p->arena);
}

/* All of an output. */
static inline const char *output_of(struct process *p, unsigned stream)
{
	AUTO_SBUF out = {0};
	char buf[4096];
	ssize_t n;

	while ((n = read(p->streams[stream].fd, buf, sizeof(buf))) > 0)
		sbuf_add(&out, buf, (size_t)n);
	return out.len ? arena_strdup(&p->arena, out.data) : "";
}

/* Reads until the text has come. */
static inline bool output_has(struct process *p, unsigned stream, const char *text)
{
	AUTO_SBUF out = {0};
	char buf[256];
	ssize_t n;

	while ((n = read(p->streams[stream].fd, buf, sizeof(buf))) > 0) {
		sbuf_add(&out, buf, (size_t)n);
		if (strstr(out.data, text))
			return true;
	}
	return false;
}

/* Nothing is left of any process, after at most WAIT_MS. */
static inline bool nothing_is_left(void)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		DIR *d = opendir(GUEST_CONTAINERS);
		size_t entries = 0;
		bool lives;

		for (const struct dirent *f = d ? readdir(d) : NULL; f; f = readdir(d))
			entries += f->d_name[0] != '.';
		if (d)
			(void)closedir(d);
		(void)pthread_mutex_lock(&guest.lock);
		lives = guest.lives != NULL;
		(void)pthread_mutex_unlock(&guest.lock);
		if (!entries && !lives)
			return true;
		(void)usleep(10000);
	}
	return false;
}

#endif
