/* SPDX-License-Identifier: Apache-2.0 */
/* What this process has of what the kernel counts: the same before and after, if nothing
 * leaked. */
#ifndef TESTS_UNIT_USAGE_H
#define TESTS_UNIT_USAGE_H

#include <dirent.h>
#include <stdio.h>

/* Entries of a folder, which is closed; 0 if it can't be read, which none has. */
static inline unsigned count_entries(DIR *d)
{
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n;
}

static inline unsigned count_fds(void)
{
	return count_entries(opendir("/proc/self/fd"));
}

static inline unsigned count_threads(void)
{
	return count_entries(opendir("/proc/self/task"));
}

static inline unsigned count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int ch;

	while (f && (ch = fgetc(f)) != EOF)
		n += ch == '\n';
	if (f)
		(void)fclose(f);
	return n;
}

#endif
