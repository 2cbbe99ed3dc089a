// SPDX-License-Identifier: MIT
/* One process of a history: what its clients and its user do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "tests/backend/engine/sim.h"

#define ASKED_MAX 200
#define ACTS_MAX 120
#define DAY_MS INT64_C(86400000)
#define PATIENCE_MS (INT64_C(40) * 60 * 60 * 1000)

/* An open that waits. */
struct asked {
	struct ticket *ticket;
	uint32_t file;
	bool is_done;
};

static struct asked asked[ASKED_MAX];
static uint32_t n_asked, n_waiting;

/* ---- what clients are promised ---- */

static void promise(uint32_t file, const struct record *rec)
{
	static const struct digest none;
	struct sim_file *f = &sim.world->file[file];

	/* From memory, where the store is full: it has no digest, and ends with the
	 * process. */
	if (!memcmp(&rec->blob, &none, sizeof(none)))
		return;
	if (rec->draw >= SIM_DRAWS_MAX)
		sim_fail("file %u has %u draws", (unsigned)file, (unsigned)rec->draw);
	if (f->is_acked[rec->draw] &&
		memcmp(&f->acked[rec->draw], &rec->blob, sizeof(rec->blob)) != 0)
		sim_fail("file %u draw %u has other bytes than before", (unsigned)file,
			(unsigned)rec->draw);
	f->acked[rec->draw] = rec->blob;
	f->is_acked[rec->draw] = true;
	sim.world->n_acks++;
}

static void on_done(void *user, const struct record *rec, const struct err *err)
{
	struct asked *a = user;

	if (a->is_done)
		sim_fail("an open is answered twice");
	a->is_done = true;
	n_waiting--;
	if (rec)
		promise(a->file, rec);
	else if (strstr(err->why, "is not over yet"))
		sim_fail("an open of file %u is refused for its own call: %s",
			(unsigned)a->file, err->why);
	sim_say("  open of file %u: %s", (unsigned)a->file, rec ? "made" : err->why);
}

/* ---- acts ---- */

static void submit(uint32_t file)
{
	static const char *const programs[] = {"cat", "cp", "mpv"};
	struct asked *a = &asked[n_asked];
	struct engine_who who = {.uid = 1000 + dice_below(&sim.act, 3),
		.pid = 1 + dice_below(&sim.act, 30),
		.may_spend = true};
	struct err err = {0};
	int r;

	if (n_asked == ASKED_MAX)
		return;
	snprintf(who.program, sizeof(who.program), "%s",
		programs[dice_below(&sim.act, ARRAY_SIZE(programs))]);
	*a = (struct asked){.file = file};
	n_asked++;
	n_waiting++;
	r = engine_submit(sim.engine, &sim.world->file[file].req, NULL, &who,
		dice_is(&sim.act, 80) ? PRIORITY_OPEN : PRIORITY_BATCH, on_done, a,
		&a->ticket, &err);
	if (r == 0)
		return;
	a->is_done = true;
	n_waiting--;
	sim.world->n_denied++;
	sim_say("  open of file %u refused: %s", (unsigned)file, err.why);
}

static void cancel(void)
{
	if (n_asked)
		ticket_cancel(asked[dice_below(&sim.act, n_asked)].ticket);
}

/* As fs/tree/op_remove.c does. */
static void remove_file(uint32_t file)
{
	struct sim_file *f = &sim.world->file[file];
	struct job_brief job = {.state = JOB_NONE};
	struct file_brief brief;
	struct err err = {0};
	int r;

	if (cache_brief(sim.cache, &f->place.key, &brief, NULL) < 0 ||
		brief.state != RECORD_GENERATED)
		engine_job(sim.engine, &f->place.key, &job);
	if (job.state != JOB_NONE)
		return;
	f->is_permitting = true;
	r = cache_remove(sim.cache, &f->place.place, &err);
	f->is_permitting = false;
	f->permit += r == 0;
	engine_forget_error(sim.engine, &f->place.key);
	sim_say("  rm file %u: %d %s", (unsigned)file, r, err.why);
}

struct unknown {
	uint64_t id[64];
	int64_t held[64];
	int file[64];
	uint32_t n;
};

static int add_unknown(void *user, const struct ledger_row *row)
{
	struct unknown *u = user;

	if (row->state != LEDGER_UNKNOWN || u->n == ARRAY_SIZE(u->id))
		return 0;
	u->id[u->n] = row->id;
	u->held[u->n] = row->held_ud;
	u->file[u->n++] = file_of_key(&row->key);
	return 0;
}

static bool was_billed(uint64_t row)
{
	for (uint32_t c = 0; c < sim.world->n_calls; c++)
		for (uint32_t i = 0; i < sim.world->call[c].n; i++)
			if (sim.world->call[c].row[i] == row &&
				sim.world->call[c].billed_ud[i])
				return true;
	return false;
}

