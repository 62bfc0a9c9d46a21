/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library such as libkrunfw.so.5, around a kernel of one instruction. It tells what
 * HULL_TEST_KRUNFW asks for, so that one library is all the wrong ones.
 */
#include <stdlib.h>
#include <string.h>

int krunfw_get_version(void);
char *krunfw_get_kernel(size_t *load_addr, size_t *entry_addr, size_t *size);

static char image[65536]
	__attribute__((aligned(65536))) = {[0x10] = (char)0xf4}; /* hlt */

static int asked(const char *what)
{
	const char *is = getenv("HULL_TEST_KRUNFW");

	return is && strcmp(is, what) == 0;
}

int krunfw_get_version(void)
{
	return asked("version") ? 4 : 5;
}

char *krunfw_get_kernel(size_t *load_addr, size_t *entry_addr, size_t *size)
{
	*load_addr = asked("low") ? 0xff000 : asked("high") ? 0xfff0000 : 0x1000000;
	*entry_addr = asked("entry") ? *load_addr + sizeof(image) : *load_addr + 0x10;
	*size = asked("empty") ? 0 : asked("huge") ? (size_t)-4096 : sizeof(image);
	return asked("null") ? NULL : image;
}
