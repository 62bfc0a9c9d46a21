#include "sandbox/kernel.h"
#include <fcntl.h>
int sandbox_kernel_find(const char *configured, int *ret_kernel_fd, int *ret_modules_dir, struct err *e)
{
	const char *p = configured ? configured : "/usr/local/lib/hull/vmlinux";
	*ret_modules_dir = -1;
	*ret_kernel_fd = open(p, O_RDONLY | O_CLOEXEC);
	return *ret_kernel_fd < 0 ? err_sys(e, "open the guest's kernel %s", p) : 0;
}
