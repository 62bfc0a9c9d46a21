/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a machine: made in the plan's order, put on the bus.
 */
#include <linux/virtio_mmio.h>

#include "base/str.h"
#include "vm/kvm.h"
#include "vm/machine_parts.h"
#include "vm/virtio/balloon.h"
#include "vm/virtio/block.h"
#include "vm/virtio/console.h"
#include "vm/virtio/fs/device.h"
#include "vm/virtio/mem.h"
#include "vm/virtio/mmio.h"
#include "vm/virtio/net.h"
#include "vm/virtio/rng.h"

static int make_console(struct vm *vm, unsigned index, struct virtio_dev **ret,
			struct err *e)
{
	(void)index;
	return console_new(vm->mem, vm->c.loop, ret, e);
}

static int make_vsock(struct vm *vm, unsigned index, struct virtio_dev **ret,
		      struct err *e)
{
	struct vsock_config c = {.cid = vm->c.cid, .mem = vm->mem, .loop = vm->c.loop};
	int r = vsock_new(&c, &vm->vsock, e);

	(void)index;
	if (r == 0)
		*ret = vsock_device(vm->vsock);
	return r;
}

static int make_fs(struct vm *vm, unsigned index, struct virtio_dev **ret, struct err *e)
{
	struct fs_device_config c = {
		.kind = index ? VM_FS_SHARED : VM_FS_PRIVATE,
		.tag = plan[PLAN_FS_PRIVATE + index].name,
		.proc_fd = vm->c.proc_fd,
		.workers = vm->c.fs_workers,
		.devices = vm->c.fs_device_nodes,
		.dax_len = vm->c.dax_len,
	};

	return c.proc_fd < 0 ? 0 : fs_device_new(&c, vm->mem, vm->c.loop, ret, e);
}

static int make_rng(struct vm *vm, unsigned index, struct virtio_dev **ret, struct err *e)
{
	(void)index;
	return rng_new(vm->mem, vm->c.loop, ret, e);
}

static int make_balloon(struct vm *vm, unsigned index, struct virtio_dev **ret,
			struct err *e)
{
	(void)index;
	return balloon_new(vm->mem, vm->c.loop, ret, e);
}

static int make_mem(struct vm *vm, unsigned index, struct virtio_dev **ret, struct err *e)
{
	(void)index;
	return mem_new(vm->mem, vm->c.loop, ret, e);
}

static int make_net(struct vm *vm, unsigned index, struct virtio_dev **ret, struct err *e)
{
	return net_new(vm->mem, vm->c.loop, (uint8_t)index, ret, e);
}

static int make_block(struct vm *vm, unsigned index, struct virtio_dev **ret,
		      struct err *e)
{
	(void)index;
	return block_new(vm->mem, vm->c.loop, vm->block_pool, ret, e);
}

/* A row for each device of the plan; those of a kind are numbered. Those that may be
 * needed are absent until they are. */
static const struct {
	enum plan_device first;
	unsigned count;
	bool spare;
	int (*make)(struct vm *vm, unsigned index, struct virtio_dev **ret,
		    struct err *e);
} makers[] = {
	{PLAN_CONSOLE, 1, false, make_console},
	{PLAN_VSOCK, 1, false, make_vsock},
	{PLAN_FS_PRIVATE, 2, true, make_fs},
	{PLAN_RNG, 1, false, make_rng},
	{PLAN_BALLOON, 1, false, make_balloon},
	{PLAN_MEM, 1, false, make_mem},
	{PLAN_NET0, PLAN_NETS, true, make_net},
	{PLAN_BLOCK0, PLAN_BLOCKS, true, make_block},
};

static int connect_device(struct vm *vm, const struct plan_row *row,
			  struct virtio_dev *dev, struct err *e)
{
	int r = bus_add(&vm->mmio, row->base, MMIO_LEN, mmio_access, dev, e);

	if (r == 0)
		r = kvm_irqfd(vm->vm_fd, dev->irq_fd, row->gsi, e);
	for (unsigned q = 0; r == 0 && q < dev->ops->queues; q++)
		r = kvm_ioeventfd(vm->vm_fd, row->base + VIRTIO_MMIO_QUEUE_NOTIFY, q,
				  dev->kick[q], e);
	return r;
}

int machine_devices_new(struct vm *vm, struct err *e)
{
	unsigned n;
	int r = worker_pool_new(&vm->block_pool, e);

	for (size_t k = 0; k < ARRAY_LEN(makers) && r == 0; k++)
		for (unsigned i = 0; i < makers[k].count && r == 0; i++) {
			n = makers[k].first + i;
			r = makers[k].make(vm, i, &vm->dev[n], e);
			if (r == 0 && vm->dev[n]) {
				vm->dev[n]->absent = makers[k].spare;
				r = connect_device(vm, &plan[n], vm->dev[n], e);
			}
			if (r < 0)
				(void)err_wrap(e, "vm: %s", plan[n].name);
		}
	/* Without a range there is nothing to plug in. */
	if (r == 0)
		vm->dev[PLAN_MEM]->absent = vm->c.memory_hotplug == 0;
	return r;
}

void machine_devices_free(struct vm *vm)
{
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		virtio_free(vm->dev[i]);
	if (vm->block_pool)
		worker_pool_free(vm->block_pool);
}

static int enter_block_thread(void *arg, struct err *e)
{
	const struct vm *vm = arg;

	return vm->c.enter_thread ? vm->c.enter_thread(vm->c.arg, VM_THREAD_BLOCK, e) : 0;
}

int machine_devices_spawn(struct vm *vm, struct err *e)
{
	struct virtio_dev *dev;
	int r = 0;

	for (unsigned i = 0; i < 2 && r == 0; i++) {
		dev = vm->dev[PLAN_FS_PRIVATE + i];
		if (dev)
			r = fs_device_spawn(dev, vm->c.enter_thread, vm->c.arg, e);
	}
	if (r == 0 && vm->c.block_workers)
		r = worker_pool_start(vm->block_pool, vm->c.block_workers,
				      enter_block_thread, vm, e);
	return r;
}

/* Of both devices: what the guest sends. */
#define TX 1

bool machine_devices_kick(struct vm *vm)
{
	static const enum plan_device speakers[] = {PLAN_CONSOLE, PLAN_VSOCK};
	struct virtio_dev *dev;
	bool pending, any = false;

	for (size_t i = 0; i < ARRAY_LEN(speakers); i++) {
		dev = vm->dev[speakers[i]];
		(void)pthread_mutex_lock(&dev->lock);
		pending = dev->active && queue_pending(&dev->queue[TX]);
		(void)pthread_mutex_unlock(&dev->lock);
		if (pending)
			virtio_kick(dev, TX);
		any |= pending;
	}
	return any;
}

void machine_devices_pause(struct vm *vm)
{
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		if (vm->dev[i] && vm->dev[i]->ops->pause)
			vm->dev[i]->ops->pause(vm->dev[i]);
}

void machine_devices_resume(struct vm *vm)
{
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		if (vm->dev[i] && vm->dev[i]->ops->resume)
			vm->dev[i]->ops->resume(vm->dev[i]);
}
