/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole machines for tests: a loop, a configuration, and guests of a few instructions in
 * 64-bit mode, which say something by the serial port and come to an end.
 */
#ifndef TESTS_UNIT_MACHINE_WORLD_H
#define TESTS_UNIT_MACHINE_WORLD_H

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "vm/loop.h"
#include "vm/vm.h"

#include "tests/unit/tap.h"

#define LOAD UINT64_C(0x1000000)

/* A guest in 64-bit mode, as Linux's 64-bit protocol enters it. */
#define GUEST(name, code)                                                                \
	extern const char name##_begin[], name##_end[];                                  \
	__asm__(".pushsection .rodata\n.code64\n" #name "_begin:\n" code "\n" #name      \
		"_end:\n.popsection\n")

struct world {
	struct loop *loop;
	struct vm *vm;
	int kvm, proc;
	struct vm_config c;
	size_t len;
	char out[65536];
	unsigned ends;
	enum vm_end why;
	char text[600];
	size_t len_at_end;
	_Atomic unsigned entered[3];
	int refuse; /* this kind's threads, -1: none */
};

static inline void on_end(void *arg, enum vm_end why, const char *text)
{
	struct world *w = arg;

	w->ends++;
	w->why = why;
	w->len_at_end = w->len;
	(void)snprintf(w->text, sizeof(w->text), "%s", text);
	loop_stop(w->loop);
}

static inline void on_output(void *arg, const void *buf, size_t len)
{
	struct world *w = arg;

	if (len > sizeof(w->out) - w->len)
		len = sizeof(w->out) - w->len;
	memcpy(w->out + w->len, buf, len);
	w->len += len;
}

static inline int on_enter(void *arg, enum vm_thread kind, struct err *e)
{
	struct world *w = arg;

	(void)atomic_fetch_add(&w->entered[kind], 1);
	return (int)kind == w->refuse ? err_set(e, EPERM, "no jail") : 0;
}

static inline void world_init(struct world *w)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	w->refuse = -1;
	w->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	w->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	CHECK(loop_new(&w->loop, &e) == 0);
	w->c = (struct vm_config){.loop = w->loop,
				  .kvm_fd = w->kvm,
				  .vcpus = 1,
				  .memory = 32 << 20,
				  .memory_fd = -1,
				  .proc_fd = w->proc,
				  .block_workers = 1,
				  .cid = 3,
				  .ended = on_end,
				  .enter_thread = on_enter,
				  .arg = w};
}

static inline void world_done(struct world *w)
{
	vm_free(w->vm);
	loop_free(w->loop);
	fd_close(&w->kvm);
	fd_close(&w->proc);
}

#define NEED_KVM()                                                                       \
	do {                                                                             \
		if (access("/dev/kvm", R_OK | W_OK) < 0)                                 \
			SKIP("no /dev/kvm that may be opened");                          \
	} while (0)

/* An ELF file with this code as its only segment. */
static inline int kernel_file(const char *begin, const char *end)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
	} head = {
		.e = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				  ELFDATA2LSB, EV_CURRENT},
		      .e_type = ET_EXEC,
		      .e_machine = EM_X86_64,
		      .e_version = EV_CURRENT,
		      .e_entry = LOAD,
		      .e_phoff = sizeof(Elf64_Ehdr),
		      .e_ehsize = sizeof(Elf64_Ehdr),
		      .e_phentsize = sizeof(Elf64_Phdr),
		      .e_phnum = 1},
		.p = {.p_type = PT_LOAD,
		      .p_flags = PF_R | PF_W | PF_X,
		      .p_offset = 4096,
		      .p_vaddr = LOAD,
		      .p_paddr = LOAD,
		      .p_filesz = (uint64_t)(end - begin),
		      .p_memsz = 8192,
		      .p_align = 4096},
	};
	int fd = memfd_create("kernel", MFD_CLOEXEC);

	CHECK(pwrite(fd, &head, sizeof(head), 0) == sizeof(head));
	CHECK(pwrite(fd, begin, (size_t)(end - begin), 4096) == end - begin);
	return fd;
}

/* Up to where its threads are there; false (and said why) if it isn't to be had. */
static inline bool prepare(struct world *w, const char *begin, const char *end)
{
	AUTO_FD kernel = kernel_file(begin, end);
	struct vm_boot b = {.kernel_fd = kernel,
			    .kernel_cache_fd = -1,
			    .initrd_fd = -1,
			    .cmdline = "test"};
	struct err e = {0};
	int r = vm_new(&w->c, &w->vm, &e);

	if (r == 0) {
		vm_serial_output(w->vm, on_output, w);
		r = vm_boot(w->vm, &b, &e);
	}
	if (r == 0)
		r = vm_spawn(w->vm, &e);
	if (r < 0)
		printf("# %s\n", e.text);
	CHECK(r == 0);
	return r == 0;
}

/* Runs to the guest's end. */
static inline bool run(struct world *w, const char *begin, const char *end)
{
	struct err e = {0};

	if (!prepare(w, begin, end))
		return false;
	CHECK(vm_resume(w->vm, &e) == 0);
	CHECK(loop_run(w->loop, &e) == 0);
	CHECK(w->ends == 1);
	return true;
}

#define SAY                                                                              \
	"	mov $0x3f8, %edx\n"                                                            \
	"	lea 9f(%rip), %rsi\n"                                                          \
	"1:	lodsb\n"                                                                     \
	"	test %al, %al\n"                                                               \
	"	jz 2f\n"                                                                       \
	"	out %al, %dx\n"                                                                \
	"	jmp 1b\n"                                                                      \
	"9:	.asciz \"hello\\n\"\n"                                                       \
	"2:\n"
#define HALT "3:	hlt\n	jmp 3b\n"

#endif
