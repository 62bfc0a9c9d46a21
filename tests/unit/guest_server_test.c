/* SPDX-License-Identifier: Apache-2.0 */
/* hull-guest's server, with real containers and a host that is played here. */
#include "tests/unit/guest_world.h"

#define NEEDS_ROOT                                                                       \
	do {                                                                             \
		if (cannot)                                                              \
			SKIP(cannot);                                                    \
	} while (0)

static const char *id_of(const char *name)
{
	static char id[64];

	(void)snprintf(id, sizeof(id), "guest-test-%d-%s", getpid(), name);
	return id;
}

/* A container that runs until its stdin ends, or it is killed. */
static void begin_container(struct process *p, const char *name)
{
	CHECK(process_make(p, "create", id_of(name), "echo ready; cat >/dev/null",
			   false) == 0);
	CHECK(process_start(p) == 0);
	CHECK(output_has(p, 1, "ready"));
}

static void end_container(struct process *p)
{
	(void)shutdown(p->streams[0].fd, SHUT_WR);
	CHECK(process_end(p) == 0);
	process_done(p);
	CHECK(nothing_is_left());
}

static void a_whole_life(void)
{
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("life"),
			   "read x; echo \"got $x\"; echo other >&2; exit 7",
			   false) == 0);
	CHECK(process_start(&p) == 0);
	CHECK(write(p.streams[0].fd, "word\n", 5) == 5);
	CHECK_STR(output_of(&p, 1), "got word\n");
	CHECK_STR(output_of(&p, 2), "other\n");
	CHECK(process_end(&p) == 7);
	CHECK(hear(&p.life, &p.arena) == NULL);
	process_done(&p);
	CHECK(connects == 1 && mounts == 1);
	CHECK(nothing_is_left());
}

static void another_process(void)
{
	struct process p, x;

	NEEDS_ROOT;
	begin_container(&p, "exec");
	CHECK(process_make(&x, "exec", id_of("exec"), "cat; kill -TERM $$", false) == 0);
	CHECK(process_start(&x) == 0);
	CHECK(write(x.streams[0].fd, "in", 2) == 2);
	(void)shutdown(x.streams[0].fd, SHUT_WR);
	CHECK_STR(output_of(&x, 1), "in");
	CHECK(process_end(&x) == 128 + SIGTERM);
	process_done(&x);
	end_container(&p);
}

static void signals(void)
{
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("signal"),
			   "trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done",
			   false) == 0);
	CHECK(process_start(&p) == 0);
	CHECK(output_has(&p, 1, "ready"));
	say(&p.life, "{\"op\":\"signal\",\"signal\":10}");
	CHECK(process_end(&p) == 9);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void a_broken_connection(void)
{
	struct process p, x;

	NEEDS_ROOT;
	begin_container(&p, "broken");
	CHECK(process_make(&x, "exec", id_of("broken"), "echo on; sleep 1000", false) ==
	      0);
	CHECK(process_start(&x) == 0);
	CHECK(output_has(&x, 1, "on"));
	channel_close(&x.life);
	/* Its streams end as it does. */
	CHECK_STR(output_of(&x, 1), "");
	process_done(&x);
	channel_close(&p.life);
	CHECK_STR(output_of(&p, 1), "");
	process_done(&p);
	CHECK(nothing_is_left());
}

/* Of one that is created only, too. */
static void a_broken_connection_before_start(void)
{
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("early"), "true", false) == 0);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void dead_before_start(void)
{
	AUTO_ARENA a = {0};
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("dead"), "true", false) == 0);
	CHECK(ask(&a,
		  arena_fmt(&a, "{\"op\":\"kill\",\"id\":\"%s\",\"signal\":9}",
			    id_of("dead")),
		  NULL) == 0);
	CHECK(process_end(&p) == 128 + SIGKILL);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void started_twice(void)
{
	struct process p;

	NEEDS_ROOT;
	begin_container(&p, "twice");
	say(&p.life, "{\"op\":\"start\"}");
	CHECK(process_end(&p) == -1);
	CHECK_STR(output_of(&p, 1), "");
	process_done(&p);
	CHECK(nothing_is_left());
}

