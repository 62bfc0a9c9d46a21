/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio device of a shared filesystem (VIRTIO 1.2, 5.11), with workers of its own
 * that take requests off the queues themselves. vm_fs_* of vm.h, by the device.
 *
 * What a worker's jail must allow, beside what worker.c and a vCPU's interrupt need:
 * openat openat2 close statx fstat newfstatat statfs fstatfs getdents64 lseek readlinkat
 * preadv pwritev2 ftruncate fallocate copy_file_range fsync fdatasync syncfs mremap
 * mknodat mkdirat symlinkat linkat unlinkat renameat2 fchmodat fchownat utimensat umask
 * setxattr getxattr listxattr removexattr flock fcntl timerfd_settime clock_gettime mmap
 * capset setresuid setresgid setgroups prctl, and memory's (brk, mmap, munmap, madvise).
 */
#ifndef VM_VIRTIO_FS_DEVICE_H
#define VM_VIRTIO_FS_DEVICE_H

#include "vm/virtio/virtio.h"
#include "vm/vm.h"

#define FS_TAG_MAX 36

struct fs_device_config {
	enum vm_fs kind;
	const char *tag;  /* what the guest mounts it by, at most FS_TAG_MAX bytes */
	int proc_fd;      /* borrowed during fs_device_new: fs.h */
	unsigned workers; /* threads; 0: 2 */
	unsigned max_fds; /* fs.h */
	bool devices;     /* fs.h */
	uint64_t dax_len; /* bytes of the DAX window; 0: none */
};

int fs_device_new(const struct fs_device_config *c, struct memory *mem, struct loop *loop,
		  struct virtio_dev **ret, struct err *e);

/* Makes the workers; requests wait until then. Each is set up for its work, then calls
 * enter (NULL: nothing) to close its jail. */
int fs_device_spawn(struct virtio_dev *dev,
		    int (*enter)(void *arg, enum vm_thread kind, struct err *e),
		    void *arg, struct err *e);

/* In place of that: what there is to do now is done on the caller's thread, which becomes a
 * worker, to the end of the device. The number of calls. For tests that must do the same
 * each time. */
unsigned fs_device_poll(struct virtio_dev *dev);

int fs_device_attach(struct virtio_dev *dev, const struct vm_tree_config *c,
		     struct err *e);
int fs_device_detach(struct virtio_dev *dev, const char *name, struct err *e);

/* For tests and figures. */
struct fs;
struct fs *fs_device_server(struct virtio_dev *dev);

#endif
