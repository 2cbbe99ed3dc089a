// SPDX-License-Identifier: MIT
/* See budget.h. */
#include "fs/virtual/budget.h"

#include <errno.h>
#include <string.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define USERS_MAX 64 /* whose limits are shown one by one */

struct users {
	uint32_t uid[USERS_MAX];
	size_t n;
};

static int note_user(void *user, const char *name, const struct totals *t)
{
	struct users *u = user;
	uint64_t uid;

	if (u->n < USERS_MAX && str_parse_u64(name, LEDGER_ANY_UID - 1, &uid) == 0 &&
		uid != u->uid[0])
		u->uid[u->n++] = (uint32_t)uid;
	return 0;
}

static int64_t left_of(const struct budget_line *l)
{
	return l->limit_ud - l->spent_ud - l->reserved_ud;
}

static void add_line(struct budget_view *v, const struct ledger_limit *l, uint32_t uid,
	const struct ledger_sums *sums)
{
	v->line[v->n++] = (struct budget_line){.period = l->period,
		.limit_ud = l->udollars,
		.uid = uid,
		.spent_ud = sums[l->period].spent_ud,
		.reserved_ud = sums[l->period].reserved_ud};
}

static int add_user_lines(struct promptfs *fs, struct budget_view *v, uint32_t uid)
{
	struct ledger_sums sums[LEDGER_PERIODS] = {0};
	int r = ledger_sums(fs->cache, uid, sums);

	for (size_t i = 0; i < fs->budget.n && r == 0; i++) {
		const struct ledger_limit *l = &fs->budget.limit[i];

		if (l->is_per_user && (l->uid == LEDGER_ANY_UID || l->uid == uid))
			add_line(v, l, uid, sums);
	}
	return r;
}

static int collect(struct promptfs *fs, struct budget_view *v)
{
	struct users u = {.uid = {fs->uid}, .n = 1};
	bool has_users = false;
	int r = ledger_sums(fs->cache, LEDGER_ANY_UID, v->sums);

	for (size_t i = 0; i < fs->budget.n && r == 0; i++) {
		const struct ledger_limit *l = &fs->budget.limit[i];

		if (l->is_per_user)
			has_users = true;
		else
			add_line(v, l, LEDGER_ANY_UID, v->sums);
	}
	if (r == 0 && has_users)
		r = cache_totals_by(fs->cache, "user", note_user, &u);
	for (size_t i = 0; i < u.n && r == 0 && has_users; i++)
		r = add_user_lines(fs, v, u.uid[i]);
	return r;
}

int budget_view_get(struct promptfs *fs, struct budget_view *ret)
{
	struct budget_view v = {0};
	int r;

	v.line = new_array(struct budget_line, fs->budget.n * USERS_MAX + 1);
	r = v.line ? collect(fs, &v) : -ENOMEM;
	if (r < 0) {
		budget_view_finish(&v);
		return r;
	}
	for (size_t i = 0; i < v.n; i++) {
		const struct budget_line *l = &v.line[i];

		v.is_alert |= ledger_is_nearly_used(
			l->spent_ud + l->reserved_ud, l->limit_ud);
		if (l->uid != LEDGER_ANY_UID && l->uid != fs->uid)
			continue;
		if (!v.tightest || left_of(l) < left_of(v.tightest))
			v.tightest = l;
	}
	*ret = v;
	return 0;
}

void budget_view_finish(struct budget_view *v)
{
	free(v->line);
	*v = (struct budget_view){0};
}

/* ---- as JSON ---- */

static bool print_line(cJSON *o, const struct budget_line *l)
{
	bool ok = json_add_usd(o, "limit_usd", l->limit_ud) &&
		  cJSON_AddStringToObject(o, "period", config_period_name(l->period));

	if (ok && l->uid != LEDGER_ANY_UID)
		ok = json_add_int(o, "user", l->uid);
	return ok && json_add_usd(o, "spent_usd", l->spent_ud) &&
	       json_add_usd(o, "reserved_usd", l->reserved_ud);
}

