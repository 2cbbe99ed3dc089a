// SPDX-License-Identifier: MIT
/* Which command a line asks for, and what is asked of all: see control_command.h. */
#include "fs/control/control_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/control/control_call.h"
#include "fs/mount/link.h"
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

int control_place(const struct control_call *call, struct place *ret, struct err *err)
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
	int r = control_place(call, ret, err);

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

static int status(const struct control_call *call, struct err *err)
{
	const struct place p = {.kind = PLACE_CONTROL_FILE, .control = CONTROL_STATUS};
	scoped(buf_finish) struct buf b = {0};
	cJSON *value = control_parsed(vf_control(call->fs, &p, &b), &b, err);

	if (!value)
		return -err->code;
	return control_emit_member(
		call, "status", value, control_answer(call->id, true));
}

static const struct {
	const char *name;
	int (*run)(const struct control_call *call, struct err *err);
} commands[] = {
	{"status", status},
	{"quote", control_quote},
	{"submit", control_submit},
	{"jobs", control_jobs},
	{"pin", control_pin},
	{"prune", control_prune},
	{"verify", control_verify},
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
