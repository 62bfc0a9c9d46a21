/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared filesystem server: FUSE requests of a guest, carried out on trees of the
 * host. It knows no virtio (device.h does); a request is bytes in and bytes out.
 *
 * Who calls what: fs_attach and fs_detach on one thread at a time; fs_handle and fs_poll
 * on any number of threads, each with an fs_worker of its own.
 *
 * Nothing here needs a privilege. Where the process has CAP_SETUID and CAP_SETGID, what a
 * guest's user creates belongs to that user; else all belongs to the process's own.
 */
#ifndef VM_VIRTIO_FS_FS_H
#define VM_VIRTIO_FS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "vm/state.h"
#include "vm/vm.h"

struct fs;
struct fs_worker;

struct fs_config {
	enum vm_fs kind;
	/* Borrowed until fs_new returns: an O_PATH descriptor of a procfs of this process's
	 * pid namespace, of which "self/fd" is used, or that folder. After the last fork. */
	int proc_fd;
	unsigned max_fds;    /* descriptors at once; 0: three eighths of RLIMIT_NOFILE */
	unsigned max_inodes; /* that the guest may know at once; 0: 2 million */
	bool devices;        /* the guest may make device nodes: all trees are mounted
			      * nodev, for the files of the guest only */

	/* The DAX window: len bytes (a multiple of 2 MiB) of address space at host, owned
	 * by the caller and mapped PROT_NONE; len 0: none. */
	void *dax_host;
	uint64_t dax_len;

	/* A request for which fs_handle returned -EINPROGRESS has its answer: `written`
	 * bytes. Any thread that is in a function of fs.h. */
	void (*done)(void *arg, uint64_t token, uint32_t written);
	void *arg;
};

int fs_new(const struct fs_config *c, struct fs **ret, struct err *e);

/* No request may be under way. */
void fs_free(struct fs *fs);

/* Trees: vm.h has the contract. Attaching fails with -EPERM where the filesystem type is
 * none of those that are served. */
int fs_attach(struct fs *fs, const struct vm_tree_config *c, struct err *e);
int fs_detach(struct fs *fs, const char *name, struct err *e);

/* The calling thread becomes a worker, for good: it gets a working folder (in procfs), a
 * umask and supplementary groups of its own. Before it is jailed. */
int fs_worker_new(struct fs *fs, struct fs_worker **ret, struct err *e);
void fs_worker_free(struct fs_worker *w);

/* One request. The iovecs are in memory that others may change at any time, and the
 * arrays are changed. Returns how many bytes were written (0: this request has no answer,
 * or no room for one), or -EINPROGRESS: it waits for a lock, and done() will be called
 * unless fs_reset() comes first. */
int fs_handle(struct fs_worker *w, struct iovec *in, unsigned n_in, struct iovec *out,
	      unsigned n_out, uint64_t token);

/* Tries waiting locks again that are due. Returns in how many milliseconds it wants to
 * be called again, -1: when another request has come. Call it after requests, before
 * waiting for the next. */
int fs_poll(struct fs_worker *w);

/* Forgets the guest: its inodes, handles and waiting locks (done() isn't called for
 * them). Trees stay attached. No request may be under way. */
void fs_reset(struct fs *fs);

/* What the guest knows and has open, by names and identities, into a section that is open
 * already. No request may be under way. It can't be while a file is in use that has lost
 * its name, or a POSIX lock is held or waited for: what is gone then is gone. */
void fs_save(struct fs *fs, struct state_writer *w);

/* The same again, where no guest has been yet and trees of the same names are attached:
 * every file is found, verified and opened. Refused, with the reason: one that is gone or
 * another (in a private tree also one that has changed), a flock that another has got. */
int fs_restore(struct fs *fs, struct state_reader *r, struct err *e);

/* For tests and figures. */
struct fs_counts {
	unsigned fds, inodes, handles, parked;
};
struct fs_counts fs_counts(struct fs *fs);

#endif
