/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main of a fuzz target that isn't built with libFuzzer: gives it each file of the
 * folders that are named. Options, which libFuzzer's main would take, are skipped.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"

#define INPUT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dir, const char *name)
{
	AUTO_FREE char *text = NULL;
	struct err e = {0};
	size_t len;

	if (file_read(dir, name, INPUT_MAX, &text, &len, &e) < 0) {
		printf("%s\n", e.text);
		return -1;
	}
	printf("%s: %zu bytes\n", name, len);
	return LLVMFuzzerTestOneInput((const uint8_t *)text, len);
}

/* How many files there were, or -1 if one couldn't be read. */
static int replay(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	for (struct dirent *f = d ? readdir(d) : NULL; f && n >= 0; f = readdir(d)) {
		if (f->d_name[0] != '.')
			n = replay_file(dirfd(d), f->d_name) < 0 ? -1 : n + 1;
	}
	if (d)
		(void)closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	int files = 0;

	/* An input that kills us is the last one printed. */
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		int n = argv[i][0] == '-' ? 0 : replay(argv[i]);

		if (n < 0)
			return 1;
		files += n;
	}
	return files == 0;
}
