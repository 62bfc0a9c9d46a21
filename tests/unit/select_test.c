/* SPDX-License-Identifier: Apache-2.0 */
/* Which engine: a row for each rule, and one for each attack on it. */
#include <errno.h>
#include <stdbool.h>

#include "base/str.h"
#include "src/select.h"

#include "tests/unit/tap.h"

#define MIB(n)      (UINT64_C(n) << 20)

#define KATA_MEMORY "io.katacontainers.config.hypervisor.default_memory"
#define KATA_VCPUS  "io.katacontainers.config.hypervisor.default_vcpus"

struct row {
	const char *name;
	struct config c;
	const char *allow[3];
	struct spec_pair annotations[4]; /* as many as have a key */
	const char *error;               /* without "annotations: "; or what follows */
	bool microvm;
	struct config_vm vm;
};

#define NATIVE  CONFIG_ENGINE_NATIVE
#define MICROVM CONFIG_ENGINE_MICROVM

static void check_row(const struct row *v)
{
	struct config c = v->c;
	struct spec_map map = {.v = (struct spec_pair *)v->annotations};
	struct selection s = {0};
	struct err e = {0};
	const char *text;
	int r;

	c.allow_annotations.v = (const char **)v->allow;
	while (c.allow_annotations.count < ARRAY_LEN(v->allow) &&
	       v->allow[c.allow_annotations.count])
		c.allow_annotations.count++;
	while (map.count < ARRAY_LEN(v->annotations) && map.v[map.count].key)
		map.count++;
	r = select_engine(v->name, &c, &map, &s, &e);
	text = str_after(e.text, "annotations: ");
	if (v->error) {
		CHECK_STR(text ? text : e.text, v->error);
		CHECK(r == -e.code && r < 0);
		CHECK(!s.microvm && !s.vm.kernel);
		return;
	}
	CHECK_STR(e.text, "");
	CHECK(r == 0);
	CHECK(s.microvm == v->microvm);
	CHECK(s.vm.memory == v->vm.memory && s.vm.memory_max == v->vm.memory_max);
	CHECK(s.vm.vcpus == v->vm.vcpus);
	CHECK(v->vm.kernel ? s.vm.kernel && str_eq(s.vm.kernel, v->vm.kernel)
			   : !s.vm.kernel);
}

static void check_rows(const struct row *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int before = tap_failed;

		tap_failed = 0;
		check_row(&v[i]);
		if (tap_failed)
			printf("# row %zu\n", i);
		tap_failed |= before;
	}
}

static void floors(void)
{
	static const struct row v[] = {
		{.name = "hull"},
		{.name = "runc"},
		{.name = "hull-vm", .microvm = true},
		{.name = "hull", .c.engine = NATIVE},
		{.name = "hull", .c.engine = MICROVM, .microvm = true},
		/* The configuration can't lower what the name says. */
		{.name = "hull-vm", .c.engine = NATIVE, .microvm = true},
	};

	check_rows(v, ARRAY_LEN(v));
}

static void raised(void)
{
	static const struct row v[] = {
		{.name = "hull",
		 .annotations = {{"dev.hull.engine", "microvm"}},
		 .microvm = true},
		{.name = "hull",
		 .annotations = {{"run.oci.handler", "krun"}},
		 .microvm = true},
		{.name = "hull",
		 .c.engine = NATIVE,
		 .annotations = {{"dev.hull.engine", "microvm"}},
		 .microvm = true},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.engine", "microvm"}},
		 .microvm = true},
		/* The stronger of two counts. */
		{.name = "hull",
		 .annotations = {{"dev.hull.engine", "native"},
				 {"run.oci.handler", "krun"}},
		 .microvm = true},
		{.name = "hull", .annotations = {{"dev.hull.engine", "native"}}},
		/* Other handlers are others' (wasm). */
		{.name = "hull", .annotations = {{"run.oci.handler", "wasm"}}},
		{.name = "hull", .annotations = {{"dev.hullo", "x"}, {"a", "b"}}},
	};

	check_rows(v, ARRAY_LEN(v));
}

#define DENIED ": not among the configuration's allow_annotations"

