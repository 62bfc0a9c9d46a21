/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads back what acpi_write() wrote: the tables as a kernel finds them, the DSDT by a
 * small parser, and all of it by ACPICA's disassembler where that is installed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "vm/memory.h"
#include "vm/plan.h"
#include "vm/x86/aml.h"
#include "vm/x86/x86.h"

#include "tests/unit/sums.h"
#include "tests/unit/tap.h"

static struct memory *make_with(bool serial, unsigned vcpus, unsigned vcpus_max)
{
	const struct memory_config c = {.size = 4 << 20, .fd = -1};
	const struct acpi_config a = {vcpus, vcpus_max, serial};
	struct memory *m = NULL;
	struct err e = {0};

	if (memory_new(-1, &c, &m, &e) < 0)
		abort();
	CHECK(acpi_write(m, &a, &e) == 0);
	return m;
}

static struct memory *make(unsigned vcpus, unsigned vcpus_max)
{
	return make_with(true, vcpus, vcpus_max);
}

static uint64_t get(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	memcpy(&v, p, len);
	return v;
}

static _Noreturn void die(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

/* ---- tables ---- */

static const uint8_t *table_at(const struct memory *m, uint64_t gpa, size_t *ret_len)
{
	const uint8_t *p = memory_at(m, gpa, 36);
	size_t len;

	if (!p)
		die("a table is outside of memory");
	len = get(p + 4, 4);
	CHECK(gpa >= X86_ACPI && gpa + len <= X86_GENERATION && gpa % 8 == 0);
	CHECK(len >= 36 && sums_to_zero(p, len));
	*ret_len = len;
	return p;
}

/* As Linux does: RSDP, XSDT, then by signature. */
static const uint8_t *find_table(const struct memory *m, const char *signature,
				 size_t *ret_len)
{
	const uint8_t *rsdp = memory_at(m, X86_ACPI, 36), *xsdt, *t;
	size_t len;

	CHECK(memcmp(rsdp, "RSD PTR ", 8) == 0 && rsdp[15] == 2);
	CHECK(sums_to_zero(rsdp, 20) && sums_to_zero(rsdp, 36) &&
	      get(rsdp + 20, 4) == 36);
	xsdt = table_at(m, get(rsdp + 24, 8), &len);
	CHECK(memcmp(xsdt, "XSDT", 4) == 0 && (len - 36) % 8 == 0);
	for (size_t i = 36; i < len; i += 8) {
		t = table_at(m, get(xsdt + i, 8), ret_len);
		if (memcmp(t, signature, 4) == 0)
			return t;
	}
	die("a table is missing");
}

/* A generic address of a byte-wide I/O port */
static uint64_t port_of(const uint8_t *p)
{
	CHECK(p[0] == 1 && p[1] == 8 && p[2] == 0 && p[3] == 1);
	return get(p + 4, 8);
}

static void the_fadt_is_hardware_reduced(void)
{
	struct memory *m = make(1, 1);
	size_t len = 0;
	const uint8_t *p = find_table(m, "FACP", &len);

	CHECK(len == 276 && p[8] == 6 && p[131] == 3);
	CHECK(get(p + 109, 2) == (1 << 2 | 1 << 5)); /* no VGA, no RTC; no 8042 */
	CHECK(get(p + 112, 4) & 1 << 20);
	CHECK(get(p + 112, 4) & 1 << 10);
	CHECK(port_of(p + 116) == PLAN_POWER_PORT + 2 && p[128] == 1);
	CHECK(port_of(p + 244) == PLAN_POWER_PORT);
	CHECK(port_of(p + 256) == PLAN_POWER_PORT + 1);
	CHECK(get(p + 40, 4) == 0 && get(p + 140, 8) != 0);
	for (size_t i = 148; i < 244; i++)
		CHECK(p[i] == 0);
	memory_free(m);
}

static void check_madt(unsigned vcpus, unsigned vcpus_max)
{
	struct memory *m = make(vcpus, vcpus_max);
	unsigned cpus = 0, ioapics = 0;
	size_t len = 0;
	const uint8_t *p = find_table(m, "APIC", &len);

	CHECK(p[8] == 5 && get(p + 36, 4) == PLAN_LAPIC && get(p + 40, 4) == 0);
	for (size_t i = 44; i < len; i += p[i + 1]) {
		if (p[i] == 0) {
			CHECK(p[i + 1] == 8 && p[i + 2] == cpus && p[i + 3] == cpus);
			CHECK(get(p + i + 4, 4) == (cpus < vcpus ? 1 : 2));
			cpus++;
		} else {
			CHECK(p[i] == 1 && p[i + 1] == 12);
			CHECK(get(p + i + 4, 4) == PLAN_IOAPIC);
			CHECK(get(p + i + 8, 4) == 0);
			ioapics++;
		}
		if (p[i + 1] == 0)
			break;
	}
	CHECK(cpus == vcpus_max && ioapics == 1);
	memory_free(m);
}

static void the_madt_has_all_processors(void)
{
	check_madt(1, 1);
	check_madt(2, 4);
	check_madt(64, 64);
	check_madt(1, 64);
}

/* ---- the DSDT ---- */

struct device {
	char name[5], hid[16], cid[16];
	uint64_t uid, cca, sta;
	uint64_t mem, mem_len, io, io_len;
	unsigned gsi, gsi_flags;
	bool has_mem, has_io, has_gsi, has_method;
	uint64_t addr[2]; /* VMGENID's */
	uint8_t mat[8];
};

#define DEVICES 100

struct parsed {
	struct device v[DEVICES];
	unsigned count;
	uint64_t s5;
	const char *notified;
};

struct value {
	uint64_t number;
	const char *text; /* NULL: a number */
	const uint8_t *bytes;
	size_t len;
	uint64_t element[4];
	unsigned elements;
};

struct cursor {
	const uint8_t *p, *end;
};

static uint8_t next(struct cursor *c)
{
	if (c->p >= c->end)
		die("the DSDT ends early");
	return *c->p++;
}

/* A package's content; the cursor goes behind it. */
static struct cursor enclosed(struct cursor *c)
{
	const uint8_t *begin = c->p;
	uint8_t lead = next(c);
	size_t len = lead & 0x3f, more = lead >> 6;

	if (more > 0)
		len = lead & 15;
	for (size_t i = 0; i < more; i++)
		len |= (size_t)next(c) << (4 + 8 * i);
	if (len > (size_t)(c->end - begin) || begin + len < c->p)
		die("the DSDT: a package's length is wrong");
	/* the shortest form */
	if ((more > 0 && len <= 0x3f) || (more > 1 && len <= 0xfff))
		die("the DSDT: a package's length is longer than it need be");
	struct cursor in = {c->p, begin + len};
	c->p = begin + len;
	return in;
}

static struct value read_value(struct cursor *c);

static void read_package(struct cursor *c, struct value *v)
{
	struct cursor in = enclosed(c);
	unsigned n = next(&in);

	while (in.p < in.end && v->elements < 4)
		v->element[v->elements++] = read_value(&in).number;
	if (in.p != in.end || v->elements != n)
		die("the DSDT: a package has another number of elements");
}

static void read_buffer(struct cursor *c, struct value *v)
{
	struct cursor in = enclosed(c);

	v->len = read_value(&in).number;
	v->bytes = in.p;
	if ((size_t)(in.end - in.p) != v->len)
		die("the DSDT: a buffer has another length");
}

static struct value read_value(struct cursor *c)
{
	struct value v = {0};
	uint8_t op = next(c);
	unsigned len = op == 0x0a ? 1 : op == 0x0b ? 2 : op == 0x0c ? 4 : 8;

	if (op <= 1) {
		v.number = op;
	} else if (op == 0x0a || op == 0x0b || op == 0x0c || op == 0x0e) {
		if ((size_t)(c->end - c->p) < len)
			die("the DSDT ends in a number");
		v.number = get(c->p, len);
		c->p += len;
	} else if (op == 0x0d) {
		v.text = (const char *)c->p;
		while (next(c))
			;
	} else if (op == 0x11) {
		read_buffer(c, &v);
	} else if (op == 0x12) {
		read_package(c, &v);
	} else {
		die("the DSDT has a value that it shouldn't have");
	}
	return v;
}

static void read_resources(struct device *d, const struct value *v)
{
	const uint8_t *p = v->bytes, *end = p + v->len;

	while (p < end && *p != 0x79) {
		if (*p == 0x86) {
			CHECK(get(p + 1, 2) == 9 && p[3] == 1);
			d->mem = get(p + 4, 4);
			d->mem_len = get(p + 8, 4);
			d->has_mem = true;
			p += 12;
		} else if (*p == 0x47) {
			CHECK(p[1] == 1 && get(p + 2, 2) == get(p + 4, 2));
			d->io = get(p + 2, 2);
			d->io_len = p[7];
			d->has_io = true;
			p += 8;
		} else if (*p == 0x89) {
			CHECK(get(p + 1, 2) == 6 && p[4] == 1);
			d->gsi_flags = p[3];
			d->gsi = (unsigned)get(p + 5, 4);
			d->has_gsi = true;
			p += 9;
		} else {
			die("the DSDT has a resource that it shouldn't have");
		}
	}
	CHECK(p + 2 == end && p[1] == 0);
}

/* "PNP0501" from its 32 bits */
static void eisa_text(uint64_t number, char text[16])
{
	uint32_t v = __builtin_bswap32((uint32_t)number);

	(void)snprintf(text, 16, "%c%c%c%04X", '@' + (v >> 26 & 31), '@' + (v >> 21 & 31),
		       '@' + (v >> 16 & 31), v & 0xffff);
}

static void read_name(struct cursor *c, struct device *d)
{
	struct value v;
	char name[5] = "";

	for (int i = 0; i < 4; i++)
		name[i] = (char)next(c);
	v = read_value(c);
	if (str_eq(name, "_HID") && v.text)
		(void)snprintf(d->hid, sizeof(d->hid), "%s", v.text);
	else if (str_eq(name, "_HID"))
		eisa_text(v.number, d->hid);
	else if (str_eq(name, "_CID"))
		(void)snprintf(d->cid, sizeof(d->cid), "%s", v.text);
	else if (str_eq(name, "_UID"))
		d->uid = v.number;
	else if (str_eq(name, "_STA"))
		d->sta = v.number;
	else if (str_eq(name, "_CCA"))
		d->cca = v.number;
	else if (str_eq(name, "_CRS"))
		read_resources(d, &v);
	else if (str_eq(name, "ADDR"))
		memcpy(d->addr, v.element, sizeof(d->addr));
	else if (str_eq(name, "_MAT") && v.len == 8)
		memcpy(d->mat, v.bytes, 8);
	else if (!str_eq(name, "_DDN"))
		die("the DSDT has a name that it shouldn't have");
}

static void read_method(struct cursor *c, struct device *d, struct parsed *out)
{
	struct cursor in = enclosed(c);

	if (in.end - in.p != 4 + 1 + 5 + 2 || memcmp(in.p, "_EVT", 4) != 0 ||
	    in.p[4] != 1 || in.p[5] != 0x86 || in.p[10] != 0x0a || in.p[11] != 0x80)
		die("the DSDT has another method");
	d->has_method = true;
	out->notified = (const char *)in.p + 6;
}

static void read_device(struct cursor c, struct parsed *out)
{
	struct device *d = &out->v[out->count++];

	if (out->count == DEVICES)
		die("the DSDT has too many devices");
	for (int i = 0; i < 4; i++)
		d->name[i] = (char)next(&c);
	for (unsigned i = 0; i + 1 < out->count; i++) {
		if (str_eq(out->v[i].name, d->name))
			die("the DSDT has a name twice");
	}
	while (c.p < c.end) {
		uint8_t op = next(&c);

		if (op == 0x08)
			read_name(&c, d);
		else if (op == 0x14)
			read_method(&c, d, out);
		else
			die("the DSDT has a term that it shouldn't have in a device");
	}
}

static struct parsed *parse(const struct memory *m)
{
	static struct parsed out;
	size_t len = 0;
	const uint8_t *fadt = find_table(m, "FACP", &len);
	const uint8_t *p = table_at(m, get(fadt + 140, 8), &len);
	struct cursor c = {p + 36, p + len}, scope;

	out = (struct parsed){0};
	CHECK(memcmp(p, "DSDT", 4) == 0 && p[8] == 2);
	if (next(&c) != 0x08 || memcmp(c.p, "_S5_", 4) != 0)
		die("the DSDT has no _S5");
	c.p += 4;
	out.s5 = read_value(&c).element[0];
	if (next(&c) != 0x10)
		die("the DSDT has no scope");
	scope = enclosed(&c);
	CHECK(c.p == c.end && memcmp(scope.p, "_SB_", 4) == 0);
	scope.p += 4;
	while (scope.p < scope.end) {
		uint8_t ext = next(&scope), op = next(&scope);

		if (ext != 0x5b || op != 0x82)
			die("the DSDT has something else than devices");
		read_device(enclosed(&scope), &out);
	}
	return &out;
}

static const struct device *by_hid(const struct parsed *p, const char *hid, uint64_t uid)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (str_eq(p->v[i].hid, hid) && p->v[i].uid == uid)
			return &p->v[i];
	}
	return NULL;
}

