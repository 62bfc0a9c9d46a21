/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's folder <root>/<id>: made, locked, read, removed; and its state.json.
 */
#ifndef LIBCONTAINER_STATE_H
#define LIBCONTAINER_STATE_H

#include <stdbool.h>

#include "libcontainer/container.h"

/* Names in the folder. */
#define STATE_FILE  "state.json"
#define CONFIG_FILE "config.json"
#define MAKING_FILE "creating" /* as long as `create` is at work */

/* Makes the root (0700) where it is missing and the container's folder (0711), and locks
 * it; the container counts as being made until state_made. -EEXIST if there is such a container. Returns the folder's descriptor. */
int state_make(const char *root, const char *id, struct err *e);

/* The container is complete: what is in it are its own files, and no longer the host's. */
int state_made(int dir, struct err *e);

/* Is it still being made, or did its maker die? */
bool state_is_making(int dir);

/* Opens the folder: -ENOENT "container does not exist". */
int state_open(const char *root, const char *id, struct err *e);

/* Locks (flock) the folder against other commands; waits up to two seconds for them, then
 * -EBUSY. -ENOENT if the container was deleted meanwhile. */
int state_lock(int dir, struct err *e);
void state_unlock(int dir);

/* Writes state.json from the container. */
int state_save(const struct container *c, struct err *e);

/* Reads state.json into a container whose root, id and dir are set. */
int state_read(struct container *c, struct err *e);

/* Removes the folder with all in it, if what has this name is still the folder `dir`: another
 * command may have removed that and another container have got the id since. */
int state_remove(const char *root, const char *id, int dir, struct err *e);

#endif
