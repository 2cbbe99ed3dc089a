// SPDX-License-Identifier: MIT
#include "backend/engine/paid/paid.h"

#include <stdlib.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"

static bool add_str(cJSON *o, const char *name, const char *s)
{
	return cJSON_AddStringToObject(o, name, s ? s : "");
}

/* Options that the path gave and the call did not honour. */
static bool add_dropped(cJSON *o, const struct run *r)
{
	cJSON *list = cJSON_AddArrayToObject(o, "dropped_options");
	bool dropped[OPT_COUNT_] = {false}, ok = list;

	if (r->paid && r->paid->wire.row)
		wire_dropped(&r->paid->wire, dropped);
	for (int i = 0; i < OPT_COUNT_ && ok; i++) {
		cJSON *name = dropped[i] ? cJSON_CreateString(option_name(i)) : NULL;

		if (!dropped[i])
			continue;
		ok = name && cJSON_AddItemToArray(list, name);
		if (!ok)
			cJSON_Delete(name);
	}
	return ok;
}

static bool add_options(cJSON *o, const struct run *r, const struct request *req)
{
	cJSON *given = cJSON_AddObjectToObject(o, "options");
	bool ok = given;

	for (int i = 0; i < OPT_COUNT_ && ok; i++)
		if (req->opt[i])
			ok = add_str(given, option_name(i), req->opt[i]);
	return ok && add_dropped(o, r);
}

static bool add_parameters(
	cJSON *o, const struct request *req, const struct output *out)
{
	cJSON *p = cJSON_AddObjectToObject(o, "parameters");
	bool ok = p;

	if (ok && out->width)
		ok = json_add_int(p, "width", out->width) &&
		     json_add_int(p, "height", out->height);
	if (ok && out->fps)
		ok = json_add_int(p, "fps", out->fps);
	if (ok && req->seconds)
		ok = json_add_int(p, "seconds", req->seconds);
	return ok;
}

/* What each input was when it was used, by digest. */
static bool add_inputs(cJSON *o, struct cache *c, const char *names)
{
	bool ok = true;

	while (ok && names) {
		const char *plus = strchr(names, '+');
		size_t n = plus ? (size_t)(plus - names) : strlen(names);
		scoped_free char *name = strndup(names, n);
		struct input_brief brief;
		char hex[DIGEST_HEX];

		ok = name;
		if (ok && cache_input_find(c, name, &brief) == 0) {
			digest_hex(&brief.sha, hex);
			ok = cJSON_GetObjectItemCaseSensitive(o, name) ||
			     add_str(o, name, hex);
		}
		names = plus ? plus + 1 : NULL;
	}
	return ok;
}

static bool add_all_inputs(
	cJSON *o, const struct run *r, struct cache *c, const struct request *req)
{
	cJSON *inputs;

	if (!req->opt[OPT_IMAGE] && !req->opt[OPT_LAST])
		return true;
	/* Bound when they were read for the call. */
	if (r->paid && r->paid->bound.len)
		return cJSON_AddRawToObject(o, "inputs", r->paid->bound.data);
	inputs = cJSON_AddObjectToObject(o, "inputs");
	return inputs && add_inputs(inputs, c, req->opt[OPT_IMAGE]) &&
	       add_inputs(inputs, c, req->opt[OPT_LAST]);
}

static bool add_prompt(cJSON *o, const struct run *r, const struct prompt *prompt)
{
	return add_str(o, "prompt", prompt->text) &&
	       add_str(o, "prompt_sent", r->prompt.data) &&
	       json_add_int(o, "prompt_length", (int64_t)prompt->codepoints) &&
	       add_str(o, "negative_sent", r->negative.data);
}

#define REQUEST_SHOWN_MAX 16384 /* bytes; longer ones carry pictures */

/* The paid call, as far as it is known in this mount. */
static bool add_call(cJSON *o, const struct run *r)
{
	const struct paid *p = r->paid;
	const struct part *part = p && p->n_cur ? &p->part[p->cur[0]] : NULL;
	bool ok = true;

	if (!p)
		return true;
	if (p->sent.len && p->sent.len < REQUEST_SHOWN_MAX)
		ok = cJSON_AddRawToObject(o, "request", p->sent.data);
	if (ok && p->model_version[0])
		ok = add_str(o, "model_version", p->model_version);
	if (ok && p->finish_reason[0])
		ok = add_str(o, "finish_reason", p->finish_reason);
	if (ok && part && part->operation)
		ok = add_str(o, "operation", part->operation);
	if (ok && part && part->uri)
		ok = add_str(o, "uri", part->uri);
	if (ok && part)
		ok = json_add_int(o, "ledger", (int64_t)part->id);
	return ok && json_add_int(o, "calls", p->plan.n);
}

static bool add_outputs(cJSON *o, const struct run *r)
{
	cJSON *list = cJSON_AddArrayToObject(o, "outputs");

	for (uint32_t i = 0; list && i < r->pj.n_outputs; i++) {
		cJSON *take = cJSON_CreateNumber(r->output[i].take);

		if (!take || !cJSON_AddItemToArray(list, take)) {
			cJSON_Delete(take);
			return false;
		}
	}
	return list;
}

static bool fill(cJSON *o, const struct run *r, const struct output *out,
	const struct record *rec)
{
	const struct job *j = r->job;
	char hex[DIGEST_HEX], when[25];
	struct request req = j->req; /* borrows */
	struct digest key;

	req.take = out->take;
	if (request_key(&req, j->e->ns, &key) < 0)
		return false;
	digest_hex(&key, hex);
	clk_format(rec->created_ms, when);
	return add_str(o, "id", hex) && add_str(o, "path", rec->path) &&
	       add_prompt(o, r, j->req.prompt) && add_str(o, "model", rec->model) &&
	       add_str(o, "served_by", rec->served_by) && add_options(o, r, &j->req) &&
	       add_all_inputs(o, r, j->e->cache, &j->req) &&
	       add_parameters(o, &j->req, out) &&
	       (out->seed == SEED_UNKNOWN
			       ? cJSON_AddNullToObject(o, "seed") != NULL
			       : json_add_int(o, "seed", (int64_t)out->seed)) &&
	       json_add_int(o, "draw", rec->draw) &&
	       json_add_int(o, "take", out->take) && add_outputs(o, r) &&
	       add_str(o, "created", when) &&
	       json_add_int(o, "latency_ms", rec->latency_ms) &&
	       json_add_int(o, "attempts", rec->attempts) &&
	       add_str(o, "backend", j->e->provider.ops->name) &&
	       add_str(o, "note", j->e->provider.ops->note) && add_call(o, r);
}

char *detail_json(const struct run *r, const struct output *o, const struct record *rec)
{
	scoped_json cJSON *j = cJSON_CreateObject();
	scoped(buf_finish) struct buf b = {0};

	if (!j || !fill(j, r, o, rec) || json_print_line(&b, j) < 0)
		return NULL;
	return buf_detach(&b);
}
