/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/resources_json.h"

static void put_i64(struct json_writer *w, const char *key, struct opt_i64 v)
{
	if (v.set)
		json_put_int(w, key, v.v);
}

static void put_u64(struct json_writer *w, const char *key, struct opt_u64 v)
{
	if (v.set)
		json_put_uint(w, key, v.v);
}

static void put_bool(struct json_writer *w, const char *key, struct opt_bool v)
{
	if (v.set)
		json_put_bool(w, key, v.v);
}

static void put_memory(struct json_writer *w, const struct spec_memory *m)
{
	json_key(w, "memory");
	json_open_object(w);
	put_i64(w, "limit", m->limit);
	put_i64(w, "reservation", m->reservation);
	put_i64(w, "swap", m->swap);
	put_i64(w, "kernel", m->kernel);
	put_i64(w, "kernelTCP", m->kernel_tcp);
	put_u64(w, "swappiness", m->swappiness);
	put_bool(w, "disableOOMKiller", m->disable_oom_killer);
	put_bool(w, "useHierarchy", m->use_hierarchy);
	put_bool(w, "checkBeforeUpdate", m->check_before_update);
	json_close_object(w);
}

static void put_cpu(struct json_writer *w, const struct spec_cpu *c)
{
	json_key(w, "cpu");
	json_open_object(w);
	put_u64(w, "shares", c->shares);
	put_i64(w, "quota", c->quota);
	put_u64(w, "burst", c->burst);
	put_u64(w, "period", c->period);
	put_i64(w, "realtimeRuntime", c->realtime_runtime);
	put_u64(w, "realtimePeriod", c->realtime_period);
	put_i64(w, "idle", c->idle);
	if (c->cpus)
		json_put_string(w, "cpus", c->cpus);
	if (c->mems)
		json_put_string(w, "mems", c->mems);
	json_close_object(w);
}

void resources_json_write(struct json_writer *w, const struct spec_resources *r)
{
	json_open_object(w);
	if (r->memory)
		put_memory(w, r->memory);
	if (r->cpu)
		put_cpu(w, r->cpu);
	if (r->pids) {
		json_key(w, "pids");
		json_open_object(w);
		put_i64(w, "limit", r->pids->limit);
		json_close_object(w);
	}
	if (r->unified.count) {
		json_key(w, "unified");
		json_open_object(w);
		for (size_t i = 0; i < r->unified.count; i++)
			json_put_string(w, r->unified.v[i].key, r->unified.v[i].value);
		json_close_object(w);
	}
	json_close_object(w);
}