static void each_device_of_the_plan_is_there(void)
{
	struct memory *m = make(1, 1);
	const struct parsed *p = parse(m);
	const struct device *d;
	unsigned users[24] = {0};

	for (unsigned i = 0; i < PLAN_DEVICES; i++)
		users[plan[i].gsi]++;
	for (unsigned i = 0; i < PLAN_DEVICES; i++) {
		d = by_hid(p, "LNRO0005", i);
		CHECK(d && d->cca == 1 && d->has_mem && d->has_gsi && !d->has_io);
		CHECK(d && d->mem == plan[i].base && d->mem_len == 0x1000);
		/* consumer, edge, active high, shared where it is */
		CHECK(d && d->gsi == plan[i].gsi &&
		      d->gsi_flags == (users[plan[i].gsi] > 1 ? 0x0b : 0x03));
	}
	CHECK(p->count == PLAN_DEVICES + 4);
	memory_free(m);
}

static void the_others_are_where_drivers_look(void)
{
	struct memory *m = make(1, 1);
	const struct parsed *p = parse(m);
	const struct device *d = by_hid(p, "PNP0501", 0);

	CHECK(d && d->io == PLAN_SERIAL_PORT && d->io_len == 8);
	CHECK(d && d->gsi == PLAN_SERIAL_GSI && d->gsi_flags == 3);
	d = by_hid(p, "QEMU0001", 0);
	CHECK(d && d->io == PLAN_PANIC_PORT && d->io_len == 1 && !d->has_gsi);
	d = by_hid(p, "ACPI0013", 0);
	CHECK(d && d->gsi == PLAN_GED_GSI && d->gsi_flags == 3 && d->has_method);
	d = by_hid(p, "HULL0001", 0);
	CHECK(d && str_eq(d->cid, "VM_Gen_Counter"));
	CHECK(d && d->addr[0] == X86_GENERATION && d->addr[1] == 0);
	CHECK(d && p->notified && memcmp(p->notified, d->name, 4) == 0);
	CHECK(p->s5 == 5);
	memory_free(m);
}

