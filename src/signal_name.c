/* SPDX-License-Identifier: Apache-2.0 */
#include "src/signal_name.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* The second names of signal(7), which sigabbrev_np doesn't know. */
static const struct {
	const char *name;
	int sig;
} aliases[] = {
	{"CLD", SIGCHLD},
	{"IO", SIGIO},
	{"IOT", SIGIOT},
	{"UNUSED", SIGSYS},
};

/* "RTMIN", "RTMIN+2", "RTMAX-2": both ends as libc and every caller count them. */
static int realtime(const char *name)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	int sig = from_min ? SIGRTMIN : SIGRTMAX;
	uint32_t n = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return -EINVAL;
	if (name[5] &&
	    (name[5] != (from_min ? '+' : '-') || str_to_u32(name + 6, &n) < 0))
		return -EINVAL;
	if (n > (uint32_t)(SIGRTMAX - SIGRTMIN))
		return -EINVAL;
	return from_min ? sig + (int)n : sig - (int)n;
}

static int named(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *abbrev = sigabbrev_np(sig);

		if (abbrev && strcasecmp(abbrev, name) == 0)
			return sig;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcasecmp(aliases[i].name, name) == 0)
			return aliases[i].sig;
	}
	return realtime(name);
}

int signal_from_name(const char *name, struct err *e)
{
	uint32_t number;
	int sig = -EINVAL;

	if (str_to_u32(name, &number) < 0)
		sig = named(name);
	else if (number <= (uint32_t)SIGRTMAX)
		sig = (int)number;
	if (sig < 0)
		return err_set(e, EINVAL, "unknown signal \"%s\"", name);
	return sig;
}
