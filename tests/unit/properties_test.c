/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what a property means in a sandbox, and what is refused by it. */
#include <errno.h>
#include <stdbool.h>

#include "libcontainer/spec/tables.h"
#include "sandbox/properties.h"

#include "tests/unit/spec_file.h"

#define OWN                                                                              \
	"{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":"          \
	"\"network\"}"

static const struct log silent = {.fd = -1};

/* ---- the table ---- */

static size_t rows_of(const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < properties_count; i++)
		n += str_eq(properties[i].name, name);
	return n;
}

static const struct property *row_of(const char *name)
{
	for (size_t i = 0; i < properties_count; i++) {
		if (str_eq(properties[i].name, name))
			return &properties[i];
	}
	return NULL;
}

static bool is_refused(const struct spec_field *f)
{
	return f->kind == SPEC_REFUSED || f->kind == SPEC_REFUSED_SET;
}

/* An object's or list's row in the decoder's tables is the rows of its members. */
static size_t walk(const struct spec_table *t, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < t->count; i++) {
		const struct spec_field *f = &t->fields[i];
		AUTO_FREE char *name = str_fmt("%s%s%s", prefix, f->name,
					       f->kind == SPEC_LIST ? "[]" : "");
		AUTO_FREE char *below = name ? str_fmt("%s.", name) : NULL;

		if (!name || !below)
			return 0;
		if (f->table) {
			n += walk(f->table, below);
			continue;
		}
		if (f->kind == SPEC_PRESENT) /* of another row's property */
			continue;
		if (rows_of(name) != 1)
			printf("# %s: %zu rows\n", name, rows_of(name));
		CHECK(rows_of(name) == 1);
		if (is_refused(f)) {
			const struct property *p = row_of(name);

			CHECK(p && p->where == PROPERTY_REFUSED);
		}
		n++;
	}
	return n;
}

static void every_property_has_a_row(void)
{
	CHECK(walk(&spec_table, "") == properties_count);
}

static void every_row_says_why(void)
{
	for (size_t i = 0; i < properties_count; i++) {
		const struct property *p = &properties[i];

		CHECK(p->why && strlen(p->why) > 5 && !strpbrk(p->why, "|\n"));
		CHECK(property_where_name(p->where) != NULL);
	}
}

/* ---- the check ---- */

static int check(const char *namespaces, const char *top, const char *linux_,
		 struct err *e)
{
	AUTO_ARENA a = {0};
	AUTO_FREE char *text = str_fmt(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"}%s,"
		"\"linux\":{\"namespaces\":[%s]%s}}",
		top, namespaces, linux_);
	struct spec *s = NULL;

	*e = (struct err){0};
	if (spec_decode(&a, "config.json", text, strlen(text), &s, e) < 0)
		return -e->code;
	return properties_check(s, &silent, e);
}

/* Each with the error that it must give after "config.json: "; NULL: none. */
struct row {
	const char *namespaces, *top, *linux_, *error;
};

static void check_rows(const struct row *v, size_t count)
{
	struct err e;

	for (size_t i = 0; i < count; i++) {
		int r = check(v[i].namespaces, v[i].top, v[i].linux_, &e);
		const char *text = str_after(e.text, "config.json: ");

		if (!v[i].error) {
			CHECK_STR(e.text, "");
			CHECK(r == 0);
			continue;
		}
		CHECK_STR(text ? text : e.text, v[i].error);
		CHECK(r == -ENOTSUP);
	}
}

