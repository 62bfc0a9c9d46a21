/* SPDX-License-Identifier: Apache-2.0 */
#include "libcontainer/hook_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Quotes inside of strings are escaped, so this is the member and nothing else. */
#define PID_MEMBER "\"pid\":0"
#define PID_ROOM   16

static void write_members(struct json_writer *w, const struct container *c,
			  const char *status)
{
	json_open_object(w);
	json_put_string(w, "ociVersion", SPEC_VERSION);
	json_put_string(w, "id", c->id);
	json_put_string(w, "status", status);
	json_put_int(w, "pid", 0);
	json_put_string(w, "bundle", c->bundle);
	if (c->annotations.count) {
		json_key(w, "annotations");
		json_open_object(w);
		for (size_t i = 0; i < c->annotations.count; i++)
			json_put_string(w, c->annotations.v[i].key,
					c->annotations.v[i].value);
		json_close_object(w);
	}
	json_close_object(w);
}

int hook_state_init(struct hook_state *s, const struct container *c, const char *status,
		    struct err *e)
{
	AUTO_JSON *w = json_writer_new("");
	const char *text, *pid;
	size_t len;
	int r;

	memset(s, 0, sizeof(*s));
	if (!w)
		return err_code(e, ENOMEM, "the state for hooks");
	write_members(w, c, status);
	r = json_finish(w, &text, &len, e);
	if (r < 0)
		return r;
	pid = strstr(text, PID_MEMBER);
	if (!pid)
		return err_set(e, EINVAL, "the state for hooks has no pid");
	s->text = strdup(text);
	s->full = malloc(len + PID_ROOM);
	if (!s->text || !s->full) {
		hook_state_done(s);
		return err_code(e, ENOMEM, "the state for hooks");
	}
	s->head = (size_t)(pid - text) + strlen(PID_MEMBER) - 1;
	s->tail = len - s->head - 1;
	return 0;
}

const char *hook_state_text(struct hook_state *s, pid_t pid, size_t *ret_len)
{
	int digits;

	memcpy(s->full, s->text, s->head);
	digits = snprintf(s->full + s->head, PID_ROOM, "%d", pid);
	memcpy(s->full + s->head + digits, s->text + s->head + 1, s->tail + 1);
	*ret_len = s->head + (size_t)digits + s->tail;
	return s->full;
}

void hook_state_done(struct hook_state *s)
{
	free(s->text);
	free(s->full);
	memset(s, 0, sizeof(*s));
}
