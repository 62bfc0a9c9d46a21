/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share.
 *
 * One mutex (fs.lock) guards the tables, all reference counts and all descriptors in
 * them; it is never held over a system call that may block. A request holds a reference
 * on each inode and handle that it uses, looked up once; with the inode's comes a count
 * in its tree (busy), for which fs_detach waits. So does what takes anything of a tree out
 * of the tables, until it has closed it: FORGET, the cache of descriptors. What ends a
 * session or takes a tree down does it one at a time (fs.session).
 */
#ifndef VM_VIRTIO_FS_INTERNAL_H
#define VM_VIRTIO_FS_INTERNAL_H

#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "vm/virtio/fs/abi.h"
#include "vm/virtio/fs/fs.h"

#define FS_IO_MAX   (1U << 20)  /* bytes of a READ or WRITE, as negotiated */
#define FS_BUF_LEN  (80U << 10) /* a request but for WRITE's data; a reply but READ's */
#define FS_NAME_BUF 256         /* NAME_MAX and its NUL */

/* A mount that inodes of a tree are on. */
struct fs_mount {
	uint64_t id;    /* of statx(2): unique for good from Linux 6.8 on */
	bool use_btime; /* birth times are part of identity: not on overlayfs, where a
			 * copied-up file is born again */
	unsigned refs;
	struct fs_mount *next;
};

struct fs_tree {
	char name[FS_NAME_BUF];
	bool read_only, dax;
	bool gone; /* not attached yet, or being detached: nothing of it can be found */
	unsigned busy; /* those that use something of it, or are about to close it */
	struct inode *root;
	struct inode *inodes;   /* all of them, by tree_next */
	struct handle *handles; /* all of them, by tree_next */
	struct fs_mount *mounts;
	struct fs_tree *next;
};

/* What a file is known by: never a path. */
struct identity {
	uint64_t mnt_id, dev, ino;
	int64_t btime_sec;
	uint32_t btime_nsec, type; /* type: S_IFMT bits */
};

struct inode {
	uint64_t nodeid;
	struct fs_tree *tree; /* NULL: the top folder that lists the trees */
	struct fs_mount *mnt;
	struct identity id;
	bool submount; /* the root of a tree or of a mount in it */

	unsigned refs; /* the guest's (one, however often it looked it up), handles',
			* children's, running requests' */
	uint64_t nlookup;

	/* Where it is found again once its descriptor is closed; NULL: nowhere, so that
	 * the descriptor stays open. The parent is referenced. */
	struct inode *parent;
	char *name;

	int fd; /* O_PATH, or -1 */
	unsigned fd_users;
	struct inode *lru_prev, *lru_next; /* fd open, closable, no users */
	struct inode *hash_next, *tree_prev, *tree_next;
	struct lock_owner *owners; /* lock.c */
};

struct handle {
	uint64_t fh;
	struct inode *inode; /* referenced */
	unsigned refs;
	int fd;
	bool write;
	uint8_t flock;          /* LOCK_SH, LOCK_EX or 0 */
	struct dir_stream *dir; /* folders only; dir.c */
	struct handle *tree_prev, *tree_next;
};

/* A table of numbered things, whose numbers are not used again. */
struct slots {
	struct slot {
		void *p;
		uint32_t gen, next_free;
	} * slot;
	uint32_t count, cap, free, used;
};

struct fs {
	enum vm_fs kind;
	bool devices;
	int self_fd;         /* owned: the procfs's self/fd */
	unsigned statx_mask; /* with the best mount id that this kernel has */
	bool mnt_id_unique;
	bool was_dumpable;
	unsigned max_fds, max_inodes;
	void (*done)(void *arg, uint64_t token, uint32_t written);
	void *arg;

	_Atomic uint64_t flags; /* FUSE_* that were agreed on, and FS_READY */

	pthread_mutex_t session; /* taken before lock */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* a tree that is gone has become idle */
	struct fs_tree *trees;
	struct slots inodes, handles;
	struct inode **hash;
	uint32_t hash_len; /* a power of two */
	struct inode top;  /* nodeid 1, unless a tree named "" is there */
	unsigned fds;
	struct inode lru; /* a ring; lru.lru_next was used least recently */
	struct parked *parked;
	unsigned n_parked;