static bool print_unlimited(cJSON *o, int64_t spent_ud, int64_t reserved_ud)
{
	return cJSON_AddNullToObject(o, "limit_usd") &&
	       cJSON_AddStringToObject(o, "period", config_period_name(LEDGER_DAY)) &&
	       json_add_usd(o, "spent_usd", spent_ud) &&
	       json_add_usd(o, "reserved_usd", reserved_ud);
}

static bool print_damaged(cJSON *o)
{
	return cJSON_AddNullToObject(o, "limit_usd") &&
	       cJSON_AddStringToObject(o, "period", config_period_name(LEDGER_DAY)) &&
	       cJSON_AddNullToObject(o, "spent_usd") &&
	       cJSON_AddNullToObject(o, "reserved_usd");
}

static bool print_limits(cJSON *o, const struct budget_view *v)
{
	cJSON *list = cJSON_AddArrayToObject(o, "limits");

	for (size_t i = 0; list && i < v->n; i++) {
		cJSON *line = cJSON_CreateObject();

		if (!line || !cJSON_AddItemToArray(list, line)) {
			cJSON_Delete(line);
			return false;
		}
		if (!print_line(line, &v->line[i]))
			return false;
	}
	return list != NULL;
}

static bool print_view(cJSON *o, const struct budget_view *v)
{
	const struct ledger_sums *today = &v->sums[LEDGER_DAY];
	bool ok = v->tightest ? print_line(o, v->tightest)
			      : print_unlimited(o, today->spent_ud, today->reserved_ud);

	return ok && print_limits(o, v);
}

/* The built-in renderer costs nothing, so no limit applies to it. */
static int add_local(struct promptfs *fs, cJSON *o)
{
	struct totals t = {0};

	if (cache_totals(fs->cache, 1, NULL, &t) < 0)
		t = (struct totals){0};
	return print_unlimited(o, t.spent_ud, t.reserved_ud) ? 0 : -ENOMEM;
}

int budget_add(struct promptfs *fs, cJSON *o)
{
	scoped(budget_view_finish) struct budget_view v = {0};
	cJSON *b = cJSON_AddObjectToObject(o, "budget");
	int r;

	if (!b)
		return -ENOMEM;
	if (fs->backend == BACKEND_LOCAL)
		return add_local(fs, b);
	r = budget_view_get(fs, &v);
	if (r == -ENOMEM)
		return r;
	return (r < 0 ? print_damaged(b) : print_view(b, &v)) ? 0 : -ENOMEM;
}

static int count_unknown(void *user, const struct ledger_row *row)
{
	int64_t *n = user;

	*n += row->state == LEDGER_UNKNOWN;
	return 0;
}

static const char *health_name(enum ledger_health h)
{
	switch (h) {
	case LEDGER_SOUND:
		return "sound";
	case LEDGER_DAMAGED:
		return "damaged";
	default:
		return "unchecked";
	}
}

int budget_add_money(struct promptfs *fs, cJSON *o)
{
	struct ledger_sums sums[LEDGER_PERIODS] = {0};
	int64_t unknown = 0;
	cJSON *m;
	bool ok;
	int r;

	if (fs->backend == BACKEND_LOCAL)
		return 0;
	m = cJSON_AddObjectToObject(o, "money");
	if (!m || !cJSON_AddStringToObject(
			  m, "ledger", health_name(ledger_health(fs->cache))))
		return -ENOMEM;
	r = ledger_sums(fs->cache, LEDGER_ANY_UID, sums);
	if (r == 0)
		r = ledger_each_open(fs->cache, NULL, count_unknown, &unknown);
	if (r == -ENOMEM)
		return r;
	if (r == 0) {
		ok = json_add_usd(m, "spent_today_usd", sums[LEDGER_DAY].spent_ud) &&
		     json_add_usd(m, "spent_total_usd", sums[LEDGER_TOTAL].spent_ud) &&
		     json_add_usd(m, "reserved_usd", sums[LEDGER_TOTAL].reserved_ud) &&
		     json_add_usd(m, "unknown_usd", sums[LEDGER_TOTAL].unknown_ud) &&
		     json_add_int(m, "unknown_calls", unknown);
		if (!ok)
			return -ENOMEM;
	}
	return budget_add(fs, m);
}
