/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/guest_binary.h"

#include <stdint.h>

extern const unsigned char guest_binary_end[];

#ifdef HULL_GUEST
/* The compiler runs in the top of the build's folder. */
#define CONTENT ".incbin \"sandbox/guest/hull-guest.stripped\"\n"
#else
#define CONTENT ""
#endif

__asm__(".pushsection .rodata\n"
	".balign 64\n"
	".globl guest_binary, guest_binary_end\n"
	".hidden guest_binary, guest_binary_end\n"
	"guest_binary:\n" CONTENT
	"guest_binary_end:\n"
	".byte 0\n"
	".popsection\n");

size_t guest_binary_len(void)
{
	/* Two ends of one thing, which C takes for two things. */
	return (uintptr_t)guest_binary_end - (uintptr_t)guest_binary;
}