static void never_lowered(void)
{
	static const struct row v[] = {
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.engine", "native"}},
		 .error = "dev.hull.engine: native" DENIED},
		{.name = "hull",
		 .c.engine = MICROVM,
		 .annotations = {{"dev.hull.engine", "native"}},
		 .error = "dev.hull.engine: native" DENIED},
		/* With what raises beside it it is refused all the same. */
		{.name = "hull-vm",
		 .annotations = {{"run.oci.handler", "krun"},
				 {"dev.hull.engine", "native"}},
		 .error = "dev.hull.engine: native" DENIED},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.engine", "Native"}},
		 .error = "dev.hull.engine: \"Native\" is neither native nor microvm"},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.engine", ""}},
		 .error = "dev.hull.engine: \"\" is neither native nor microvm"},
		/* Another handler doesn't lower. */
		{.name = "hull-vm",
		 .annotations = {{"run.oci.handler", "crun"}},
		 .microvm = true},
		/* That something else is allowed doesn't help. */
		{.name = "hull-vm",
		 .allow = {"dev.hull.vm.", "dev.hull.engin", "dev.hull.engine.x"},
		 .annotations = {{"dev.hull.engine", "native"}},
		 .error = "dev.hull.engine: native" DENIED},
		/* A prefix has a dot at its end. */
		{.name = "hull-vm",
		 .allow = {"dev.hull"},
		 .annotations = {{"dev.hull.engine", "native"}},
		 .error = "dev.hull.engine: native" DENIED},
		{.name = "hull-vm",
		 .allow = {"dev.hull.engine"},
		 .annotations = {{"dev.hull.engine", "native"}}},
		{.name = "hull-vm",
		 .allow = {"dev.hull."},
		 .annotations = {{"dev.hull.engine", "native"}}},
	};

	check_rows(v, ARRAY_LEN(v));
}

static void machine_denied(void)
{
	static const struct row v[] = {
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.vm.kernel", "/evil"}},
		 .error = "dev.hull.vm.kernel: /evil" DENIED},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.vm.memory", "1T"}},
		 .error = "dev.hull.vm.memory: 1T" DENIED},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.vm.memory_max", "1T"}},
		 .error = "dev.hull.vm.memory_max: 1T" DENIED},
		{.name = "hull-vm",
		 .annotations = {{"dev.hull.vm.vcpus", "64"}},
		 .error = "dev.hull.vm.vcpus: 64" DENIED},
		{.name = "hull-vm",
		 .annotations = {{KATA_MEMORY, "9999"}},
		 .error = KATA_MEMORY ": 9999" DENIED},
		{.name = "hull-vm",
		 .annotations = {{KATA_VCPUS, "64"}},
		 .error = KATA_VCPUS ": 64" DENIED},
		/* Nor for who has raised himself. */
		{.name = "hull",
		 .annotations = {{"dev.hull.engine", "microvm"},
				 {"dev.hull.vm.kernel", "/k"}},
		 .error = "dev.hull.vm.kernel: /k" DENIED},
		/* One that is allowed opens no other. */
		{.name = "hull-vm",
		 .allow = {"dev.hull.vm.vcpus"},
		 .annotations = {{"dev.hull.vm.vcpus", "2"},
				 {"dev.hull.vm.kernel", "/k"}},
		 .error = "dev.hull.vm.kernel: /k" DENIED},
		/* What isn't known is never ignored, allowed or not. */
		{.name = "hull-vm",
		 .allow = {"dev.hull."},
		 .annotations = {{"dev.hull.profile", "weak"}},
		 .error = "dev.hull.profile: weak: not known"},
		{.name = "hull",
		 .annotations = {{"dev.hull.profile", "weak"}},
		 .error = "dev.hull.profile: weak: not known"},
		{.name = "hull-vm",
		 .annotations = {{"io.katacontainers.config.hypervisor.kernel", "/evil"}},
		 .error = "io.katacontainers.config.hypervisor.kernel: /evil: not known"},
		/* A native container has no machine. */
		{.name = "hull",
		 .allow = {"dev.hull."},
		 .annotations = {{"dev.hull.vm.memory", "1G"}},
		 .error = "dev.hull.vm.memory: 1G: the container is in no virtual "
			  "machine"},
	};

	check_rows(v, ARRAY_LEN(v));
}

