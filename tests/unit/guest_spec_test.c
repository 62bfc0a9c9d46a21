/* SPDX-License-Identifier: Apache-2.0 */
/* A caller's spec, as it is in the guest. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/guest_spec.h"

#include "tests/unit/spec_file.h"

static struct arena arena;

/* The adjusted one, or NULL with the error. */
static struct spec *adjusted(const char *top, const char *linux_,
			     const struct guest_trees *t, struct err *e)
{
	struct spec *s = spec_with(&arena, top, linux_, e);

	CHECK(s != NULL);
	if (!s || guest_spec_adjust(&arena, s, "web", t, e) < 0)
		return NULL;
	return s;
}

static struct spec *adjusted_plain(const char *top, const char *linux_)
{
	static const struct guest_trees t = {.root = "/run/hull/fs/private/web"};
	struct err e = {0};
	struct spec *s = adjusted(top, linux_, &t, &e);

	CHECK_STR(e.text, "");
	CHECK(s != NULL);
	if (!s)
		abort();
	return s;
}

static struct spec *with_namespaces(const char *list)
{
	AUTO_FREE char *text = str_fmt(
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},"
		"\"linux\":{\"namespaces\":[%s]}}",
		list);
	const struct guest_trees t = {.root = "/tree"};
	struct spec *s = NULL;
	struct err e;

	CHECK(spec_decode(&arena, "c", text, strlen(text), &s, &e) == 0);
	if (!s)
		abort();
	CHECK(guest_spec_adjust(&arena, s, "web", &t, &e) == 0);
	return s;
}

static const char *options(const struct spec_mount *m)
{
	char *all = arena_strdup(&arena, "");

	for (size_t i = 0; i < m->options.count; i++)
		all = arena_fmt(&arena, "%s%s%s", all, i ? "," : "", m->options.v[i]);
	CHECK(m->options.v[m->options.count] == NULL);
	return all;
}

static void namespaces(void)
{
	struct spec *s = with_namespaces(
		"{\"type\":\"mount\"},{\"type\":\"pid\",\"path\":\"/proc/7/ns/pid\"},"
		"{\"type\":\"uts\",\"path\":\"/proc/7/ns/uts\"},{\"type\":\"ipc\"},"
		"{\"type\":\"network\",\"path\":\"/run/netns/x\"},{\"type\":\"cgroup\"},"
		"{\"type\":\"user\",\"path\":\"/proc/7/ns/user\"},{\"type\":\"time\"}");
	static const enum spec_ns kept[] = {SPEC_NS_MOUNT, SPEC_NS_PID,    SPEC_NS_UTS,
					    SPEC_NS_IPC,   SPEC_NS_CGROUP, SPEC_NS_TIME};

	CHECK(s->linux_->namespaces_count == ARRAY_LEN(kept));
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		const struct spec_namespace *ns = spec_namespace(s, kept[i]);

		CHECK(ns && !ns->path);
	}
	CHECK(!spec_namespace(s, SPEC_NS_NETWORK));
	CHECK(!spec_namespace(s, SPEC_NS_USER));
	s = with_namespaces("{\"type\":\"mount\"}");
	CHECK(s->linux_->namespaces_count == 1);
	CHECK(!spec_namespace(s, SPEC_NS_PID));
	arena_done(&arena);
}

static void mappings(void)
{
	const struct guest_trees t = {.root = "/tree"};
	static const char text[] =
		"{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"},\"linux\":{"
		"\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}],"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
		"\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}]}"
		"}";
	struct spec *s = NULL;
	struct err e;

	CHECK(spec_decode(&arena, "c", text, strlen(text), &s, &e) == 0);
	if (!s)
		abort();
	CHECK(guest_spec_adjust(&arena, s, "web", &t, &e) == 0);
	CHECK(s->linux_->uid_mappings.count == 0 && s->linux_->gid_mappings.count == 0);
	arena_done(&arena);
}

static void root_and_id(void)
{
	const struct guest_trees t = {.root = "/tree"};
	struct spec *s = adjusted_plain(",\"annotations\":{\"a\":\"b\"}",
					",\"cgroupsPath\":\"system.slice:docker:x\"");
	struct err e;

	CHECK_STR(s->root->path, "/run/hull/fs/private/web");
	CHECK_STR(s->linux_->cgroups_path, "/web");
	CHECK_STR(spec_annotation(s, "a"), "b");
	CHECK(guest_spec_adjust(&arena, s, "a/../b", &t, &e) == -EINVAL);
	CHECK(guest_spec_adjust(&arena, s, "..", &t, &e) == -EINVAL);
	CHECK(guest_spec_adjust(&arena, s, "", &t, &e) == -EINVAL);
	arena_done(&arena);
}

