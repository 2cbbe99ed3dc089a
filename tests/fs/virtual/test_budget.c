// SPDX-License-Identifier: MIT
/* What .cost says of a paid mount: the budget with all its limits, and what became of
 * the parts of a long video. A real store and ledger; the engine is the renderer's,
 * for nothing is sent here. */
#include "cache/base/buf.h"
#include "cache/base/json.h"
#include "cache/ledger.h"
#include "fs/virtual/budget.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "backend/engine/place.h"
#include "cache/base/mem.h"
#include "fs/virtual/vfile.h"
#include "tests/support/tap.h"

#define ME 4711u
#define OTHER 4712u
#define VIDEO "/videos/a long walk through the woods/veo-2/res=720p/16s.mp4"

struct fixture {
	char dir[64];
	struct config config;
	struct promptfs fs;
	struct place place; /* of VIDEO */
};

static void set_up(struct fixture *f, const struct ledger_limit *limit, size_t n)
{
	struct cache_config cc = {.dir = f->dir, .ns = "google", .map_size = 64u << 20};
	struct engine_config ec = {.ns = "google",
		.backend = "local",
		.tmp_dir = f->dir,
		.max_concurrent = 1,
		.pool_threads = 1};
	struct err err = {0};

	*f = (struct fixture){.dir = "/tmp/promptfs-budget-XXXXXX"};
	CHECK(mkdtemp(f->dir) != NULL);
	f->fs = (struct promptfs){.config = &f->config,
		.backend = BACKEND_VERTEX,
		.ns = (char *)"google",
		.uid = ME,
		.budget = {.limit = limit, .n = n, .file_udollars = -1}};
	CHECK_INT(catalogue_new(&f->fs.catalogue, &err), 0);
	CHECK_INT(cache_open(&cc, &f->fs.cache, &err), 0);
	ec.cache = f->fs.cache;
	ec.catalogue = f->fs.catalogue;
	CHECK_INT(engine_start(&ec, &f->fs.engine, &err), 0);
	f->fs.grammar = (struct grammar_env){.catalogue = f->fs.catalogue};
	CHECK_INT(grammar_walk(&f->fs.grammar, VIDEO, &f->place), 0);
}

static void tear_down(struct fixture *f)
{
	static const char *const names[] = {"store.mdb", "store.mdb-lock", "lock.mdb"};

	place_finish(&f->place);
	engine_stop(f->fs.engine);
	engine_free(f->fs.engine);
	cache_close(f->fs.cache);
	catalogue_free(f->fs.catalogue);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(buf_finish) struct buf b = {0};

		buf_addf(&b, "%s/%s", f->dir, names[i]);
		unlink(b.data);
	}
	CHECK_INT(rmdir(f->dir), 0);
}

/* ---- calls ---- */

struct waiting {
	sem_t sem;
	struct err err;
	uint64_t id[8];
};

static void reserved(void *user, const uint64_t *ids, size_t n, const struct err *err)
{
	struct waiting *w = user;

	if (err)
		w->err = *err;
	for (size_t i = 0; i < n && i < ARRAY_SIZE(w->id); i++)
		w->id[i] = ids[i];
	sem_post(&w->sem);
}

static void moved(void *user, const struct err *err)
{
	struct waiting *w = user;

	if (err)
		w->err = *err;
	sem_post(&w->sem);
}

/* Sets aside `held_ud` for each of n parts of VIDEO, asked for by `uid`. */
static void reserve(
	struct fixture *f, uint32_t uid, int64_t held_ud, size_t n, uint64_t *ret_ids)
{
	struct ledger_part part[8];
	struct engine_who who = {.uid = uid, .program = "test"};
	struct request_place rp;
	struct digest key;
	struct ledger_order order = {.place = &rp.place,
		.model = "veo-2",
		.path = VIDEO,
		.request = "{}",
		.served_by = "veo-2",
		.n_parts = (uint16_t)n,
		.n = n,
		.part = part};
	struct waiting w = {0};

