/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "libcontainer/process/caps.h"

#include "tests/unit/tap.h"

#define NAMES(...)                                                                       \
	{                                                                                \
		.v = (const char *[]){__VA_ARGS__, NULL},                                \
		.count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)          \
	}
#define BIT(n) (UINT64_C(1) << (n))

static void names(void)
{
	CHECK(caps_number("CAP_CHOWN") == CAP_CHOWN);
	CHECK(caps_number("CAP_SYS_ADMIN") == CAP_SYS_ADMIN);
	CHECK(caps_number("CAP_CHECKPOINT_RESTORE") == CAP_CHECKPOINT_RESTORE);
	CHECK(caps_number("CHOWN") == -EINVAL);
	CHECK(caps_number("cap_chown") == -EINVAL);
	CHECK(caps_number("") == -EINVAL);
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		CHECK(caps_name(i) && caps_number(caps_name(i)) == (int)i);
	CHECK(caps_name(64) == NULL);
}

static void last(void)
{
	char text[16];
	uint64_t want;

	if (file_read_line(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", text,
			   sizeof(text)) < 0)
		SKIP("cap_last_cap");
	CHECK(str_to_u64(text, &want) == 0 && caps_last() == want);
}

static void masks(void)
{
	struct spec_capabilities s = {
		.bounding = NAMES("CAP_CHOWN", "CAP_KILL", "CAP_SMILE"),
		.effective = NAMES("CAP_KILL", "CAP_KILL", "CAP_SMILE"),
		.permitted = NAMES("CAP_KILL", "CAP_BOW"),
		.ambient = NAMES("CAP_KILL"),
	};
	AUTO_FD fd = memfd_create("log", MFD_CLOEXEC);
	struct log log = {.fd = fd, .level = LOG_WARNING};
	struct caps c;
	char text[512];
	ssize_t n;

	caps_make(&s, &c, &log);
	CHECK(c.bounding == (BIT(CAP_CHOWN) | BIT(CAP_KILL)));
	CHECK(c.effective == BIT(CAP_KILL) && c.permitted == BIT(CAP_KILL));
	CHECK(c.ambient == BIT(CAP_KILL) && c.inheritable == 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	CHECK(n > 0);
	text[n > 0 ? n : 0] = '\0';
	CHECK(strstr(text,
		     "ignoring unknown or unavailable capabilities: "
		     "[CAP_SMILE CAP_BOW]") != NULL);
	CHECK(strchr(text, '\n') == text + n - 1); /* one line */

	caps_make(NULL, &c, &log);
	CHECK(c.bounding == 0 && c.effective == 0 && c.permitted == 0);
}

static uint64_t status_mask(const char *key)
{
	AUTO_FREE char *text = NULL;
	const char *p;
	struct err e;
	size_t n;

	if (file_read(AT_FDCWD, "/proc/self/status", 1 << 16, &text, &n, &e) < 0)
		return UINT64_MAX;
	p = strstr(text, key);
	return p ? strtoull(p + strlen(key), NULL, 16) : UINT64_MAX;
}

/* In a child: the steps as for a container's process, then fn's judgement. */
static int in_child(const struct caps *c, uid_t uid, const struct log *log,
		    int (*judge)(const struct caps *c))
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	pid_t pid = proc_clone(&args);
	struct err e;

	if (pid == 0) {
		if (caps_drop_bounding(c, &e) < 0 ||
		    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			_exit(100);
		/* By the call itself: libc's wrapper would tell other threads. */
		if (uid != 0 && syscall(SYS_setresuid, uid, uid, uid) < 0)
			_exit(101);
		if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
			_exit(102);
		if (caps_apply(c, log, &e) < 0)
			_exit(103);
		_exit(judge(c));
	}
	return proc_exit_code(proc_wait(pid));
}

static int all_as_asked(const struct caps *c)
{
	return (status_mask("CapBnd:\t") != c->bounding) |
	       (status_mask("CapEff:\t") != c->effective) << 1 |
	       (status_mask("CapPrm:\t") != c->permitted) << 2 |
	       (status_mask("CapInh:\t") != c->inheritable) << 3 |
	       (status_mask("CapAmb:\t") != c->ambient) << 4;
}

static void applied(void)
{
	const uint64_t two = BIT(CAP_CHOWN) | BIT(CAP_NET_RAW), high = BIT(CAP_BPF);
	struct caps c = {two | high, two, 0, two | high, 0};

	if (geteuid() != 0)
		SKIP("root");
	CHECK(in_child(&c, 0, NULL, all_as_asked) == 0);
	CHECK(in_child(&c, 1000, NULL, all_as_asked) == 0);
	c = (struct caps){two, two, two, two, BIT(CAP_CHOWN)};
	CHECK(in_child(&c, 1000, NULL, all_as_asked) == 0);
	c = (struct caps){0};
	CHECK(in_child(&c, 1000, NULL, all_as_asked) == 0);
	CHECK(in_child(&c, 0, NULL, all_as_asked) == 0);
}

static int no_ambient_but_kill(const struct caps *c)
{
	(void)c;
	return status_mask("CapAmb:\t") != BIT(CAP_KILL);
}

static void ambient_warns(void)
{
	const uint64_t both = BIT(CAP_CHOWN) | BIT(CAP_KILL);
	struct caps c = {both, both, BIT(CAP_KILL), both, both};
	AUTO_FD fd = memfd_create("log", MFD_CLOEXEC);
	struct log log = {.fd = fd, .level = LOG_WARNING};
	char text[512];
	ssize_t n;

	if (geteuid() != 0)
		SKIP("root");
	CHECK(in_child(&c, 0, &log, no_ambient_but_kill) == 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	CHECK(strstr(text, "can't raise ambient capability CAP_CHOWN: EPERM") != NULL);
	CHECK(strstr(text, "CAP_KILL") == NULL);
}

/* A second time, without the right to: what is dropped already needs none. */
static int drop_again(const struct caps *c)
{
	struct caps less = *c;
	struct err e;

	if (caps_drop_bounding(c, &e) < 0)
		return 1;
	less.bounding = 0;
	return caps_drop_bounding(&less, &e) == -EPERM &&
			       str_eq(e.text,
				      "drop CAP_CHOWN from the bounding set: EPERM")
		       ? 0
		       : 2;
}

static void drops_are_needed_once(void)
{
	struct caps c = {.bounding = BIT(CAP_CHOWN)};

	if (geteuid() != 0)
		SKIP("root");
	CHECK(in_child(&c, 1000, NULL, drop_again) == 0);
}

static const struct test tests[] = {
	{"names are numbers and back", names},
	{"the kernel's last capability is found", last},
	{"a spec becomes masks, what is unknown one warning", masks},
	{"all five sets are as asked", applied},
	{"an ambient capability that can't be is a warning", ambient_warns},
	{"what isn't in the bounding set needn't be dropped", drops_are_needed_once},
};

TEST_MAIN(tests)