/* Linux' driver tries it out, by some eighty exits. */
static void a_serial_port_that_nobody_hears_is_left_out(void)
{
	struct memory *m = make_with(false, 1, 1);
	const struct parsed *p = parse(m);

	CHECK(!by_hid(p, "PNP0501", 0));
	CHECK(p->count == PLAN_DEVICES + 3);
	memory_free(m);
}

static void processors_that_may_come_have_an_enabled_entry(void)
{
	struct memory *m = make(3, 64);
	const struct parsed *p = parse(m);
	const struct device *d;

	CHECK(p->count == PLAN_DEVICES + 4 + 61);
	for (uint8_t i = 0; i < 64; i++) {
		const uint8_t mat[8] = {0, 8, i, i, 1};

		d = by_hid(p, "ACPI0007", i);
		CHECK(i < 3 ? !d : d && d->sta == 15 && memcmp(d->mat, mat, 8) == 0);
	}
	memory_free(m);
}

static void each_generation_is_another(void)
{
	struct memory *m = make(1, 1);
	uint8_t a[16], b[16], zero[16] = {0}, rest[16];
	struct err e = {0};

	CHECK(memory_read(m, X86_GENERATION, a, 16) == 0);
	CHECK(arch_generation_renew(m, &e) == 0);
	CHECK(memory_read(m, X86_GENERATION, b, 16) == 0);
	CHECK(memcmp(a, b, 16) != 0 && memcmp(a, zero, 16) != 0);
	CHECK(memory_read(m, X86_GENERATION + 16, rest, 16) == 0);
	CHECK(memcmp(rest, zero, 16) == 0);
	memory_free(m);
}

