/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/virtio/vsock_packet.h"

#include <endian.h>
#include <errno.h>

_Static_assert(VSOCK_HEADER == 44, "VIRTIO 1.2, 5.10.6");

int vsock_packet_get(const struct chain *c, struct vsock_packet *ret)
{
	struct virtio_vsock_hdr h;

	if (iov_read(c->iov, c->out, 0, &h, sizeof(h)) != sizeof(h))
		return -EINVAL;
	*ret = (struct vsock_packet){
		.src_cid = le64toh(h.src_cid),
		.dst_cid = le64toh(h.dst_cid),
		.src_port = le32toh(h.src_port),
		.dst_port = le32toh(h.dst_port),
		.len = le32toh(h.len),
		.type = le16toh(h.type),
		.op = le16toh(h.op),
		.flags = le32toh(h.flags),
		.buf_alloc = le32toh(h.buf_alloc),
		.fwd_cnt = le32toh(h.fwd_cnt),
	};
	return ret->len > c->out_len - sizeof(h) ? -EINVAL : 0;
}

unsigned vsock_packet_payload(struct chain *c, uint32_t len, struct iovec **ret)
{
	unsigned used = iov_cut(c->iov, c->out, VSOCK_HEADER), n = 0;
	struct iovec *iov = c->iov + used;

	*ret = iov;
	while (len > 0) {
		if (iov[n].iov_len > len)
			iov[n].iov_len = len;
		len -= (uint32_t)iov[n++].iov_len;
	}
	return n;
}

size_t vsock_packet_room(const struct chain *c)
{
	return c->in_len > VSOCK_HEADER ? c->in_len - VSOCK_HEADER : 0;
}

uint32_t vsock_packet_put(const struct chain *c, const struct vsock_packet *p,
			  const struct vsock_bytes *part, unsigned count)
{
	const struct virtio_vsock_hdr h = {
		.src_cid = htole64(p->src_cid),
		.dst_cid = htole64(p->dst_cid),
		.src_port = htole32(p->src_port),
		.dst_port = htole32(p->dst_port),
		.len = htole32(p->len),
		.type = htole16(p->type),
		.op = htole16(p->op),
		.flags = htole32(p->flags),
		.buf_alloc = htole32(p->buf_alloc),
		.fwd_cnt = htole32(p->fwd_cnt),
	};
	size_t done = iov_write(c->iov + c->out, c->in, 0, &h, sizeof(h));

	for (unsigned i = 0; i < count; i++)
		done += iov_write(c->iov + c->out, c->in, done, part[i].p, part[i].len);
	return (uint32_t)done;
}
