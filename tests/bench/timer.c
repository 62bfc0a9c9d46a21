/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timer: times commands in turn (A B C A B C ...), so that what disturbs the machine
 * disturbs all of them alike.
 *
 *	timer [-n ROUNDS] [-w WARM_UP_ROUNDS] +lane NAME STEP... [+lane NAME STEP...]...
 *
 * The steps of a lane are run in their order:
 *	+time COMMAND ARG...	timed; a lane's time is the sum of these
 *	+plain COMMAND ARG...	not timed
 *	+drain			waits for every child that was reparented to us
 *
 * Prints a line for each lane: name, best, median and 90th percentile of its time, and
 * median of its processor time, in microseconds; peak resident memory in KiB, of the
 * largest process among the timed commands and the children that they waited for.
 * A command that does not end with status 0 ends it all: a failure would be measured as
 * speed. Link it statically: a child's peak memory begins with the one of its parent.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANES_MAX 16
#define STEPS_MAX 8

enum step_kind {
	STEP_TIME,
	STEP_PLAIN,
	STEP_DRAIN
};

struct step {
	enum step_kind kind;
	char **argv; /* terminated by NULL */
};

struct lane {
	const char *name;
	struct step steps[STEPS_MAX];
	int step_count;
	long long *wall_ns, *cpu_us; /* a value a round */
	long peak_kib;
};

static long long now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static long long time_us(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static void drain(void)
{
	while (wait(NULL) > 0 || errno == EINTR) {
	}
}

/* Returns the nanoseconds between the start and the end that its parent sees. */
static long long command_run(char **argv, struct rusage *ret)
{
	long long start = now_ns(), end;
	int status, r;
	pid_t pid;

	r = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (r != 0)
		errx(1, "%s: %s", argv[0], strerror(r));
	while (wait4(pid, &status, 0, ret) < 0) {
		if (errno != EINTR)
			err(1, "wait");
	}
	end = now_ns();
	if (status != 0)
		errx(1, "%s %s ... ended with %s %d", argv[0], argv[1] ? argv[1] : "",
		     WIFSIGNALED(status) ? "signal" : "status",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return end - start;
}

static void lane_run(struct lane *l, int round)
{
	long long wall = 0, cpu = 0;

	for (int i = 0; i < l->step_count; i++) {
		struct rusage used = {0};
		long long ns;

		if (l->steps[i].kind == STEP_DRAIN) {
			drain();
			continue;
		}
		ns = command_run(l->steps[i].argv, &used);
		if (l->steps[i].kind == STEP_PLAIN)
			continue;
		wall += ns;
		cpu += time_us(used.ru_utime) + time_us(used.ru_stime);
		if (used.ru_maxrss > l->peak_kib)
			l->peak_kib = used.ru_maxrss;
	}
	if (round >= 0) {
		l->wall_ns[round] = wall;
		l->cpu_us[round] = cpu;
	}
}

static int compare(const void *a, const void *b)
{
	const long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static void lane_print(struct lane *l, int rounds, FILE *out)
{
	qsort(l->wall_ns, (size_t)rounds, sizeof(*l->wall_ns), compare);
	qsort(l->cpu_us, (size_t)rounds, sizeof(*l->cpu_us), compare);
	(void)fprintf(out, "%s\t%lld\t%lld\t%lld\t%lld\t%ld\n", l->name,
		      l->wall_ns[0] / 1000, l->wall_ns[rounds / 2] / 1000,
		      l->wall_ns[rounds * 9 / 10] / 1000, l->cpu_us[rounds / 2],
		      l->peak_kib);
}

static void lane_add_step(struct lane *l, enum step_kind kind, char **argv)
{
	if (!l)
		errx(2, "a step comes before the first +lane");
	if (l->step_count == STEPS_MAX)
		errx(2, "%s has more than %d steps", l->name, STEPS_MAX);
	if (kind != STEP_DRAIN && (!argv[0] || argv[0][0] == '+'))
		errx(2, "%s has a step without a command", l->name);
	l->steps[l->step_count++] = (struct step){.kind = kind, .argv = argv};
}

/* The words of argv become NULL where a command ends. */
static int lanes_parse(char **word, struct lane lanes[LANES_MAX])
{
	struct lane *l = NULL;
	int count = 0;

	for (; *word; word++) {
		char *name = *word;

		if (name[0] != '+')
			continue;
		*word = NULL;
		if (strcmp(name, "+time") == 0) {
			lane_add_step(l, STEP_TIME, word + 1);
		} else if (strcmp(name, "+plain") == 0) {
			lane_add_step(l, STEP_PLAIN, word + 1);
		} else if (strcmp(name, "+drain") == 0) {
			lane_add_step(l, STEP_DRAIN, NULL);
		} else if (strcmp(name, "+lane") == 0 && word[1] && count < LANES_MAX) {
			l = &lanes[count++];
			l->name = *++word;
		} else {
			errx(2, "what is %s?", name);
		}
	}
	return count;
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 0 || n > 1000000)
		errx(2, "%s is not a number of rounds", text);
	return (int)n;
}

int main(int argc, char **argv)
{
	struct lane lanes[LANES_MAX] = {0};
	int rounds = 100, warm_up = 3, option, count, null;
	long long *samples;
	FILE *out;

	/* "+": the options end at the first word that is none. */
	while ((option = getopt(argc, argv, "+n:w:")) != -1) {
		if (option == 'n')
			rounds = number(optarg);
		else if (option == 'w')
			warm_up = number(optarg);
		else
			errx(2,
			     "usage: timer [-n ROUNDS] [-w ROUNDS] +lane NAME STEP...");
	}
	if (rounds < 1)
		errx(2, "no rounds");
	count = lanes_parse(argv + optind, lanes);
	samples = calloc((size_t)rounds * LANES_MAX * 2, sizeof(*samples));
	if (!samples)
		err(1, "calloc");
	for (int i = 0; i < count; i++) {
		lanes[i].wall_ns = samples + (size_t)rounds * (size_t)i * 2;
		lanes[i].cpu_us = lanes[i].wall_ns + rounds;
	}

	/* The commands' stdin and stdout are /dev/null. */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	out = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "w");
	if (null < 0 || !out || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err(1, "setting up");
	for (int round = -warm_up; round < rounds; round++) {
		for (int i = 0; i < count; i++)
			lane_run(&lanes[i], round);
	}
	for (int i = 0; i < count; i++)
		lane_print(&lanes[i], rounds, out);
	free(samples);
	return fclose(out) == 0 ? 0 : 1;
}
