/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#include "base/str.h"
#include "vm/kernel.h"

#include "tests/unit/tap.h"

#define BUNDLE     "./tests/unit/krunfw_bundle.so"
#define MEMORY_LEN (UINT64_C(64) << 20)

static struct memory *make(void)
{
	const struct memory_config c = {.size = MEMORY_LEN, .fd = -1};
	struct memory *m = NULL;
	struct err e = {0};

	if (memory_new(-1, &c, &m, &e) < 0)
		abort();
	return m;
}

static bool is_static(void)
{
#ifdef HULL_STATIC
	return true;
#else
	return false;
#endif
}

static void its_image_is_copied(void)
{
	struct memory *m;
	struct kernel k = {.pvh_entry = 1};
	struct err e = {0};
	uint8_t b = 0;

	if (is_static())
		SKIP("a static hull loads no libraries");
	m = make();
	(void)unsetenv("HULL_TEST_KRUNFW");
	CHECK(kernel_load_krunfw(m, BUNDLE, &k, &e) == 0);
	CHECK(k.entry == 0x1000010 && k.pvh_entry == 0);
	CHECK(k.begin == 0x1000000 && k.end == 0x1010000);
	CHECK(memory_read(m, k.entry, &b, 1) == 0 && b == 0xf4);
	memory_free(m);
	/* and nothing of it stays */
	CHECK(!dlopen(BUNDLE, RTLD_NOW | RTLD_NOLOAD));
}

static void each_wrong_one_is_named(void)
{
	static const struct {
		const char *asked;
		int code;
		const char *text;
	} wrongs[] = {
		{"version", ENOEXEC, BUNDLE ": its interface has number 4, not 5"},
		{"null", ENOEXEC, BUNDLE ": it has no kernel"},
		{"empty", ENOEXEC, BUNDLE ": it has a kernel of 0 bytes"},
		{"huge", ENOEXEC,
		 BUNDLE ": it has a kernel of 18446744073709547520 bytes"},
		{"entry", ENOEXEC,
		 BUNDLE ": its entry 0x1010000 is outside of its kernel"},
		{"low", ENOMEM,
		 BUNDLE
		 ": its kernel, 0x10000 bytes at 0xff000, is outside of guest memory"},
		{"high", ENOMEM,
		 BUNDLE
		 ": its kernel, 0x10000 bytes at 0xfff0000, is outside of guest memory"},
	};
	struct memory *m;
	struct kernel k = {.entry = 42};
	struct err e;

	if (is_static())
		SKIP("a static hull loads no libraries");
	m = make();
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		e = (struct err){0};
		(void)setenv("HULL_TEST_KRUNFW", wrongs[i].asked, 1);
		CHECK(kernel_load_krunfw(m, BUNDLE, &k, &e) == -wrongs[i].code);
		CHECK_STR(e.text, wrongs[i].text);
	}
	CHECK(k.entry == 42);
	memory_free(m);
}

static void what_is_no_bundle_is_told(void)
{
	struct memory *m;
	struct kernel k;
	struct err e = {0};

	if (is_static())
		SKIP("a static hull loads no libraries");
	m = make();
	CHECK(kernel_load_krunfw(m, "./none.so.5", &k, &e) == -ENOENT);
	CHECK_STR(e.text, "./none.so.5 can't be loaded as a library");
	CHECK(kernel_load_krunfw(m, "libc.so.6", &k, &e) == -ENOEXEC);
	CHECK_STR(e.text, "libc.so.6: it is not a libkrunfw");
	memory_free(m);
}

static const struct test tests[] = {
	{"a bundle's image is copied, and the library let go", its_image_is_copied},
	{"each wrong bundle is named", each_wrong_one_is_named},
	{"what is no bundle is told", what_is_no_bundle_is_told},
};
TEST_MAIN(tests)
