/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interpreter of what device_filter_make() emits: for its unit test and its fuzz
 * target.
 */
#ifndef TESTS_UNIT_DEVICE_FILTER_RUN_H
#define TESTS_UNIT_DEVICE_FILTER_RUN_H

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the program ends: all jumps go forward and stay inside, the last instruction
 * is an exit, and registers and loads are those that there are. */
static inline bool device_filter_valid(const struct bpf_insn *p, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned class = BPF_CLASS(p[i].code);
		bool jump = class == BPF_JMP32 ||
			    (class == BPF_JMP && BPF_OP(p[i].code) != BPF_EXIT);

		if (p[i].dst_reg > BPF_REG_5 || p[i].src_reg > BPF_REG_5)
			return false;
		if (jump && (p[i].off < 0 || i + 1 + (size_t)p[i].off >= count))
			return false;
		if (class == BPF_LDX &&
		    (p[i].off < 0 || p[i].off > 8 || p[i].off % 4 != 0))
			return false;
	}
	return count > 0 && p[count - 1].code == (BPF_JMP | BPF_EXIT);
}

/* r0 at the exit, or -EINVAL for an instruction that isn't understood. */
static inline int device_filter_run(const struct bpf_insn *p, size_t count, int type,
				    int access, uint32_t major, uint32_t minor)
{
	const uint32_t ctx[3] = {(uint32_t)access << 16 | (uint32_t)type, major, minor};
	uint64_t r[6] = {0};

	for (size_t i = 0; i < count; i++) {
		unsigned code = p[i].code;
		uint32_t src = BPF_SRC(code) == BPF_X ? (uint32_t)r[p[i].src_reg]
						      : (uint32_t)p[i].imm;
		uint32_t dst = (uint32_t)r[p[i].dst_reg];
		bool jump = false;

		switch (code & ~(unsigned)BPF_X) {
		case BPF_LDX | BPF_MEM | BPF_W:
			r[p[i].dst_reg] = ctx[p[i].off / 4];
			continue;
		case BPF_ALU | BPF_MOV:
		case BPF_ALU64 | BPF_MOV:
			r[p[i].dst_reg] = src;
			continue;
		case BPF_ALU | BPF_AND:
			r[p[i].dst_reg] = dst & src;
			continue;
		case BPF_ALU | BPF_OR:
			r[p[i].dst_reg] = dst | src;
			continue;
		case BPF_ALU | BPF_XOR:
			r[p[i].dst_reg] = dst ^ src;
			continue;
		case BPF_ALU | BPF_RSH:
			r[p[i].dst_reg] = dst >> src;
			continue;
		case BPF_JMP32 | BPF_JNE:
			jump = dst != src;
			break;
		case BPF_JMP32 | BPF_JEQ:
			jump = dst == src;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)r[0];
		default:
			return -EINVAL;
		}
		if (jump)
			i += (size_t)p[i].off;
	}
	return -EINVAL;
}

#endif
