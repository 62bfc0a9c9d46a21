/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "libcontainer/process/seccomp_profile.h"

struct sub_function {
	const char *name;
	int own; /* its own number on 32-bit x86 (asm/unistd_32.h); -1: none to this day
		  */
	int multiplexer;
};

/* linux/net.h and linux/ipc.h: in the order of their numbers there. */
static const struct sub_function sub_functions[] = {
	{"socket", 359, 0},      {"bind", 361, 0},       {"connect", 362, 0},
	{"listen", 363, 0},      {"accept", -1, 0},      {"getsockname", 367, 0},
	{"getpeername", 368, 0}, {"socketpair", 360, 0}, {"send", -1, 0},
	{"recv", -1, 0},         {"sendto", 369, 0},     {"recvfrom", 371, 0},
	{"shutdown", 373, 0},    {"setsockopt", 366, 0}, {"getsockopt", 365, 0},
	{"sendmsg", 370, 0},     {"recvmsg", 372, 0},    {"accept4", 364, 0},
	{"recvmmsg", 337, 0},    {"sendmmsg", 345, 0},   {"semop", -1, 1},
	{"semget", 393, 1},      {"semctl", 394, 1},     {"semtimedop", -1, 1},
	{"msgsnd", 400, 1},      {"msgrcv", 401, 1},     {"msgget", 399, 1},
	{"msgctl", 402, 1},      {"shmat", 397, 1},      {"shmdt", 398, 1},
	{"shmget", 395, 1},      {"shmctl", 396, 1},
};

static const struct sub_function *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(sub_functions); i++) {
		if (str_eq(sub_functions[i].name, name))
			return &sub_functions[i];
	}
	return NULL;
}

int seccomp_x86_multiplexer(const char *name)
{
	const struct sub_function *f = find(name);

	return f ? f->multiplexer : -1;
}

int seccomp_number(uint32_t arch, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, name);
	const struct sub_function *f;

	/* libseccomp's numbers of sub-functions: -101 ... -120 and -201 ... -224. */
	if (arch != SCMP_ARCH_X86 || nr > -100 || nr <= -300)
		return nr;
	f = find(name);
	return f ? f->own : -1;
}

uint32_t seccomp_newest(const struct seccomp_profile *p, uint32_t arch)
{
	uint32_t newest = 0;
	int nr;

	for (size_t i = 0; i < p->rules_count; i++) {
		nr = seccomp_number(arch, p->rules[i].name);
		if (nr >= 0 && (uint32_t)nr > newest)
			newest = (uint32_t)nr;
	}
	return newest;
}
