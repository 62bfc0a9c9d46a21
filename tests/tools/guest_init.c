/* SPDX-License-Identifier: Apache-2.0 */
/* The first process of a guest whose boot is measured: tells the host that it is there by a
 * write to an I/O port that nobody has, and asks for a reset, which costs least. Called
 * with a word (of the kernel's command line) it writes a byte to the console every
 * millisecond, for ever: the guest that is saved and restored. */
#include <sys/io.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define MARK_PORT 0xe9 /* tests/bench/vm looks for it */

int main(int argc, char **argv)
{
	const struct timespec pause_time = {.tv_nsec = 1000000};

	(void)argv;
	while (argc > 1 && write(STDOUT_FILENO, ".", 1) == 1)
		(void)nanosleep(&pause_time, NULL);
	if (ioperm(MARK_PORT, 1, 1) < 0)
		return 1;
	outb('i', MARK_PORT);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}
