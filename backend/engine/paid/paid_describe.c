// SPDX-License-Identifier: MIT
/* See paid_describe.h. */
#include "backend/engine/paid/paid_describe.h"

#define REQUEST_SHOWN_MAX 16384 /* bytes; longer ones carry pictures */

static bool add_text(cJSON *o, const char *name, const char *text)
{
	return !text || !*text || cJSON_AddStringToObject(o, name, text);
}

/* As far as it is known in this mount. */
bool paid_describe(const struct run *r, cJSON *o)
{
	const struct paid *p = r->making;
	const struct paid_call *c = &p->call;
	const struct part *part = p->n_cur ? &p->part[p->cur[0]] : NULL;
	bool ok = true;

	if (c->sent.len && c->sent.len < REQUEST_SHOWN_MAX)
		ok = cJSON_AddRawToObject(o, "request", c->sent.data);
	ok = ok && add_text(o, "model_version", c->model_version) &&
	     add_text(o, "finish_reason", c->finish_reason);
	if (ok && part)
		ok = add_text(o, "operation", part->operation) &&
		     add_text(o, "uri", part->uri) &&
		     json_add_int(o, "ledger", (int64_t)part->id);
	return ok && json_add_int(o, "calls", p->plan.n);
}