static void namespaces(void)
{
	static const struct row v[] = {
		{OWN, "", "", NULL},
		{"{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"}", "", "",
		 "linux.namespaces: no network namespace: the host's own: not possible "
		 "in a "
		 "sandbox: another kernel runs in it"},
		{"{\"type\":\"mount\"},{\"type\":\"network\"},{\"type\":\"ipc\"}", "", "",
		 "linux.namespaces: no pid namespace: the host's own: not possible in a "
		 "sandbox: another kernel runs in it"},
		{"{\"type\":\"mount\"},{\"type\":\"network\"},{\"type\":\"pid\"}", "", "",
		 "linux.namespaces: no ipc namespace: the host's own: not possible in a "
		 "sandbox: another kernel runs in it"},
		{"{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},"
		 "{\"type\":\"network\",\"path\":\"/run/netns/a\"},"
		 "{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}",
		 "", "", NULL},
		{"{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"network\"},"
		 "{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}",
		 "", "",
		 "linux.namespaces[3].path: /proc/1/ns/pid: not possible in a sandbox: "
		 "another container's pid namespace isn't in this guest"},
		{"{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"ipc\"},"
		 "{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}",
		 "", "",
		 "linux.namespaces: the network namespace /proc/self/ns/net is the "
		 "host's "
		 "own: not possible in a sandbox: another kernel runs in it"},
		{OWN ",{\"type\":\"uts\",\"path\":\"/proc/1/ns/uts\"}", "", "",
		 "linux.namespaces[4].path: /proc/1/ns/uts: not possible in a sandbox: "
		 "another container's uts namespace isn't in this guest"},
	};

	check_rows(v, ARRAY_LEN(v));
}

#define NOTIFY                                                                           \
	"linux.seccomp: SCMP_ACT_NOTIFY: not possible in a sandbox: a listener on the "  \
	"host can't see the guest's processes"

