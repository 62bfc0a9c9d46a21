/* SPDX-License-Identifier: Apache-2.0 */
#include "src/select.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define ENGINE "dev.hull.engine"
#define OURS   "dev.hull."
#define CRUN   "run.oci.handler" /* krun: crun with libkrun */
#define KATA   "io.katacontainers.config."

typedef int set_fn(const char *what, const char *value, struct config_vm *vm,
		   struct err *e);

static int set_kernel(const char *what, const char *value, struct config_vm *vm,
		      struct err *e)
{
	return config_kernel(what, value, &vm->kernel, e);
}

static int set_memory(const char *what, const char *value, struct config_vm *vm,
		      struct err *e)
{
	return config_memory(what, value, &vm->memory, e);
}

static int set_memory_max(const char *what, const char *value, struct config_vm *vm,
			  struct err *e)
{
	return config_memory(what, value, &vm->memory_max, e);
}

static int set_vcpus(const char *what, const char *value, struct config_vm *vm,
		     struct err *e)
{
	return config_vcpus(what, value, &vm->vcpus, e);
}

/* Kata's is a number of MiB. */
static int set_memory_mib(const char *what, const char *value, struct config_vm *vm,
			  struct err *e)
{
	char text[32];
	uint32_t n;

	if (str_to_u32(value, &n) < 0)
		return err_set(e, EINVAL, "%s: \"%.40s\" is no number", what, value);
	(void)snprintf(text, sizeof(text), "%" PRIu32 "M", n);
	return config_memory(what, text, &vm->memory, e);
}

/* What annotations ask of the machine. hull's own come after those that it understands as
 * well, and so decide. */
static const struct {
	const char *key;
	set_fn *set;
} machine[] = {
	{"io.katacontainers.config.hypervisor.default_memory", set_memory_mib},
	{"io.katacontainers.config.hypervisor.default_vcpus", set_vcpus},
	{"dev.hull.vm.kernel", set_kernel},
	{"dev.hull.vm.memory", set_memory},
	{"dev.hull.vm.memory_max", set_memory_max},
	{"dev.hull.vm.vcpus", set_vcpus},
};

struct asked { /* of one call */
	const char *name;
	const struct config *c;
	const struct spec_map *annotations;
	struct err *e;
};

static const char *get(const struct asked *q, const char *key)
{
	for (size_t i = 0; i < q->annotations->count; i++) {
		if (str_eq(q->annotations->v[i].key, key))
			return q->annotations->v[i].value;
	}
	return NULL;
}

static bool is_allowed(const struct config *c, const char *key)
{
	for (size_t i = 0; i < c->allow_annotations.count; i++) {
		const char *name = c->allow_annotations.v[i];

		if (str_eq(name, key) ||
		    (str_ends_with(name, ".") && str_after(key, name)))
			return true;
	}
	return false;
}

static int refuse(const struct asked *q, const char *key, const char *value)
{
	return err_set(q->e, EPERM,
		       "annotations: %.80s: %.80s: not among the configuration's "
		       "allow_annotations",
		       key, value);
}

/* ---- the engine ---- */

static int choose_engine(const struct asked *q, bool *ret_microvm)
{
	enum config_engine wanted = CONFIG_ENGINE_ANY;
	const char *value = get(q, ENGINE), *handler = get(q, CRUN);
	bool floor = str_eq(q->name, SELECT_SANDBOXED_NAME) ||
		     q->c->engine == CONFIG_ENGINE_MICROVM;
	int r = 0;

	if (value)
		r = config_engine("annotations: " ENGINE, value, &wanted, q->e);
	if (r < 0)
		return r;
	if (floor && wanted == CONFIG_ENGINE_NATIVE) {
		if (!is_allowed(q->c, ENGINE))
			return refuse(q, ENGINE, value);
		floor = false;
	}
	*ret_microvm = floor || wanted == CONFIG_ENGINE_MICROVM ||
		       (handler && str_eq(handler, "krun"));
	return 0;
}

/* ---- the machine ---- */

static bool is_machine(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(machine); i++) {
		if (str_eq(machine[i].key, key))
			return true;
	}
	return false;
}

/* What is ours and not known may be what isolates in another version. Another runtime's
 * are ours to answer for only where its kind of container is asked for. */
static int check_known(const struct asked *q, bool microvm)
{
	for (size_t i = 0; i < q->annotations->count; i++) {
		const char *key = q->annotations->v[i].key;
		const char *value = q->annotations->v[i].value;

		if (str_eq(key, ENGINE))
			continue;
		if (!str_after(key, OURS) && !(microvm && str_after(key, KATA)))
			continue;
		if (!is_machine(key))
			return err_set(q->e, ENOTSUP,
				       "annotations: %.80s: %.80s: not known", key,
				       value);
		if (!microvm)
			return err_set(
				q->e, EINVAL,
				"annotations: %.80s: %.80s: the container is in no "
				"virtual machine",
				key, value);
		if (!is_allowed(q->c, key))
			return refuse(q, key, value);
	}
	return 0;
}

static int choose_machine(const struct asked *q, struct config_vm *vm)
{
	char what[128];

	for (size_t i = 0; i < ARRAY_LEN(machine); i++) {
		const char *value = get(q, machine[i].key);
		int r;

		if (!value)
			continue;
		(void)snprintf(what, sizeof(what), "annotations: %s", machine[i].key);
		r = machine[i].set(what, value, vm, q->e);
		if (r < 0)
			return r;
	}
	if (vm->memory_max && vm->memory > vm->memory_max)
		return err_set(q->e, EINVAL,
			       "the machine's memory is more than its memory_max");
	return 0;
}

int select_engine(const char *name, const struct config *c,
		  const struct spec_map *annotations, struct selection *ret,
		  struct err *e)
{
	const struct asked q = {.name = name, .c = c, .annotations = annotations, .e = e};
	struct selection s = {.vm = c->vm};
	int r = choose_engine(&q, &s.microvm);

	if (r == 0)
		r = check_known(&q, s.microvm);
	if (r == 0 && s.microvm)
		r = choose_machine(&q, &s.vm);
	if (r == 0)
		*ret = s;
	return r;
}
