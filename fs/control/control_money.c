// SPDX-License-Identifier: MIT
/* quote, unknown and settle: what a file would cost, and which calls may be paid. On
 * the connection's thread. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/ledger.h"
#include "fs/control/control_call.h"
#include "fs/virtual/vfile.h"

/* ---- quote ---- */

/* What would be refused whatever is left of the budget. */
static int check_quoted(struct promptfs *fs, const struct model_row *row,
	const struct request *req, const cJSON *cost, struct err *err)
{
	char most[MONEY_TEXT], worst[MONEY_TEXT];
	int64_t worst_ud;
	int r = limits_check(row, req, err);

	if (r < 0 || fs->backend == BACKEND_LOCAL || fs->budget.file_udollars < 0)
		return r;
	worst_ud = (int64_t)llround(
		json_num(cost, "worst_case_usd", 0) * (double)MONEY_DOLLAR);
	if (worst_ud <= fs->budget.file_udollars ||
		!strcmp(json_str(cost, "state", ""), "generated"))
		return 0;
	money_format(worst_ud, worst);
	money_format(fs->budget.file_udollars, most);
	return err_set(err, EDQUOT,
		"this would cost up to %s USD and a file may cost %s USD; raise it "
		"with -o max_cost=...",
		worst, most);
}

int control_quote(const struct control_call *call, struct err *err)
{
	scoped(place_finish) struct place p = {0};
	scoped(buf_finish) struct buf b = {0};
	scoped(buf_finish) struct buf display = {0};
	const struct model_row *row;
	struct err why = {0};
	cJSON *cost, *answer;
	int r = control_media(call, &p, err);

	if (r < 0)
		return r;
	r = vf_file_cost(call->fs, &p, &b);
	cost = control_parsed(r, &b, err);
	if (!cost)
		return -err->code;
	answer = control_answer(call->id, true);
	row = catalogue_find(call->fs->catalogue, p.req.model);
	if (answer && row && check_quoted(call->fs, row, &p.req, cost, &why) < 0) {
		cJSON_AddFalseToObject(answer, "allowed");
		cJSON_AddStringToObject(answer, "why", why.why);
	}
	if (answer && row)
		cJSON_AddNumberToObject(answer, "quality", row->quality);
	if (answer && request_display(&p.req, &display) == 0)
		cJSON_AddStringToObject(answer, "file", display.data);
	return control_emit_member(call, "cost", cost, answer);
}

/* ---- unknown ---- */

/* Answers wait for the peer, which no look into the store may do: collected first. */
struct unknown_list {
	const struct control_call *call;
	cJSON *answers;
	int64_t held_ud;
};

static bool fill_row(cJSON *o, const struct ledger_row *row)
{
	bool ok = json_add_int(o, "call", (int64_t)row->id) &&
		  json_add_int(o, "sent_ms",
			  row->sent_ms ? row->sent_ms : row->created_ms) &&
		  json_add_usd(o, "held_usd", row->held_ud) &&
		  json_add_int(o, "uid", row->uid) &&
		  cJSON_AddStringToObject(
			  o, "program", row->program ? row->program : "") &&
		  cJSON_AddStringToObject(o, "model", row->model ? row->model : "") &&
		  cJSON_AddStringToObject(o, "path", row->path ? row->path : "") &&
		  cJSON_AddStringToObject(o, "why", row->why ? row->why : "");

	if (ok && row->n_parts > 1)
		ok = json_add_int(o, "part", row->part + 1) &&
		     json_add_int(o, "parts", row->n_parts);
	return ok;
}

static int note_unknown(void *user, const struct ledger_row *row)
{
	struct unknown_list *l = user;
	cJSON *o;

	if (row->state != LEDGER_UNKNOWN)
		return 0;
	o = control_answer(l->call->id, false);
	if (!o || !fill_row(o, row) || !cJSON_AddItemToArray(l->answers, o)) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	l->held_ud = money_add(l->held_ud, row->held_ud);
	return 0;
}

int control_unknown(const struct control_call *call, struct err *err)
{
	scoped_json cJSON *answers = cJSON_CreateArray();
	struct unknown_list l = {.call = call, .answers = answers};
	int64_t n = 0;
	cJSON *o;
	int r;

	if (!answers)
		return err_oom(err);
	r = ledger_each_open(call->fs->cache, NULL, note_unknown, &l);
	if (r < 0)
		return err_errno(err, -r, "the ledger cannot be read");
	while (r >= 0 && (o = cJSON_DetachItemFromArray(answers, 0))) {
		r = control_emit(call, o);
		n++;
	}
	if (r < 0)
		return r;
	o = control_answer(call->id, true);
	if (o) {
		json_add_int(o, "calls", n);
		json_add_usd(o, "held_usd", l.held_ud);
		cJSON_AddStringToObject(o, "namespace", call->fs->ns);
	}
	return control_emit(call, o);
}

/* ---- settle ---- */

static int amount_of(const struct control_call *call, const struct ledger_row *row,
	int64_t *ret, struct err *err)
{
	const cJSON *usd = cJSON_GetObjectItemCaseSensitive(call->request, "usd");
	double v = cJSON_IsNumber(usd) ? usd->valuedouble : 0;
	char held[MONEY_TEXT];

	if (!json_bool(call->request, "paid", false)) {
		*ret = 0;
		return 0;
	}
	*ret = usd ? (int64_t)llround(v * (double)MONEY_DOLLAR) : row->held_ud;
	if (!usd || (cJSON_IsNumber(usd) && *ret >= 0 && *ret <= row->held_ud))
		return 0;
	money_format(row->held_ud, held);
	return err_set(err, EINVAL,
		"call %" PRIu64 " held %s USD; it cannot have cost more", row->id,
		held);
}

static int settle(const struct control_call *call, const struct ledger_row *row,
	int64_t *ret_ud, struct err *err)
{
	bool is_paid = json_bool(call->request, "paid", false);
	int r = amount_of(call, row, ret_ud, err);

	if (r == 0)
		r = ledger_settle(call->fs->cache, row->id, *ret_ud,
			is_paid ? "settled by hand: it was paid"
				: "settled by hand: it was not paid",
			err);
	/* What stood in the way of the next open is out of the way. */
	if (r == 0)
		engine_forget_error(call->fs->engine, &row->key);
	return r;
}

int control_settle(const struct control_call *call, struct err *err)
{
	int64_t id = json_int(call->request, "call", 0), charged_ud = 0;
	struct ledger_row row = {0};
	cJSON *o;
	int r;

	if (id <= 0)
		return err_set(err, EINVAL, "\"call\" must be the number of a call");
	r = ledger_find(call->fs->cache, (uint64_t)id, &row, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT,
			"there is no call %" PRId64 "; promptfs unknown lists them",
			id);
	if (r < 0)
		return r;
	if (row.state != LEDGER_UNKNOWN)
		r = err_set(err, EINVAL,
			"call %" PRId64 " is not unknown but %s; "
			"there is nothing to settle",
			id, ledger_state_name(row.state));
	if (r == 0)
		r = settle(call, &row, &charged_ud, err);
	o = r == 0 ? control_answer(call->id, true) : NULL;
	if (o) {
		json_add_int(o, "call", id);
		json_add_usd(o, "charged_usd", charged_ud);
		cJSON_AddStringToObject(o, "path", row.path ? row.path : "");
	}
	ledger_row_finish(&row);
	return r < 0 ? r : control_emit(call, o);
}