static void attached_twice(void)
{
	struct process p;
	struct channel c;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("attach"), "cat", false) == 0);
	CHECK(process_attach(&p, &p.streams[1], 1) == 0);
	/* Answered before it is taken: until then a second one may be in time. */
	for (;;) {
		bool there;

		(void)pthread_mutex_lock(&guest.lock);
		there = guest.lives && guest.lives->streams[1] >= 0;
		(void)pthread_mutex_unlock(&guest.lock);
		if (there)
			break;
		(void)usleep(1000);
	}
	CHECK(process_attach(&p, &c, 1) == EBUSY);
	channel_close(&c);
	CHECK(process_attach(&p, &p.streams[0], 0) == 0);
	CHECK(process_attach(&p, &p.streams[2], 2) == 0);
	say(&p.life, "{\"op\":\"start\"}");
	CHECK(code_of(hear(&p.life, &p.arena)) == 0);
	CHECK(write(p.streams[0].fd, "x", 1) == 1);
	(void)shutdown(p.streams[0].fd, SHUT_WR);
	CHECK_STR(output_of(&p, 1), "x");
	CHECK(process_end(&p) == 0);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void same_id(void)
{
	struct process p, q;

	NEEDS_ROOT;
	begin_container(&p, "same");
	CHECK(process_make(&q, "create", id_of("same"), "true", false) == EEXIST);
	process_done(&q);
	end_container(&p);
}

static void a_child_that_holds_stdout(void)
{
	struct process p, x;

	NEEDS_ROOT;
	begin_container(&p, "child");
	CHECK(process_make(&x, "exec", id_of("child"), "sleep 1000 & echo last; exit 4",
			   false) == 0);
	CHECK(process_start(&x) == 0);
	CHECK_STR(output_of(&x, 1), "last\n");
	CHECK(process_end(&x) == 4);
	process_done(&x);
	end_container(&p);
}

/* More than a pipe holds, and a child that could still read it. */
static void input_that_nobody_reads(void)
{
	static char much[1 << 20];
	struct process p, x;
	size_t sent = 0;

	NEEDS_ROOT;
	begin_container(&p, "input");
	CHECK(process_make(&x, "exec", id_of("input"),
			   "exec 3<&0; sleep 1000 <&3 & echo there; read x; exit 5",
			   false) == 0);
	CHECK(process_start(&x) == 0);
	CHECK(output_has(&x, 1, "there"));
	while (sent < sizeof(much)) {
		ssize_t n = send(x.streams[0].fd, much, sizeof(much) - sent,
				 MSG_NOSIGNAL | (sent ? MSG_DONTWAIT : 0));

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	say(&x.life, "{\"op\":\"signal\",\"signal\":9}");
	CHECK(process_end(&x) == 128 + SIGKILL);
	process_done(&x);
	end_container(&p);
}

static void output_that_nobody_reads(void)
{
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("yes"), "yes; echo \"it was $?\" >&2",
			   false) == 0);
	CHECK(process_start(&p) == 0);
	CHECK(output_has(&p, 1, "y\ny\n"));
	channel_close(&p.streams[1]);
	CHECK_STR(output_of(&p, 2), "it was 141\n");
	CHECK(process_end(&p) == 0);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void terminals(void)
{
	struct process p;

	NEEDS_ROOT;
	CHECK(process_make(&p, "create", id_of("tty"),
			   "trap 'stty size; exit 6' INT; stty size; echo ready; "
			   "while :; do sleep 0.05; done",
			   true) == 0);
	CHECK(process_start(&p) == 0);
	CHECK(output_has(&p, 0, "33 77\r\nready"));
	say(&p.life, "{\"op\":\"resize\",\"rows\":100000,\"columns\":1}");
	say(&p.life, "{\"op\":\"resize\",\"rows\":44,\"columns\":55}");
	/* A signal goes the same way as the size, and so comes after it. */
	say(&p.life, "{\"op\":\"signal\",\"signal\":2}");
	CHECK(output_has(&p, 0, "44 55"));
	CHECK(process_end(&p) == 6);
	process_done(&p);
	CHECK(process_make(&p, "create", id_of("tty"),
			   "trap 'exit 8' INT; echo ready; while :; do sleep 0.05; done",
			   true) == 0);
	CHECK(process_start(&p) == 0);
	CHECK(output_has(&p, 0, "ready"));
	CHECK(write(p.streams[0].fd, "\3", 1) == 1);
	CHECK(process_end(&p) == 8);
	process_done(&p);
	CHECK(nothing_is_left());
}

