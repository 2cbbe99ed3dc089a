// SPDX-License-Identifier: MIT
#include "fs/control/control_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/place.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/control/control_money.h"
#include "fs/mount/link.h"
#include "fs/virtual/file_state.h"
#include "fs/virtual/vfile.h"

#define CONTROL_PATH_MAX 4096u /* as the kernel's PATH_MAX, with the NUL */

cJSON *control_answer(int64_t id, bool is_done)
{
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	if (!json_add_int(o, "id", id) ||
		(is_done && !cJSON_AddTrueToObject(o, "done"))) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

cJSON *control_failure(int64_t id, const struct err *err)
{
	cJSON *o = control_answer(id, true);

	if (!o)
		return NULL;
	cJSON_AddStringToObject(o, "error", err->why);
	cJSON_AddNumberToObject(o, "errno", err->code);
	return o;
}

int control_emit(const struct control_call *call, cJSON *answer)
{
	return answer ? call->sink->emit(call->peer, answer) : -ENOMEM;
}

static int no_such_path(const char *path, int r, struct err *err)
{
	switch (r) {
	case -ENOENT:
		return err_set(err, ENOENT,
			"%.150s: no such path; is the model or an option misspelt?",
			path);
	case -EILSEQ:
		return err_set(err, EILSEQ, "%.150s: not UTF-8", path);
	default:
		return err_errno(err, -r, "%.150s", path);
	}
}

static int resolve_link(
	struct promptfs *fs, struct place *p, const char *path, struct err *err)
{
	const struct model_row *row;
	char today[11];
	struct select_env env = link_env(fs, today);
	int r = select_model(&env, p->selector, &p->req, &row);

	if (r < 0)
		return err_set(err, -r, "%.150s: no model can make this file", path);
	snprintf(p->req.model, sizeof(p->req.model), "%s", row->name);
	p->kind = p->sidecar == SIDECAR_NONE ? PLACE_MEDIA : PLACE_SIDECAR;
	p->selector = SELECT_NONE;
	return 0;
}

/* The place that the request's "path" names. */
static int place_of(const struct control_call *call, struct place *ret, struct err *err)
{
	const char *path = json_str(call->request, "path", NULL);
	int r;

	if (!path || *path != '/' || strlen(path) >= CONTROL_PATH_MAX)
		return err_set(
			err, EINVAL, "\"path\" must be an absolute path of the tree");
	r = grammar_walk(&call->fs->grammar, path, ret);
	if (r < 0)
		return no_such_path(path, r, err);
	return ret->kind == PLACE_SELECT_LINK ? resolve_link(call->fs, ret, path, err)
					      : 0;
}

int control_media(const struct control_call *call, struct place *ret, struct err *err)
{
	int r = place_of(call, ret, err);

	if (r == 0 && ret->kind != PLACE_MEDIA)
		r = err_set(err, EINVAL, "%.150s does not name a media file",
			json_str(call->request, "path", ""));
	return r;
}

cJSON *control_parsed(int r, const struct buf *b, struct err *err)
{
	if (r < 0) {
		err_errno(err, -r, "cannot tell");
		return NULL;
	}
	return json_parse(b->data ? b->data : "", b->len, err);
}

int control_emit_member(
	const struct control_call *call, const char *name, cJSON *value, cJSON *answer)
{
	if (!answer || !cJSON_AddItemToObject(answer, name, value)) {
		cJSON_Delete(value);
		cJSON_Delete(answer);
		return -ENOMEM;
	}
	return control_emit(call, answer);
}

static int command_status(const struct control_call *call, struct err *err)
{
	const struct place p = {.kind = PLACE_CONTROL_FILE, .control = CONTROL_STATUS};
	scoped(buf_finish) struct buf b = {0};
	cJSON *value = control_parsed(vf_control(call->fs, &p, &b), &b, err);

	if (!value)
		return -err->code;
	return control_emit_member(
		call, "status", value, control_answer(call->id, true));
}

/* ---- submit ---- */

struct submission {
	const struct control_sink *sink;
	void *deferred; /* NULL: nobody waits */
	int64_t id;
};

static cJSON *finished(int64_t id, const struct record *rec)
{
	cJSON *o = control_answer(id, true);

	if (!o)
		return NULL;
	cJSON_AddStringToObject(o, "state", "generated");
	json_add_int(o, "size", (int64_t)rec->size);
	json_add_usd(o, "charged_usd", rec->charged_ud);
	if (rec->served_by)
		cJSON_AddStringToObject(o, "served_by", rec->served_by);
	return o;
}

static void submitted(void *user, const struct record *rec, const struct err *err)
{
	struct submission *s = user;

	if (s->deferred)
		s->sink->deferred_done(s->deferred,
			rec ? finished(s->id, rec) : control_failure(s->id, err));
	free(s);
}

static int start(const struct control_call *call, const struct request *req, bool wait,
	struct err *err)
{
	struct submission *s = new0(struct submission);
	struct digest key;
	int r;

	if (!s || request_key(req, call->fs->ns, &key) < 0) {
		free(s);
		return err_oom(err);
	}
	*s = (struct submission){.sink = call->sink, .id = call->id};
	if (wait) {
		s->deferred = call->sink->defer(call->peer, call->id, &key);
		if (!s->deferred) {
			free(s);
			return err_set(err, EBUSY, "too many files at once");
		}
	}
	r = engine_submit(call->fs->engine, req, call->who, PRIORITY_BATCH, submitted,
		s, NULL, err);
	if (r == 0)
		return 0;
	/* The deferred request answers for us, so that there is one answer. */
	if (s->deferred) {
		s->sink->deferred_done(s->deferred, control_failure(call->id, err));
		r = 0;
	}
	free(s);
	return r;
}

static int command_submit(const struct control_call *call, struct err *err)
{
	scoped(place_finish) struct place p = {0};
	bool wait = json_bool(call->request, "wait", true);
	int r = control_media(call, &p, err);
	cJSON *answer;

	if (r == 0)
		r = start(call, &p.req, wait, err);
	if (r < 0 || wait)
		return r;
	answer = control_answer(call->id, true);
	if (answer)
		cJSON_AddStringToObject(answer, "state", "queued");
	return control_emit(call, answer);
}

static int command_jobs(const struct control_call *call, struct err *err)
{
	cJSON *list = cJSON_CreateArray();

	if (!list || call->sink->list_deferred(call->peer, list) < 0) {
		cJSON_Delete(list);
		return err_oom(err);
	}
	return control_emit_member(call, "jobs", list, control_answer(call->id, true));
}

/* ---- upkeep ---- */

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

static int command_pin(const struct control_call *call, struct err *err)
{
	scoped(place_finish) struct place p = {0};
	bool on = json_bool(call->request, "on", true);
	int r = place_of(call, &p, err);

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

static int command_prune(const struct control_call *call, struct err *err)
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

static int command_verify(const struct control_call *call, struct err *err)
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

static const struct {
	const char *name;
	int (*run)(const struct control_call *call, struct err *err);
} commands[] = {
	{"status", command_status},
	{"quote", control_quote},
	{"submit", command_submit},
	{"jobs", command_jobs},
	{"pin", command_pin},
	{"prune", command_prune},
	{"verify", command_verify},
	{"unknown", control_unknown},
	{"settle", control_settle},
};

void control_command(const struct control_call *call)
{
	const char *name = json_str(call->request, "command", "");
	struct err err = {0};
	int r = -ENOSYS;

	err_set(&err, ENOSYS, "no such command \"%.32s\"", name);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		err = (struct err){0};
		r = commands[i].run(call, &err);
		break;
	}
	if (r >= 0 || r == -EPIPE)
		return;
	if (!err.code)
		err_errno(&err, -r, "%s failed", name);
	control_emit(call, control_failure(call->id, &err));
}
