/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machines that end, that fail to start, and that are saved and restored, with drivers of
 * their devices on this side (virtio_driver.h): no guest that could drive them is needed.
 */
#include <linux/serial_reg.h>
#include <linux/virtio_mem.h>
#include <linux/virtio_vsock.h>

#include "vm/machine_parts.h"

#include "tests/unit/machine_world.h"
#include "tests/unit/virtio_driver.h"

#define RINGS UINT64_C(0x1400000) /* behind the guest's code */
#define ROOM  UINT64_C(0x100000)

GUEST(power_off,
      "	mov $0x600, %edx\n	mov $0x34, %al\n	out %al, "
      "%dx\n" HALT);
GUEST(forever, SAY HALT);

/* A driver of this device whose rings are at gpa, and its buffers behind them. */
static bool drive(struct world *w, struct drv *d, enum plan_device n, uint64_t gpa)
{
	bool good;

	*d = (struct drv){
		.mem = w->vm->mem,
		.loop = w->loop,
		.dev = w->vm->dev[n],
		.free_gpa = gpa + ROOM / 2,
	};
	good = drv_negotiate(d, DRV_ALL);
	for (unsigned i = 0; i < d->dev->ops->queues; i++, gpa += 0x10000)
		good = good &&
		       drv_set_queue_at(d, i, 64, gpa, gpa + 0x4000, gpa + 0x8000);
	drv_ok(d);
	return good && !drv_broken(d);
}

/* ---- the end ---- */

static void *accept_one(void *arg, struct vm_stream *s, uint32_t guest_port,
			const struct vm_stream_ops **ret_ops)
{
	static const struct vm_stream_ops ops = {0};
	struct world *w = arg;

	(void)s;
	CHECK(w->ends == 0 && guest_port == 77);
	w->out[w->len++] = 'c';
	*ret_ops = &ops;
	return w;
}

/* The loop hasn't heard of it when it hears of the end. */
static void what_a_guest_said_last_is_heard_on_vsock_too(void)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = 3,
		.dst_cid = 2,
		.src_port = 77,
		.dst_port = 1024,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_REQUEST,
	};
	struct drv_part part = {.len = sizeof(h)};
	struct err e = {0};
	struct world w;
	struct drv d;

	NEED_KVM();
	world_init(&w);
	if (prepare(&w, power_off_begin, power_off_end)) {
		CHECK(vm_vsock_listen(w.vm, 1024, accept_one, &w, &e) == 0);
		CHECK(drive(&w, &d, PLAN_VSOCK, RINGS));
		(void)loop_once(w.loop, 0, &e);
		part.gpa = drv_buffer(&d, &h, sizeof(h));
		(void)drv_put(&d, 1, &part, 1);
		CHECK(vm_resume(w.vm, &e) == 0);
		CHECK(loop_run(w.loop, &e) == 0);
		CHECK(w.ends == 1 && w.len == 1);
	}
	world_done(&w);
}

static void a_machine_whose_jail_failed_never_runs(void)
{
	AUTO_FD kernel = kernel_file(forever_begin, forever_end);
	const struct vm_boot b = {.kernel_fd = kernel,
				  .kernel_cache_fd = -1,
				  .initrd_fd = -1,
				  .cmdline = ""};
	struct err e = {0};
	struct world w;

	NEED_KVM();
	for (int kind = 0; kind < 3; kind++) {
		world_init(&w);
		w.refuse = kind;
		CHECK(vm_new(&w.c, &w.vm, &e) == 0);
		CHECK(vm_boot(w.vm, &b, &e) == 0);
		CHECK(vm_spawn(w.vm, &e) == -EPERM);
		CHECK(vm_resume(w.vm, &e) == -EINVAL);
		CHECK(vm_spawn(w.vm, &e) == -EINVAL);
		CHECK(vm_exits(w.vm).io == 0);
		world_done(&w);
	}
}

/* ---- what devices remark ---- */

static void on_log(void *arg, const char *line)
{
	struct world *w = arg;

	w->len++;
	(void)snprintf(w->text, sizeof(w->text), "%s", line);
}

/* As often as the guest likes: it fills nobody's log. */
static void a_device_that_the_guest_broke_is_told_of_a_few_times(void)
{
	struct drv_part readable = {RINGS, 16, false};
	struct err e = {0};
	struct world w;
	struct drv d;

	NEED_KVM();
	world_init(&w);
	w.c.log = on_log;
	CHECK(vm_new(&w.c, &w.vm, &e) == 0);
	for (unsigned i = 0; i < 100 && w.vm; i++) {
		CHECK(drive(&w, &d, PLAN_RNG, RINGS));
		(void)drv_put(&d, 0, &readable, 1);
		drv_notify(&d, 0);
		drv_run(&d);
		CHECK(drv_broken(&d));
		if (i == 0)
			CHECK_STR(w.text,
				  "rng: the guest's driver made a malformed "
				  "request: the device stops until it is reset");
	}
	CHECK(w.len == 8 && strstr(w.text, "last remark") != NULL);
	world_done(&w);
}

/* ---- saved and restored ---- */