static void questions(void)
{
	AUTO_ARENA a = {0};
	const struct json *answer, *pids;
	struct process p;
	const char *id;

	NEEDS_ROOT;
	begin_container(&p, "ask");
	id = id_of("ask");
	CHECK(ask(&a, arena_fmt(&a, "{\"op\":\"pids\",\"id\":\"%s\"}", id), &answer) ==
	      0);
	pids = json_get(answer, "pids");
	CHECK(pids && pids->type == JSON_ARRAY);
	CHECK(ask(&a, arena_fmt(&a, "{\"op\":\"stats\",\"id\":\"%s\"}", id), &answer) ==
	      0);
	CHECK(json_get(answer, "stats") != NULL);
	end_container(&p);
	CHECK(ask(&a, arena_fmt(&a, "{\"op\":\"pids\",\"id\":\"%s\"}", id), NULL) ==
	      ENOENT);
}

static void *make_later(void *arg)
{
	struct process *p = arg;

	CHECK(process_make(p, "create", id_of("soon"), "echo ready; cat >/dev/null",
			   false) == 0);
	return NULL;
}

/* Asked for while it is made, and before: nothing has been made as yet. */
static void a_container_that_comes(void)
{
	struct process p, x;
	pthread_t maker;

	NEEDS_ROOT;
	guest.created = false;
	x = (struct process){.terminal = false};
	for (int i = 0; i < 3; i++)
		x.streams[i] = (struct channel)CHANNEL_INIT;
	dial(&x.life);
	say(&x.life, request_of(&x.arena, "exec", id_of("soon"), "exit 5", false));
	CHECK(pthread_create(&maker, NULL, make_later, &p) == 0);
	x.token = json_get_string(hear(&x.life, &x.arena), "token");
	CHECK(x.token != NULL);
	(void)pthread_join(maker, NULL);
	CHECK(process_start(&x) == 0);
	CHECK(process_end(&x) == 5);
	process_done(&x);
	CHECK(process_start(&p) == 0);
	end_container(&p);
}

static void no_container(void)
{
	struct process x;

	NEEDS_ROOT;
	CHECK(process_make(&x, "exec", id_of("none"), "true", false) == ENOENT);
	process_done(&x);
	CHECK(nothing_is_left());
}

static void wrong_requests(void)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"7",
		"{",
		"{\"op\":7}",
		"{\"op\":\"reboot\"}",
		"{\"op\":\"start\"}",
		"{\"op\":\"attach\"}",
		"{\"op\":\"attach\",\"token\":\"\",\"stream\":0}",
		"{\"op\":\"attach\",\"token\":\"x\",\"stream\":3}",
		"{\"op\":\"attach\",\"token\":\"x\",\"stream\":-1}",
		"{\"op\":\"kill\",\"id\":\"x\"}",
		"{\"op\":\"kill\",\"id\":\"x\",\"signal\":0}",
		"{\"op\":\"kill\",\"id\":\"x\",\"signal\":65}",
		"{\"op\":\"kill\",\"id\":\"../x\",\"signal\":9}",
		"{\"op\":\"kill\",\"id\":\"\",\"signal\":9}",
		"{\"op\":\"kill\",\"signal\":9}",
		"{\"op\":\"pids\",\"id\":[]}",
		"{\"op\":\"stats\"}",
		"{\"op\":\"freeze\",\"id\":\"x\",\"on\":1}",
		"{\"op\":\"freeze\",\"id\":\"x\"}",
		"{\"op\":\"update\",\"id\":\"x\"}",
		"{\"op\":\"update\",\"id\":\"x\",\"resources\":\"{\"}",
		"{\"op\":\"update\",\"id\":\"x\",\"resources\":{}}",
		"{\"op\":\"network\"}",
		"{\"op\":\"network\",\"network\":7}",
		"{\"op\":\"exec\",\"id\":\"x\"}",
		"{\"op\":\"exec\",\"id\":\"x\",\"process\":\"{}\"}",
		"{\"op\":\"create\"}",
		"{\"op\":\"create\",\"id\":\"x\"}",
		"{\"op\":\"create\",\"id\":\"x\",\"config\":7}",
		"{\"op\":\"create\",\"id\":\"x\",\"config\":\"\"}",
		"{\"op\":\"create\",\"id\":\"x\",\"config\":\"{}\"}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO_ARENA a = {0};
		int64_t code = ask(&a, texts[i], NULL);

		CHECK(code > 0);
		if (code <= 0)
			printf("# %s: %lld\n", texts[i], (long long)code);
	}
	CHECK(nothing_is_left());
}

