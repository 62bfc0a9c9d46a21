/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/vmrun_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "base/str.h"

static int connect_tap(struct vm *vm, unsigned i, const char *name, struct err *e)
{
	struct vm_net_config c = {.mac = {0x02, 'v', 'm', 'r', 'u', (uint8_t)i}};
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (fd < 0)
		return err_sys(e, "open /dev/net/tun");
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_sys(e, "tap %s", name);
	c.tap_fd = fd;
	ret = vm_net_connect(vm, i, &c, e);
	if (ret == 0)
		(void)fd_take(&fd);
	return ret;
}

/* Takes ",NAME" off the end of a value. */
static bool take_word(char *value, const char *word)
{
	char *comma = strrchr(value, ',');

	if (!comma || !str_eq(comma + 1, word))
		return false;
	*comma = '\0';
	return true;
}

static int connect_disk(struct vm *vm, unsigned i, char *path, struct err *e)
{
	struct vm_block_config c = {.read_only = take_word(path, "ro")};
	AUTO_FD fd = open(path, (c.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	c.fd = fd;
	ret = vm_block_connect(vm, i, &c, e);
	if (ret == 0)
		(void)fd_take(&fd);
	return ret;
}

static int attach_tree(struct vm *vm, enum vm_fs fs, char *value, struct err *e)
{
	struct vm_tree_config c = {.name = value};
	char *dir = strchr(value, '=');
	AUTO_FD fd = -1;

	if (!dir)
		return err_set(e, EINVAL, "%s: no NAME=DIR", value);
	*dir++ = '\0';
	for (bool more = true; more;) {
		bool ro = take_word(dir, "ro"), dax = take_word(dir, "dax");

		c.read_only |= ro;
		c.dax |= dax;
		more = ro || dax;
	}
	fd = open(dir, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s", dir);
	c.fd = fd;
	return vm_fs_attach(vm, fs, &c, e);
}

static int connect_disks(const struct strings *disks, struct vm *vm, struct arena *a,
			 struct err *e)
{
	int ret = 0;

	if (disks->count > PLAN_BLOCKS)
		return err_set(e, EINVAL, "more than %d disks", PLAN_BLOCKS);
	for (unsigned i = 0; i < disks->count && ret == 0; i++) {
		char *value = arena_strdup(a, disks->v[i]);

		ret = value ? connect_disk(vm, i, value, e)
			    : err_code(e, ENOMEM, "disk %s", disks->v[i]);
	}
	return ret;
}

static int attach_trees(const struct strings *trees, enum vm_fs fs, struct vm *vm,
			struct arena *a, struct err *e)
{
	int ret = 0;

	for (unsigned i = 0; i < trees->count && ret == 0; i++) {
		char *value = arena_strdup(a, trees->v[i]);

		ret = value ? attach_tree(vm, fs, value, e)
			    : err_code(e, ENOMEM, "tree %s", trees->v[i]);
	}
	return ret;
}

static int connect_taps(const struct strings *taps, struct vm *vm, struct err *e)
{
	int ret = 0;

	if (taps->count > PLAN_NETS)
		return err_set(e, EINVAL, "more than %d taps", PLAN_NETS);
	for (unsigned i = 0; i < taps->count && ret == 0; i++)
		ret = connect_tap(vm, i, taps->v[i], e);
	return ret;
}

static int relay_sockets(const struct vmrun_options *o, struct vm *vm,
			 struct vsock_relay **relay, struct err *e)
{
	const struct strings *listen = &o->devices.vsock_listen;
	const struct strings *connect = &o->devices.vsock_connect;
	int ret = 0;

	if (listen->count + connect->count > 0)
		ret = vsock_relay_new(vm, o->config.loop, relay, e);
	for (size_t i = 0; i < listen->count && ret == 0; i++)
		ret = vsock_relay_listen(*relay, listen->v[i], e);
	for (size_t i = 0; i < connect->count && ret == 0; i++)
		ret = vsock_relay_connect(*relay, connect->v[i], e);
	return ret;
}

int vmrun_connect(const struct vmrun_options *o, struct vm *vm, struct arena *a,
		  struct vsock_relay **relay, struct err *e)
{
	int ret = 0;

	if (o->plug)
		ret = vm_mem_request(vm, o->plug, e);
	if (ret == 0)
		ret = connect_taps(&o->devices.taps, vm, e);
	if (ret == 0)
		ret = connect_disks(&o->devices.disks, vm, a, e);
	for (unsigned fs = 0; fs < ARRAY_LEN(o->devices.fs) && ret == 0; fs++)
		ret = attach_trees(&o->devices.fs[fs], (enum vm_fs)fs, vm, a, e);
	return ret < 0 ? ret : relay_sockets(o, vm, relay, e);
}
