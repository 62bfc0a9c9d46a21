/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF kernels: an executable whose segments go to physical addresses. All that the file
 * says is checked before the first byte of guest memory changes.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "vm/kernel.h"
#include "vm/kernel_image.h"

#if defined(__x86_64__)
#define MACHINE      EM_X86_64
#define MACHINE_NAME "x86-64"
#endif

#define PAGE         UINT64_C(4096)
#define SEGMENTS_MAX 64
#define NOTES_MAX    ((size_t)64 * 1024)

/* Below are what firmware would have left, and boot data: x86.h. */
#define LOWEST UINT64_C(0x100000)

/* The note that names the PVH entry: Xen's public/elfnote.h. */
#define NOTE_PHYS32_ENTRY 18

struct elf {
	int fd;        /* borrowed */
	uint64_t size; /* of the file */
	Elf64_Ehdr head;
	Elf64_Phdr segment[SEGMENTS_MAX];
	unsigned count;
};

/* Reads exactly len bytes; the range was checked against the file's size, so less means
 * that somebody cut it meanwhile. */
static int read_at(int fd, void *buf, size_t len, uint64_t off, struct err *e)
{
	ssize_t n;

	for (size_t done = 0; done < len; done += (size_t)n) {
		n = pread(fd, (char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return err_sys(e, "read the file");
		else if (n == 0)
			return err_set(e, ENOEXEC, "the file became shorter");
	}
	return 0;
}

static const char *machine_name(unsigned machine, char *buf, size_t len)
{
	static const struct {
		unsigned machine;
		const char *name;
	} known[] = {
		{EM_386, "32-bit x86"}, {EM_X86_64, "x86-64"},   {EM_AARCH64, "aarch64"},
		{EM_ARM, "32-bit arm"}, {EM_RISCV, "risc-v"},    {EM_S390, "s390"},
		{EM_PPC64, "ppc64"},    {EM_LOONGARCH, "loong"},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].machine == machine)
			return known[i].name;
	}
	(void)snprintf(buf, len, "ELF machine %u", machine);
	return buf;
}

static int check_head(const Elf64_Ehdr *h, struct err *e)
{
	char buf[32];

	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(e, ENOEXEC, "the kernel is not an ELF file");
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return err_set(e, ENOEXEC, "the kernel is not a 64-bit ELF file");
	if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(e, ENOEXEC, "the kernel is not little-endian");
	if (h->e_machine != MACHINE)
		return err_set(e, ENOEXEC,
			       "the kernel is for %s, and this machine is " MACHINE_NAME,
			       machine_name(h->e_machine, buf, sizeof(buf)));
	if (h->e_type != ET_EXEC)
		return err_set(e, ENOEXEC,
			       "the kernel's ELF file is not an executable (type %u)",
			       h->e_type);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(e, ENOEXEC, "the kernel's program headers have %u bytes",
			       h->e_phentsize);
	if (h->e_phnum == 0 || h->e_phnum > SEGMENTS_MAX)
		return err_set(e, ENOEXEC, "the kernel has %u program headers",
			       h->e_phnum);
	return 0;
}

static int elf_read(int fd, struct elf *elf, struct err *e)
{
	uint64_t len;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat the kernel");
	if (!S_ISREG(st.st_mode))
		return err_set(e, ENOEXEC, "the kernel is not a regular file");
	elf->fd = fd;
	elf->size = (uint64_t)st.st_size;
	if (elf->size < sizeof(elf->head))
		return err_set(e, ENOEXEC, "the kernel ends in its ELF header");
	r = read_at(fd, &elf->head, sizeof(elf->head), 0, e);
	if (r == 0)
		r = check_head(&elf->head, e);
	if (r < 0)
		return r;
	elf->count = elf->head.e_phnum;
	len = elf->count * sizeof(Elf64_Phdr);
	if (len > elf->size || elf->head.e_phoff > elf->size - len)
		return err_set(e, ENOEXEC, "the kernel ends in its program headers");
	return read_at(fd, elf->segment, len, elf->head.e_phoff, e);
}

/* Whether [a, a + a_len) and [b, b + b_len), neither of which wraps, share a byte. */
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool is_load(const Elf64_Phdr *p)
{
	return p->p_type == PT_LOAD && p->p_memsz > 0;
}

static int check_segment(const struct memory *m, const struct elf *elf, unsigned i,
			 struct err *e)
{
	const Elf64_Phdr *p = &elf->segment[i], *q;
	unsigned long long addr = p->p_paddr, len = p->p_memsz;

