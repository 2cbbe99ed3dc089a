// SPDX-License-Identifier: MIT
/* The store against what the provider logged and what clients were promised. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "tests/backend/engine/sim.h"
#include "tests/support/ledger_rows.h"

#define ROWS_MAX 8000
#define NAMES_MAX 200
#define HEAD_BYTES 4096

/* A row of the ledger, and what the provider billed for it. */
struct line {
	uint64_t id, blob_id, blob_size;
	enum ledger_state state;
	int file;
	uint32_t draw, uid;
	int64_t held_ud, charged_ud, billed_ud, created_ms;
	char day[11], program[16];
	bool has_calls, is_excused;
};

static struct line lines[ROWS_MAX];
static uint32_t n_lines;

static int add_line(void *user, const struct ledger_row *r)
{
	struct line *l = &lines[n_lines++];

	(void)user;
	if (n_lines == ROWS_MAX)
		sim_fail("too many rows");
	*l = (struct line){.id = r->id,
		.state = r->state,
		.file = file_of_key(&r->key),
		.draw = r->draw,
		.uid = r->uid,
		.held_ud = r->held_ud,
		.charged_ud = r->charged_ud,
		.created_ms = r->created_ms,
		.blob_id = r->blob_id,
		.blob_size = r->blob_size};
	clk_format_day(r->created_ms, l->day);
	snprintf(l->program, sizeof(l->program), "%s", r->program ? r->program : "");
	if (l->file < 0)
		sim_fail("row %" PRIu64 " is of no file", l->id);
	if (l->state == LEDGER_SETTLED && l->charged_ud < 0)
		sim_fail("row %" PRIu64 " is settled below zero", l->id);
	if (l->state == LEDGER_SETTLED && l->charged_ud > l->held_ud)
		sim_fail("row %" PRIu64 " cost more than was held", l->id);
	return 0;
}

static struct line *line_of(uint64_t id)
{
	for (uint32_t i = 0; i < n_lines; i++)
		if (lines[i].id == id)
			return &lines[i];
	return NULL;
}

static bool is_held(const struct line *l)
{
	return l->state == LEDGER_RESERVED || l->state == LEDGER_SENT ||
	       l->state == LEDGER_ACCEPTED;
}

static int64_t reserved_of(const struct line *l)
{
	return is_held(l) ? l->held_ud : 0;
}

static int64_t spent_of(const struct line *l)
{
	return l->state == LEDGER_SETTLED   ? l->charged_ud
	       : l->state == LEDGER_UNKNOWN ? l->held_ud
					    : 0;
}

/* ---- totals are the sums of rows ---- */

static void want(const char *scope, const char *name, const struct totals *t,
	int64_t spent, int64_t reserved, int64_t unknown)
{
	if (t->spent_ud != spent || t->reserved_ud != reserved ||
		t->unknown_ud != unknown)
		sim_fail("total %s %s: spent %" PRId64 " reserved %" PRId64
			 " unknown %" PRId64 ", by its rows %" PRId64 " %" PRId64
			 " %" PRId64,
			scope, name, t->spent_ud, t->reserved_ud, t->unknown_ud, spent,
			reserved, unknown);
}

static bool is_of(const struct line *l, const char *scope, const char *name)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", (unsigned)l->uid);
	if (!strcmp(scope, "day"))
		return !strcmp(l->day, name);
	if (!strcmp(scope, "user"))
		return !strcmp(uid, name);
	if (!strcmp(scope, "program"))
		return !strcmp(l->program, name);
	return true;
}

static void check_total(const char *scope, const char *name, const struct totals *t)
{
	int64_t spent = 0, reserved = 0, unknown = 0;

	for (uint32_t i = 0; i < n_lines; i++) {
		if (!is_of(&lines[i], scope, name))
			continue;
		spent += spent_of(&lines[i]);
		reserved += reserved_of(&lines[i]);
		if (lines[i].state == LEDGER_UNKNOWN)
			unknown += lines[i].held_ud;
	}
	want(scope, name, t, spent, reserved, unknown);
}

