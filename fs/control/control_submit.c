// SPDX-License-Identifier: MIT
/* submit and jobs: files that are generated for a connection, and which still are. On
 * the connection's thread; completions on any. */
#include <errno.h>
#include <stdlib.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/control/control_call.h"

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
	r = engine_submit(call->fs->engine, req, &key, call->who, PRIORITY_BATCH,
		submitted, s, NULL, err);
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

int control_submit(const struct control_call *call, struct err *err)
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

int control_jobs(const struct control_call *call, struct err *err)
{
	cJSON *list = cJSON_CreateArray();

	if (!list || call->sink->list_deferred(call->peer, list) < 0) {
		cJSON_Delete(list);
		return err_oom(err);
	}
	return control_emit_member(call, "jobs", list, control_answer(call->id, true));
}
