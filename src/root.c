/* SPDX-License-Identifier: Apache-2.0 */
#include "src/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"

const char *root_program_name(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *name = slash ? slash + 1 : argv0;

	if (!name || !*name || str_eq(name, ".") || str_eq(name, ".."))
		return "hull";
	return name;
}

bool root_is_real(void)
{
	char line[128];
	uint32_t numbers[3];
	char *word, *rest = line;

	if (geteuid() != 0)
		return false;
	/* The initial user namespace maps everything to itself (user_namespaces(7)). */
	if (file_read_line(AT_FDCWD, "/proc/self/uid_map", line, sizeof(line)) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		while ((word = strsep(&rest, " ")) && !*word)
			;
		if (!word || str_to_u32(word, &numbers[i]) < 0)
			return false;
	}
	return numbers[0] == 0 && numbers[1] == 0 && numbers[2] == UINT32_MAX;
}

/* $XDG_RUNTIME_DIR where it counts: never for the real root, whose environment may be an
 * ordinary user's (sudo); nor for a root in a user namespace who calls himself so. */
static const char *runtime_dir(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	const char *user = getenv("USER");

	if (!dir || dir[0] != '/')
		return NULL;
	if (geteuid() == 0 && (root_is_real() || (user && str_eq(user, "root"))))
		return NULL;
	return dir;
}

static const char *wanted(const struct cli *cli, struct arena *a, struct err *e)
{
	AUTO_FREE char *cwd = NULL;
	const char *dir;

	if (!cli->root_given) {
		dir = runtime_dir();
		return arena_fmt(a, "%s/%s", dir ? dir : "/run", cli->name);
	}
	if (cli->root[0] == '/')
		return cli->root;
	cwd = getcwd(NULL, 0);
	if (!cwd) {
		(void)err_sys(e, "getcwd");
		return NULL;
	}
	return arena_fmt(a, "%s/%s", cwd, cli->root);
}

int root_resolve(struct cli *cli, struct err *e)
{
	char clean[PATH_MAX];
	const char *path;
	int r;

	*e = (struct err){0};
	path = wanted(cli, &cli->arena, e);
	if (!path)
		return e->code ? -e->code : err_code(e, ENOMEM, "--root");
	r = path_clean(path, clean, sizeof(clean));
	if (r < 0)
		return err_code(e, r, "--root %s", path);
	if (str_eq(clean, "/"))
		return err_set(e, EINVAL, "--root: / can't hold the state of containers");
	cli->root = arena_strdup(&cli->arena, clean);
	return cli->root ? 0 : err_code(e, ENOMEM, "--root");
}

int root_prepare(const struct cli *cli, struct err *e)
{
	if (cli->root_given || !runtime_dir())
		return 0;
	if (mkdir(cli->root, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "mkdir %s", cli->root);
	if (chmod(cli->root, 01700) < 0)
		return err_sys(e, "chmod %s", cli->root);
	return 0;
}