	CHECK_INT(ledger_check(f->fs.cache, NULL, &w.err), 0);
	CHECK_INT(request_key(&f->place.req, "google", &key), 0);
	CHECK_INT(request_place_init(&rp, &f->place.req, &key, &who), 0);
	for (size_t i = 0; i < n; i++)
		part[i] = (struct ledger_part){
			.part = (uint16_t)i, .seconds = 8, .held_ud = held_ud};
	sem_init(&w.sem, 0, 0);
	CHECK_INT(ledger_reserve(f->fs.cache, &order, 1, NULL, reserved, &w), 0);
	sem_wait(&w.sem);
	if (!CHECK_INT(w.err.code, 0))
		printf("# %s\n", w.err.why);
	memcpy(ret_ids, w.id, n * sizeof(*ret_ids));
	sem_destroy(&w.sem);
	request_place_finish(&rp);
}

static void move(
	struct fixture *f, uint64_t id, enum ledger_state to, int64_t charged_ud)
{
	struct ledger_move m = {.to = to, .charged_ud = charged_ud, .operation = "op"};
	struct waiting w = {0};

	if (to != LEDGER_ACCEPTED)
		m.operation = NULL;
	sem_init(&w.sem, 0, 0);
	CHECK_INT(ledger_move(f->fs.cache, &id, 1, &m, moved, &w), 0);
	sem_wait(&w.sem);
	if (!CHECK_INT(w.err.code, 0))
		printf("# %s\n", w.err.why);
	sem_destroy(&w.sem);
}

/* ---- looking ---- */

static cJSON *cost_of(struct fixture *f)
{
	scoped(buf_finish) struct buf b = {0};

	CHECK_INT(vf_file_cost(&f->fs, &f->place, &b), 0);
	return json_parse(b.data ? b.data : "", b.len, NULL);
}

static void check_states(
	struct fixture *f, const char *state, const char *first, const char *second)
{
	scoped_json cJSON *o = cost_of(f);
	const cJSON *plan = cJSON_GetObjectItemCaseSensitive(o, "plan");

	CHECK_STR(json_str(o, "state", NULL), state);
	CHECK_INT(cJSON_GetArraySize(plan), 2);
	CHECK_STR(json_str(cJSON_GetArrayItem(plan, 0), "state", NULL), first);
	CHECK_STR(json_str(cJSON_GetArrayItem(plan, 1), "state", NULL), second);
}

static void a_plan_tells_of_each_part(void)
{
	struct fixture f;
	uint64_t id[2];

	set_up(&f, NULL, 0);
	check_states(&f, "not generated", "not generated", "not generated");
	reserve(&f, ME, 200000, 2, id);
	check_states(&f, "not generated", "queued", "queued");
	move(&f, id[0], LEDGER_SENT, -1);
	check_states(&f, "not generated", "generating", "queued");
	move(&f, id[0], LEDGER_ACCEPTED, -1);
	check_states(&f, "not generated", "generating", "queued");
	move(&f, id[1], LEDGER_SENT, -1);
	move(&f, id[1], LEDGER_UNKNOWN, -1);
	check_states(&f, "not generated", "generating", "unknown");
	tear_down(&f);
}

static void a_paid_part_is_generated(void)
{
	struct blob_writer *w;
	struct err err = {0};
	struct fixture f;
	uint64_t id[2];

	set_up(&f, NULL, 0);
	reserve(&f, ME, 200000, 2, id);
	move(&f, id[0], LEDGER_SENT, -1);
	w = blob_writer_new(f.fs.cache, &err);
	CHECK_INT(blob_writer_write(w, "clip", 4, &err), 0);
	CHECK_INT(ledger_keep_part(f.fs.cache, id[0], 200000, w, NULL, &err), 0);
	blob_writer_free(w);
	move(&f, id[1], LEDGER_RELEASED, -1);
	check_states(&f, "not generated", "generated", "not generated");
	tear_down(&f);
}

static const cJSON *budget_of(const cJSON *o)
{
	return cJSON_GetObjectItemCaseSensitive(o, "budget");
}

static void without_a_limit(void)
{
	scoped_json cJSON *o = NULL;
	struct fixture f;
	uint64_t id;

	set_up(&f, NULL, 0);
	reserve(&f, ME, 200000, 1, &id);
	o = cost_of(&f);
	CHECK(cJSON_IsNull(
		cJSON_GetObjectItemCaseSensitive(budget_of(o), "limit_usd")));
	CHECK_STR(json_str(budget_of(o), "period", NULL), "day");
	CHECK(json_num(budget_of(o), "reserved_usd", 0) == 0.2);
	CHECK_INT(cJSON_GetArraySize(
			  cJSON_GetObjectItemCaseSensitive(budget_of(o), "limits")),
		0);
	tear_down(&f);
}