static void lengths_and_numbers_take_the_shortest_form(void)
{
	uint8_t buf[5000];
	struct aml a = {.p = buf, .cap = sizeof(buf)};
	size_t mark;

	aml_int(&a, 0);
	aml_int(&a, 1);
	aml_int(&a, 0xff);
	aml_int(&a, 0x100);
	aml_int(&a, 0x10000);
	aml_int(&a, UINT64_C(0x100000000));
	CHECK(a.len == 1 + 1 + 2 + 3 + 5 + 9);
	for (size_t len = 60; len < 70; len++) {
		a.len = 0;
		mark = aml_package(&a, 0);
		aml_zero(&a, len);
		aml_close(&a, mark);
		CHECK(a.len == len + 2 + (len + 2 <= 63 ? 1 : 2));
	}
	for (size_t len = 4085; len < 4100; len++) {
		a.len = 0;
		mark = aml_package(&a, 0);
		aml_zero(&a, len);
		aml_close(&a, mark);
		CHECK(a.len == len + 2 + (len + 3 <= 4095 ? 2 : 3));
	}
	CHECK(!a.failed);
}

static void what_does_not_fit_is_told(void)
{
	uint8_t buf[65];
	struct aml a = {.p = buf, .cap = sizeof(buf) - 1};
	size_t mark;

	buf[64] = 0xee;
	mark = aml_package(&a, 0);
	aml_zero(&a, 62);
	CHECK(!a.failed && a.len == 64);
	aml_close(&a, mark);
	CHECK(a.failed && buf[64] == 0xee);
	aml_u8(&a, 1);
	aml_crs_end(&a, 3);
	aml_table_end(&a, 0);
	CHECK(a.failed && buf[64] == 0xee);
}