static void machine_allowed(void)
{
	static const struct row v[] = {
		{.name = "hull-vm",
		 .c.vm = {.kernel = "/k",
			  .memory = MIB(256),
			  .memory_max = MIB(1024),
			  .vcpus = 2},
		 .microvm = true,
		 .vm = {.kernel = "/k",
			.memory = MIB(256),
			.memory_max = MIB(1024),
			.vcpus = 2}},
		{.name = "hull-vm",
		 .c.vm = {.kernel = "/k", .memory = MIB(256), .vcpus = 2},
		 .allow = {"dev.hull.vm."},
		 .annotations = {{"dev.hull.vm.kernel", "/other"},
				 {"dev.hull.vm.memory", "1g"},
				 {"dev.hull.vm.memory_max", "2g"},
				 {"dev.hull.vm.vcpus", "3"}},
		 .microvm = true,
		 .vm = {.kernel = "/other",
			.memory = MIB(1024),
			.memory_max = MIB(2048),
			.vcpus = 3}},
		{.name = "hull-vm",
		 .allow = {"io.katacontainers.config.hypervisor."},
		 .annotations = {{KATA_MEMORY, "2048"}, {KATA_VCPUS, "4"}},
		 .microvm = true,
		 .vm = {.memory = MIB(2048), .vcpus = 4}},
		/* hull's own decides, in whatever order they come. */
		{.name = "hull-vm",
		 .allow = {KATA_MEMORY, "dev.hull.vm.memory"},
		 .annotations = {{"dev.hull.vm.memory", "512M"}, {KATA_MEMORY, "2048"}},
		 .microvm = true,
		 .vm = {.memory = MIB(512)}},
		/* A native container may carry another runtime's. */
		{.name = "hull", .annotations = {{KATA_MEMORY, "2048"}}},
	};

	check_rows(v, ARRAY_LEN(v));
}

static void machine_wrong(void)
{
	static const struct row v[] = {
		{.name = "hull-vm",
		 .allow = {"dev.hull.vm."},
		 .annotations = {{"dev.hull.vm.memory", "-1"}},
		 .error = "dev.hull.vm.memory: \"-1\" is no size, as 512M or 2G"},
		{.name = "hull-vm",
		 .allow = {"dev.hull.vm."},
		 .annotations = {{"dev.hull.vm.vcpus", "100"}},
		 .error = "dev.hull.vm.vcpus: 100 is not between 1 and 64"},
		{.name = "hull-vm",
		 .allow = {"dev.hull.vm."},
		 .annotations = {{"dev.hull.vm.kernel", "../k"}},
		 .error = "dev.hull.vm.kernel: ../k is not absolute"},
		{.name = "hull-vm",
		 .allow = {KATA_MEMORY},
		 .annotations = {{KATA_MEMORY, "4294967296"}},
		 .error = KATA_MEMORY ": \"4294967296\" is no number"},
		{.name = "hull-vm",
		 .allow = {KATA_VCPUS},
		 .annotations = {{KATA_VCPUS, "1.5"}},
		 .error = KATA_VCPUS ": \"1.5\" is no number"},
		/* The administrator's bound holds for what he allows. */
		{.name = "hull-vm",
		 .c.vm.memory_max = MIB(1024),
		 .allow = {"dev.hull.vm.memory"},
		 .annotations = {{"dev.hull.vm.memory", "2g"}},
		 .error = "the machine's memory is more than its memory_max"},
	};

	check_rows(v, ARRAY_LEN(v));
}

static const struct test tests[] = {
	{"the name and the configuration set the floor, the higher of the two", floors},
	{"annotations raise the isolation", raised},
	{"annotations never lower it, unless the configuration allows just that",
	 never_lowered},
	{"kernel and sizes by annotation are refused by name where they aren't allowed",
	 machine_denied},
	{"the configuration's machine is what an allowed annotation changes",
	 machine_allowed},
	{"an allowed annotation with a wrong value is an error", machine_wrong},
};
TEST_MAIN(tests)
