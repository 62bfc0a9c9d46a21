/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include "src/signal_name.h"

#include "tests/unit/tap.h"

static void names_in_every_form(void)
{
	const struct { /* SIGRTMIN is no constant */
		const char *name;
		int sig;
	} good[] = {
		{"TERM", SIGTERM},
		{"SIGTERM", SIGTERM},
		{"term", SIGTERM},
		{"sigKill", SIGKILL},
		{"9", 9},
		{"0", 0},
		{"64", 64},
		{"WINCH", SIGWINCH},
		{"CLD", SIGCHLD},
		{"IO", SIGIO},
		{"POLL", SIGIO},
		{"IOT", SIGABRT},
		{"ABRT", SIGABRT},
		{"RTMIN", SIGRTMIN},
		{"SIGRTMIN+3", SIGRTMIN + 3},
		{"RTMAX", SIGRTMAX},
		{"rtmax-14", SIGRTMAX - 14},
		{"STKFLT", SIGSTKFLT},
		{"SYS", SIGSYS},
		{"UNUSED", SIGSYS},
	};
	struct err e;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK(signal_from_name(good[i].name, &e) == good[i].sig);
	}
}

static void others_are_refused(void)
{
	static const char *const bad[] = {
		"",        "SIG",      "TER",    "TERMS",      "-9",         "+9",
		"65",      "9 ",       "0x9",    "RTMIN-1",    "RTMIN+",     "RTMIN+31",
		"RTMAX+1", "RTMAX-31", "RTMIN3", "4294967305", "SIGSIGTERM", "RTMINX",
	};
	struct err e;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e = (struct err){0};
		CHECK(signal_from_name(bad[i], &e) == -EINVAL);
		CHECK(strncmp(e.text, "unknown signal \"", 16) == 0);
	}
}

static const struct test tests[] = {
	{"a signal is a number or a name, SIG or not, in any case", names_in_every_form},
	{"what is no signal is refused", others_are_refused},
};
TEST_MAIN(tests)
