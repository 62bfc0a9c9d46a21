/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small kernel's file, to be changed by tests: three segments (aligned, aligned with
 * bss, unaligned with bss) and notes with the PVH entry.
 */
#ifndef TESTS_UNIT_KERNEL_FILE_H
#define TESTS_UNIT_KERNEL_FILE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_LEN    0x7000
#define TEXT_GPA    0x1000000
#define TEXT_LEN    0x2800
#define DATA_GPA    0x1200000
#define DATA_LEN    0x1000
#define DATA_MEMSZ  0x5123
#define ODD_GPA     0x1300123
#define ODD_LEN     0x900
#define ODD_MEMSZ   0x1345
#define NOTES_OFF   0x6000
#define PVH_ENTRY   (TEXT_GPA + 0x850)
#define KERNEL_END  (ODD_GPA + ODD_MEMSZ)
#define FILE_PHDRS  4
#define PVH_NOTE_AT (NOTES_OFF + 20)

struct kernel_file {
	union {
		uint8_t byte[FILE_LEN];
		struct {
			Elf64_Ehdr head;
			Elf64_Phdr segment[FILE_PHDRS];
		};
	};
	size_t len;
};

static inline void kernel_file_note(struct kernel_file *f, size_t at, uint32_t type,
				    const void *desc, uint32_t len)
{
	const Elf64_Nhdr n = {.n_namesz = 4, .n_descsz = len, .n_type = type};

	memcpy(f->byte + at, &n, sizeof(n));
	memcpy(f->byte + at + sizeof(n), "Xen", 4);
	memcpy(f->byte + at + sizeof(n) + 4, desc, len);
}

static inline void kernel_file_make(struct kernel_file *f)
{
	const uint64_t pvh = PVH_ENTRY;

	for (size_t i = 0; i < FILE_LEN; i++)
		f->byte[i] = (uint8_t)(i * 7 + i / 256 + 1);
	f->len = FILE_LEN;
	f->head = (Elf64_Ehdr){
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = TEXT_GPA + 0x10,
		.e_phoff = sizeof(f->head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = FILE_PHDRS,
	};
	f->segment[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				     .p_flags = PF_R | PF_X,
				     .p_offset = 0x1000,
				     .p_paddr = TEXT_GPA,
				     .p_filesz = TEXT_LEN,
				     .p_memsz = TEXT_LEN};
	f->segment[1] = (Elf64_Phdr){.p_type = PT_LOAD,
				     .p_flags = PF_R | PF_W,
				     .p_offset = 0x4000,
				     .p_paddr = DATA_GPA,
				     .p_filesz = DATA_LEN,
				     .p_memsz = DATA_MEMSZ};
	f->segment[2] = (Elf64_Phdr){.p_type = PT_LOAD,
				     .p_flags = PF_R | PF_W,
				     .p_offset = 0x5234,
				     .p_paddr = ODD_GPA,
				     .p_filesz = ODD_LEN,
				     .p_memsz = ODD_MEMSZ};
	f->segment[3] = (Elf64_Phdr){.p_type = PT_NOTE,
				     .p_offset = NOTES_OFF,
				     .p_filesz = 20 + 24,
				     .p_align = 4};
	kernel_file_note(f, NOTES_OFF, 6, "linu", 4);
	kernel_file_note(f, PVH_NOTE_AT, 18, &pvh, sizeof(pvh));
}

/* A descriptor of a file with these bytes; the caller closes it. */
static inline int file_of(const void *p, size_t len)
{
	int fd = memfd_create("test-kernel", MFD_CLOEXEC);

	if (fd < 0 || write(fd, p, len) != (ssize_t)len)
		abort();
	return fd;
}

#endif
