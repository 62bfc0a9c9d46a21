/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers are those of National Semiconductor's PC16550D. Bytes are collected on
 * the vCPUs' threads, and handed over on the loop's; while the buffer is full the
 * transmitter is not empty, so that the guest waits.
 */
#include "vm/serial.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"

#define BUFFER 16384

struct serial {
	pthread_mutex_t lock;
	struct loop_source *waker;
	int irq_fd; /* owned */
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	bool fifo;
	bool thre; /* the interrupt "transmitter empty" is pending */
	size_t len;
	char buf[BUFFER];

	serial_fn *fn; /* the loop's thread's */
	void *arg;
};

/* An edge. Linux's driver reads IIR until nothing is pending. */
static void raise_thre(struct serial *s)
{
	uint64_t one = 1;

	s->thre = true;
	(void)!write(s->irq_fd, &one, sizeof(one));
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (s->mcr & UART_MCR_LOOP)
		return;
	if (s->len < BUFFER) {
		s->buf[s->len++] = (char)byte;
		if (s->len == 1)
			loop_wake(s->waker);
	}
	/* One that wasn't looked at yet does for all bytes. */
	if (s->len == BUFFER)
		s->thre = false;
	else if (s->ier & UART_IER_THRI && !s->thre)
		raise_thre(s);
}

static void write_ier(struct serial *s, uint8_t v)
{
	uint8_t old = s->ier;

	/* Nothing in the upper half, or it would be taken for an extended kind. */
	s->ier = v & 0xf;
	if (s->ier & ~old & UART_IER_THRI && s->len < BUFFER)
		raise_thre(s);
}

static void write_reg(struct serial *s, unsigned reg, uint8_t v)
{
	switch (reg) {
	case UART_TX:
		if (s->lcr & UART_LCR_DLAB)
			s->dll = v;
		else
			transmit(s, v);
		break;
	case UART_IER:
		if (s->lcr & UART_LCR_DLAB)
			s->dlm = v;
		else
			write_ier(s, v);
		break;
	case UART_FCR:
		s->fifo = v & UART_FCR_ENABLE_FIFO;
		break;
	case UART_LCR:
		s->lcr = v;
		break;
	case UART_MCR:
		s->mcr = v & 0x1f;
		break;
	case UART_SCR:
		s->scr = v;
		break;
	default:
		break;
	}
}

/* Reading it answers the interrupt. */
static uint8_t read_iir(struct serial *s)
{
	uint8_t v = s->fifo ? 0xc0 : 0;

	if (s->thre && s->ier & UART_IER_THRI) {
		s->thre = false;
		return v | UART_IIR_THRI;
	}
	return v | UART_IIR_NO_INT;
}

/* A modem that is always ready, or what is looped back. */
static uint8_t read_msr(const struct serial *s)
{
	uint8_t v = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	v |= s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0;
	v |= s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0;
	v |= s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0;
	v |= s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0;
	return v;
}

static uint8_t read_reg(struct serial *s, unsigned reg)
{
	switch (reg) {
	case UART_RX:
		return s->lcr & UART_LCR_DLAB ? s->dll : 0;
	case UART_IER:
		return s->lcr & UART_LCR_DLAB ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return s->len < BUFFER ? UART_LSR_THRE | UART_LSR_TEMT : 0;
	case UART_MSR:
		return read_msr(s);
	default:
		return s->scr;
	}
}

void serial_access(void *serial, uint64_t off, void *data, unsigned len, bool write)
{
	struct serial *s = serial;
	uint8_t *byte = data;

	(void)len; /* wider accesses see one register, as on a bus of bytes */
	(void)pthread_mutex_lock(&s->lock);
	if (write)
		write_reg(s, (unsigned)off, *byte);
	else
		*byte = read_reg(s, (unsigned)off);
	(void)pthread_mutex_unlock(&s->lock);
}

int serial_irq_fd(const struct serial *s)
{
	return s->irq_fd;
}

void serial_output(struct serial *s, serial_fn *fn, void *arg)
{
	s->fn = fn;
	s->arg = arg;
}

bool serial_is_heard(const struct serial *s)
{
	return s->fn != NULL;
}

void serial_flush(struct serial *s)
{
	char buf[BUFFER];
	size_t len;

	(void)pthread_mutex_lock(&s->lock);
	len = s->len;
	memcpy(buf, s->buf, len);
	s->len = 0;
	if (len == BUFFER && s->ier & UART_IER_THRI)
		raise_thre(s);
	(void)pthread_mutex_unlock(&s->lock);
	if (len > 0 && s->fn)
		s->fn(s->arg, buf, len);
}

static void on_wake(void *arg)
{
	serial_flush(arg);
}

int serial_new(struct loop *loop, struct serial **ret, struct err *e)
{
	struct serial *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_set(e, ENOMEM, "serial: no memory");
	(void)pthread_mutex_init(&s->lock, NULL);
	s->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = s->irq_fd < 0 ? err_sys(e, "serial: make an eventfd")
			  : loop_waker(loop, on_wake, s, &s->waker, e);
	if (r < 0) {
		serial_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void serial_free(struct serial *s)
{
	if (!s)
		return;
	loop_del(s->waker);
	fd_close(&s->irq_fd);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

void serial_save(struct serial *s, struct state_writer *w)
{
	const uint8_t regs[] = {s->ier, s->lcr, s->mcr,  s->scr,
				s->dll, s->dlm, s->fifo, s->thre};

	state_begin(w, "SERI", 0);
	state_put_bytes(w, regs, sizeof(regs));
	state_end(w);
}

void serial_restore(struct serial *s, struct state_reader *r)
{
	uint8_t regs[8] = {0};

	state_enter(r, "SERI", 0);
	state_get_into(r, regs, sizeof(regs));
	state_leave(r);
	s->ier = regs[0] & 0xf;
	s->lcr = regs[1];
	s->mcr = regs[2] & 0x1f;
	s->scr = regs[3];
	s->dll = regs[4];
	s->dlm = regs[5];
	s->fifo = regs[6];
	s->thre = regs[7];
	/* Its edge may have been under way, or due when the buffer, which is another's now,
	 * had room: one too many does no harm. */
	if (s->ier & UART_IER_THRI)
		raise_thre(s);
}
