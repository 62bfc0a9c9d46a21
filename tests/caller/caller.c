/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller: plays containerd's shim and conmon, for tests.
 *
 * Reads requests from stdin, a line each, words separated by tabs; answers each with
 * lines "key=value" and an empty line. In a value \n, \\ and \xHH stand for what printf
 * %b makes of them. A request that fails answers error=TEXT. README.md has the requests.
 * It is a subreaper, has no threads, and ends at stdin's EOF.
 */
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"

#define WORDS_MAX 128

struct caller {
	struct streams streams;
	struct reaper reaper;
	int listener; /* owned; the console socket */
	int64_t timeout_ms;
	char **env; /* borrowed */
};

/* ---- answers ---- */

static void answer(const char *key, const char *value)
{
	printf("%s=", key);
	for (; *value; value++) {
		if (*value == '\n')
			(void)fputs("\\n", stdout);
		else if (*value == '\\')
			(void)fputs("\\\\", stdout);
		else if ((unsigned char)*value < ' ' || *value == 0x7f)
			printf("\\x%02x", (unsigned)*value);
		else
			putchar(*value);
	}
	putchar('\n');
}

static void answer_number(const char *key, int64_t value)
{
	printf("%s=%lld\n", key, (long long)value);
}

static void answer_text(const char *key, const struct sbuf *text)
{
	answer(key, text->len ? text->data : "");
}

/* How a child ended: exit= or signal=, and code= as a shell numbers it. */
static void answer_status(int status)
{
	if (WIFSIGNALED(status))
		answer_number("signal", WTERMSIG(status));
	else
		answer_number("exit", WEXITSTATUS(status));
	answer_number("code", proc_exit_code(status));
}

/* ---- requests; each gets the words after its name, of which there are enough ---- */

struct cli_options {
	struct cli cli;
	char *env[WORDS_MAX];
	size_t env_count;
};

static int wiring_parse(const char *word, enum wiring *ret, struct err *e)
{
	static const char *const names[] = {
		[WIRE_CAPTURE] = "capture",
		[WIRE_SPLIT] = "split",
		[WIRE_HOLD] = "hold",
		[WIRE_CONMON] = "conmon",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(word, names[i])) {
			*ret = (enum wiring)i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "there is no wiring %s", word);
}

/* -w WIRING  -n NAME  -x STREAM  -C DIR  -t MS  -E (no environment)  -e KEY=VALUE */
static int cli_option(char option, char *value, struct cli_options *o, struct err *e)
{
	switch (option) {
	case 'w':
		return wiring_parse(value, &o->cli.wiring, e);
	case 'n':
		o->cli.name = value;
		return 0;
	case 'x':
		o->cli.extra = value;
		return 0;
	case 'C':
		o->cli.dir = value;
		return 0;
	case 't':
		if (str_to_i64(value, &o->cli.timeout_ms) == 0)
			return 0;
		break;
	case 'e':
		if (o->env_count < WORDS_MAX - 1) {
			o->env[o->env_count++] = value;
			return 0;
		}
		break;
	default:
		break;
	}
	return err_set(e, EINVAL, "option -%c %s", option, value);
}

static int cli_parse(struct caller *c, char **words, struct cli_options *o, struct err *e)
{
	int r = 0;

	for (; c->env[o->env_count] && o->env_count < WORDS_MAX - 1; o->env_count++)
		o->env[o->env_count] = c->env[o->env_count];
	for (; r == 0 && *words && (*words)[0] == '-'; words++) {
		char option = (*words)[1];

		if (option == 'E')
			o->env_count = 0;
		else if (words[1])
			r = cli_option(option, *++words, o, e);
		else
			return err_set(e, EINVAL, "option -%c has no value", option);
	}
	if (r < 0)
		return r;
	if (!*words)
		return err_set(e, EINVAL, "no command");
	if (o->cli.wiring >= WIRE_HOLD && !o->cli.name)
		return err_set(e, EINVAL, "streams that are held need a name (-n)");
	o->env[o->env_count] = NULL;
	o->cli.env = o->env;
	o->cli.argv = words;
	return 0;
}

