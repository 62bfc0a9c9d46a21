/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What machine.c and machine_*.c share: nobody else includes this.
 */
#ifndef VM_MACHINE_PARTS_H
#define VM_MACHINE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "vm/bus.h"
#include "vm/memory.h"
#include "vm/plan.h"
#include "vm/power.h"
#include "vm/serial.h"
#include "vm/vcpu.h"
#include "vm/virtio/virtio.h"
#include "vm/virtio/vsock.h"
#include "vm/vm.h"
#include "vm/worker.h"
#include "vm/x86/x86.h"

struct vm {
	struct vm_config c; /* without what was borrowed for vm_new only */
	int vm_fd;          /* owned */
	struct arch_cpuid *cpuid;
	struct arch_host *host;
	struct memory *mem;
	struct bus pio, mmio;
	struct vcpus *cpus;
	struct serial *serial;
	struct power power;
	int generation_fd; /* owned: its edge tells of a new VM generation */
	struct virtio_dev *dev[PLAN_DEVICES]; /* NULL: filesystems without procfs */
	struct vsock *vsock;                  /* of dev[PLAN_VSOCK] */
	struct worker_pool *block_pool;       /* of all disks */

	bool booted, spawned, running;
	bool spawn_tried;
	bool spoiled; /* half restored */
	bool quiet;   /* the devices are paused */

	pthread_mutex_t end_lock;
	bool ended; /* the guest has; why and text are the first one's */
	enum vm_end why;
	char text[600];
	unsigned drain_rounds;
	bool told; /* config.ended was called */
	struct loop_source *end_waker;

	struct loop_source *log_waker; /* NULL: nobody listens */
	struct machine_remark {
		struct vm *vm;
		_Atomic(const char *) due;
		unsigned told;
	} remark[PLAN_DEVICES];
};

/* Makes the devices of the plan and puts them on the bus. */
int machine_devices_new(struct vm *vm, struct err *e);
void machine_devices_free(struct vm *vm);

/* Has config.log hear what devices remark; the devices are gone before it is freed. */
int machine_log_new(struct vm *vm, struct err *e);
void machine_log_free(struct vm *vm);

/* Their workers' threads. */
int machine_devices_spawn(struct vm *vm, struct err *e);

/* Has the loop look again at what the guest said and nobody heard yet, on console and
 * vsock: false if there is nothing. */
bool machine_devices_kick(struct vm *vm);
void machine_devices_pause(struct vm *vm);
void machine_devices_resume(struct vm *vm);

#endif
