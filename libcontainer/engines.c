/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a program that has none of its own: alone in its file, so that one that has
 * doesn't get it from the archive. */
#include "libcontainer/engine.h"

const struct engine *const engines[] = {&native_engine, NULL};
