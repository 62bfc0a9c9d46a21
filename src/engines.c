/* SPDX-License-Identifier: Apache-2.0 */
/* The engines of hull. */
#include "libcontainer/engine.h"
#include "sandbox/microvm.h"

const struct engine *const engines[] = {&native_engine, &microvm_engine, NULL};
