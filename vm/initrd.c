/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>

#include "vm/kernel.h"
#include "vm/kernel_image.h"

#define PAGE   UINT64_C(4096)
#define LOWEST UINT64_C(0x100000)

int kernel_load_initrd(struct memory *m, int fd, uint64_t limit, uint64_t *ret_gpa,
		       uint64_t *ret_len, struct err *e)
{
	struct memory_range ranges[2];
	uint64_t top, len, gpa;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat the initrd");
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "the initrd is not a regular file");
	if (st.st_size == 0)
		return err_set(e, EINVAL, "the initrd is empty");
	len = (uint64_t)st.st_size;
	if (memory_ranges(m, ranges) == 0)
		return err_set(e, ENOMEM, "no guest memory for the initrd");
	top = ranges[0].gpa + ranges[0].len;
	if (limit < top)
		top = limit;
	if (top < LOWEST + PAGE || len > top - LOWEST - PAGE)
		return err_set(e, ENOMEM,
			       "the initrd of %llu bytes does not fit in guest memory",
			       (unsigned long long)len);
	gpa = (top - len) & ~(PAGE - 1);
	r = kernel_copy_part(m, fd, gpa, 0, len, e);
	if (r < 0)
		return err_wrap(e, "load the initrd");
	*ret_gpa = gpa;
	*ret_len = len;
	return 0;
}
