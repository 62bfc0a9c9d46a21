/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process of the spec, decoded or put together from options, as the JSON that
 * spec_decode_process() reads: for a guest, so without the labels that are the host's.
 */
#ifndef SANDBOX_PROCESS_JSON_H
#define SANDBOX_PROCESS_JSON_H

#include "base/json.h"
#include "libcontainer/spec/spec.h"

void process_json_write(struct json_writer *w, const struct spec_process *p);

#endif
