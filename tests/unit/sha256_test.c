/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include "tests/unit/tap.h"

static const char *digest(const char *text, size_t len)
{
	static char hex[SHA256_HEX];
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, text, len);
	sha256_end(&s, hex);
	return hex;
}

/* FIPS 180-4's examples, and NIST's empty message. */
static void knows_the_standard_s_examples(void)
{
	CHECK_STR(digest("", 0),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(digest("abc", 3),
		  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK_STR(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56),
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void knows_a_million_letters_in_uneven_pieces(void)
{
	char piece[1000], hex[SHA256_HEX];
	size_t left = 1000000;
	struct sha256 s;

	memset(piece, 'a', sizeof(piece));
	sha256_init(&s);
	for (size_t n = 1; left > 0; n = n * 7 % 1000 + 1) {
		if (n > left)
			n = left;
		sha256_add(&s, piece, n);
		left -= n;
	}
	sha256_end(&s, hex);
	CHECK_STR(hex,
		  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void says_the_same_with_and_without_instructions(void)
{
	char plain[SHA256_HEX], text[300];
	struct sha256 s;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 131 + 7);
	for (size_t len = 0; len <= sizeof(text); len++) {
		sha256_init_plain(&s);
		sha256_add(&s, text, len / 3);
		sha256_add(&s, text + len / 3, len - len / 3);
		sha256_end(&s, plain);
		CHECK_STR(digest(text, len), plain);
	}
}

static const struct test tests[] = {
	{"knows the standard's examples", knows_the_standard_s_examples},
	{"knows a million letters in uneven pieces",
	 knows_a_million_letters_in_uneven_pieces},
	{"says the same with and without the processor's instructions",
	 says_the_same_with_and_without_instructions},
};
TEST_MAIN(tests)
