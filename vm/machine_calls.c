/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm.h's functions that are a device's.
 */
#include <errno.h>

#include "vm/machine_parts.h"
#include "vm/virtio/balloon.h"
#include "vm/virtio/block.h"
#include "vm/virtio/console.h"
#include "vm/virtio/fs/device.h"
#include "vm/virtio/mem.h"
#include "vm/virtio/net.h"

/* What is in use is there. */
static int appear(struct virtio_dev *dev, int r)
{
	if (r >= 0)
		dev->absent = false;
	return r;
}

/* ---- console ---- */

void vm_serial_output(struct vm *vm, vm_console_fn *fn, void *arg)
{
	serial_output(vm->serial, fn, arg);
}

void vm_console_output(struct vm *vm, vm_console_fn *fn, void *arg)
{
	console_output(vm->dev[PLAN_CONSOLE], fn, arg);
}

size_t vm_console_input(struct vm *vm, const void *buf, size_t len)
{
	return console_input(vm->dev[PLAN_CONSOLE], buf, len);
}

void vm_console_writable(struct vm *vm, loop_fn *fn, void *arg)
{
	console_writable(vm->dev[PLAN_CONSOLE], fn, arg);
}

void vm_console_resize(struct vm *vm, unsigned rows, unsigned cols)
{
	console_resize(vm->dev[PLAN_CONSOLE], rows, cols);
}

/* ---- vsock ---- */

int vm_vsock_listen(struct vm *vm, uint32_t port, vm_accept_fn *fn, void *arg,
		    struct err *e)
{
	return vsock_listen(vm->vsock, port, fn, arg, e);
}

void vm_vsock_unlisten(struct vm *vm, uint32_t port)
{
	vsock_unlisten(vm->vsock, port);
}

int vm_vsock_connect(struct vm *vm, uint32_t guest_port, const struct vm_stream_ops *ops,
		     void *arg, struct vm_stream **ret, struct err *e)
{
	return vsock_connect(vm->vsock, guest_port, ops, arg, ret, e);
}

/* ---- filesystems ---- */

static struct virtio_dev *fs_at(struct vm *vm, enum vm_fs fs, struct err *e)
{
	struct virtio_dev *dev =
		vm->dev[fs == VM_FS_PRIVATE ? PLAN_FS_PRIVATE : PLAN_FS_SHARED];

	if (!dev)
		(void)err_set(e, ENODEV, "vm: it was made without filesystems");
	return dev;
}

int vm_fs_attach(struct vm *vm, enum vm_fs fs, const struct vm_tree_config *c,
		 struct err *e)
{
	struct virtio_dev *dev = fs_at(vm, fs, e);

	return dev ? appear(dev, fs_device_attach(dev, c, e)) : -e->code;
}

int vm_fs_detach(struct vm *vm, enum vm_fs fs, const char *name, struct err *e)
{
	struct virtio_dev *dev = fs_at(vm, fs, e);

	return dev ? fs_device_detach(dev, name, e) : -e->code;
}

/* ---- network and disks ---- */

/* The index'th of a kind, or NULL with the error that names the limit. */
static struct virtio_dev *nth(struct vm *vm, enum plan_device first, unsigned count,
			      unsigned index, const char *kind, struct err *e)
{
	if (index < count)
		return vm->dev[first + index];
	(void)err_set(e, ENODEV, "vm: no %s %u: a machine has %u", kind, index, count);
	return NULL;
}

static struct virtio_dev *net_at(struct vm *vm, unsigned index, struct err *e)
{
	return nth(vm, PLAN_NET0, PLAN_NETS, index, "network device", e);
}

static struct virtio_dev *block_at(struct vm *vm, unsigned index, struct err *e)
{
	return nth(vm, PLAN_BLOCK0, PLAN_BLOCKS, index, "disk", e);
}

int vm_net_connect(struct vm *vm, unsigned index, const struct vm_net_config *c,
		   struct err *e)
{
	struct virtio_dev *dev = net_at(vm, index, e);
	int fd = c->tap_fd;

	return dev ? appear(dev, net_connect(dev, &fd, c->mac, c->mtu, e)) : -e->code;
}

int vm_net_disconnect(struct vm *vm, unsigned index, struct err *e)
{
	struct virtio_dev *dev = net_at(vm, index, e);

	if (!dev)
		return -e->code;
	net_disconnect(dev);
	return 0;
}

int vm_block_connect(struct vm *vm, unsigned index, const struct vm_block_config *c,
		     struct err *e)
{
	struct virtio_dev *dev = block_at(vm, index, e);

	if (!dev)
		return -e->code;
	if (!vm->c.block_workers)
		return err_set(e, ENODEV, "vm: it was made without disks");
	return appear(dev, block_connect(dev, c, e));
}

int vm_block_disconnect(struct vm *vm, unsigned index, struct err *e)
{
	struct virtio_dev *dev = block_at(vm, index, e);

	return dev ? block_disconnect(dev, e) : -e->code;
}

/* ---- size ---- */

int vm_mem_request(struct vm *vm, uint64_t bytes, struct err *e)
{
	return mem_request(vm->dev[PLAN_MEM], bytes, e);
}

uint64_t vm_mem_plugged(const struct vm *vm)
{
	return mem_plugged(vm->dev[PLAN_MEM]);
}

int vm_balloon_request(struct vm *vm, uint64_t bytes, struct err *e)
{
	return balloon_request(vm->dev[PLAN_BALLOON], bytes, e);
}

uint64_t vm_balloon_size(const struct vm *vm)
{
	return balloon_size(vm->dev[PLAN_BALLOON]);
}