static void labels(void)
{
	struct spec *s = adjusted_plain(
		",\"process\":{\"cwd\":\"/\",\"args\":[\"x\"],\"oomScoreAdj\":-998,"
		"\"apparmorProfile\":\"docker-default\",\"selinuxLabel\":\"a:b:c:d\","
		"\"noNewPrivileges\":true},"
		"\"mounts\":[{\"destination\":\"/t\",\"type\":\"tmpfs\","
		"\"options\":[\"nosuid\",\"context=\\\"a:b:c:d,e\\\"\",\"size=1m\"]}]",
		",\"mountLabel\":\"a:b:c:d\"");

	CHECK(!s->process->apparmor_profile && !s->process->selinux_label);
	CHECK(!s->linux_->mount_label);
	CHECK(s->process->no_new_privileges);
	CHECK(s->process->oom_score_adj.set && s->process->oom_score_adj.v == -998);
	CHECK_STR(options(&s->mounts[0]), "nosuid,size=1m");
	arena_done(&arena);
}

static void hooks(void)
{
	struct spec *s = adjusted_plain(
		",\"hooks\":{\"prestart\":[{\"path\":\"/1\"}],"
		"\"createRuntime\":[{\"path\":\"/2\"}],\"createContainer\":[{\"path\":\"/"
		"3\"}],"
		"\"startContainer\":[{\"path\":\"/4\"}],\"poststart\":[{\"path\":\"/"
		"5\"}],"
		"\"poststop\":[{\"path\":\"/6\"}]}",
		"");
	const struct spec_hooks *h = s->hooks;

	CHECK(h->start_container.count == 1);
	CHECK_STR(h->start_container.v[0].path, "/4");
	CHECK(!h->prestart.count && !h->create_runtime.count);
	CHECK(!h->create_container.count && !h->poststart.count && !h->poststop.count);
	arena_done(&arena);
}

static void resources(void)
{
	struct spec *s = adjusted_plain(
		"",
		",\"resources\":{\"memory\":{\"limit\":1000000,\"swap\":2000000},"
		"\"cpu\":{\"quota\":5000,\"cpus\":\"6-7\",\"mems\":\"1\"},\"pids\":{"
		"\"limit\":9},"
		"\"devices\":[{\"allow\":false,\"access\":\"rwm\"}],"
		"\"unified\":{\"memory.high\":\"7\",\"memory.swap.max\":\"1\","
		"\"cpuset.cpus\":\"6\",\"hugetlb.2MB.max\":\"1\",\"rdma.max\":\"mlx5_0\","
		"\"io.max\":\"8:0 rbps=1\",\"pids.max\":\"8\",\"misc.max\":\"a\"}}");
	const struct spec_resources *r = s->linux_->resources;

	CHECK(r->memory->limit.v == 1000000 && !r->memory->swap.set);
	CHECK(r->cpu->quota.v == 5000 && !r->cpu->cpus && !r->cpu->mems);
	CHECK(r->pids->limit.v == 9);
	CHECK(r->devices_count == 1 && !r->devices[0].allow);
	CHECK(r->unified.count == 2);
	CHECK_STR(r->unified.v[0].key, "memory.high");
	CHECK_STR(r->unified.v[1].key, "pids.max");
	arena_done(&arena);
}

static void binds(void)
{
	static const char *const mounts =
		",\"mounts\":["
		"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/srv/data\","
		"\"options\":[\"rbind\",\"ro\",\"rslave\"],"
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]},"
		"{\"destination\":\"/etc/hosts\",\"source\":\"/run/x/hosts\","
		"\"options\":[\"bind\"]}]";
	const char *trees[3] = {NULL, "/fs/shared/1", "/fs/shared/2/hosts"};
	const struct guest_trees t = {.root = "/tree", .binds = trees};
	struct err e = {0};
	struct spec *s = adjusted(mounts, "", &t, &e);

	CHECK_STR(e.text, "");
	if (!s)
		abort();
	CHECK_STR(s->mounts[0].source, "proc");
	CHECK_STR(s->mounts[0].type, "proc");
	CHECK_STR(s->mounts[1].source, "/fs/shared/1");
	CHECK_STR(options(&s->mounts[1]), "rbind,ro,rslave");
	CHECK(s->mounts[1].uid_mappings.count == 0);
	CHECK_STR(s->mounts[2].source, "/fs/shared/2/hosts");
	CHECK_STR(s->mounts[2].destination, "/etc/hosts");
	arena_done(&arena);
}

