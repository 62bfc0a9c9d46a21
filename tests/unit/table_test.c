/* SPDX-License-Identifier: Apache-2.0 */
#include "src/table.h"

#include "tests/unit/tap.h"

/* As `runc list` prints it. */
static void columns_as_runc_has_them(void)
{
	static const char *const rows[][3] = {
		{"ID", "PID", "OWNER"},
		{"web", "12", "root"},
		{"a-long-name-1", "3", ""},
	};
	AUTO_SBUF out = {0};
	struct table t;

	table_init(&t, 3);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		table_add(&t, rows[i]);
	table_print(&t, &out);
	CHECK_STR(out.data,
		  "ID              PID         OWNER\n"
		  "web             12          root\n"
		  "a-long-name-1   3           \n");
	table_done(&t);
}

static void characters_count_not_bytes(void)
{
	AUTO_SBUF out = {0};
	struct table t;

	table_init(&t, 2);
	table_add(&t, (const char *const[]){"\xc3\xa4\xc3\xa4", NULL});
	table_print(&t, &out);
	CHECK_STR(out.data, "\xc3\xa4\xc3\xa4          \n");
	table_done(&t);
}

static const struct test tests[] = {
	{"columns are 12 wide, or 3 more than their widest cell",
	 columns_as_runc_has_them},
	{"a column's width is in characters", characters_count_not_bytes},
};
TEST_MAIN(tests)
