#ifndef SANDBOX_KERNEL_H
#define SANDBOX_KERNEL_H
#include "base/err.h"
int sandbox_kernel_find(const char *configured, int *ret_kernel_fd, int *ret_modules_dir, struct err *e);
#endif