/* A user who reads his invoice. */
static void settle(void)
{
	struct unknown u = {0};
	struct sim_file *f;
	struct err err = {0};
	uint32_t i;
	int r;

	ledger_each_open(sim.cache, NULL, add_unknown, &u);
	if (!u.n)
		return;
	i = dice_below(&sim.act, u.n);
	f = &sim.world->file[u.file[i]];
	f->is_permitting = true;
	r = ledger_settle(sim.cache, u.id[i], was_billed(u.id[i]) ? u.held[i] : 0,
		"as the invoice says", &err);
	f->is_permitting = false;
	f->permit += r == 0;
	sim.world->n_settled += r == 0;
	sim_say("  settle %" PRIu64 ": %s", u.id[i], err.why);
}

static void turn_clock(void)
{
	static const int64_t most[] = {20 * 60 * 1000, 3600 * 1000, 2 * DAY_MS};
	int64_t ms = dice_below(
		&sim.act, (uint32_t)most[dice_below(&sim.act, ARRAY_SIZE(most))]);

	if (dice_is(&sim.act, 35))
		ms = -ms;
	sim.world->real_offset_ms += ms;
	sim_say("  clock %+" PRId64 " s", ms / 1000);
}

static void act(void)
{
	uint32_t roll = dice_below(&sim.act, 100);
	uint32_t file = dice_below(&sim.act, sim.world->n_files);

	if (roll < 45)
		submit(file);
	else if (roll < 50)
		cancel();
	else if (roll < 60)
		remove_file(file);
	else if (roll < 66)
		settle();
	else if (roll < 71)
		turn_clock();
	else
		sched_sleep_ms(
			dice_below(&sim.act, dice_is(&sim.act, 70) ? 4000 : 90000));
}

/* ---- waiting ---- */

static size_t jobs_left(void)
{
	size_t n;

	pthread_mutex_lock(&sim.engine->lock);
	n = sim.engine->work.n_jobs;
	pthread_mutex_unlock(&sim.engine->lock);
	return n;
}

static void wait_for_all(void)
{
	int64_t end = clk_mono_ms() + PATIENCE_MS;

	while (n_waiting || jobs_left()) {
		sched_sleep_ms(1000);
		if (clk_mono_ms() > end)
			sim_fail("%u opens and %zu jobs do not end",
				(unsigned)n_waiting, jobs_left());
	}
}

/* ---- the engine ---- */

static void start(void)
{
	struct ledger_limit limit[] = {
		{.period = LEDGER_DAY, .udollars = sim.plan.day_ud},
		{.period = LEDGER_TOTAL, .udollars = sim.plan.total_ud},
		{.period = LEDGER_DAY,
			.udollars = sim.plan.user_ud,
			.is_per_user = true,
			.uid = LEDGER_ANY_UID},
	};
	struct ledger_budget budget = {
		.limit = limit, .n = ARRAY_SIZE(limit), .file_udollars = 600000};
	struct engine_remote remote = {.backend = sim.plan.backend,
		.project = "p",
		.location = "us-central1+europe-west4",
		.bucket = sim.plan.has_bucket ? "gs://b" : NULL,
		.tries = 3,
		.budget = &budget};
	struct engine_config config = {.cache = sim.cache,
		.catalogue = sim.catalogue,
		.ns = "google",
		.backend = backend_name(sim.plan.backend),
		.remote = &remote,
		.exe = "/nonexistent",
		.tmp_dir = sim.dir,
		.max_concurrent = (int)sim.plan.max_concurrent,
		.stop_timeout_ms = 15000,
		.timeout_ms = 60000,
		.pool_threads = 2,
		.fallback = sim.plan.has_fallback};
	struct err err = {0};

	if (engine_start(&config, &sim.engine, &err) < 0)
		sim_fail("the engine does not start: %s", err.why);
}

static void stop(void)
{
	int64_t began = clk_mono_ms();

	sim_say("  stop");
	engine_stop(sim.engine);
	if (clk_mono_ms() - began >= 15000)
		sim.world->past[sim.world->epoch].was_stopped_hard = true;
	for (uint32_t i = 0; i < n_asked; i++) {
		if (!asked[i].is_done)
			sim_fail("an open is never answered");
		ticket_free(asked[i].ticket);
	}
	engine_free(sim.engine);
}

/* Everything that can end does. */
static void last_rounds(void)
{
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < sim.world->n_files; i++)
			submit(i);
		wait_for_all();
	}
}

static void live(void)
{
	uint32_t acts = 1 + dice_below(&sim.act, ACTS_MAX);

	for (uint32_t i = 0; i < acts; i++)
		act();
	if (dice_is(&sim.act, 50))
		wait_for_all();
}

void epoch_run(void)
{
	struct cache_config config = {.dir = sim.dir,
		.ns = "google",
		.map_size = sim.plan.map_size,
		.reserve_bytes = 1 << 20};
	struct err err = {0};
	bool had_faults;

	had_faults = sim.plan.has_disk_faults && !sim.is_last;
	if (cache_open(&config, &sim.cache, &err) < 0) {
		if (!had_faults)
			sim_fail("the store does not open: %s", err.why);
		sim_say("  %s", err.why);
		_exit(0);
	}
	sched_sleep_ms(1); /* until the store thread has nothing to do */
	check_store(false, false);
	start();
	if (sim.is_last)
		last_rounds();
	else
		live();
	stop();
	sched_sleep_ms(1);
	check_store(true, sim.is_last);
	cache_close(sim.cache);
	_exit(0);
}
