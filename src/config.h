/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The administrator's choices, in one JSON file that nobody else can write to. No file is
 * needed.
 */
#ifndef SRC_CONFIG_H
#define SRC_CONFIG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "libcontainer/spec/spec.h"

#ifndef HULL_SYSCONFDIR /* part.mk */
#define HULL_SYSCONFDIR "/usr/local/etc"
#endif
#define CONFIG_FILE_PATH    HULL_SYSCONFDIR "/hull/config.json"

#define CONFIG_MEMORY_LEAST (UINT64_C(64) << 20) /* of a machine, bytes */
#define CONFIG_VCPUS_MOST   64

enum config_engine {
	CONFIG_ENGINE_ANY, /* nothing is said */
	CONFIG_ENGINE_NATIVE,
	CONFIG_ENGINE_MICROVM,
};

/* Of a machine; 0 or NULL: not said. */
struct config_vm {
	const char *kernel;          /* absolute */
	uint64_t memory, memory_max; /* bytes, rounded up to 2 MiB */
	unsigned vcpus;
};

struct config {
	enum config_engine engine;
	struct config_vm vm;
	struct strings allow_annotations; /* names; one that ends in a dot is a prefix */
};

/* Reads the file; a missing one is as an empty one. What isn't known in it is an error, and
 * so is a file that others than root can write to. */
int config_read(struct arena *a, const char *path, struct config *ret, struct err *e);

/* The same from its text. */
int config_parse(struct arena *a, const char *what, const char *text, size_t len,
		 struct config *ret, struct err *e);

/* The values of config_vm as texts, for annotations too; `what` names one in errors. */
int config_memory(const char *what, const char *text, uint64_t *ret, struct err *e);
int config_vcpus(const char *what, const char *text, unsigned *ret, struct err *e);
int config_kernel(const char *what, const char *text, const char **ret, struct err *e);
int config_engine(const char *what, const char *text, enum config_engine *ret,
		  struct err *e);

#endif
