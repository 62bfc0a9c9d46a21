/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "libcontainer/sync.h"

#include "tests/unit/tap.h"

static void an_error_becomes_ours(void)
{
	struct err sent, e = {0};
	int pair[2];

	CHECK(fd_pair(pair, &e) == 0);
	(void)err_set(&sent, ENOTDIR, "mount /x");
	sync_send_err(pair[0], &sent);
	CHECK(sync_expect(pair[1], SYNC_CREATED, NULL, NULL, &e) == -ENOTDIR);
	CHECK_STR(e.text, "mount /x");
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

/* A container that was created before an update has the errors of its time. */
static void an_error_may_have_another_versions_room(void)
{
	const struct {
		int type, value, code;
		char text[508];
	} old = {SYNC_ERROR, 0, ENOENT, "mount /y: ENOENT"};
	struct err e = {0};
	int pair[2];

	CHECK(fd_pair(pair, &e) == 0);
	CHECK(fd_send(pair[0], &old, sizeof(old), -1) == 0);
	CHECK(sync_expect_close(pair[1], &e) == -ENOENT);
	CHECK_STR(e.text, "mount /y: ENOENT");
	/* Without its code it is none. */
	CHECK(fd_send(pair[0], &old, offsetof(__typeof__(old), code), -1) == 0);
	CHECK(sync_expect_close(pair[1], &e) == -EPROTO);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
}

static const struct test tests[] = {
	{"an error that is sent becomes the receiver's", an_error_becomes_ours},
	{"an error may be of a version whose text had another size",
	 an_error_may_have_another_versions_room},
};
TEST_MAIN(tests)