	if (p->p_filesz > p->p_memsz)
		return err_set(e, ENOEXEC,
			       "the kernel's segment %u is longer in the file than in "
			       "memory",
			       i);
	if (p->p_filesz > elf->size || p->p_offset > elf->size - p->p_filesz)
		return err_set(e, ENOEXEC,
			       "the kernel's segment %u is outside of the file: it is "
			       "truncated",
			       i);
	if (addr < LOWEST)
		return err_set(e, ENOEXEC,
			       "the kernel's segment %u is at 0x%llx, in the first MiB",
			       i, addr);
	if (len > UINT64_C(1) << 32 || addr > (UINT64_C(1) << 32) - len)
		return err_set(e, ENOEXEC, "the kernel's segment %u is above 4 GiB", i);
	if (!memory_at(m, addr, len))
		return err_set(e, ENOMEM,
			       "the kernel's segment %u, 0x%llx bytes at 0x%llx, is "
			       "outside of guest memory",
			       i, len, addr);
	for (unsigned j = 0; j < i; j++) {
		q = &elf->segment[j];
		if (is_load(q) && overlap(addr, len, q->p_paddr, q->p_memsz))
			return err_set(e, ENOEXEC,
				       "the kernel's segments %u and %u overlap", j, i);
	}
	return 0;
}

static bool is_loaded(const struct elf *elf, uint64_t gpa)
{
	for (unsigned i = 0; i < elf->count; i++) {
		const Elf64_Phdr *p = &elf->segment[i];

		if (is_load(p) && gpa >= p->p_paddr && gpa - p->p_paddr < p->p_memsz)
			return true;
	}
	return false;
}

/* What the segments take, and that the entry is in one of them. */
static int check_segments(const struct memory *m, const struct elf *elf,
			  struct kernel *ret, struct err *e)
{
	int r;

	ret->begin = UINT64_MAX;
	ret->end = 0;
	for (unsigned i = 0; i < elf->count; i++) {
		const Elf64_Phdr *p = &elf->segment[i];

		if (!is_load(p))
			continue;
		r = check_segment(m, elf, i, e);
		if (r < 0)
			return r;
		if (p->p_paddr < ret->begin)
			ret->begin = p->p_paddr;
		if (p->p_paddr + p->p_memsz > ret->end)
			ret->end = p->p_paddr + p->p_memsz;
	}
	if (ret->end == 0)
		return err_set(e, ENOEXEC, "the kernel has nothing to load");
	ret->entry = elf->head.e_entry;
	if (!is_loaded(elf, ret->entry))
		return err_set(e, ENOEXEC,
			       "the kernel's entry 0x%llx is outside of its segments",
			       (unsigned long long)ret->entry);
	return 0;
}

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* Looks for the PVH entry in a note segment of len bytes, 0 if it isn't there: each note
 * is a header, a name and a description, both padded. */
static int find_pvh_note(const uint8_t *p, size_t len, size_t align, uint64_t *ret,
			 struct err *e)
{
	uint64_t name_len, desc_len;
	Elf64_Nhdr n;

	for (size_t at = 0; len - at >= sizeof(n);) {
		memcpy(&n, p + at, sizeof(n));
		at += sizeof(n);
		name_len = align_up(n.n_namesz, align);
		desc_len = align_up(n.n_descsz, align);
		/* The last description needn't be padded. */
		if (name_len > len - at || n.n_descsz > len - at - name_len)
			return err_set(e, ENOEXEC,
				       "a note of the kernel is longer than its segment");
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    memcmp(p + at, "Xen", 4) == 0) {
			if (n.n_descsz != 4 && n.n_descsz != 8)
				return err_set(e, ENOEXEC,
					       "the kernel's PVH note has %u bytes",
					       n.n_descsz);
			*ret = 0;
			memcpy(ret, p + at + name_len, n.n_descsz);
			return 1;
		}
		if (desc_len > len - at - name_len)
			break;
		at += name_len + desc_len;
	}
	return 0;
}

static int read_notes(const struct elf *elf, const Elf64_Phdr *p, uint64_t *ret,
		      struct err *e)
{
	AUTO_FREE uint8_t *buf = NULL;
	int r;

	if (p->p_filesz > elf->size || p->p_offset > elf->size - p->p_filesz)
		return err_set(
			e, ENOEXEC,
			"the kernel's notes are outside of the file: it is truncated");
	if (p->p_filesz > NOTES_MAX)
		return err_set(e, ENOEXEC, "the kernel has %llu bytes of notes",
			       (unsigned long long)p->p_filesz);
	if (p->p_filesz == 0)
		return 0;
	buf = malloc(p->p_filesz);
	if (!buf)
		return err_code(e, ENOMEM, "read the kernel's notes");
	r = read_at(elf->fd, buf, p->p_filesz, p->p_offset, e);
	if (r < 0)
		return r;
	return find_pvh_note(buf, p->p_filesz, p->p_align == 8 ? 8 : 4, ret, e);
}

