// SPDX-License-Identifier: MIT
/* .cost of a file and of a directory: the price before it is paid, and what was
 * spent. Any thread. */
#include <errno.h>
#include <string.h>

#include "backend/engine/plan.h"
#include "backend/policy/price.h"
#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/ledger.h"
#include "fs/mount/link.h"
#include "fs/virtual/budget.h"
#include "fs/virtual/file_state.h"
#include "fs/virtual/vfile.h"

/* ---- one file ---- */

static struct price_scope scope_of(struct promptfs *fs, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return price_scope_of(fs->catalogue, fs->backend, fs->remote.bucket,
		fs->config->fallback, today);
}

static void add_estimate(struct promptfs *fs, const struct request *req,
	const struct model_row *row, cJSON *o)
{
	char today[11];
	struct price_scope scope = scope_of(fs, today);
	struct price_estimate e;
	/* As the engine plans it. */
	struct plan_rule rule = {
		.scope = &scope, .named = row, .served = row, .req = req};
	struct segments plan;
	int64_t worst;

	if (price_estimate(row, req, 1, scope.may_extend, &e, NULL) < 0) {
		cJSON_AddNullToObject(o, "estimate_usd");
		return;
	}
	cJSON_AddStringToObject(o, "unit", e.unit);
	json_add_int(o, "units", e.units);
	if (e.unit_udollars)
		json_add_usd(o, "unit_price_usd", e.unit_udollars);
	json_add_usd(o, "estimate_usd", e.total_udollars);
	if (plan_make(&rule, &plan, &worst, NULL) == 0)
		json_add_usd(o, "worst_case_usd", worst);
}

static void add_alternatives(struct promptfs *fs, const struct request *req,
	const struct model_row *row, cJSON *o)
{
	struct price_alternative alt[PRICE_ALTERNATIVES_MAX];
	char today[11];
	struct price_scope scope = scope_of(fs, today);
	size_t n = price_alternatives(&scope, row, req, 1, alt, ARRAY_SIZE(alt));
	cJSON *list = cJSON_AddArrayToObject(o, "alternatives");

	for (size_t i = 0; i < n && list; i++) {
		cJSON *a = cJSON_CreateObject();

		cJSON_AddStringToObject(a, "model", alt[i].row->name);
		json_add_usd(a, "estimate_usd", alt[i].estimate_udollars);
		cJSON_AddItemToArray(list, a);
	}
}

/* What became of the parts of a long video; NULL: as the file. */
struct part_states {
	const char *name[LEDGER_PARTS_MAX];
	uint32_t draw;
};

static int note_part(void *user, const struct ledger_row *row)
{
	struct part_states *p = user;

	if (row->part >= ARRAY_SIZE(p->name) || row->draw != p->draw)
		return 0;
	switch (row->state) {
	case LEDGER_SETTLED: /* its bytes wait to be joined */
		p->name[row->part] = "generated";
		break;
	case LEDGER_SENT:
	case LEDGER_ACCEPTED:
		p->name[row->part] = "generating";
		break;
	case LEDGER_RESERVED:
		p->name[row->part] = "queued";
		break;
	case LEDGER_UNKNOWN:
		p->name[row->part] = "unknown";
		break;
	case LEDGER_RELEASED:
		break;
	}
	return 0;
}

/* A long video is planned as several calls; the plan stands here before anyone pays. */
static int add_plan(struct promptfs *fs, const struct request *req,
	const struct file_state *s, cJSON *o)
{
	struct part_states states = {.draw = s->draw};
	/* One part of unknown outcome says nothing of those that were not begun. */
	const char *rest = strcmp(s->name, "unknown") ? s->name : "not generated";
	char today[11];
	struct price_scope scope = scope_of(fs, today);
	struct plan_rule rule = {
		.scope = &scope, .named = s->row, .served = s->row, .req = req};
	struct segments plan;
	int64_t price;
	cJSON *list;
	int r = 0;

	if (!req->seconds || plan_calls(&rule, &plan, NULL) < 0 || plan.n < 2)
		return 0;
	if (fs->backend != BACKEND_LOCAL &&
		!(s->has_record && s->rec.state == RECORD_GENERATED))
		r = ledger_each_open(fs->cache, &s->key, note_part, &states);
	if (r < 0)
		return r;
	list = cJSON_AddArrayToObject(o, "plan");
	for (uint32_t i = 0; i < plan.n && list; i++) {
		const char *name = i < ARRAY_SIZE(states.name) ? states.name[i] : NULL;
		cJSON *part = cJSON_CreateObject();

		cJSON_AddNumberToObject(part, "seconds", plan.seconds[i]);
		if (price_segment(s->row, req, plan.seconds[i], &price, NULL) == 0)
			json_add_usd(part, "estimate_usd", price);
		cJSON_AddStringToObject(part, "state", name ? name : rest);
		cJSON_AddItemToArray(list, part);
	}
	return list ? 0 : -ENOMEM;
}

