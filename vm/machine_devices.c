/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a machine: made in the plan's order, put on the bus, and reached by the
 * functions of vm.h.
 */
#include <errno.h>
#include <linux/virtio_mmio.h>

#include "vm/kvm.h"
#include "vm/machine_parts.h"
#include "vm/virtio/mmio.h"

/* A row for each device of the plan; `index` counts those of a kind. */
typedef int make_fn(struct vm *vm, unsigned index, struct virtio_dev **ret,
		    struct err *e);

static const struct {
	enum plan_device first;
	unsigned count;
	make_fn *make;
} makers[] = {
	{PLAN_DEVICES, 0, NULL},
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
	int r = 0;

	for (unsigned k = 0; k < sizeof(makers) / sizeof(makers[0]); k++)
		for (unsigned i = 0; i < makers[k].count && r == 0; i++) {
			unsigned n = makers[k].first + i;

			r = makers[k].make(vm, i, &vm->dev[n], e);
			if (r == 0)
				r = connect_device(vm, &plan[n], vm->dev[n], e);
			if (r < 0)
				(void)err_wrap(e, "vm: %s", plan[n].name);
		}
	return r;
}

void machine_devices_free(struct vm *vm)
{
	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		virtio_free(vm->dev[i]);
}

int machine_devices_spawn(struct vm *vm, struct err *e)
{
	(void)vm;
	(void)e;
	return 0;
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
