/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A UART, for what a kernel says before it has drivers: output, and the registers
 * by which Linux's 8250 driver finds it. Nothing is ever received.
 */
#ifndef VM_SERIAL_H
#define VM_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vm/loop.h"
#include "vm/state.h"

struct serial;

typedef void serial_fn(void *arg, const void *buf, size_t len);

#define SERIAL_LEN 8 /* ports */

int serial_new(struct loop *loop, struct serial **ret, struct err *e);
void serial_free(struct serial *s);

/* A bus_fn. */
void serial_access(void *serial, uint64_t off, void *data, unsigned len, bool write);

/* The eventfd of its interrupt. */
int serial_irq_fd(const struct serial *s);

/* Where output goes, on the loop's thread; NULL: it is dropped. */
void serial_output(struct serial *s, serial_fn *fn, void *arg);

bool serial_is_heard(const struct serial *s);

/* Hands over what there is, on the loop's thread. */
void serial_flush(struct serial *s);

void serial_save(struct serial *s, struct state_writer *w);
void serial_restore(struct serial *s, struct state_reader *r);

#endif