static void seccomp(void)
{
	static const struct row v[] = {
		{OWN, "", ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", NOTIFY},
		{OWN, "",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["
		 "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ERRNO\"},"
		 "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		 NOTIFY},
		{OWN, "",
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":["
		 "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		 NULL},
	};

	check_rows(v, ARRAY_LEN(v));
}

#define KVM "{\"path\":\"/dev/kvm\",\"type\":\"c\",\"major\":10,\"minor\":232}"

static void devices(void)
{
	static const struct row v[] = {
		{OWN, "",
		 ",\"devices\":[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,"
		 "\"minor\":229},{\"path\":\"/pipe\",\"type\":\"p\"}]",
		 NULL},
		{OWN, "", ",\"devices\":[" KVM "]",
		 "linux.devices[0]: /dev/kvm: not possible in a sandbox: the guest has "
		 "no "
		 "such device"},
		{OWN, "",
		 ",\"devices\":[" KVM "],\"resources\":{\"devices\":["
		 "{\"allow\":true,\"access\":\"rwm\"}]}",
		 NULL},
		/* All, and then none. */
		{OWN, "",
		 ",\"devices\":[" KVM "],\"resources\":{\"devices\":["
		 "{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,\"access\":"
		 "\"rwm\"}]}",
		 "linux.devices[0]: /dev/kvm: not possible in a sandbox: the guest has "
		 "no "
		 "such device"},
		/* All devices of one number aren't all devices. */
		{OWN, "",
		 ",\"devices\":[" KVM "],\"resources\":{\"devices\":["
		 "{\"allow\":true,\"major\":1,\"access\":\"rwm\"}]}",
		 "linux.devices[0]: /dev/kvm: not possible in a sandbox: the guest has "
		 "no "
		 "such device"},
	};

	check_rows(v, ARRAY_LEN(v));
}

#define MOUNT(d, t, s, o)                                                                \
	",\"mounts\":[{\"destination\":\"" d "\",\"type\":\"" t "\",\"source\":\"" s     \
	"\",\"options\":[\"" o "\"]}]"

static void mounts(void)
{
	static const struct row v[] = {
		{OWN, MOUNT("/data", "bind", "/etc", "rbind"), "", NULL},
		{OWN, MOUNT("/data", "bind", "/not/there", "rbind"), "", NULL},
		{OWN, MOUNT("/host/proc", "bind", "/proc", "rbind"), "", NULL},
		{OWN, MOUNT("/sys/fs/cgroup", "cgroup", "cgroup", "ro"), "", NULL},
		{OWN, MOUNT("/x", "bind", "/dev/null", "bind"), "", NULL},
		{OWN, MOUNT("/x", "none", "/proc/sys", "bind"), "",
		 "mounts[0] at /x: source /proc/sys: not possible in a sandbox: it is "
		 "procfs of the host's kernel"},
		{OWN, MOUNT("/x", "bind", "/proc/self/ns/net", "bind"), "",
		 "mounts[0] at /x: source /proc/self/ns/net: not possible in a sandbox: "
		 "it "
		 "is a namespace of the host's kernel"},
		{OWN, MOUNT("/x", "bind", "/sys/class", "rbind"), "",
		 "mounts[0] at /x: source /sys/class: not possible in a sandbox: it is "
		 "sysfs of the host's kernel"},
		/* Another way to the same. */
		{OWN, MOUNT("/x", "bind", "/proc/self/root/proc", "rbind"), "",
		 "mounts[0] at /x: source /proc/self/root/proc: not possible in a "
		 "sandbox: "
		 "it is procfs of the host's kernel"},
		{OWN, MOUNT("/dev", "bind", "/dev", "rbind"), "",
		 "mounts[0] at /dev: source /dev: not possible in a sandbox: the devices "
		 "are the host's"},
		{OWN, MOUNT("/x", "ext4", "/dev/sda1", "ro"), "",
		 "mounts[0] at /x: type ext4: not possible in a sandbox: to be mounted "
		 "on "
		 "the host, and bound"},
		{OWN, MOUNT("/x", "overlay", "overlay", "lowerdir=/etc"), "",
		 "mounts[0] at /x: type overlay: not possible in a sandbox: to be "
		 "mounted "
		 "on the host, and bound"},
		{OWN,
		 ",\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/"
		 "etc\","
		 "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}],"
		 "\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}]",
		 "", "mounts[0] at /x: uidMappings, gidMappings: not supported yet"},
	};

	check_rows(v, ARRAY_LEN(v));
}

/* What the table says is refused must give an error wherever it is set. */
static void refused_rows_are_refused(void)
{
	static const struct {
		const char *name, *top, *linux_;
	} set[] = {
		{"process.scheduler", "\"scheduler\":{\"policy\":\"SCHED_BATCH\"}", NULL},
		{"process.ioPriority", "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\"}",
		 NULL},
		{"process.execCPUAffinity", "\"execCPUAffinity\":{\"initial\":\"1\"}",
		 NULL},
		{"linux.resources.blockIO", NULL,
		 ",\"resources\":{\"blockIO\":{\"weight\":10}}"},
		{"linux.resources.hugepageLimits", NULL,
		 ",\"resources\":{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]"
		 "}"},
		{"linux.resources.network", NULL,
		 ",\"resources\":{\"network\":{\"classID\":1}}"},
		{"linux.resources.rdma", NULL,
		 ",\"resources\":{\"rdma\":{\"a\":{\"hcaHandles\":1}}}"},
		{"linux.seccomp.listenerPath", NULL,
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/"
		 "x\"}"},
		{"linux.seccomp.listenerMetadata", NULL,
		 ",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		 "\"listenerMetadata\":\"x\"}"},
		{"linux.intelRdt", NULL, ",\"intelRdt\":{}"},
		{"linux.memoryPolicy", NULL,
		 ",\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\"}"},
		{"linux.netDevices", NULL, ",\"netDevices\":{\"eth0\":{\"name\":\"a\"}}"},
		{"linux.personality", NULL, ",\"personality\":{\"domain\":\"LINUX32\"}"},
	};
	size_t refused = 0;

	for (size_t i = 0; i < properties_count; i++)
		refused += properties[i].where == PROPERTY_REFUSED;
	/* And the six of idmapped mounts, which a test above has. */
	CHECK(refused == ARRAY_LEN(set) + 6);
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		AUTO_FREE char *process = str_fmt(
			",\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],%s}",
			set[i].top ? set[i].top : "\"terminal\":false");
		const struct property *p = row_of(set[i].name);
		struct err e;

		CHECK(p && p->where == PROPERTY_REFUSED);
		CHECK(check(OWN, process, set[i].linux_ ? set[i].linux_ : "", &e) < 0);
		if (!strstr(e.text, set[i].name))
			printf("# %s: %s\n", set[i].name, e.text);
		CHECK(strstr(e.text, set[i].name) != NULL);
	}
}

static const struct test tests[] = {
	{"every property that is decoded has exactly one row, and no other has",
	 every_property_has_a_row},
	{"every row says who does it, and why", every_row_says_why},
	{"the host's own network, pid or ipc, and others' namespaces, are refused",
	 namespaces},
	{"seccomp's listeners are refused", seccomp},
	{"a device that only the host has is refused, unless all are allowed", devices},
	{"a bind of what is the host's kernel is refused by name, whatever its path",
	 mounts},
	{"what the table calls refused is refused where it is set",
	 refused_rows_are_refused},
};
TEST_MAIN(tests)