static void own_filesystems(void)
{
	static const char *const mounts =
		",\"mounts\":["
		"{\"destination\":\"/host/proc\",\"type\":\"bind\",\"source\":\"/proc/\","
		"\"options\":[\"rbind\",\"ro\",\"rprivate\"]},"
		"{\"destination\":\"/dev/pts\",\"type\":\"none\",\"source\":\"//dev/./"
		"pts\","
		"\"options\":[\"bind\"]}]";
	struct spec *s = adjusted_plain(mounts, "");

	CHECK_STR(s->mounts[0].type, "proc");
	CHECK_STR(options(&s->mounts[0]), "ro,rprivate");
	CHECK_STR(s->mounts[1].type, "devpts");
	CHECK_STR(options(&s->mounts[1]), "newinstance,ptmxmode=0666");
	arena_done(&arena);
}

static void shm(void)
{
	static const char *const mounts =
		",\"mounts\":[{\"destination\":\"/dev/shm\",\"type\":\"bind\","
		"\"source\":\"/run/x/"
		"shm\",\"options\":[\"rbind\",\"nosuid\",\"rprivate\"]}]";
	const uint64_t size = 1 << 20;
	const struct guest_trees t = {.root = "/tree", .shm = &size};
	struct err e = {0};
	struct spec *s = adjusted(mounts, "", &t, &e);

	CHECK_STR(e.text, "");
	if (!s)
		abort();
	CHECK_STR(s->mounts[0].type, "tmpfs");
	CHECK_STR(s->mounts[0].source, "shm");
	CHECK_STR(options(&s->mounts[0]), "nosuid,rprivate,mode=1777,size=1048576");
	s = adjusted_plain(mounts, "");
	CHECK_STR(options(&s->mounts[0]), "nosuid,rprivate,mode=1777,size=67108864");
	arena_done(&arena);
}

/* A source that nobody serves must not become a folder of the guest's own root. */
static void unserved(void)
{
	static const char *const sources[] = {"/run/hull/fs/private/other",
					      "/etc",
					      "/dev/../etc/passwd",
					      "/dev/",
					      "/dev/shm",
					      "dev/null"};
	const struct guest_trees t = {.root = "/tree"};
	struct spec *s;

	for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
		struct err e = {0};
		char *mounts = arena_fmt(
			&arena,
			",\"mounts\":[{\"destination\":\"/x\",\"source\":"
			"\"%s\",\"options\":[\"bind\"]}]",
			sources[i]);

		CHECK(!adjusted(mounts, "", &t, &e));
		CHECK(str_after(e.text, "mounts[0]: source ") != NULL);
	}
	s = adjusted_plain(
		",\"mounts\":[{\"destination\":\"/x\",\"source\":\"/dev/null\","
		"\"options\":[\"bind\"]}]",
		"");
	CHECK_STR(s->mounts[0].source, "/dev/null");
	arena_done(&arena);
}

#define DEVICES                                                                          \
	",\"devices\":[{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5}," \
	"{\"path\":\"/dev/pipe\",\"type\":\"p\"},"                                       \
	"{\"path\":\"/dev/sdq\",\"type\":\"b\",\"major\":65,\"minor\":0},"               \
	"{\"path\":\"/dev/odd\",\"type\":\"c\",\"major\":511,\"minor\":77}]"

static void devices(void)
{
	const struct guest_trees t = {.root = "/tree"};
	struct err e = {0};
	struct spec *s;

	CHECK(!adjusted("", DEVICES, &t, &e));
	CHECK(e.code == ENODEV);
	CHECK(str_after(e.text, "linux.devices[2]: /dev/sdq: ") != NULL);
	s = adjusted_plain(
		"", DEVICES
		",\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
		"{\"allow\":true,\"access\":\"rwm\"}]}");
	CHECK(s->linux_->devices_count == 2);
	CHECK_STR(s->linux_->devices[0].path, "/dev/zero");
	CHECK_STR(s->linux_->devices[1].path, "/dev/pipe");
	arena_done(&arena);
}

/* Rootless callers bind all nodes of the host into a privileged container. */
static void bound_devices(void)
{
	static const char *const mounts =
		",\"mounts\":[{\"destination\":\"/dev/no-such\",\"type\":\"bind\","
		"\"source\":\"/dev/no-such\"},"
		"{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"/data\"}]";
	const char *trees[] = {NULL, "/fs/shared/1"};
	const struct guest_trees t = {.root = "/tree", .binds = trees};
	struct err e = {0};
	struct spec *s;

	CHECK(!adjusted(mounts, "", &t, &e));
	CHECK(e.code == ENODEV);
	s = adjusted(mounts, ",\"resources\":{\"devices\":[{\"allow\":true}]}", &t, &e);
	CHECK(s && s->mounts_count == 1);
	CHECK_STR(s ? s->mounts[0].source : NULL, "/fs/shared/1");
	arena_done(&arena);
}

