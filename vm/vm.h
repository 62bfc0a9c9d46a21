/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A microVM: a machine on KVM with the devices of plan.h, made from descriptors, so that
 * it needs no privilege and no path once it is there. The one public header of vm/.
 *
 * All functions are called on one thread, which also runs the loop (loop.h) that the
 * configuration names. In order:
 *
 *	vm_new		descriptors and devices; touches no guest memory, makes no thread
 *	vm_boot		loads the kernel (or vm_restore: a saved machine)
 *	vm_spawn	makes every thread that there will ever be; none runs the guest
 *	vm_resume	the guest runs; vm_pause stops it again
 *	loop_run	until config.ended was called
 *	vm_free		at any time after vm_new: no thread, descriptor or mapping is left
 *
 * Callbacks may call any of these functions but vm_free, vm_save and vm_restore, as work of
 * the machine's is still under way around them: those are for `ended`, or the loop's next
 * turn (loop_waker). vm_free calls nobody: listeners and streams are gone after it.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "vm/loop.h"

struct vm;

enum vm_thread {
	VM_THREAD_VCPU,
	VM_THREAD_FS,    /* workers of the shared filesystems */
	VM_THREAD_BLOCK, /* workers of disks */
};

/* Why a guest ended. */
enum vm_end {
	VM_END_SHUTDOWN, /* it switched itself off */
	VM_END_RESET,    /* it asked for a reset (reboot) */
	VM_END_PANIC,    /* its kernel panicked (pvpanic) */
	VM_END_TRIPLE_FAULT,
	VM_END_ERROR, /* KVM could not go on; the text says why, with registers */
};

/* Takes bits of the processors' CPUID away: in register 0 to 3 = eax, ebx, ecx, edx of a
 * leaf and subleaf. */
struct vm_cpuid_mask {
	uint32_t leaf, subleaf, reg, clear;
};

struct vm_config {
	struct loop *loop;       /* borrowed */
	int kvm_fd;              /* borrowed until vm_new returns */
	unsigned vcpus;          /* 1 to 64, run from the start */
	unsigned vcpus_max;      /* may be brought online by the guest later; 0: vcpus */
	uint64_t memory;         /* boot memory, bytes; a multiple of 2 MiB */
	uint64_t memory_hotplug; /* virtio-mem can add as much, bytes */
	int memory_fd;           /* -1, or a file to map as boot memory (borrowed) */
	bool memory_shared;      /* map it shared, else copy-on-write */
	bool small_pages;        /* no transparent huge pages: some MiB less for a guest,
				  * and an exit for each page that it touches */
	bool mergeable;          /* KSM may share equal pages with others */
	int proc_fd;             /* a procfs of this process's pid namespace, O_PATH will
				 * do, for the filesystems (borrowed until vm_new
				 * returns); -1: no filesystems */
	uint64_t dax_len;        /* bytes of each filesystem's DAX window; 0: no DAX */
	unsigned fs_workers;     /* threads of each filesystem; 0: 2 */
	bool fs_device_nodes;   /* the guest may make some: all trees are mounted nodev */
	unsigned block_workers; /* threads for all disks; 0: none, and no disks */
	uint32_t cid;           /* the guest's vsock address, 3 and up */

	const struct vm_cpuid_mask *cpuid_masks; /* borrowed until vm_new returns */
	unsigned cpuid_mask_count;

	/* Both on the loop's thread. ended is called once. */
	void (*ended)(void *arg, enum vm_end why, const char *text);
	/* A device's remark ("net0: ..."): what the guest did that broke it, or what the
	 * host lacks. A few of each device. NULL: dropped. */
	void (*log)(void *arg, const char *line);

	/* Called first thing on each new thread, to close its jail; failing ends it all. */
	int (*enter_thread)(void *arg, enum vm_thread kind, struct err *e);
	void *arg;
};

struct vm_boot {
	int kernel_fd;       /* ELF or bzImage; -1 with krunfw */
	int kernel_cache_fd; /* a folder for unpacked kernels, or -1 */
	const char *krunfw;  /* a libkrunfw to dlopen instead, or NULL */
	int initrd_fd;       /* or -1 */
	const char *cmdline;
	bool pvh; /* enter by PVH where the kernel has that, to measure and to debug: it
		   * starts without a random seed then, and is no faster */
	bool no_acpi;         /* to measure and to debug */
	bool cmdline_devices; /* announce devices by virtio_mmio.device= as well */
};

/* Whether a kvm descriptor can run machines at all, and a stock kernel: see kvm.h. */
int vm_check(int kvm_fd, struct err *e);
int vm_probe(int kvm_fd, struct err *e);

int vm_new(const struct vm_config *c, struct vm **ret, struct err *e);
int vm_boot(struct vm *vm, const struct vm_boot *b, struct err *e);
int vm_spawn(struct vm *vm, struct err *e);
int vm_resume(struct vm *vm, struct err *e);
int vm_pause(struct vm *vm, struct err *e); /* vCPUs, workers and devices are quiet */
void vm_free(struct vm *vm);

/* Exits to us since the start, by reason. */
struct vm_exits {
	uint64_t io, mmio, hlt, intr, other;
};
struct vm_exits vm_exits(const struct vm *vm);

/* ---- console ---- */

/* The early console's (16550) and the virtio console's output, raw bytes, on the loop's
 * thread; input to the virtio console. Returns how much was taken. ACPI has the serial
 * port only if its output is wanted when the machine boots. */