/* Trees and ids that would lead out of where they belong. */
static void wrong_names(void)
{
	static const char *const roots[] = {"", ".", "..", "../..", "/", "a/b"};
	static const char *const ids[] = {"", "..", "a/b", "a b"};
	AUTO_ARENA a = {0};

	NEEDS_ROOT;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		AUTO_JSON *w = json_writer_new("");
		const char *text = "";
		size_t len;

		json_open_object(w);
		json_put_string(w, "op", "create");
		json_put_string(w, "id", "x");
		json_put_string(w, "config", config_of(&a, "true", false));
		json_put_string(w, "root", roots[i]);
		json_close_object(w);
		CHECK(json_finish(w, &text, &len, ERR_IGNORE) == 0);
		CHECK(ask(&a, text, NULL) == EPROTO);
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		CHECK(ask(&a, request_of(&a, "create", ids[i], "true", false), NULL) > 0);
	CHECK(nothing_is_left());
}

static void wrong_frames(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} frames[] = {
		{"\0\0\0\0", 4},
		{"\377\377\377\377", 4},
		{"\1\0\0\1", 4},
		{"\1\0\0\0\377", 5},
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		AUTO_ARENA a = {0};
		struct channel c;

		dial(&c);
		CHECK(fd_write_full(c.fd, frames[i].bytes, frames[i].len) == 0);
		CHECK(code_of(hear(&c, &a)) > 0);
		CHECK(hear(&c, &a) == NULL);
		channel_close(&c);
	}
}

static void wrong_messages(void)
{
	static const char *const texts[] = {
		"[]",
		"{}",
		"{\"op\":\"create\"}",
		"{\"op\":\"signal\"}",
		"{\"op\":\"signal\",\"signal\":0}",
		"{\"op\":\"signal\",\"signal\":1000}",
	};

	NEEDS_ROOT;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct process p;

		begin_container(&p, "wrong");
		say(&p.life, texts[i]);
		CHECK(process_end(&p) == -1);
		process_done(&p);
		CHECK(nothing_is_left());
	}
}

static void the_host_alone(void)
{
	static const unsigned others[] = {VMADDR_CID_ANY, VMADDR_CID_HYPERVISOR,
					  VMADDR_CID_LOCAL, 3, 42};
	struct sockaddr_vm peer = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST};

	CHECK(server_is_host(&peer));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		peer.svm_cid = others[i];
		CHECK(!server_is_host(&peer));
	}
}

static const struct test tests[] = {
	{"a container is made, attached and started; its output ends before its status "
	 "comes",
	 a_whole_life},
	{"one more process runs in it, with stdio and a status of its own",
	 another_process},
	{"a signal goes to the process", signals},
	{"a process ends with the connection that it hangs on, a container with all of "
	 "it",
	 a_broken_connection},
	{"a container that is not started ends with its connection, too",
	 a_broken_connection_before_start},
	{"a container killed before its start has a status", dead_before_start},
	{"what is started twice ends", started_twice},
	{"a stream that is attached is not to be had again", attached_twice},
	{"an id that is there is refused, and the one that is there lives on", same_id},
	{"a process ends while a child of its holds its stdout",
	 a_child_that_holds_stdout},
	{"input that nobody reads holds up no process's end", input_that_nobody_reads},
	{"a process is told that nobody reads its output", output_that_nobody_reads},
	{"a terminal has a size, a new one, and Ctrl-C", terminals},
	{"pids and statistics are answered while a container is there", questions},
	{"a container that is being made is waited for", a_container_that_comes},
	{"a container that isn't there runs nothing", no_container},
	{"requests that are wrong get an error and leave nothing", wrong_requests},
	{"no tree and no id leads out of its folder", wrong_names},
	{"frames that are none get an error", wrong_frames},
	{"a message that is wrong ends the process that it is about", wrong_messages},
	{"connections are taken from the host alone", the_host_alone},
};

int main(void)
{
	world_begin();
	return tap_main(tests, sizeof(tests) / sizeof(tests[0]));
}