struct seen {
	const char *scope;
	char name[NAMES_MAX][16];
	uint32_t n;
};

static int on_total(void *user, const char *name, const struct totals *t)
{
	struct seen *s = user;

	check_total(s->scope, name, t);
	if (s->n < NAMES_MAX)
		snprintf(s->name[s->n++], sizeof(s->name[0]), "%s", name);
	return 0;
}

static void check_scope(const char *scope)
{
	struct seen s = {.scope = scope};

	cache_totals_by(sim.cache, scope, on_total, &s);
	for (uint32_t i = 0; i < n_lines; i++) {
		bool found = s.n == NAMES_MAX;

		for (uint32_t k = 0; k < s.n && !found; k++)
			found = is_of(&lines[i], scope, s.name[k]);
		if (!found)
			sim_fail("row %" PRIu64 " is in no total of %s", lines[i].id,
				scope);
	}
}

static void check_totals(void)
{
	struct ledger_sums sums[LEDGER_PERIODS];
	struct totals t;

	if (cache_totals(sim.cache, 1, NULL, &t) < 0)
		sim_fail("the totals cannot be read");
	check_total("tree", "", &t);
	if (ledger_sums(sim.cache, LEDGER_ANY_UID, sums) < 0)
		sim_fail("the sums cannot be read");
	t.spent_ud = sums[LEDGER_TOTAL].spent_ud;
	t.reserved_ud = sums[LEDGER_TOTAL].reserved_ud;
	t.unknown_ud = sums[LEDGER_TOTAL].unknown_ud;
	check_total("all", "", &t);
	check_scope("day");
	check_scope("user");
	check_scope("program");
}

/* ---- the budget ---- */

static void check_limit(const char *what, const char *day, uint32_t uid, int64_t most)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < n_lines; i++)
		if ((!day || !strcmp(lines[i].day, day)) &&
			(uid == LEDGER_ANY_UID || lines[i].uid == uid))
			sum += spent_of(&lines[i]) + reserved_of(&lines[i]);
	if (sum > most)
		sim_fail("%s: %" PRId64 " of %" PRId64 " on %s", what, sum, most,
			day ? day : "all days");
}

static void check_budget(void)
{
	check_limit(
		"the total budget is passed", NULL, LEDGER_ANY_UID, sim.plan.total_ud);
	for (uint32_t i = 0; i < n_lines; i++) {
		check_limit("the budget of a day is passed", lines[i].day,
			LEDGER_ANY_UID, sim.plan.day_ud);
		check_limit("the budget of a user is passed", lines[i].day,
			lines[i].uid, sim.plan.user_ud);
	}
}

/* ---- rows against the provider's log ---- */

static bool is_excuse(const struct sim_call *c)
{
	const struct sim_epoch *e = &sim.world->past[c->epoch];

	return c->is_ambiguous || e->death != SIM_ALIVE || e->was_stopped_hard ||
	       e->had_disk_fault || sim.plan.is_small_disk;
}

/* A call that brought all it was to bring costs what it was billed. */
static void check_price(const struct sim_call *c, uint32_t i, const struct line *l)
{
	const struct sim_file *f = &sim.world->file[l->file];

	if (c->result == SIM_GOOD && c->is_delivered && !c->is_ambiguous &&
		!c->was_listed && l->state == LEDGER_SETTLED &&
		f->permit == c->permit[i] && l->charged_ud != l->billed_ud)
		sim_fail("row %" PRIu64 " says %" PRId64 " and %" PRId64
			 " were billed (call %d, %s)",
			l->id, l->charged_ud, l->billed_ud, (int)(c - sim.world->call),
			c->what);
}