	void *dax_host;
	uint64_t dax_len;
	pthread_mutex_t dax_lock;   /* of the mappings */
	struct fs_tree **dax_owner; /* of each granule; NULL: not mapped */
};

/* Flags that no FUSE version has. */
#define FS_READY (1ULL << 63) /* INIT has come */

struct fs_worker {
	struct fs *fs;
	mode_t umask; /* the thread's */

	/* Credentials as they are between requests. */
	bool can_switch;
	uid_t uid;
	gid_t gid;
	struct __user_cap_data_struct caps[2];
	gid_t *groups;
	int n_groups;

	_Alignas(8) uint8_t in[FS_BUF_LEN];
	_Alignas(8) uint8_t out[FS_BUF_LEN];
};

struct fs_req {
	struct fs *fs;
	struct fs_worker *w;
	struct fuse_in_header h;
	uint64_t token;
	const struct fs_op *op;

	const void *args; /* the operation's struct, op->in_min bytes of it at least */
	size_t args_len;  /* with what follows it, but for extensions */
	const char *name[2];
	const uint8_t *rest; /* what follows the names */
	size_t rest_len;
	bool has_group; /* a supplementary group came along */
	gid_t group;

	struct inode *inode; /* of h.nodeid */

	struct iovec *in; /* WRITE: the data */
	unsigned n_in;
	size_t in_len;
	struct iovec *out; /* behind the header */
	unsigned n_out;
	size_t out_len;
	struct iovec head[sizeof(struct fuse_out_header)]; /* the header's place */
	unsigned n_head;

	void *reply;      /* FS_BUF_LEN less the header */
	size_t reply_max; /* at most out_len */
	bool direct;      /* the reply is in `out` already (READ) */
};

/* Returns the length of the reply behind the header, or -errno. */
typedef int op_fn(struct fs_req *r);

struct fs_op {
	op_fn *fn;
	uint16_t in_min, out_min;
	uint8_t names; /* how many names follow */
	uint8_t flags;
};

#define OP_TOP     0x01 /* also asked of the top folder */
#define OP_DIR     0x02 /* of folders only */
#define OP_WRITE   0x04 /* not in a read-only tree */
#define OP_NOINODE 0x08 /* h.nodeid means nothing */
#define OP_NOREPLY 0x10
#define OP_ANYNAME 0x20 /* names are not of files: checked by the operation */
#define OP_DATA    0x40 /* what follows the struct stays where it is (WRITE) */
#define OP_EARLY   0x80 /* may come before INIT */

/* ---- fuse.c ---- */
static inline bool fs_has(const struct fs *fs, uint64_t flag)
{
	return (atomic_load_explicit(&fs->flags, memory_order_relaxed) & flag) != 0;
}

/* Whether it is one component: not empty, ".", "..", too long or with a '/'. */
bool fs_name_ok(const char *name);
/* The flags that this server may agree on. */
uint64_t fs_offer(const struct fs *fs, uint64_t theirs);
void fs_reply_error(const struct iovec *head, unsigned n_head, uint64_t unique,
		    int error);

/* Forgets the guest. Waiting locks get this error (0: none of them is answered). */
void fs_end_session(struct fs *fs, int error); /* fs.c */

/* ---- table.c: inodes and handles by number and identity ---- */
int slots_add(struct slots *s, void *p, uint64_t *ret_id);
void *slots_get(const struct slots *s, uint64_t id);
void slots_del(struct slots *s, uint64_t id);

/* To put things at known numbers: numbers of an index below n aren't given out until
 * slots_settle(); place is -EEXIST or -EINVAL where there is no such free one. */
int slots_reserve(struct slots *s, uint32_t n);
int slots_place(struct slots *s, uint64_t id, void *p);
void slots_settle(struct slots *s, uint32_t least_gen);

/* ---- inode.c ---- */
void identity_of(const struct statx *st, struct identity *ret);
bool identity_same(const struct inode *i, const struct identity *id);

