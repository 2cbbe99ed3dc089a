// SPDX-License-Identifier: MIT
/* pin, prune and verify: what is done to the store itself. On the connection's thread,
 * for as long as it takes. */
#include <errno.h>
#include <string.h>

#include "backend/engine/place.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/control/control_call.h"

static int pin_prompt(const struct control_call *call, const struct place *p, bool on,
	struct err *err)
{
	scoped(components_finish) struct components c = {0};
	struct digest key;
	struct cache_place place = {.key = &key,
		.name = (const char *const *)c.name,
		.prompt_id = &p->req.prompt->id,
		.prompt = p->req.prompt->text,
		.uid = call->who->uid};
	int r = request_components(&p->req, &c);

	if (r == 0)
		r = request_key(&p->req, call->fs->ns, &key);
	if (r < 0)
		return err_errno(err, -r, "cannot name the prompt");
	place.n = c.n;
	return cache_pin(call->fs->cache, &place, on, err);
}

static int pin_file(const struct control_call *call, const struct place *p, bool on,
	struct err *err)
{
	struct request_place rp = {0};
	struct digest key;
	int r = request_key(&p->req, call->fs->ns, &key);

	if (r == 0)
		r = request_place_init(&rp, &p->req, &key, call->who);
	if (r < 0)
		return err_errno(err, -r, "cannot name the file");
	r = cache_pin(call->fs->cache, &rp.place, on, err);
	request_place_finish(&rp);
	return r;
}

int control_pin(const struct control_call *call, struct err *err)
{
	scoped(place_finish) struct place p = {0};
	bool on = json_bool(call->request, "on", true);
	int r = control_place(call, &p, err);

	if (r < 0)
		return r;
	if (p.kind == PLACE_MEDIA)
		r = pin_file(call, &p, on, err);
	else if (p.kind == PLACE_PROMPT)
		r = pin_prompt(call, &p, on, err);
	else
		r = err_set(err, EINVAL, "%.150s is neither a prompt nor a media file",
			json_str(call->request, "path", ""));
	if (r < 0)
		return err->code ? r : err_errno(err, -r, "cannot pin");
	return control_emit(call, control_answer(call->id, true));
}

/* "prompts/<64 hex>/rest" with the prompt as it is listed; else as it is. -ENOMEM. */
static int readable_path(struct promptfs *fs, const char *path, struct buf *ret)
{
	const char *hex = strchr(path, '/');
	struct prompt *prompt = NULL;
	scoped_free char *text = NULL;
	char hex16[17];
	size_t len;
	int r;

	if (!hex || strspn(hex + 1, "0123456789abcdef") != DIGEST_HEX - 1)
		return buf_adds(ret, path);
	memcpy(hex16, hex + 1, 16);
	hex16[16] = '\0';
	if (cache_prompt_by_hash(fs->cache, hex16, &text, &len) < 0 ||
		prompt_from_text(text, len, &prompt) < 0)
		return buf_adds(ret, path);
	r = buf_addf(ret, "/%.*s/", (int)(hex - path), path);
	if (r == 0)
		r = prompt_spelling(prompt, ret);
	if (r == 0)
		r = buf_adds(ret, hex + DIGEST_HEX);
	prompt_unref(prompt);
	return r;
}

static int pruned(void *user, const struct record *rec)
{
	const struct control_call *call = user;
	scoped(buf_finish) struct buf path = {0};
	cJSON *o = control_answer(call->id, false);

	if (o && rec->path && readable_path(call->fs, rec->path, &path) < 0) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	if (o) {
		cJSON_AddStringToObject(o, "file", path.data ? path.data : "");
		json_add_int(o, "bytes", (int64_t)(rec->size + rec->orig_size));
		json_add_int(o, "created_ms", rec->created_ms);
	}
	return control_emit(call, o);
}

int control_prune(const struct control_call *call, struct err *err)
{
	int64_t at_most = json_int(call->request, "at_most_bytes", INT64_MAX);
	struct prune_rule rule = {
		.older_than_ms = json_int(call->request, "older_than_ms", INT64_MAX),
		.at_most_bytes = at_most == INT64_MAX ? UINT64_MAX : (uint64_t)at_most,
		/* Freeing is for those who ask for it by name. */
		.dry_run = json_bool(call->request, "dry_run", true)};
	struct prune_result result = {0};
	cJSON *o;
	int r;

	if (at_most < 0)
		return err_set(err, EINVAL, "\"at_most_bytes\" must not be negative");
	r = cache_prune(
		call->fs->cache, &rule, pruned, (void *)(uintptr_t)call, &result, err);
	if (r < 0)
		return r;
	o = control_answer(call->id, true);
	if (o) {
		json_add_int(o, "files", (int64_t)result.files);
		json_add_int(o, "freed_bytes", (int64_t)result.bytes);
	}
	return control_emit(call, o);
}

static void damaged(void *user, const char *sentence)
{
	const struct control_call *call = user;
	cJSON *o = control_answer(call->id, false);

	if (o)
		cJSON_AddStringToObject(o, "damage", sentence);
	control_emit(call, o);
}

int control_verify(const struct control_call *call, struct err *err)
{
	struct verify_result v = {0};
	int r = cache_verify(
		call->fs->cache, call->stop, damaged, (void *)(uintptr_t)call, &v, err);
	cJSON *o;

	if (r < 0)
		return r;
	o = control_answer(call->id, true);
	if (o) {
		json_add_int(o, "blobs", (int64_t)v.blobs);
		json_add_int(o, "bytes", (int64_t)v.bytes);
		json_add_int(o, "records", (int64_t)v.records);
		json_add_int(o, "bad", (int64_t)v.bad);
	}
	return control_emit(call, o);
}
