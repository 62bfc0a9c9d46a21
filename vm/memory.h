/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's memory: boot memory below the 32-bit hole and above 4 GiB, and a range that
 * virtio-mem fills and empties while the guest runs.
 *
 * All of it is address space that is reserved when the machine is made and stays mapped
 * until memory_free(), so that a pointer from memory_at() never dangles; what is plugged
 * in is known by blocks. Page frames come when they are touched.
 */
#ifndef VM_MEMORY_H
#define VM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Where the 32-bit hole is (devices, IOAPIC, LAPIC, firmware addresses): the layout is
 * that of Firecracker, cloud-hypervisor and libkrun, facts/microvm.md 8.2. */
#define MEMORY_HOLE_BEGIN UINT64_C(0xc0000000)
#define MEMORY_HOLE_END   UINT64_C(0x100000000)

struct memory;

struct memory_config {
	uint64_t size;    /* boot memory in bytes, a multiple of 2 MiB */
	uint64_t hotplug; /* the most that virtio-mem can add, in bytes; 0: none */
	int fd;           /* borrowed: a file of `size` bytes to map in gpa order (no
			      * hole in it), or -1: anonymous memory */
	bool shared;      /* map fd MAP_SHARED; else MAP_PRIVATE (copy-on-write) */
	bool small_pages; /* MADV_NOHUGEPAGE, else MADV_HUGEPAGE: see vm.h */
	bool mergeable;   /* MADV_MERGEABLE: KSM may share equal pages with other VMs
			      * (a side channel, CVE-2015-2877) */
};

/* Reserves the address space and registers boot memory with the VM. Touches no page. */
int memory_new(int vm_fd, const struct memory_config *c, struct memory **ret,
	       struct err *e);
void memory_free(struct memory *m);

/* The one door to guest memory: where [gpa, gpa + len) is, or NULL if any byte of it is
 * not plugged-in memory, or if it is not contiguous. From any thread. len 0 is refused
 * as well (it has no address). */
void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len);

/* Copies that check: 0 or -EFAULT. */
int memory_read(const struct memory *m, uint64_t gpa, void *buf, size_t len);
int memory_write(const struct memory *m, uint64_t gpa, const void *buf, size_t len);

/* Maps a file's bytes [offset, offset + len) copy-on-write over guest memory, all three
 * page-aligned: the page cache serves every guest that boots this file. 0 or -errno. */
int memory_map_file(struct memory *m, uint64_t gpa, int fd, uint64_t offset,
		    uint64_t len);

/* Boot memory as the guest may be told of it (E820, PVH memory map), lowest first. */
struct memory_range {
	uint64_t gpa, len;
	void *host;
};
unsigned memory_ranges(const struct memory *m, struct memory_range ret[2]);

/* The range that virtio-mem owns: above boot memory, aligned to 1 GiB. len 0: none. */
struct memory_range memory_hotplug_range(const struct memory *m);
uint64_t memory_block_size(const struct memory *m);

/* Plugs in or out [gpa, gpa + len), whole blocks of the hotplug range. After plugging
 * out nothing of the content is left, and a guest that touches it gets a KVM error.
 * 0, -EINVAL (range), -EBUSY (a block is in the asked state already), -errno. */
int memory_plug(struct memory *m, uint64_t gpa, uint64_t len);
int memory_unplug(struct memory *m, uint64_t gpa, uint64_t len);
bool memory_is_plugged(const struct memory *m, uint64_t gpa, uint64_t len);

/* Gives the frames of [gpa, gpa + len) back to the host; the guest sees zeros (or what
 * it writes) afterwards, never the file's old content. Whole pages within plugged
 * memory only: 0, -EINVAL, -errno. From any thread. */
int memory_discard(struct memory *m, uint64_t gpa, uint64_t len);

/* Registers host memory that is not ours as guest memory of its own slot (the DAX
 * window); the caller keeps the mapping for as long as the VM lives. */
int memory_add_window(struct memory *m, uint64_t len, void *host, uint64_t *ret_gpa,
		      struct err *e);

/* Writes all of it into an empty file: boot memory in gpa order, then the hotplug range at
 * its place behind it; zeros become holes. The guest must be stopped. 0 or -errno. */
int memory_save(const struct memory *m, int fd);

/* Reads the blocks that are plugged in from a file that memory_save made (boot memory is
 * mapped from it by memory_new). 0, -EINVAL: the file is too short, -errno. */
int memory_load_plugged(struct memory *m, int fd);
bool memory_any_plugged(const struct memory *m);

/* The gpa behind all memory, hotplug range and windows. */
uint64_t memory_end(const struct memory *m);

#endif
