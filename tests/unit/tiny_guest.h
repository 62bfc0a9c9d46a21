/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of a few instructions on a bare KVM: no kernel, and so no KVM that could run
 * one is needed. They report by writing to ports, and those writes are what tests look
 * at.
 */
#ifndef TESTS_UNIT_TINY_GUEST_H
#define TESTS_UNIT_TINY_GUEST_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/bus.h"
#include "vm/kvm.h"
#include "vm/memory.h"
#include "vm/vcpu.h"
#include "vm/x86/x86.h"

#include "tests/unit/tap.h"

#define TINY_CODE UINT64_C(0x100000)
#define TINY_PORT 0x10 /* 16 ports that record what is written, and read as 0x5a.. */
#define TINY_MMIO UINT64_C(0xd0000000) /* the same */

/* A guest: mode is "32" or "64", code is put at TINY_CODE. Addresses of its own labels
 * are AT(label). */
#define GUEST(name, mode, code)                                                          \
	extern const char name##_begin[], name##_end[];                                  \
	__asm__(".pushsection .rodata\n.code" mode "\n" #name "_begin:\n" code           \
		"\n" #name "_end:\n.popsection\n.code64\n")
#define AT(name, label) "(0x100000 + " label " - " #name "_begin)"

enum {
	TINY_RECORDS = 4096
};

struct tiny {
	struct err e;
	int kvm, vm;
	unsigned count; /* vCPUs */
	struct memory *mem;
	struct bus pio, mmio;
	struct arch_cpuid *cpuid;
	struct vcpus *cpus;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned records;
	struct {
		uint64_t addr, value;
		unsigned len;
	} record[TINY_RECORDS];
	unsigned ends;
	enum vm_end why;
	char text[600];
};

/* Why a test of this file's can't run, or NULL. */
static inline const char *tiny_missing(void)
{
	AUTO_FD fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	return fd < 0 ? "no /dev/kvm that may be opened" : NULL;
}

#define NEED_KVM()                                                                       \
	do {                                                                             \
		const char *missing_ = tiny_missing();                                   \
		if (missing_)                                                            \
			SKIP(missing_);                                                  \
	} while (0)

static inline void tiny_record(struct tiny *t, uint64_t addr, void *data, unsigned len,
			       bool write)
{
	if (!write) {
		memset(data, 0x5a, len);
		return;
	}
	(void)pthread_mutex_lock(&t->lock);
	if (t->records < TINY_RECORDS) {
		t->record[t->records].addr = addr;
		t->record[t->records].len = len;
		memcpy(&t->record[t->records].value, data, len);
	}
	t->records++;
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
}

static inline void tiny_port(void *arg, uint64_t off, void *data, unsigned len,
			     bool write)
{
	tiny_record(arg, TINY_PORT + off, data, len, write);
}

static inline void tiny_mmio(void *arg, uint64_t off, void *data, unsigned len,
			     bool write)
{
	tiny_record(arg, TINY_MMIO + off, data, len, write);
}

static inline void tiny_ended(void *arg, enum vm_end why, const char *text)
{
	struct tiny *t = arg;

	(void)pthread_mutex_lock(&t->lock);
	if (t->ends++ == 0) {
		t->why = why;
		(void)snprintf(t->text, sizeof(t->text), "%s", text);
	}
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
}

/* Flat segments, and page tables that map the first 512 GiB onto themselves by 2 MiB (of
 * those, `gib` are written). */
static inline void tiny_tables(struct memory *m, unsigned gib)
{
	static const uint64_t gdt[] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
				       0x00008b0000000067};
	uint64_t pml4 = (X86_PAGE_TABLES + 0x1000) | 3, entry;

	CHECK(memory_write(m, X86_GDT, gdt, sizeof(gdt)) == 0);
	CHECK(memory_write(m, X86_PAGE_TABLES, &pml4, 8) == 0);
	for (uint64_t g = 0; g < gib; g++) {
		uint64_t table = 0x40000 + g * 0x1000;

		entry = table | 3;
		CHECK(memory_write(m, X86_PAGE_TABLES + 0x1000 + g * 8, &entry, 8) == 0);
		for (uint64_t i = 0; i < 512; i++) {
			entry = (g << 30 | i << 21) | 0x83;
			CHECK(memory_write(m, table + i * 8, &entry, 8) == 0);
		}
	}
}

/* A machine with memory, buses and `count` vCPUs, and the guest in it; vCPU 0 is at its
 * first instruction. False, with the reason printed, if that can't be had. */
static inline bool tiny_new(struct tiny *t, const struct memory_config *mc,
			    unsigned count, const char *begin, const char *end,
			    bool long_mode)
{
	struct arch_boot boot = {.pvh = !long_mode,
				 .kernel = {.entry = TINY_CODE, .pvh_entry = TINY_CODE}};
	struct vcpus_config vc = {.count = count, .ended = tiny_ended, .arg = t};
	int r;

	memset(t, 0, sizeof(*t));
	t->vm = -1;
	t->count = count;
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->changed, NULL);
	t->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	t->vm = kvm_create(t->kvm, &t->e);
	r = t->vm < 0 ? t->vm : memory_new(t->vm, mc, &t->mem, &t->e);
	if (r == 0)
		r = arch_cpuid_new(t->kvm, NULL, 0, &t->cpuid, &t->e);
	if (r == 0)
		r = bus_add(&t->pio, TINY_PORT, 16, tiny_port, t, &t->e);
	if (r == 0)
		r = bus_add(&t->mmio, TINY_MMIO, 0x1000, tiny_mmio, t, &t->e);
	vc.kvm_fd = t->kvm;
	vc.vm_fd = t->vm;
	vc.mem = t->mem;
	vc.pio = &t->pio;
	vc.mmio = &t->mmio;
	vc.cpuid = t->cpuid;
	if (r == 0)
		r = vcpus_new(&vc, &t->cpus, &t->e);
	if (r == 0) {
		tiny_tables(t->mem, 8);
		CHECK(memory_write(t->mem, TINY_CODE, begin, (size_t)(end - begin)) == 0);
		r = arch_cpu_boot(vcpus_fd(t->cpus, 0), &boot, &t->e);
	}
	if (r == 0)
		r = vcpus_spawn(t->cpus, &t->e);
	if (r < 0)
		printf("# %s\n", t->e.text);
	CHECK(r == 0);
	return r == 0;
}

static inline void tiny_free(struct tiny *t)
{
	vcpus_free(t->cpus);
	fd_close(&t->vm);
	fd_close(&t->kvm);
	memory_free(t->mem);
	arch_cpuid_free(t->cpuid);
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
}

/* Until there are so many records (or, with 0, until it ended): false after 30 s, or if it
 * ended before. */
static inline bool tiny_wait(struct tiny *t, unsigned records)
{
	struct timespec until;
	bool there;
	int r = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	(void)pthread_mutex_lock(&t->lock);
	while (r == 0 && !t->ends && (records == 0 || t->records < records))
		r = pthread_cond_timedwait(&t->changed, &t->lock, &until);
	there = records ? t->records >= records : t->ends > 0;
	if (!there)
		printf("# %u records; ended: %s\n", t->records, t->text);
	(void)pthread_mutex_unlock(&t->lock);
	return there;
}

static inline unsigned tiny_records(struct tiny *t)
{
	unsigned n;

	(void)pthread_mutex_lock(&t->lock);
	n = t->records;
	(void)pthread_mutex_unlock(&t->lock);
	return n;
}

#endif
