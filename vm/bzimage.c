/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bzImage: a boot sector and set-up code, then a loader with the kernel in it, packed.
 * Linux, Documentation/arch/x86/boot.rst, "The real-mode kernel header".
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "vm/kernel_image.h"

/* Offsets in the file */
#define OFF_SETUP_SECTS    0x1f1
#define OFF_BOOT_FLAG      0x1fe
#define OFF_MAGIC          0x202
#define OFF_VERSION        0x206
#define OFF_LOADFLAGS      0x211
#define OFF_XLOADFLAGS     0x236
#define OFF_PAYLOAD_OFFSET 0x248
#define OFF_PAYLOAD_LENGTH 0x24c
#define HEADER_END         0x268 /* of protocol 2.12 */

#define VERSION_MIN        0x20c /* knows whether there is a 64-bit entry */
#define LOADED_HIGH        0x01
#define XLF_KERNEL_64      0x01
#define SECTOR             512u

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

int bzimage_check(const uint8_t *p, size_t len, uint64_t size, struct err *e)
{
	unsigned version;

	if (len < HEADER_END)
		return err_set(e, ENOEXEC, "the kernel ends in its set-up header");
	if (get16(p + OFF_BOOT_FLAG) != 0xaa55 || memcmp(p + OFF_MAGIC, "HdrS", 4) != 0)
		return err_set(e, ENOEXEC, "the kernel is not a bzImage");
	version = get16(p + OFF_VERSION);
	if (version < VERSION_MIN)
		return err_set(
			e, ENOEXEC,
			"the kernel's boot protocol is %u.%02u, and 2.12 is needed",
			version >> 8, version & 0xff);
	if (!(p[OFF_LOADFLAGS] & LOADED_HIGH))
		return err_set(e, ENOEXEC,
			       "the kernel is a zImage, which runs in 640 KiB");
	if (!(get16(p + OFF_XLOADFLAGS) & XLF_KERNEL_64))
		return err_set(e, ENOEXEC, "the kernel is for 32-bit x86");
	if (size > KERNEL_PACKED_MAX)
		return err_set(e, EFBIG, "the kernel has %llu bytes",
			       (unsigned long long)size);
	return 0;
}

int bzimage_parse(const uint8_t *p, size_t len, struct bzimage *ret, struct err *e)
{
	uint64_t begin, sects;
	int r;

	r = bzimage_check(p, len, len, e);
	if (r < 0)
		return r;
	sects = p[OFF_SETUP_SECTS] ? p[OFF_SETUP_SECTS] : 4;
	begin = (sects + 1) * SECTOR + get32(p + OFF_PAYLOAD_OFFSET);
	ret->payload_len = get32(p + OFF_PAYLOAD_LENGTH);
	if (ret->payload_len < 8)
		return err_set(e, ENOEXEC, "the kernel has no payload");
	if (ret->payload_len > len || begin > len - ret->payload_len)
		return err_set(e, ENOEXEC,
			       "the kernel's payload is outside of the file: it is "
			       "truncated");
	ret->payload = p + begin;
	/* Whatever the format, the size of what is in it follows (gzip's own trailer is
	 * that size): arch/x86/boot/compressed/mkpiggy.c. */
	ret->unpacked_len = get32(ret->payload + ret->payload_len - 4);
	if (ret->unpacked_len == 0 || ret->unpacked_len > KERNEL_UNPACKED_MAX)
		return err_set(e, ENOEXEC,
			       "the kernel claims to have %llu bytes unpacked",
			       (unsigned long long)ret->unpacked_len);
	return 0;
}