typedef void vm_console_fn(void *arg, const void *buf, size_t len);
void vm_serial_output(struct vm *vm, vm_console_fn *fn, void *arg);
void vm_console_output(struct vm *vm, vm_console_fn *fn, void *arg);
size_t vm_console_input(struct vm *vm, const void *buf, size_t len);
/* Called on the loop's thread when there is room again after a short vm_console_input. */
void vm_console_writable(struct vm *vm, loop_fn *fn, void *arg);
void vm_console_resize(struct vm *vm, unsigned rows, unsigned cols);

/* ---- vsock: streams between the guest and this process ---- */

struct vm_stream;

/* What happens to a stream, on the loop's thread; functions of vm_stream_* may be called
 * from within, close included. */
struct vm_stream_ops {
	void (*connected)(void *arg); /* outgoing: it is there */
	/* At most what is wanted. buf is the guest's own memory, which it may change
	 * meanwhile: pass it on as it is, or copy it before looking at it. */
	void (*received)(void *arg, const void *buf, size_t len);
	void (*writable)(void *arg);         /* after a short vm_stream_write */
	void (*peer_shutdown)(void *arg);    /* the guest writes no more */
	void (*closed)(void *arg, int code); /* it is gone, free to forget: 0, or -errno:
					      * -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT */
};

/* The guest connected to a port; return the argument for ops, or NULL to refuse. */
typedef void *vm_accept_fn(void *arg, struct vm_stream *s, uint32_t guest_port,
			   const struct vm_stream_ops **ret_ops);

int vm_vsock_listen(struct vm *vm, uint32_t port, vm_accept_fn *fn, void *arg,
		    struct err *e);
void vm_vsock_unlisten(struct vm *vm, uint32_t port);
int vm_vsock_connect(struct vm *vm, uint32_t guest_port, const struct vm_stream_ops *ops,
		     void *arg, struct vm_stream **ret, struct err *e);

/* Takes what the guest's credit (and a bounded buffer) allows: 0 to len; -EPIPE after
 * shutdown. If less than len, ops->writable will be called. */
ssize_t vm_stream_write(struct vm_stream *s, const void *buf, size_t len);

/* Flow control towards the guest: how many more bytes are wanted (the credit that it
 * gets); received is never called with more. A new stream wants 0. Credit can't be taken
 * back: less than what is still wanted changes nothing. */
void vm_stream_want(struct vm_stream *s, size_t bytes);
void vm_stream_shutdown(struct vm_stream *s); /* no more writes; reading goes on */

/* At once: no callback comes after. What was written still goes to the guest, as long as
 * that has the stream open. */
void vm_stream_close(struct vm_stream *s);

/* ---- filesystems ---- */

enum vm_fs {
	VM_FS_PRIVATE, /* writeback, long timeouts, locks in the guest */
	VM_FS_SHARED,  /* no writeback, short timeouts, locks on the host */
};

struct vm_tree_config {
	const char *name; /* its name in the root of the filesystem; "": it is the root */
	int fd;           /* borrowed: the folder (or file), O_PATH will do */
	bool read_only;
	bool dax;
};

/* Shows a tree to the guest, and takes it away again: on return no descriptor and no
 * mapping of it is open, whatever the guest still holds (it gets ESTALE). */
int vm_fs_attach(struct vm *vm, enum vm_fs fs, const struct vm_tree_config *c,
		 struct err *e);
int vm_fs_detach(struct vm *vm, enum vm_fs fs, const char *name, struct err *e);

/* ---- network and disks: connected to a free device of the plan ---- */

struct vm_net_config {
	int tap_fd; /* taken over on success; IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, header of 12 */
	uint8_t mac[6];
	uint16_t mtu; /* 0: not told */
};
int vm_net_connect(struct vm *vm, unsigned index, const struct vm_net_config *c,
		   struct err *e);
int vm_net_disconnect(struct vm *vm, unsigned index, struct err *e);

struct vm_block_config {
	int fd; /* taken over: a regular file or block device */
	bool read_only;
	const char *serial; /* up to 20 bytes, or NULL */
};
int vm_block_connect(struct vm *vm, unsigned index, const struct vm_block_config *c,
		     struct err *e);
int vm_block_disconnect(struct vm *vm, unsigned index, struct err *e);

/* ---- size ---- */

/* Asks the guest to plug in (out) so that virtio-mem has this many bytes; it may take a
 * while, or not come to it. */
int vm_mem_request(struct vm *vm, uint64_t bytes, struct err *e);
uint64_t vm_mem_plugged(const struct vm *vm);

/* Asks the guest to give up this many bytes (balloon). */
int vm_balloon_request(struct vm *vm, uint64_t bytes, struct err *e);
uint64_t vm_balloon_size(const struct vm *vm);

/* ---- saved machines ---- */

/* Saves a paused machine: its state into state_fd, its memory into memory_fd, an empty
 * file which becomes a sparse one. -1: memory is a shared file already, and nothing is
 * plugged in. A machine whose filesystems are mounted, or that has a disk or network
 * connected, saves what its guest knows of them: see vm_restore(). -EBUSY while the guest
 * uses a file that was removed, or holds or waits for a POSIX lock on a shared tree. */
int vm_save(struct vm *vm, int state_fd, int memory_fd, struct err *e);

/* In place of vm_boot, with memory_fd of the configuration being what was saved (mapped
 * copy-on-write, it serves many machines at once); given here once more for memory that
 * was plugged in, -1 if there was none. Another configuration, version or processor, or a
 * damaged file, is refused with the reason, and the machine is of no use then.
 *
 * The guest's vsock streams are reset and its networks' links are down until they are
 * connected anew; disks must be connected before it. It is told of a new VM generation
 * (VMGENID), for its random numbers' sake; the time it must be told by others. */
int vm_restore(struct vm *vm, int state_fd, int memory_fd, struct err *e);

#endif
