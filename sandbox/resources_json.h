/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits, decoded or put together from options, as the JSON that spec_decode_resources()
 * reads; without device rules, which an update leaves as they are.
 */
#ifndef SANDBOX_RESOURCES_JSON_H
#define SANDBOX_RESOURCES_JSON_H

#include "base/json.h"
#include "libcontainer/spec/spec.h"

void resources_json_write(struct json_writer *w, const struct spec_resources *r);

#endif