struct saved {
	int state, memory;
};

/* A guest that has begun to run, and is paused. */
static bool started(struct world *w)
{
	struct err e = {0};

	world_init(w);
	w->c.memory_hotplug = 64 << 20;
	if (!prepare(w, forever_begin, forever_end))
		return false;
	CHECK(vm_resume(w->vm, &e) == 0);
	while (w->len < 6)
		CHECK(loop_once(w->loop, 10000, &e) >= 0);
	return vm_pause(w->vm, &e) == 0;
}

static struct saved save(struct world *w)
{
	struct saved s = {memfd_create("state", MFD_CLOEXEC),
			  memfd_create("memory", MFD_CLOEXEC)};
	struct err e = {0};
	int r = vm_save(w->vm, s.state, s.memory, &e);

	if (r < 0)
		printf("# %s\n", e.text);
	CHECK(r == 0);
	return s;
}

static void saved_done(struct saved *s)
{
	fd_close(&s->state);
	fd_close(&s->memory);
}

/* Another machine, of the same configuration but for what the caller changed. */
static int restore(struct world *w, const struct saved *s, struct err *e)
{
	int r;

	CHECK(lseek(s->state, 0, SEEK_SET) == 0);
	w->c.memory_hotplug = 64 << 20;
	w->c.memory_fd = s->memory;
	r = vm_new(&w->c, &w->vm, e);
	if (r == 0)
		r = vm_restore(w->vm, s->state, s->memory, e);
	return r;
}

static void port_out(struct world *w, unsigned reg, uint8_t v)
{
	CHECK(bus_access(&w->vm->pio, PLAN_SERIAL_PORT + reg, &v, 1, true));
}

static uint8_t port_in(struct world *w, unsigned reg)
{
	uint8_t v = 0;

	CHECK(bus_access(&w->vm->pio, PLAN_SERIAL_PORT + reg, &v, 1, false));
	return v;
}

/* A driver that waits for "transmitter empty" would wait for ever. */
static void the_serial_port_is_restored(void)
{
	struct err e = {0};
	struct world a, b;
	struct saved s;

	NEED_KVM();
	world_init(&b);
	if (started(&a)) {
		port_out(&a, UART_LCR, 3);
		port_out(&a, UART_IER, UART_IER_THRI);
		(void)port_in(&a, UART_IIR);
		s = save(&a);
		CHECK(restore(&b, &s, &e) == 0);
		CHECK_STR(e.text, "");
		CHECK(port_in(&b, UART_LCR) == 3);
		CHECK(port_in(&b, UART_IER) == UART_IER_THRI);
		CHECK(port_in(&b, UART_IIR) == UART_IIR_THRI);
		saved_done(&s);
	}
	world_done(&a);
	world_done(&b);
}

static uint64_t plug(struct world *w)
{
	uint64_t gpa = memory_hotplug_range(w->vm->mem).gpa;
	const struct virtio_mem_req req = {
		.type = VIRTIO_MEM_REQ_PLUG,
		.u.plug = {.addr = gpa, .nb_blocks = 2},
	};
	struct virtio_mem_resp resp = {.type = UINT16_MAX};
	struct err e;
	struct drv d;

	CHECK(vm_mem_request(w->vm, 16 << 20, &e) == 0);
	CHECK(drive(w, &d, PLAN_MEM, RINGS));
	CHECK(drv_call(&d, 0, &req, sizeof(req), &resp, sizeof(resp)) == sizeof(resp));
	CHECK(resp.type == VIRTIO_MEM_RESP_ACK);
	return gpa;
}

/* Drivers that are loaded late have their queues there, and the devices before it in the
 * plan are restored all the same. */
static void queues_in_memory_that_was_plugged_in_are_restored(void)
{
	struct err e = {0};
	struct drv_part part = {.len = 16, .write = true};
	struct world a, b;
	struct saved s;
	struct drv d;
	uint64_t gpa;
	uint16_t head;
	uint32_t len;

	NEED_KVM();
	world_init(&b);
	if (started(&a)) {
		gpa = plug(&a);
		CHECK(drive(&a, &d, PLAN_RNG, gpa));
		part.gpa = drv_alloc(&d, part.len);
		(void)drv_put(&d, 0, &part, 1);
		s = save(&a);
		CHECK(restore(&b, &s, &e) == 0);
		CHECK_STR(e.text, "");
		CHECK(vm_spawn(b.vm, &e) == 0 && vm_resume(b.vm, &e) == 0);
		/* The rings are in another's memory now. */
		d.mem = b.vm->mem;
		d.loop = b.loop;
		d.dev = b.vm->dev[PLAN_RNG];
		d.queue[0].used = memory_at(d.mem, d.queue[0].used_gpa, 1);
		d.queue[0].avail = memory_at(d.mem, d.queue[0].avail_gpa, 1);
		CHECK(drv_wait(&d, 0, &head, &len) && len == part.len);
		saved_done(&s);
	}
	world_done(&a);
	world_done(&b);
}

/* Requests that were pending are answered when the guest goes on, not before: what was
 * saved may be saved once more. */
