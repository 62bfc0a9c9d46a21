/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hull-guest: the first process of a guest. It brings the system up, starts the server,
 * and waits for whatever dies, so that nobody else has to tell orphans from children. A
 * guest without its server is of no use: it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/guest/boot.h"
#include "sandbox/guest/server.h"

/* On the console, which the host's log has. */
static void __attribute__((noreturn)) give_up(const struct err *e)
{
	(void)dprintf(STDERR_FILENO, "hull-guest: %s\n", e->text);
	sync();
	(void)reboot(RB_POWER_OFF);
	_exit(1);
}

int main(void)
{
	struct err e = {0};
	pid_t server, dead;

	if (getpid() != 1) {
		(void)dprintf(STDERR_FILENO,
			      "hull-guest is the first process of a guest\n");
		return 1;
	}
	if (boot(&e) < 0)
		give_up(&e);
	server = fork();
	if (server < 0) {
		(void)err_sys(&e, "fork");
		give_up(&e);
	}
	if (server == 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		(void)setsid();
		(void)server_run(&e);
		(void)dprintf(STDERR_FILENO, "hull-guest: %s\n", e.text);
		_exit(1);
	}
	do {
		dead = waitpid(-1, NULL, 0);
	} while (dead != server && (dead > 0 || errno == EINTR));
	(void)err_set(&e, ECHILD, "the server has ended");
	give_up(&e);
}
