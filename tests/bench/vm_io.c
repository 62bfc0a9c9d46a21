/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest of tests/bench/vm does with a shared filesystem: one thing at a time, each
 * no more than the system calls that it is named after.
 *
 *	vm_io write FILE MIB BLOCK	from the start, then fsync
 *	vm_io read FILE BLOCK		to the end
 *	vm_io random FILE BLOCK COUNT	reads, the same places each time
 *	vm_io create DIR COUNT		files of 100 bytes
 *	vm_io stat DIR COUNT		of these
 *	vm_io unlink DIR COUNT		of these
 *	vm_io walk DIR			reads folders and looks at all that is in them
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *block_new(size_t len)
{
	void *p = aligned_alloc(4096, (len + 4095) / 4096 * 4096);

	if (!p)
		errx(1, "no memory");
	memset(p, 0x5a, len);
	return p;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void write_file(const char *path, unsigned long mib, size_t block)
{
	char *p = block_new(block);
	int fd = open_file(path, O_WRONLY | O_CREAT);

	for (uint64_t left = (uint64_t)mib << 20; left >= block; left -= block) {
		if (write(fd, p, block) != (ssize_t)block)
			err(1, "write %s", path);
	}
	if (fsync(fd) < 0 || close(fd) < 0)
		err(1, "fsync %s", path);
	free(p);
}

static void read_file(const char *path, size_t block)
{
	char *p = block_new(block);
	int fd = open_file(path, O_RDONLY);
	ssize_t n;

	do
		n = read(fd, p, block);
	while (n > 0);
	if (n < 0)
		err(1, "read %s", path);
	(void)close(fd);
	free(p);
}

/* Numerical Recipes' generator: any will do, as long as all get the same. */
static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void read_randomly(const char *path, size_t block, unsigned long count)
{
	char *p = block_new(block);
	int fd = open_file(path, O_RDONLY);
	uint32_t seed = 1;
	struct stat st;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size < block)
		errx(1, "%s is too small", path);
	for (; count > 0; count--) {
		uint64_t at = next_random(&seed) % ((uint64_t)st.st_size / block) * block;

		if (pread(fd, p, block, (off_t)at) != (ssize_t)block)
			err(1, "read %s", path);
	}
	(void)close(fd);
	free(p);
}

static void create_one(const char *path)
{
	static const char text[100] = "what is in a small file";
	int fd = open_file(path, O_WRONLY | O_CREAT | O_EXCL);

	if (write(fd, text, sizeof(text)) != sizeof(text) || close(fd) < 0)
		err(1, "write %s", path);
}

static void stat_one(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		err(1, "%s", path);
}

static void unlink_one(const char *path)
{
	if (unlink(path) < 0)
		err(1, "%s", path);
}

static void for_files(const char *dir, unsigned long count, void (*fn)(const char *path))
{
	char path[4096];

	for (unsigned long i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s/file-%lu", dir, i);
		fn(path);
	}
}

static void walk(const char *dir)
{
	char path[4096];
	struct dirent *d;
	struct stat st;
	DIR *p = opendir(dir);

	if (!p)
		err(1, "%s", dir);
	while ((d = readdir(p)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		if (lstat(path, &st) < 0)
			err(1, "%s", path);
		if (S_ISDIR(st.st_mode))
			walk(path);
	}
	(void)closedir(p);
}

static unsigned long number(char **argv, int argc, int i)
{
	char *end;
	unsigned long v;

	if (i >= argc)
		errx(2, "%s: too few arguments", argv[1]);
	v = strtoul(argv[i], &end, 10);
	if (*end || v == 0)
		errx(2, "%s: no number", argv[i]);
	return v;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *path = argv[2];

	if (strcmp(what, "write") == 0)
		write_file(path, number(argv, argc, 3), number(argv, argc, 4));
	else if (strcmp(what, "read") == 0)
		read_file(path, number(argv, argc, 3));
	else if (strcmp(what, "random") == 0)
		read_randomly(path, number(argv, argc, 3), number(argv, argc, 4));
	else if (strcmp(what, "create") == 0)
		for_files(path, number(argv, argc, 3), create_one);
	else if (strcmp(what, "stat") == 0)
		for_files(path, number(argv, argc, 3), stat_one);
	else if (strcmp(what, "unlink") == 0)
		for_files(path, number(argv, argc, 3), unlink_one);
	else if (strcmp(what, "walk") == 0)
		walk(path);
	else
		errx(2,
		     "usage: vm_io write|read|random|create|stat|unlink|walk PATH ...");
	return 0;
}