/* By number, for a request: -ESTALE if it is unknown or its tree is gone. */
int inode_get(struct fs *fs, uint64_t nodeid, struct inode **ret);
void inode_put(struct fs *fs, struct inode *i); /* NULL does nothing */

/* The inode of what was found at dir's name, made if it is new: with a request's
 * reference. *fd (owned, or -1) becomes the inode's if it has none, else is closed. dir
 * NULL: it has no name (O_TMPFILE). */
int inode_intern(struct fs *fs, struct fs_tree *tree, struct fs_mount *mnt,
		 const struct identity *id, struct inode *dir, const char *name, int *fd,
		 struct inode **ret);

/* The guest knows it (once more). */
void inode_looked_up(struct fs *fs, struct inode *i);
void inode_forget(struct fs *fs, uint64_t nodeid, uint64_t nlookup);

/* It is found at this name from now on. */
void inode_set_name(struct fs *fs, struct inode *i, struct inode *dir, const char *name);
/* If that is where it is found, it is so no more. Its descriptor must be open. */
void inode_lose_name(struct fs *fs, struct inode *i, struct inode *dir, const char *name);

/* An inode by identity, with a request's reference; NULL: the guest doesn't know it. */
struct inode *inode_find(struct fs *fs, struct fs_tree *tree, const struct identity *id);

/* With fs.lock held: drop a reference; what dies goes on a list, to be buried without
 * the lock. */
void inode_unref_locked(struct fs *fs, struct inode *i, struct inode **dead);
void inode_bury(struct fs *fs, struct inode *dead);

/* All that the guest knows, of one tree (which then has no inode left) or of all (whose
 * roots stay). With fs.lock held. */
void inode_drop_all_locked(struct fs *fs, struct fs_tree *tree, struct inode **dead);

/* ---- mount.c: which filesystems are served ---- */
bool fstype_served(uint64_t f_type);
/* The mount of an open file of a tree, with a reference; -EACCES: not served. */
int mount_get(struct fs *fs, struct fs_tree *t, int fd, const struct statx *st,
	      struct fs_mount **ret);
void mount_put_locked(struct fs_tree *t, struct fs_mount *m);

/* ---- fd.c: descriptors of inodes, a bounded cache ---- */
/* Room for one more descriptor, closing one that isn't used: 0 or -ENFILE. */
int fds_take(struct fs *fs);
void fds_give(struct fs *fs);
/* Closes and gives. */
void fds_close(struct fs *fs, int *fd);

/* The inode's descriptor (O_PATH), for as long as the request wants it: opened again
 * and verified where it was closed. -ESTALE: it is no longer where it was. */
int inode_fd(struct fs *fs, struct inode *i);
void inode_fd_put(struct fs *fs, struct inode *i);

/* A name of an open folder as O_PATH: counted, no symlink followed. */
int fd_open_child(struct fs *fs, int dir_fd, const char *name);
/* The inode anew by its name, verified, as a descriptor of its own: whether it is still
 * there. */
int fd_open_fresh(struct fs *fs, struct inode *i);
/* What an O_PATH descriptor is of, opened with flags: regular files and folders only.
 * -EAGAIN: another process has a lease on it, and has been told. */
int fd_reopen(struct fs *fs, int fd, uint32_t type, int flags);
/* As O_PATH for a tree that the host attaches: also beyond the bound, which a guest can
 * reach. */
int fd_open_root(struct fs *fs, int fd);
/* The decimal number, as its name in fs.self_fd. */
#define FD_NAME_BUF 12
const char *fd_name(int fd, char buf[FD_NAME_BUF]);
int fs_statx(const struct fs *fs, int fd, const char *name, struct statx *ret);

void lru_remove(struct inode *i);
void lru_add(struct fs *fs, struct inode *i);

/* ---- handle.c ---- */
/* Takes over *fd (counted). */
int handle_new(struct fs *fs, struct inode *i, int *fd, bool write, uint64_t *ret_fh);
int handle_get(struct fs *fs, uint64_t fh, const struct inode *i, struct handle **ret);
void handle_put(struct fs *fs, struct handle *h); /* NULL does nothing */
int handle_release(struct fs *fs, uint64_t fh, const struct inode *i);
void handle_drop_all_locked(struct fs *fs, struct fs_tree *tree, struct handle **dead);
void handle_bury(struct fs *fs, struct handle *dead);

