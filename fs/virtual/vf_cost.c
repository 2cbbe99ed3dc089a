// SPDX-License-Identifier: MIT
#include <errno.h>

#include "backend/policy/limits.h"
#include "backend/policy/price.h"
#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "fs/link.h"
#include "fs/virtual/state.h"
#include "fs/virtual/vfile.h"

/* ---- one file ---- */

static struct price_scope scope_of(struct promptfs *fs, char today[static 11])
{
	clk_format_day(clk_real_ms(), today);
	return (struct price_scope){.catalogue = fs->catalogue,
		.backend = fs->backend,
		.fallback = fs->config->fallback,
		.today = today};
}

static void add_estimate(struct promptfs *fs, const struct request *req,
	const struct model_row *row, cJSON *o)
{
	char today[11];
	struct price_scope scope = scope_of(fs, today);
	struct price_estimate e;
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
	if (price_worst(&scope, row, req, 1, &worst, NULL) == 0)
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

/* A long video is planned as several calls; the plan stands here before anyone pays. */
static void add_plan(struct promptfs *fs, const struct request *req,
	const struct model_row *row, const char *state, cJSON *o)
{
	char today[11];
	struct price_scope scope = scope_of(fs, today);
	struct segments plan;
	int64_t price;
	cJSON *list;

	if (!req->seconds || limits_segments(row, req, scope.may_extend, &plan) < 0 ||
		plan.n < 2)
		return;
	list = cJSON_AddArrayToObject(o, "plan");
	for (uint32_t i = 0; i < plan.n && list; i++) {
		cJSON *s = cJSON_CreateObject();

		cJSON_AddNumberToObject(s, "seconds", plan.seconds[i]);
		if (price_segment(row, req, plan.seconds[i], &price, NULL) == 0)
			json_add_usd(s, "estimate_usd", price);
		cJSON_AddStringToObject(s, "state", state);
		cJSON_AddItemToArray(list, s);
	}
}

/* The built-in renderer costs nothing, so no limit applies to it. */
static void add_budget(struct promptfs *fs, cJSON *o)
{
	struct totals t = {0};
	cJSON *b = cJSON_AddObjectToObject(o, "budget");

	if (cache_totals(fs->cache, 1, NULL, &t) < 0)
		t = (struct totals){0};
	cJSON_AddNullToObject(b, "limit_usd");
	cJSON_AddStringToObject(b, "period", "day");
	json_add_usd(b, "spent_usd", t.spent_ud);
	json_add_usd(b, "reserved_usd", t.reserved_ud);
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
	add_plan(fs, &p->req, s.row, s.name, o);
	add_alternatives(fs, &p->req, s.row, o);
	add_budget(fs, o);
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

static void add_who(struct promptfs *fs, cJSON *o)
{
	static const char *const scopes[][2] = {
		{"program", "by_program"}, {"user", "by_user"}, {"day", "by_day"}};

	add_budget(fs, o);
	cJSON_AddFalseToObject(o, "alert");
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		cJSON *by = cJSON_AddObjectToObject(o, scopes[i][1]);

		cache_totals_by(fs->cache, scopes[i][0], add_spent, by);
	}
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
		add_who(fs, o);
	return json_print(out, o);
}