static void add_calls(void)
{
	for (uint32_t n = 0; n < sim.world->n_calls; n++) {
		struct sim_call *c = &sim.world->call[n];

		for (uint32_t i = 0; i < c->n; i++) {
			struct line *l = line_of(c->row[i]);

			if (!l)
				sim_fail("call %u has no row", (unsigned)n);
			l->has_calls = true;
			l->billed_ud += c->billed_ud[i];
			l->is_excused |= is_excuse(c);
			c->was_journalled |= l->state == LEDGER_ACCEPTED;
		}
	}
}

static bool any_killed(void)
{
	for (uint32_t i = 0; i <= sim.world->epoch; i++)
		if (sim.world->past[i].death != SIM_ALIVE ||
			sim.world->past[i].had_disk_fault)
			return true;
	return false;
}

static void check_line(const struct line *l)
{
	int64_t counted = spent_of(l) + reserved_of(l);

	if (l->billed_ud > counted)
		sim_fail("row %" PRIu64 " of file %d is %s and counts %" PRId64
			 ", but %" PRId64 " were billed",
			l->id, l->file, ledger_state_name(l->state), counted,
			l->billed_ud);
	if (l->state == LEDGER_UNKNOWN && !l->is_excused &&
		(l->has_calls || !any_killed()))
		sim_fail("row %" PRIu64 " is unknown, and nothing went wrong with its "
			 "calls",
			l->id);
}

static void check_calls(void)
{
	add_calls();
	for (uint32_t i = 0; i < n_lines; i++)
		check_line(&lines[i]);
	for (uint32_t n = 0; n < sim.world->n_calls; n++)
		for (uint32_t i = 0; i < sim.world->call[n].n; i++)
			check_price(&sim.world->call[n], i,
				line_of(sim.world->call[n].row[i]));
}

/* ---- records ---- */

static bool has_line(int file, uint32_t draw, enum ledger_state state)
{
	for (uint32_t i = 0; i < n_lines; i++)
		if (lines[i].file == file && lines[i].draw == draw &&
			lines[i].state == state)
			return true;
	return false;
}

/* The record of a draw, the current one or of the history. false: none. */
static bool find_draw(const struct sim_file *f, uint32_t draw, struct record *ret)
{
	const struct digest *key = &f->place.key;

	if (cache_find(sim.cache, key, ret, NULL, NULL) == 0 && ret->draw == draw)
		return true;
	record_finish(ret);
	for (uint32_t n = 1; n <= SIM_DRAWS_MAX; n++) {
		*ret = (struct record){0};
		if (cache_history(sim.cache, key, n, ret, NULL) == 0 &&
			ret->draw == draw)
			return true;
		record_finish(ret);
	}
	*ret = (struct record){0};
	return false;
}

static void check_promises(int file)
{
	const struct sim_file *f = &sim.world->file[file];

	for (uint32_t draw = 0; draw < SIM_DRAWS_MAX; draw++) {
		struct record rec = {0};

		if (!f->is_acked[draw])
			continue;
		if (!find_draw(f, draw, &rec) || rec.state != RECORD_GENERATED)
			sim_fail("file %d draw %u was given to a client and is gone",
				file, (unsigned)draw);
		if (memcmp(&rec.blob, &f->acked[draw], sizeof(rec.blob)) != 0)
			sim_fail("file %d draw %u was given to a client and has "
				 "changed",
				file, (unsigned)draw);
		record_finish(&rec);
	}
}

/* What is not known is listed, and what is listed is not known. */
static void check_unknown(int file)
{
	struct file_brief b;
	uint32_t draw = 0;
	int r = cache_brief(sim.cache, &sim.world->file[file].place.key, &b, &draw);

	if (r < 0 && r != -ENOENT)
		sim_fail("file %d cannot be read", file);
	if (r == 0 && b.state == RECORD_UNKNOWN &&
		!has_line(file, b.draw, LEDGER_UNKNOWN))
		sim_fail("file %d is unknown, and no row is", file);
	if ((r < 0 || b.state != RECORD_UNKNOWN) &&
		has_line(file, r < 0 ? draw : b.draw, LEDGER_UNKNOWN))
		sim_fail("file %d has an unknown row, and does not say so", file);
}