static int do_cli(struct caller *c, char **words, struct err *e)
{
	struct cli_options o = {.cli.timeout_ms = c->timeout_ms};
	struct cli_result result = {0};
	int r;

	r = cli_parse(c, words, &o, e);
	if (r == 0)
		r = cli_run(&o.cli, &c->streams, &result, e);
	if (r == 0) {
		answer_status(result.status);
		answer_number("ms", result.ms);
		answer_text("out", &result.out);
		answer_text("err", &result.err);
	}
	sbuf_done(&result.out);
	sbuf_done(&result.err);
	return r;
}

static int do_pid_file(struct caller *c, char **words, struct err *e)
{
	pid_t pid = 0;
	int r = pid_file_read(words[0], &pid, e);

	(void)c;
	if (r == 0)
		answer_number("pid", pid);
	return r;
}

/* The pid, or -errno. */
static pid_t parse_pid(const char *word, struct err *e)
{
	uint32_t pid = 0;

	if (str_to_u32(word, &pid) < 0 || pid == 0 || pid > INT32_MAX)
		return err_set(e, EINVAL, "%s is not a pid", word);
	return (pid_t)pid;
}

/* Whose child a process is, without waiting for it. */
static int do_child(struct caller *c, char **words, struct err *e)
{
	pid_t pid = parse_pid(words[0], e);
	int r;

	if (pid < 0)
		return pid;
	r = reaper_has_ended(&c->reaper, pid, e);
	if (r >= 0)
		answer("state", r ? "ended" : "alive");
	return r;
}

/* Every direct child that is not reaped yet, dead ones too. */
static int do_children(struct caller *c, char **words, struct err *e)
{
	char path[64];
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	(void)c;
	(void)words;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	r = file_read(AT_FDCWD, path, 65536, &text, &len, e);
	if (r < 0)
		return r;
	while (len && text[len - 1] == ' ')
		text[--len] = '\0';
	answer("pids", text);
	return 0;
}

static int do_wait(struct caller *c, char **words, struct err *e)
{
	pid_t pid = parse_pid(words[0], e);
	int status = 0, r;

	if (pid < 0)
		return pid;
	r = reaper_wait(&c->reaper, pid, time_ms() + c->timeout_ms, &status, e);
	if (r == 0)
		answer_status(status);
	return r;
}

static int do_kill(struct caller *c, char **words, struct err *e)
{
	pid_t pid = parse_pid(words[0], e);
	uint32_t sig = 0;

	(void)c;
	if (pid < 0)
		return pid;
	if (str_to_u32(words[1], &sig) < 0)
		return err_set(e, EINVAL, "%s is not a signal's number", words[1]);
	return kill(pid, (int)sig) < 0 ? err_sys(e, "kill %d", pid) : 0;
}

static int do_listen(struct caller *c, char **words, struct err *e)
{
	int fd = console_listen(words[0], e);

	if (fd < 0)
		return fd;
	fd_close(&c->listener);
	c->listener = fd;
	return 0;
}

static int do_master(struct caller *c, char **words, struct err *e)
{
	AUTO_FD master = -1;
	char name[4096];
	int r;

	r = console_receive(c->listener, time_ms() + c->timeout_ms, name, &master, e);
	fd_close(&c->listener);
	if (r == 0)
		r = streams_add(&c->streams, words[0], &master, e);
	if (r == 0)
		answer("name", name);
	return r;
}

static int do_resize(struct caller *c, char **words, struct err *e)
{
	struct stream *s = streams_find(&c->streams, words[0], e);
	struct winsize size = {0};
	uint32_t rows = 0, columns = 0;

	if (!s)
		return -e->code;
	if (str_to_u32(words[1], &rows) < 0 || str_to_u32(words[2], &columns) < 0 ||
	    rows > UINT16_MAX || columns > UINT16_MAX)
		return err_set(e, EINVAL, "%s x %s is no size", words[1], words[2]);
	size.ws_row = (unsigned short)rows;
	size.ws_col = (unsigned short)columns;
	return ioctl(s->fd, TIOCSWINSZ, &size) < 0 ? err_sys(e, "TIOCSWINSZ") : 0;
}

