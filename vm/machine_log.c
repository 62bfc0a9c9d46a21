/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What devices have to say to whoever runs the machine: from any thread to the loop's. A
 * guest can bring about as many remarks as it likes, so a device has a few and no more.
 */
#include <stdio.h>

#include "vm/machine_parts.h"

#define REMARKS 8 /* of a device, as long as the machine lives */

/* By any thread; of two at once the second is told. */
static void remark(void *arg, const char *what)
{
	struct machine_remark *r = arg;

	atomic_store(&r->due, what);
	loop_wake(r->vm->log_waker);
}

static void tell(const struct vm *vm, struct machine_remark *r, const char *device)
{
	const char *what = atomic_exchange(&r->due, NULL);
	char line[256];

	if (!what || r->told == REMARKS)
		return;
	r->told++;
	(void)snprintf(line, sizeof(line), "%s: %s%s", device, what,
		       r->told < REMARKS ? "" : " (its last remark)");
	vm->c.log(vm->c.arg, line);
}

static void tell_all(void *arg)
{
	struct vm *vm = arg;

	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		tell(vm, &vm->remark[i], plan[i].name);
}

int machine_log_new(struct vm *vm, struct err *e)
{
	int r;

	if (!vm->c.log)
		return 0;
	r = loop_waker(vm->c.loop, tell_all, vm, &vm->log_waker, e);
	for (unsigned i = 0; i < PLAN_DEVICES && r == 0; i++) {
		vm->remark[i].vm = vm;
		if (!vm->dev[i])
			continue;
		vm->dev[i]->remark = remark;
		vm->dev[i]->remark_arg = &vm->remark[i];
	}
	return r;
}

void machine_log_free(struct vm *vm)
{
	loop_del(vm->log_waker);
}
