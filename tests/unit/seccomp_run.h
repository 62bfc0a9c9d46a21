/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interpreter of seccomp's BPF: for the unit test and the fuzz target.
 */
#ifndef TESTS_UNIT_SECCOMP_RUN_H
#define TESTS_UNIT_SECCOMP_RUN_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#define SECCOMP_RUN_BAD 0xdeadbeefU /* the program is none that the kernel would take */

/* What the program returns. All jumps go forward, so it ends. */
static inline uint32_t seccomp_run(const struct sock_filter *p, size_t len,
				   const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (size_t i = 0; i < len; i++) {
		uint32_t k = p[i].k;
		int yes;

		switch (p[i].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (k > sizeof(*d) - 4 || k % 4 != 0)
				return SECCOMP_RUN_BAD;
			memcpy(&a, (const char *)d + k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			continue;
		case BPF_RET | BPF_K:
			return k;
		case BPF_JMP | BPF_JA:
			i += k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & k) != 0;
			break;
		default:
			return SECCOMP_RUN_BAD;
		}
		i += yes ? p[i].jt : p[i].jf;
	}
	return SECCOMP_RUN_BAD;
}

#endif