static void the_tightest_stands_first(void)
{
	static const struct ledger_limit limits[] = {
		{LEDGER_MONTH, 10000000, false, LEDGER_ANY_UID},
		{LEDGER_DAY, 1000000, false, LEDGER_ANY_UID},
		{LEDGER_DAY, 500000, true, LEDGER_ANY_UID},
		{LEDGER_TOTAL, 300000, true, OTHER},
	};
	scoped(budget_view_finish) struct budget_view v = {0};
	struct fixture f;
	uint64_t id;

	set_up(&f, limits, ARRAY_SIZE(limits));
	reserve(&f, OTHER, 250000, 1, &id);
	move(&f, id, LEDGER_SENT, -1);
	move(&f, id, LEDGER_SETTLED, 250000);
	CHECK_INT(budget_view_get(&f.fs, &v), 0);
	/* Two of all, one of each for two users, one of the other user's own. */
	if (!CHECK_INT((int64_t)v.n, 5))
		return tear_down(&f);
	CHECK_INT(v.line[0].spent_ud, 250000);
	CHECK_INT(v.line[2].uid, ME);
	CHECK_INT(v.line[2].spent_ud, 0);
	CHECK_INT(v.line[3].uid, OTHER);
	CHECK_INT(v.line[3].spent_ud, 250000);
	CHECK_INT(v.line[4].uid, OTHER);
	CHECK_INT(v.line[4].limit_ud, 300000);
	/* His 0.05 is less, but the mounting user never meets it. */
	CHECK(v.tightest == &v.line[2]);
	CHECK(v.is_alert); /* 0.25 of 0.3 */
	tear_down(&f);
}

static void alert_from_eighty_percent_on(void)
{
	static const struct {
		int64_t limit_ud, spent_ud;
		bool is_alert;
	} rows[] = {{1000000, 799999, false}, {1000000, 800000, true},
		{1000000, 1000000, true}, {3, 2, false}, {3, 3, true}, {0, 0, true}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ledger_limit limit = {
			LEDGER_TOTAL, rows[i].limit_ud, false, LEDGER_ANY_UID};
		scoped(budget_view_finish) struct budget_view v = {0};
		struct fixture f;
		uint64_t id;

		set_up(&f, &limit, 1);
		if (rows[i].spent_ud)
			reserve(&f, ME, rows[i].spent_ud, 1, &id);
		CHECK_INT(budget_view_get(&f.fs, &v), 0);
		if (!CHECK_INT(v.is_alert, rows[i].is_alert))
			printf("# row %zu\n", i);
		tear_down(&f);
	}
}

static void money_of_the_status(void)
{
	scoped_json cJSON *paid = cJSON_CreateObject();
	scoped_json cJSON *local = cJSON_CreateObject();
	scoped(buf_finish) struct buf b = {0};
	struct fixture f;
	uint64_t id;

	set_up(&f, NULL, 0);
	reserve(&f, ME, 125000, 1, &id);
	move(&f, id, LEDGER_SENT, -1);
	move(&f, id, LEDGER_UNKNOWN, -1);
	CHECK_INT(budget_add_money(&f.fs, paid), 0);
	CHECK_INT(json_print_line(&b, paid), 0);
	if (!CHECK(strstr(b.data,
			   "\"ledger\":\"sound\",\"spent_today_usd\":0.125,"
			   "\"spent_total_usd\":0.125,\"reserved_usd\":0,"
			   "\"unknown_usd\":0.125,\"unknown_calls\":1,") != NULL))
		printf("# %s\n", b.data);
	f.fs.backend = BACKEND_LOCAL;
	CHECK_INT(budget_add_money(&f.fs, local), 0);
	CHECK(local->child == NULL);
	tear_down(&f);
}

TAP_MAIN(TAP_CASE(a_plan_tells_of_each_part), TAP_CASE(a_paid_part_is_generated),
	TAP_CASE(without_a_limit), TAP_CASE(the_tightest_stands_first),
	TAP_CASE(alert_from_eighty_percent_on), TAP_CASE(money_of_the_status))