static void add_result(const struct record *rec, cJSON *o)
{
	char when[25];

	clk_format(rec->created_ms, when);
	json_add_usd(o, "charged_usd", rec->charged_ud);
	cJSON_AddStringToObject(o, "served_by", rec->served_by);
	cJSON_AddNumberToObject(o, "attempts", rec->attempts);
	cJSON_AddNumberToObject(o, "latency_ms", rec->latency_ms);
	cJSON_AddStringToObject(o, "created", when);
}

int vf_file_cost(struct promptfs *fs, const struct place *p, struct buf *out)
{
	scoped(file_state_finish) struct file_state s = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	int r = file_state_get(fs, &p->req, &s);

	if (r < 0)
		return r;
	if (!o)
		return -ENOMEM;
	cJSON_AddStringToObject(o, "state", s.name);
	cJSON_AddStringToObject(o, "model", p->req.model);
	add_estimate(fs, &p->req, s.row, o);
	if (s.has_record && s.rec.state == RECORD_GENERATED)
		add_result(&s.rec, o);
	cJSON_AddStringToObject(o, "currency", "USD");
	r = add_plan(fs, &p->req, &s, o);
	if (r < 0)
		return r;
	add_alternatives(fs, &p->req, s.row, o);
	r = budget_add(fs, o);
	if (r < 0)
		return r;
	if (s.has_error)
		cJSON_AddStringToObject(o, "error", s.err.why);
	return json_print(out, o);
}

/* ---- a directory ---- */

static void add_totals(cJSON *o, const struct totals *t)
{
	json_add_usd(o, "spent_usd", t->spent_ud);
	json_add_usd(o, "reserved_usd", t->reserved_ud);
	json_add_usd(o, "unknown_usd", t->unknown_ud);
	json_add_int(o, "generated", (int64_t)t->generated);
	json_add_usd(o, "saved_usd", t->saved_ud);
}

static int add_model(void *user, const char *model, const struct totals *t)
{
	cJSON *o = cJSON_AddObjectToObject(user, model);

	add_totals(o, t);
	return 0;
}

static int add_spent(void *user, const char *name, const struct totals *t)
{
	json_add_usd(user, name, t->spent_ud);
	return 0;
}

/* Nobody is told to worry where nothing can be spent. */
static bool is_alert(struct promptfs *fs)
{
	scoped(budget_view_finish) struct budget_view v = {0};

	if (fs->backend == BACKEND_LOCAL)
		return false;
	return budget_view_get(fs, &v) < 0 || v.is_alert;
}

static int add_who(struct promptfs *fs, cJSON *o)
{
	static const char *const scopes[][2] = {
		{"program", "by_program"}, {"user", "by_user"}, {"day", "by_day"}};

	int r = budget_add(fs, o);

	if (r < 0)
		return r;
	cJSON_AddBoolToObject(o, "alert", is_alert(fs));
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		cJSON *by = cJSON_AddObjectToObject(o, scopes[i][1]);

		cache_totals_by(fs->cache, scopes[i][0], add_spent, by);
	}
	return 0;
}

int vf_dir_cost(struct promptfs *fs, const struct place *p, struct buf *out)
{
	scoped_json cJSON *o = cJSON_CreateObject();
	struct totals t = {0};
	uint64_t dir = 0;
	cJSON *models;
	int r = listed_dir(fs, p, &dir);

	if (r == 0)
		r = cache_totals(fs->cache, dir, NULL, &t);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!o)
		return -ENOMEM;
	add_totals(o, &t);
	models = cJSON_AddObjectToObject(o, "by_model");
	if (dir)
		cache_totals_by_model(fs->cache, dir, add_model, models);
	if (p->dir == PLACE_ROOT)
		r = add_who(fs, o);
	else
		r = 0; /* nothing is listed there yet */
	return r < 0 ? r : json_print(out, o);
}