/* ---- nothing that reached us is lost ---- */

static bool has_tag(
	uint64_t blob_id, uint64_t size, const struct sim_call *c, uint32_t take)
{
	char head[HEAD_BYTES], tag[SIM_TAG_MAX];
	size_t n = size < sizeof(head) ? size : sizeof(head);

	server_tag(c, take, tag);
	return cache_read(sim.cache, blob_id, size, 0, head, n, NULL) == 0 &&
	       memmem(head, n, tag, sizeof(tag)) != NULL;
}

/* In the file, or kept with its row until the file is complete. */
static bool is_kept(const struct sim_call *c, uint32_t i)
{
	const struct line *l = line_of(c->row[i]);
	struct record rec = {0};
	bool found = false;

	if (l->blob_size && has_tag(l->blob_id, l->blob_size, c, i))
		return true;
	if (find_draw(&sim.world->file[c->file[i]], c->draw[i], &rec) &&
		rec.state == RECORD_GENERATED)
		found = has_tag(rec.blob_id, rec.size, c, i);
	record_finish(&rec);
	return found;
}

static bool reached_us(const struct sim_call *c)
{
	const struct sim_epoch *e = &sim.world->past[c->epoch];

	if (c->result != SIM_GOOD || c->is_lost)
		return false;
	if (sim.is_last && c->was_journalled)
		return true;
	return c->is_delivered && e->death == SIM_ALIVE && !e->had_disk_fault &&
	       !e->was_stopped_hard;
}

static void check_kept(bool is_end)
{
	for (uint32_t n = 0; n < sim.world->n_calls; n++) {
		const struct sim_call *c = &sim.world->call[n];

		if (!reached_us(c) || sim.plan.is_small_disk ||
			(!is_end && c->is_operation))
			continue;
		for (uint32_t i = 0; i < c->n_made; i++)
			if (!is_kept(c, i))
				sim_fail("what call %u (%s) brought for file %d is "
					 "lost; its row %" PRIu64 " is %s",
					(unsigned)n, c->what, c->file[i], c->row[i],
					ledger_state_name(line_of(c->row[i])->state));
	}
}

/* After an end in order nothing is reserved; what is under way may be left to the next
 * mount, but not at the end of the history. */
static void check_over(bool is_end)
{
	if (sim.world->past[sim.world->epoch].had_disk_fault || sim.plan.is_small_disk)
		return;
	for (uint32_t i = 0; i < n_lines; i++) {
		const struct line *l = &lines[i];

		if (l->state == LEDGER_RESERVED || (is_end && is_held(l)))
			sim_fail("all is over, and row %" PRIu64 " of file %d is %s",
				l->id, l->file, ledger_state_name(l->state));
		sim.world->n_unknown += is_end && l->state == LEDGER_UNKNOWN;
	}
}

static bool is_shut(void)
{
	struct cache_stat st;

	return sim.world->past[sim.world->epoch].had_disk_fault &&
	       cache_stat(sim.cache, &st) == -EIO;
}

void check_store(bool is_after, bool is_end)
{
	n_lines = 0;
	/* LMDB lets nobody in any more where a header could not be written. */
	if (is_shut())
		return;
	if (each_row(sim.cache, add_line, NULL) < 0)
		sim_fail("the ledger cannot be read");
	for (uint32_t i = n_lines; i-- > 0;)
		sim_say("  row %" PRIu64 " file %d draw %u: %s, held %" PRId64
			" charged %" PRId64,
			lines[i].id, lines[i].file, (unsigned)lines[i].draw,
			ledger_state_name(lines[i].state), lines[i].held_ud,
			lines[i].charged_ud);
	check_totals();
	check_budget();
	check_calls();
	for (uint32_t i = 0; i < sim.world->n_files; i++) {
		check_promises((int)i);
		check_unknown((int)i);
	}
	check_kept(is_end);
	if (is_after)
		check_over(is_end);
}