static int do_read(struct caller *c, char **words, struct err *e)
{
	struct stream *s = streams_find(&c->streams, words[0], e);
	int r = s ? stream_read_all(s, time_ms() + c->timeout_ms, e) : -e->code;

	if (s && r == 0)
		answer_text("text", &s->data);
	return r;
}

static int do_expect(struct caller *c, char **words, struct err *e)
{
	struct stream *s = streams_find(&c->streams, words[0], e);

	return s ? stream_expect(s, words[1], time_ms() + c->timeout_ms, e) : -e->code;
}

/* Writes a line: the text and a newline. */
static int do_write(struct caller *c, char **words, struct err *e)
{
	struct stream *s = streams_find(&c->streams, words[0], e);
	AUTO_FREE char *line = str_fmt("%s\n", words[1]);
	int r;

	if (!s || !line)
		return s ? err_code(e, ENOMEM, "write") : -e->code;
	r = fd_write_full(s->fd, line, strlen(line));
	return r < 0 ? err_code(e, r, "write to %s", words[0]) : 0;
}

static int do_close(struct caller *c, char **words, struct err *e)
{
	struct stream *s = streams_find(&c->streams, words[0], e);

	if (!s)
		return -e->code;
	fd_close(&s->fd);
	return 0;
}

static int do_log(struct caller *c, char **words, struct err *e)
{
	struct log_summary summary = {0};
	int r = log_file_read(words[0], &summary, e);

	(void)c;
	if (r == 0) {
		answer_number("objects", (int64_t)summary.objects);
		answer_number("errors", (int64_t)summary.errors);
		answer_text("msg", &summary.last);
	}
	sbuf_done(&summary.last);
	return r;
}

struct request {
	const char *name;
	int words; /* at least that many after the name */
	int (*run)(struct caller *c, char **words, struct err *e);
};

static const struct request requests[] = {
	{"cli", 1, do_cli},       {"pid_file", 1, do_pid_file},
	{"child", 1, do_child},   {"children", 0, do_children},
	{"wait", 1, do_wait},     {"kill", 2, do_kill},
	{"listen", 1, do_listen}, {"master", 1, do_master},
	{"resize", 3, do_resize}, {"read", 1, do_read},
	{"expect", 2, do_expect}, {"write", 2, do_write},
	{"close", 1, do_close},   {"log", 1, do_log},
};

static int request_run(struct caller *c, char *line, struct err *e)
{
	char *words[WORDS_MAX + 1] = {NULL};
	char *rest = line;
	int count = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *word; count < WORDS_MAX && (word = strsep(&rest, "\t"));)
		words[count++] = word;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (!str_eq(requests[i].name, words[0]))
			continue;
		if (rest || count - 1 < requests[i].words)
			return err_set(e, EINVAL, "%s: wrong number of words", words[0]);
		return requests[i].run(c, words + 1, e);
	}
	return err_set(e, EINVAL, "there is no request %s", words[0]);
}

int main(int argc, char **argv)
{
	struct caller c = {.listener = -1, .timeout_ms = 10000, .env = environ};
	AUTO_FREE char *line = NULL;
	size_t size = 0;

	if (argc > 2 || (argc == 2 && str_to_i64(argv[1], &c.timeout_ms) < 0)) {
		(void)fputs("usage: caller [DEADLINE_MS] < requests\n", stderr);
		return 2;
	}
	/* A caller's other descriptors are its own business. */
	if (fd_cloexec_from(3) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
		perror("caller");
		return 1;
	}
	if (reaper_init(&c.reaper, ERR_IGNORE) < 0) {
		perror("caller: signalfd");
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	while (getline(&line, &size, stdin) > 0) {
		struct err e = {0};

		if (request_run(&c, line, &e) < 0)
			answer("error", e.text);
		putchar('\n');
		(void)fflush(stdout);
	}
	streams_done(&c.streams);
	fd_close(&c.reaper.signals);
	fd_close(&c.listener);
	return 0;
}
