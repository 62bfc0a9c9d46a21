/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which filesystems are served: an allow-list by type, asked when a tree is attached and
 * whenever a mount in it is crossed. What isn't on it gives an error at that point: a
 * file of procfs can be another process's memory, one of sysfs or debugfs the machine.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/statfs.h>

#include "base/str.h"
#include "vm/virtio/fs/internal.h"

/* Those that <linux/magic.h> of older headers lacks have their number. FUSE is here as
 * volumes of many storage systems are that; devtmpfs can't be told from tmpfs, but of it
 * nothing is opened either, as only regular files and folders ever are. */
static const uint32_t served[] = {
	EXT4_SUPER_MAGIC, /* ext2, ext3 */
	XFS_SUPER_MAGIC,
	BTRFS_SUPER_MAGIC,
	OVERLAYFS_SUPER_MAGIC,
	TMPFS_MAGIC,
	RAMFS_MAGIC,
	F2FS_SUPER_MAGIC,
	0x2fc12fc1, /* zfs */
	0xca451a4e, /* bcachefs */
	SQUASHFS_MAGIC,
	EROFS_SUPER_MAGIC_V1,
	CRAMFS_MAGIC,
	ISOFS_SUPER_MAGIC,
	UDF_SUPER_MAGIC,
	MSDOS_SUPER_MAGIC, /* vfat */
	EXFAT_SUPER_MAGIC,
	0x7366746e, /* ntfs3 */
	0x3153464a, /* jfs */
	REISERFS_SUPER_MAGIC,
	NILFS_SUPER_MAGIC,
	HPFS_SUPER_MAGIC,
	0x482b, /* hfsplus */
	MINIX2_SUPER_MAGIC,
	MINIX3_SUPER_MAGIC,
	ECRYPTFS_SUPER_MAGIC,
	FUSE_SUPER_MAGIC,
	NFS_SUPER_MAGIC,
	CIFS_SUPER_MAGIC,
	SMB2_SUPER_MAGIC,
	CEPH_SUPER_MAGIC,
	V9FS_MAGIC,
	AFS_SUPER_MAGIC,
	OCFS2_SUPER_MAGIC,
	0x01161970, /* gfs2 */
	0x0bd00bd0, /* lustre */
	0x47504653, /* gpfs */
	0x19830326, /* beegfs */
	0x20030528, /* orangefs */
	0x786f4256, /* vboxsf */
};

bool fstype_served(uint64_t f_type)
{
	for (size_t i = 0; i < ARRAY_LEN(served); i++) {
		if (served[i] == (uint32_t)f_type)
			return true;
	}
	return false;
}

static struct fs_mount *find_locked(const struct fs_tree *t, uint64_t id)
{
	struct fs_mount *m = t->mounts;

	while (m && m->id != id)
		m = m->next;
	if (m)
		m->refs++;
	return m;
}

int mount_get(struct fs *fs, struct fs_tree *t, int fd, const struct statx *st,
	      struct fs_mount **ret)
{
	struct fs_mount *m, *made;
	struct statfs sf;

	if (fs->mnt_id_unique) {
		(void)pthread_mutex_lock(&fs->lock);
		*ret = find_locked(t, st->stx_mnt_id);
		(void)pthread_mutex_unlock(&fs->lock);
		if (*ret)
			return 0;
	}
	if (fstatfs(fd, &sf) < 0)
		return -errno;
	if (!fstype_served((uint64_t)sf.f_type))
		return -EACCES;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->id = st->stx_mnt_id;
	made->use_btime = (uint32_t)sf.f_type != OVERLAYFS_SUPER_MAGIC;
	made->refs = 1;
	(void)pthread_mutex_lock(&fs->lock);
	m = find_locked(t, made->id);
	if (!m) {
		made->next = t->mounts;
		t->mounts = made;
		m = TAKE(made);
	}
	(void)pthread_mutex_unlock(&fs->lock);
	free(made);
	*ret = m;
	return 0;
}

void mount_put_locked(struct fs_tree *t, struct fs_mount *m)
{
	struct fs_mount **at = &t->mounts;

	if (--m->refs > 0)
		return;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	free(m);
}