/* A disk of the guest, of another container perhaps, may have the number of one of the
 * host's. */
static void disks(void)
{
	char *l;
	struct stat st;
	struct spec *s;

	if (stat("/dev/vda", &st) < 0 || !S_ISBLK(st.st_mode))
		SKIP("no /dev/vda here");
	l = arena_fmt(&arena,
		      ",\"devices\":[{\"path\":\"/dev/vda\",\"type\":\"b\",\"major\":%u,"
		      "\"minor\":%u}],\"resources\":{\"devices\":[{\"allow\":true}]}",
		      (unsigned)(st.st_rdev >> 8 & 0xfff), (unsigned)(st.st_rdev & 0xff));
	s = adjusted_plain("", l);
	CHECK(s->linux_->devices_count == 0);
	arena_done(&arena);
}

static int served(const char *destination, const char *type, const char *source,
		  const char *option)
{
	const char *words[] = {option, NULL};
	const struct spec_mount m = {
		.destination = destination,
		.type = type,
		.source = source,
		.options = {.v = words, .count = 1},
	};

	CHECK(guest_spec_shm_size(&m) == 0);
	return guest_spec_is_served(&m);
}

static void which_are_served(void)
{
	CHECK(served("/data", "bind", "/etc", "ro") == 1);
	CHECK(served("/data", NULL, "/etc", "rbind") == 1);
	CHECK(served("/data", "none", "/etc/passwd", "bind") == 1);
	CHECK(served("/data", "bind", "/not/there", "ro") == 1);
	CHECK(served("/proc", "proc", "proc", "ro") == 0);
	CHECK(served("/tmp", "tmpfs", "tmpfs", "ro") == 0);
	CHECK(served("/host/proc", "bind", "/proc", "ro") == 0);
	CHECK(served("/cgroup", "bind", "/sys/fs/cgroup/", "ro") == 0);
	CHECK(served("/dev/null", "bind", "/dev/null", "ro") == 0);
	/* A folder of a disk, as rootless callers may have it. */
	CHECK(served("/dev/shm", "bind", "/etc", "ro") == 1);
}

static void host_tmpfs(void)
{
	char top[] = "/tmp/guest-spec-XXXXXX";
	const char *words[] = {"rbind", NULL};
	struct spec_mount m = {
		.destination = "/dev//shm/",
		.type = "bind",
		.source = top,
		.options = {.v = words, .count = 1},
	};

	if (geteuid() != 0)
		SKIP("needs root to mount a tmpfs");
	CHECK(mkdtemp(top) != NULL);
	if (mount("shm", top, "tmpfs", 0, "size=3145728") < 0) {
		(void)rmdir(top);
		SKIP("no tmpfs can be mounted here");
	}
	CHECK(guest_spec_is_served(&m) == 0);
	CHECK(guest_spec_shm_size(&m) == 3145728);
	m.destination = "/cache";
	CHECK(guest_spec_is_served(&m) == 1);
	CHECK(guest_spec_shm_size(&m) == 0);
	CHECK(umount2(top, MNT_DETACH) == 0 && rmdir(top) == 0);
}

static const struct test tests[] = {
	{"namespaces by path become new ones; network and user are the host's",
	 namespaces},
	{"the container in the guest has no mapping of ids", mappings},
	{"rootfs and cgroup are the guest's, and an id never leads to another",
	 root_and_id},
	{"labels and profiles of the host aren't asked for in the guest", labels},
	{"startContainer is the only hook in the guest", hooks},
	{"limits that name the host's machine are left to the host", resources},
	{"a served bind has the tree's path and its own options", binds},
	{"a bind of the host's procfs or terminals is the guest's own", own_filesystems},
	{"a host's tmpfs at /dev/shm is a tmpfs of the same size", shm},
	{"a bind that nobody serves never shows the guest's own files", unserved},
	{"nodes of the host's devices: an error, but left out where all are allowed",
	 devices},
	{"the same for nodes that are bound, and the others keep their trees",
	 bound_devices},
	{"a disk of the guest never stands for the host's of that number", disks},
	{"the host knows which binds it serves", which_are_served},
	{"the host tells the size of its tmpfs at /dev/shm, and serves any other",
	 host_tmpfs},
};
TEST_MAIN(tests)