/* ---- by ACPICA ---- */

static void save(int dir, const char *name, const uint8_t *p, size_t len)
{
	AUTO_FD fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && fd_write_full(fd, p, len) == 0);
}

/* Runs a script in a folder, as `name` says with which table. */
static bool runs(const char *path, const char *name, const char *script)
{
	AUTO_FREE char *command = str_fmt("cd %s && name=%s && { %s }", path, name,
					  script);

	return system(command) == 0; // NOLINT(cert-env33-c): a test's own command
}

/* Back and forth: what comes out of the disassembler compiles to what was written (but
 * for the header's checksum and compiler). */
static void back_and_forth(const char *path, const char *name)
{
	CHECK(runs(path, name,
		   "iasl -d $name.aml >out 2>&1 && ! grep -iE 'error|warning' out;"));
	CHECK(runs(path, name,
		   "iasl -p again $name.dsl >out 2>&1 && "
		   "! grep -iE '[1-9][0-9]* (errors|warnings)' out || { cat out; false; "
		   "};"));
	CHECK(runs(path, name, "cmp -i 36 $name.aml again.aml;"));
}

static void acpica_understands_all_of_it(void)
{
	char path[] = "/tmp/acpi_test.XXXXXX";
	struct memory *m;
	size_t len = 0;
	const uint8_t *p, *fadt;
	AUTO_FD dir = -1;

	if (system("iasl -v >/dev/null 2>&1") != 0) // NOLINT(cert-env33-c)
		SKIP("iasl is not installed (Debian: acpica-tools)");
	CHECK(mkdtemp(path) != NULL);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	m = make(1, 64);
	fadt = find_table(m, "FACP", &len);
	save(dir, "facp.aml", fadt, len);
	p = find_table(m, "APIC", &len);
	save(dir, "apic.aml", p, len);
	p = table_at(m, get(fadt + 140, 8), &len);
	save(dir, "dsdt.aml", p, len);
	back_and_forth(path, "dsdt");
	back_and_forth(path, "facp");
	back_and_forth(path, "apic");
	CHECK(runs(path, "", "rm -r \"$PWD\";"));
	memory_free(m);
}

static const struct test tests[] = {
	{"the FADT is hardware-reduced, and names the ports of power and reset",
	 the_fadt_is_hardware_reduced},
	{"the MADT has all processors, and those that may come",
	 the_madt_has_all_processors},
	{"each device of the plan is there, with its address and line",
	 each_device_of_the_plan_is_there},
	{"serial port, panic, events and generation are where drivers look",
	 the_others_are_where_drivers_look},
	{"a serial port that nobody hears is left out",
	 a_serial_port_that_nobody_hears_is_left_out},
	{"processors that may come have a device with an enabled entry",
	 processors_that_may_come_have_an_enabled_entry},
	{"each generation is another", each_generation_is_another},
	{"lengths and numbers take the shortest form",
	 lengths_and_numbers_take_the_shortest_form},
	{"what does not fit is told, and not written", what_does_not_fit_is_told},
	{"ACPICA understands all of it, back and forth", acpica_understands_all_of_it},
};
TEST_MAIN(tests)