static int find_pvh_entry(const struct elf *elf, uint64_t *ret, struct err *e)
{
	int r = 0;

	*ret = 0;
	for (unsigned i = 0; i < elf->count && r == 0; i++) {
		if (elf->segment[i].p_type == PT_NOTE)
			r = read_notes(elf, &elf->segment[i], ret, e);
	}
	if (r <= 0)
		return r;
	if (!is_loaded(elf, *ret))
		return err_set(e, ENOEXEC,
			       "the kernel's PVH entry 0x%llx is outside of its segments",
			       (unsigned long long)*ret);
	return 0;
}

/* ---- loading what was checked ---- */

int kernel_copy_part(struct memory *m, int fd, uint64_t gpa, uint64_t off, uint64_t len,
		     struct err *e)
{
	void *to = len > 0 ? memory_at(m, gpa, len) : NULL;

	if (len == 0)
		return 0;
	if (!to)
		return err_set(e, EFAULT, "no guest memory for the kernel");
	return read_at(fd, to, len, off, e);
}

/* What the guest won't write, or not all of. */
static int map_part(struct memory *m, int fd, const Elf64_Phdr *p, struct err *e)
{
	uint64_t gpa = p->p_paddr, off = p->p_offset, len = p->p_filesz;
	uint64_t begin = align_up(gpa, PAGE), end = (gpa + len) & ~(PAGE - 1);
	int r;

	if ((gpa & (PAGE - 1)) != (off & (PAGE - 1)) || end <= begin)
		return kernel_copy_part(m, fd, gpa, off, len, e);
	r = memory_map_file(m, begin, fd, off + (begin - gpa), end - begin);
	if (r == -ENODEV) /* a filesystem that can't */
		return kernel_copy_part(m, fd, gpa, off, len, e);
	if (r < 0)
		return err_code(e, r, "map the file");
	r = kernel_copy_part(m, fd, gpa, off, begin - gpa, e);
	if (r < 0)
		return r;
	return kernel_copy_part(m, fd, end, off + (end - gpa), gpa + len - end, e);
}

/* Boot memory may be a file with something in it. Untouched pages stay untouched. */
static int zero_part(struct memory *m, uint64_t gpa, uint64_t len, struct err *e)
{
	uint64_t begin = align_up(gpa, PAGE), end = (gpa + len) & ~(PAGE - 1);
	int r;

	if (len == 0)
		return 0;
	if (end <= begin) {
		memset(memory_at(m, gpa, len), 0, len);
		return 0;
	}
	r = memory_discard(m, begin, end - begin);
	if (r < 0)
		return err_code(e, r, "clear the kernel's data");
	if (begin > gpa)
		memset(memory_at(m, gpa, begin - gpa), 0, begin - gpa);
	if (gpa + len > end)
		memset(memory_at(m, end, gpa + len - end), 0, gpa + len - end);
	return 0;
}

/* A kernel patches its own code as it starts (alternatives, return thunks: on most pages).
 * Mapped, each page would cost the guest three faults: to read it, to have a copy, and to
 * see that. */
static int load_segment(struct memory *m, int fd, const Elf64_Phdr *p, struct err *e)
{
	return p->p_flags & PF_X
		       ? kernel_copy_part(m, fd, p->p_paddr, p->p_offset, p->p_filesz, e)
		       : map_part(m, fd, p, e);
}

int kernel_load(struct memory *m, int elf_fd, struct kernel *ret, struct err *e)
{
	struct kernel k = {0};
	struct elf elf = {0};
	int r;

	r = elf_read(elf_fd, &elf, e);
	if (r == 0)
		r = check_segments(m, &elf, &k, e);
	if (r == 0)
		r = find_pvh_entry(&elf, &k.pvh_entry, e);
	for (unsigned i = 0; i < elf.count && r == 0; i++) {
		const Elf64_Phdr *p = &elf.segment[i];

		if (!is_load(p))
			continue;
		r = load_segment(m, elf_fd, p, e);
		if (r == 0)
			r = zero_part(m, p->p_paddr + p->p_filesz,
				      p->p_memsz - p->p_filesz, e);
	}
	if (r == 0)
		*ret = k;
	return r;
}