static void a_restored_machine_is_quiet_until_it_is_resumed(void)
{
	char zeros[1024] = {0};
	struct err e = {0};
	struct drv_part part[] = {
		{.len = 16}, {.len = 512, .write = true}, {.len = 1, .write = true}};
	struct vm_block_config disk;
	struct world a, b;
	struct saved s;
	struct drv d;
	uint16_t head;
	uint32_t len;
	int fd = memfd_create("disk", MFD_CLOEXEC);

	CHECK(pwrite(fd, zeros, sizeof(zeros), 0) == sizeof(zeros));
	disk = (struct vm_block_config){.fd = fd};
	NEED_KVM();
	world_init(&b);
	if (started(&a)) {
		CHECK(vm_block_connect(a.vm, 0, &disk, &e) == 0);
		CHECK(drive(&a, &d, PLAN_BLOCK0, RINGS));
		for (unsigned i = 0; i < 3; i++)
			part[i].gpa = drv_alloc(&d, part[i].len);
		(void)drv_put(&d, 0, part, 3);
		s = save(&a);
		CHECK(lseek(s.state, 0, SEEK_SET) == 0);
		b.c.memory_hotplug = 64 << 20;
		b.c.memory_fd = s.memory;
		disk.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		CHECK(vm_new(&b.c, &b.vm, &e) == 0);
		CHECK(vm_spawn(b.vm, &e) == 0); /* its workers are there */
		CHECK(vm_block_connect(b.vm, 0, &disk, &e) == 0);
		CHECK(vm_restore(b.vm, s.state, s.memory, &e) == 0);
		CHECK_STR(e.text, "");
		d.mem = b.vm->mem;
		d.loop = b.loop;
		d.dev = b.vm->dev[PLAN_BLOCK0];
		d.queue[0].used = memory_at(d.mem, d.queue[0].used_gpa, 1);
		d.queue[0].avail = memory_at(d.mem, d.queue[0].avail_gpa, 1);
		(void)usleep(50000); /* in which a worker would have done it */
		CHECK(!drv_used(&d, 0, &head, &len));
		CHECK(vm_resume(b.vm, &e) == 0);
		CHECK(drv_wait(&d, 0, &head, &len) && len == 513);
		saved_done(&s);
	}
	world_done(&a);
	world_done(&b);
}

static void what_cant_be_restored_is_refused_with_the_reason(void)
{
	struct err e = {0};
	struct world a, b;
	struct saved s;
	uint8_t byte = 0;

	NEED_KVM();
	if (started(&a)) {
		s = save(&a);
		world_init(&b);
		b.c.proc_fd = -1;
		CHECK(restore(&b, &s, &e) == -EINVAL);
		CHECK(strstr(e.text, "it had 2 filesystems, and this machine has 0"));
		world_done(&b);

		world_init(&b);
		b.c.vcpus = 2;
		CHECK(restore(&b, &s, &e) == -EINVAL);
		CHECK(strstr(e.text, "it had 1 vCPUs at its start"));
		world_done(&b);

		CHECK(pwrite(s.state, &byte, 1, 100) == 1);
		world_init(&b);
		CHECK(restore(&b, &s, &e) == -EBADMSG);
		/* It is of no use then. */
		CHECK(vm_boot(b.vm, &(struct vm_boot){.kernel_fd = -1}, &e) == -EINVAL);
		CHECK(vm_restore(b.vm, s.state, s.memory, &e) == -EINVAL);
		world_done(&b);
		saved_done(&s);
	}
	world_done(&a);
}

/* It may be where the machine has its memory from, which cutting it would take away. */
static void memory_is_saved_into_an_empty_file_only(void)
{
	struct err e = {0};
	struct world a, b;
	struct saved s;
	int state = memfd_create("state", MFD_CLOEXEC);

	NEED_KVM();
	world_init(&b);
	if (started(&a)) {
		s = save(&a);
		CHECK(restore(&b, &s, &e) == 0 && vm_spawn(b.vm, &e) == 0);
		CHECK(vm_save(b.vm, state, s.memory, &e) == -EINVAL);
		CHECK(strstr(e.text, "isn't an empty one") != NULL);
		saved_done(&s);
	}
	fd_close(&state);
	world_done(&a);
	world_done(&b);
}

static const struct test tests[] = {
	{"what a guest said last is heard on vsock, too",
	 what_a_guest_said_last_is_heard_on_vsock_too},
	{"a machine whose jail failed never runs",
	 a_machine_whose_jail_failed_never_runs},
	{"a device that the guest broke is told of, a few times",
	 a_device_that_the_guest_broke_is_told_of_a_few_times},
	{"the serial port is restored", the_serial_port_is_restored},
	{"queues in memory that was plugged in are restored",
	 queues_in_memory_that_was_plugged_in_are_restored},
	{"a restored machine is quiet until it is resumed",
	 a_restored_machine_is_quiet_until_it_is_resumed},
	{"what can't be restored is refused with the reason",
	 what_cant_be_restored_is_refused_with_the_reason},
	{"memory is saved into an empty file only",
	 memory_is_saved_into_an_empty_file_only},
};
TEST_MAIN(tests)
