// SPDX-License-Identifier: MIT
/* See detail.h. */
#include "backend/engine/detail.h"

#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

static bool add_str(cJSON *o, const char *name, const char *s)
{
	return cJSON_AddStringToObject(o, name, s ? s : "");
}

/* Options that the path gave and the call did not honour. */
static bool add_dropped(cJSON *o, const struct run *r)
{
	cJSON *list = cJSON_AddArrayToObject(o, "dropped_options");
	bool ok = list;

	for (int i = 0; i < OPT_COUNT_ && ok; i++) {
		cJSON *name = r->dropped[i] ? cJSON_CreateString(option_name(i)) : NULL;

		if (!r->dropped[i])
			continue;
		ok = name && cJSON_AddItemToArray(list, name);
		if (!ok)
			cJSON_Delete(name);
	}
	return ok;
}

static bool add_options(cJSON *o, const struct run *r)
{
	const struct request *req = r->pj.req;
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
	struct str_piece piece;
	bool ok = true;

	while (ok && str_next_piece(&names, &piece)) {
		scoped_free char *name = strndup(piece.at, piece.len);
		struct input_brief brief;
		char hex[DIGEST_HEX];

		ok = name;
		if (ok && cache_input_find(c, name, &brief) == 0) {
			digest_hex(&brief.sha, hex);
			ok = cJSON_GetObjectItemCaseSensitive(o, name) ||
			     add_str(o, name, hex);
		}
	}
	return ok;
}

static bool add_all_inputs(cJSON *o, const struct run *r)
{
	const struct request *req = r->pj.req;
	struct cache *c = r->e->cache;
	cJSON *inputs;

	if (!req->opt[OPT_IMAGE] && !req->opt[OPT_LAST])
		return true;
	if (r->inputs.len) /* bound when they were read for the call */
		return cJSON_AddRawToObject(o, "inputs", r->inputs.data);
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

static bool add_outputs(cJSON *o, const struct run *r)
{
	cJSON *list = cJSON_AddArrayToObject(o, "outputs");

	for (uint32_t i = 0; list && i < r->pj.n_outputs; i++) {
		cJSON *take = cJSON_CreateNumber(r->made[i].out.take);

		if (!take || !cJSON_AddItemToArray(list, take)) {
			cJSON_Delete(take);
			return false;
		}
	}
	return list;
}

/* What only the maker knows of it. */
static bool add_call(cJSON *o, const struct run *r)
{
	const struct maker_ops *ops = r->e->maker.ops;

	return !ops->describe || ops->describe(r, o);
}

static bool fill(cJSON *o, const struct run *r, const struct made *m)
{
	const struct output *out = &m->out;
	const struct record *rec = &m->rec;
	char hex[DIGEST_HEX], when[25];

	digest_hex(&m->key, hex);
	clk_format(rec->created_ms, when);
	return add_str(o, "id", hex) && add_str(o, "path", rec->path) &&
	       add_prompt(o, r, r->pj.req->prompt) && add_str(o, "model", rec->model) &&
	       add_str(o, "served_by", rec->served_by) && add_options(o, r) &&
	       add_all_inputs(o, r) && add_parameters(o, r->pj.req, out) &&
	       (out->seed == SEED_UNKNOWN
			       ? cJSON_AddNullToObject(o, "seed") != NULL
			       : json_add_int(o, "seed", (int64_t)out->seed)) &&
	       json_add_int(o, "draw", rec->draw) &&
	       json_add_int(o, "take", out->take) && add_outputs(o, r) &&
	       add_str(o, "created", when) &&
	       json_add_int(o, "latency_ms", rec->latency_ms) &&
	       json_add_int(o, "attempts", rec->attempts) &&
	       add_str(o, "backend", r->e->maker.name) &&
	       add_str(o, "note", r->e->maker.note) && add_call(o, r);
}

char *detail_json(const struct run *r, const struct made *m)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	scoped(buf_finish) struct buf b = {0};

	if (!o || !fill(o, r, m) || json_print_line(&b, o) < 0)
		return NULL;
	return buf_detach(&b);
}