/* ---- dir.c ---- */
void dir_stream_free(struct dir_stream *d);
int dir_open(struct fs *fs, struct inode *i, uint64_t *ret_fh);

/* ---- cred.c ---- */
int cred_init(struct fs_worker *w, struct err *e);
/* Become the requester, to create something; leave undoes it. */
struct cred_switch {
	bool user, groups;
};
int cred_enter(struct fs_req *r, struct cred_switch *s);
void cred_leave(struct fs_worker *w, const struct cred_switch *s);
void cred_umask(struct fs_worker *w, mode_t mask);
/* Without CAP_FSETID, so that the kernel clears set-id bits. */
void cred_drop_fsetid(struct fs_worker *w);
void cred_restore(struct fs_worker *w);
/* ... for a change of an open file's content, where it has such bits. True: restore. */
bool cred_kill_suid(struct fs_worker *w, int fd);

/* ---- open.c ---- */
/* What of a guest's flags reaches the host's open. */
#define FS_OPEN_PASSED (O_ACCMODE | O_TRUNC | O_SYNC | O_DSYNC | O_NOATIME)

/* ---- attr.c ---- */
int attr_get(struct fs *fs, struct inode *i, struct statx *ret);
/* The reply to all that give an inode to the guest, who knows it afterwards. */
int entry_reply(struct fs_req *r, struct inode *i, const struct statx *st);
void entry_fill(struct fs *fs, struct inode *i, const struct statx *st,
		struct fuse_entry_out *ret);

/* ---- name.c ---- */
/* What is at dir's name, with a request's reference. */
int name_lookup(struct fs *fs, struct inode *dir, int dir_fd, const char *name,
		struct statx *st, struct inode **ret);

/* ---- tree.c ---- */
int tree_lookup(struct fs *fs, const char *name, struct statx *st, struct inode **ret);
void tree_busy_locked(struct fs *fs, struct fs_tree *t, int by);
/* The name of the index-th tree: 0, or -ENOENT at the end. */
int tree_name(struct fs *fs, unsigned index, char ret[FS_NAME_BUF]);
void top_statx(struct statx *ret);

/* ---- lock.c ---- */
/* Drops an owner's locks of an inode; all that were made by way of a handle. */
void lock_flush(struct fs *fs, struct inode *i, uint64_t owner);
void lock_release(struct fs *fs, struct inode *i, uint64_t fh);
void lock_owners_free(struct fs *fs, struct inode *i); /* nobody else has the inode */
/* Takes all parked requests of a tree (NULL: all) off the list, with fs.lock held. */
struct parked *lock_unpark_locked(struct fs *fs, const struct fs_tree *t);
/* Answers (0: forgets) and frees them, without the lock. */
void lock_answer(struct fs *fs, struct parked *list, int error);

/* ---- dax.c ---- */
int dax_init(struct fs *fs, const struct fs_config *c, struct err *e);
/* Unmaps all of a tree (NULL: all). */
void dax_drop(struct fs *fs, const struct fs_tree *t);

/* Operations, by the file that they are in. */
op_fn op_getattr, op_setattr, op_statx;                                  /* attr.c */
op_fn op_setxattr, op_getxattr, op_listxattr, op_removexattr;            /* xattr.c */
op_fn op_lookup, op_readlink, op_symlink, op_mknod, op_mkdir, op_unlink; /* name.c */
op_fn op_rmdir, op_rename, op_rename2, op_link;
op_fn op_open, op_create, op_tmpfile, op_release, op_flush;           /* open.c */
op_fn op_read, op_write, op_fsync, op_statfs, op_fallocate, op_lseek; /* file.c */
op_fn op_copy_file_range, op_copy_file_range_64, op_syncfs;
op_fn op_opendir, op_readdir, op_readdirplus, op_releasedir; /* dir.c */
op_fn op_getlk, op_setlk, op_setlkw, op_interrupt;           /* lock.c */
op_fn op_setupmapping, op_removemapping;                     /* dax.c */

#endif
