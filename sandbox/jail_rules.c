/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what the code of vm/ calls, what libc calls for it, and what traces of running
 * machines have shown.
 */
#include "sandbox/jail_rules.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/str.h"

#define M   JAIL_WHO(JAIL_MAIN)
#define V   JAIL_WHO(JAIL_VCPU)
#define F   JAIL_WHO(JAIL_FS)
#define B   JAIL_WHO(JAIL_BLOCK)
#define P   JAIL_WHO(JAIL_PROXY)
#define S   JAIL_SAVING
#define ALL (M | V | F | B | P)

/* The kernel looks at 32 bits of what is an int. */
#define IOCTL(who, name)                                                                 \
	{                                                                                \
		"ioctl", who, 1, #name, UINT32_MAX, (uint32_t)(name)                     \
	}
#define FCNTL(who, name)                                                                 \
	{                                                                                \
		"fcntl", who, 1, #name, UINT32_MAX, name                                 \
	}
#define WITHOUT_EXEC(arg) arg, "without PROT_EXEC", PROT_EXEC, 0

#ifndef KVM_GET_XSAVE2 /* Linux 5.17 */
#define KVM_GET_XSAVE2 _IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif

const struct jail_rule jail_rules[] = {
	/* libc's: memory, locks, the end of a thread and of the process. */
	{.call = "brk", .who = ALL},
	{"mmap", ALL, WITHOUT_EXEC(2)},
	{"mprotect", ALL, WITHOUT_EXEC(2)},
	{.call = "mremap", .who = ALL}, /* of what is there: nothing becomes executable */
	{.call = "munmap", .who = ALL},
	{.call = "madvise", .who = ALL},
	{.call = "futex", .who = ALL},
	{.call = "sched_getaffinity", .who = ALL}, /* malloc: how many arenas */
	{.call = "sched_yield", .who = ALL},
	{.call = "getpid", .who = ALL},
	{.call = "gettid", .who = ALL},
	{.call = "rt_sigprocmask", .who = ALL},
	{.call = "rt_sigreturn", .who = ALL},
	{.call = "restart_syscall", .who = ALL},
	{.call = "sigaltstack", .who = ALL},   /* the sanitizers', when a thread ends */
	{.call = "clock_gettime", .who = ALL}, /* where the vDSO can't */
	{.call = "clock_nanosleep", .who = M | P},
	{.call = "exit", .who = ALL},
	{.call = "exit_group", .who = ALL},

	/* Open descriptors. */
	{.call = "close", .who = ALL}, /* vCPU: a guest's reset of a filesystem */
	{.call = "write", .who = ALL},
	{.call = "read", .who = M | P},
	{.call = "readv", .who = M | P},
	{.call = "writev", .who = M | P},
	{.call = "fstat", .who = M | F | P},
	{.call = "newfstatat", .who = M | F | P},
	FCNTL(M | P, F_GETFD),
	FCNTL(M | P, F_SETFD),
	FCNTL(M | P, F_GETFL),
	FCNTL(M | F | P, F_SETFL),
	FCNTL(M | F | P, F_DUPFD_CLOEXEC),

	/* The machine. */
	IOCTL(V, KVM_RUN),
	IOCTL(V | S, KVM_GET_REGS), /* why a guest can't go on */
	IOCTL(V | S, KVM_GET_SREGS),
	IOCTL(V, KVM_TRANSLATE),
	IOCTL(M, KVM_SET_USER_MEMORY_REGION), /* virtio-mem */
	{.call = "rt_sigtimedwait", .who = V | P},
	{"tgkill", M | V, 2, "SIGSTKFLT", UINT32_MAX,
	 SIGSTKFLT}, /* kicks a vCPU out of KVM_RUN */

	/* Events. */
	{.call = "epoll_wait", .who = M | F | B | P},
	{.call = "epoll_pwait", .who = M | F | B | P},
	{.call = "epoll_ctl", .who = M | P},
	{.call = "eventfd2", .who = M | P},
	{.call = "timerfd_create", .who = M | P},
	{.call = "timerfd_settime", .who = M | V | F | P},
	{.call = "poll", .who = M | P},
	{.call = "ppoll", .who = M | P},
	{.call = "signalfd4", .who = P},
	{.call = "getrandom", .who = M}, /* virtio-rng */

	/* Sockets, which are there or come by one that is; none is of the network. */
	{.call = "accept4", .who = M | P},
	{.call = "sendto", .who = M | P},
	{.call = "sendmsg", .who = M | P},
	{.call = "recvfrom", .who = M | P},
	{.call = "recvmsg", .who = M | P},
	{.call = "shutdown", .who = M | P},
	{.call = "getsockopt", .who = M | P},
	{"socket", P, 0, "AF_UNIX", UINT32_MAX, AF_UNIX},
	{.call = "connect", .who = P},

	/* Terminals. */
	IOCTL(M | P, TIOCGWINSZ),
	IOCTL(P, TIOCSWINSZ),
	IOCTL(P, TCGETS),
	IOCTL(P, TCSETS),

	/* What is connected while the machine runs: taps and disks. */
	IOCTL(M, TUNGETIFF),
	IOCTL(M, TUNSETVNETHDRSZ),
	IOCTL(M | V, TUNSETOFFLOAD), /* the guest's driver chooses */
	IOCTL(M, BLKGETSIZE64),

	/* Disks. */
	{.call = "preadv", .who = F | B},
	{.call = "preadv2", .who = F | B | P},
	{.call = "pwritev", .who = F | B},
	{.call = "pwritev2", .who = F | B | P},
	{.call = "fallocate", .who = F | B},
	{.call = "fdatasync", .who = F | B},
	IOCTL(B, BLKDISCARD),

	/* Trees: main attaches one, by its descriptor. */
	{.call = "openat", .who = M | F},
	{.call = "statx", .who = M | F},
	{.call = "fstatfs", .who = M | F},

	/* Files. */
	{.call = "openat2", .who = F},
	{.call = "lseek", .who = F | S},
	{.call = "fsync", .who = F},
	{.call = "syncfs", .who = F},
	{.call = "ftruncate", .who = F | S},
	{.call = "copy_file_range", .who = F},
	{.call = "flock", .who = F},
	FCNTL(F, F_OFD_GETLK),
	FCNTL(F, F_OFD_SETLK),
	{.call = "getdents64", .who = F},
	{.call = "readlinkat", .who = F},
	{.call = "mkdirat", .who = F},
	{.call = "mknodat", .who = F},
	{.call = "symlinkat", .who = F},
	{.call = "linkat", .who = F},
	{.call = "unlinkat", .who = F},
	{.call = "renameat", .who = F}, /* libc's for renameat2() without flags */
	{.call = "renameat2", .who = F},
	{.call = "fchmodat", .who = F},
	{.call = "fchownat", .who = F},
	{.call = "utimensat", .who = F},
	{.call = "getxattr", .who = F},
	{.call = "setxattr", .who = F},
	{.call = "listxattr", .who = F},
	{.call = "removexattr", .who = F},

	/* To create something as the requester. */
	{.call = "setresuid", .who = F},
	{.call = "setresgid", .who = F},
	{.call = "setgroups", .who = F},
	{.call = "capset", .who = F},
	{.call = "umask", .who = F},

	/* To save the machine. */
	{.call = "pwrite64", .who = S},
	IOCTL(S, KVM_GET_CLOCK),
	IOCTL(S, KVM_GET_DEBUGREGS),
	IOCTL(S, KVM_GET_IRQCHIP),
	IOCTL(S, KVM_GET_LAPIC),
	IOCTL(S, KVM_GET_MP_STATE),
	IOCTL(S, KVM_GET_MSRS),
	IOCTL(S, KVM_GET_TSC_KHZ),
	IOCTL(S, KVM_GET_VCPU_EVENTS),
	IOCTL(S, KVM_GET_XCRS),
	IOCTL(S, KVM_GET_XSAVE),
	IOCTL(S, KVM_GET_XSAVE2),
};

const size_t jail_rules_count = ARRAY_LEN(jail_rules);

/* What the file server does for a guest's root: give files away, pass over permissions
 * (the guest's kernel has checked them), become a creating user, keep set-id bits and file
 * capabilities. CAP_DAC_READ_SEARCH would open files by handle, anywhere. */
uint64_t jail_capabilities(bool device_nodes)
{
	uint64_t set = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
		       1U << CAP_FSETID | 1U << CAP_SETUID | 1U << CAP_SETGID |
		       1U << CAP_SETFCAP;

	return device_nodes ? set | 1U << CAP_MKNOD : set;
}
