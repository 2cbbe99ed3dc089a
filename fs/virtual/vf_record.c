// SPDX-License-Identifier: MIT
/* .json, .error and .prompt: what was recorded about one file or prompt. Any thread. */
#include <errno.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/virtual/file_state.h"
#include "fs/virtual/vfile.h"

static void add_digest(cJSON *o, const char *name, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	cJSON_AddStringToObject(o, name, hex);
}

/* What the record holds beside the detail that the engine wrote. */
static void add_record(const struct record *rec, cJSON *o)
{
	char when[25];

	clk_format(rec->created_ms, when);
	cJSON_AddNumberToObject(o, "draw", rec->draw);
	cJSON_AddStringToObject(o, "served_by", rec->served_by ? rec->served_by : "");
	cJSON_AddNumberToObject(o, "attempts", rec->attempts);
	cJSON_AddNumberToObject(o, "latency_ms", rec->latency_ms);
	json_add_usd(o, "estimate_usd", rec->estimate_ud);
	json_add_usd(o, "charged_usd", rec->charged_ud);
	cJSON_AddStringToObject(o, "created", when);
	if (rec->state != RECORD_GENERATED)
		return;
	add_digest(o, "sha256", &rec->blob);
	json_add_int(o, "size", (int64_t)rec->size);
	cJSON_AddStringToObject(o, "mime_type", media_mime(rec->type));
}

/* Members of the detail that are not there yet. */
static void merge_detail(cJSON *o, const char *text)
{
	scoped_json cJSON *detail = text ? json_parse(text, strlen(text), NULL) : NULL;

	while (detail && detail->child) {
		cJSON *m = cJSON_DetachItemViaPointer(detail, detail->child);

		if (cJSON_HasObjectItem(o, m->string))
			cJSON_Delete(m);
		else
			cJSON_AddItemToObject(o, m->string, m);
	}
}

/* Inputs that are no longer what they were when they were used. */
static int add_changed_inputs(struct promptfs *fs, cJSON *o)
{
	const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(o, "inputs"), *m;
	cJSON *changed;

	if (!inputs)
		return 0;
	changed = cJSON_AddArrayToObject(o, "inputs_changed");
	cJSON_ArrayForEach(m, inputs)
	{
		struct input_brief brief;
		char hex[DIGEST_HEX] = "";

		if (cache_input_find(fs->cache, m->string, &brief) == 0)
			digest_hex(&brief.sha, hex);
		if (cJSON_IsString(m) && strcmp(m->valuestring, hex))
			cJSON_AddItemToArray(changed, cJSON_CreateString(m->string));
	}
	return changed ? 0 : -ENOMEM;
}

int vf_file_json(struct promptfs *fs, const struct place *p, struct buf *out)
{
	scoped(file_state_finish) struct file_state s = {0};
	scoped(buf_finish) struct buf path = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	int r = file_state_get(fs, &p->req, &s);

	if (r == 0)
		r = request_display(&p->req, &path);
	if (r < 0)
		return r;
	if (!o)
		return -ENOMEM;
	cJSON_AddStringToObject(o, "state", s.name);
	cJSON_AddStringToObject(o, "path", path.data);
	cJSON_AddStringToObject(o, "prompt", p->req.prompt->text);
	cJSON_AddNumberToObject(o, "prompt_length", (double)p->req.prompt->codepoints);
	cJSON_AddStringToObject(o, "model", p->req.model);
	if (s.has_record) {
		add_record(&s.rec, o);
		merge_detail(o, s.rec.detail);
		r = add_changed_inputs(fs, o);
		if (r < 0)
			return r;
	}
	if (s.has_error)
		cJSON_AddStringToObject(o, "error", s.err.why);
	else if (s.has_record && s.rec.why)
		cJSON_AddStringToObject(o, "error", s.rec.why);
	return json_print(out, o);
}

int vf_file_error(struct promptfs *fs, const struct place *p, struct buf *out)
{
	scoped(file_state_finish) struct file_state s = {0};
	int r = file_state_get(fs, &p->req, &s);

	if (r < 0)
		return r;
	if (s.has_error)
		return buf_addf(out, "%s\n", s.err.why);
	if (s.has_record && s.rec.state != RECORD_GENERATED && s.rec.why)
		return buf_addf(out, "%s\n", s.rec.why);
	return 0; /* nothing failed: an empty file, so that a look never fails */
}

int vf_prompt(struct promptfs *fs, const struct place *p, struct buf *out)
{
	const struct prompt *prompt = p->req.prompt;
	int r = buf_add(out, prompt->text, prompt->len);

	return r < 0 ? r : buf_addc(out, '\n');
}
