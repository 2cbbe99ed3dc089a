// SPDX-License-Identifier: MIT
/* A long random history of the ledger beside a plain list of what it should hold: after
 * each step the totals are the sum of the rows and of the list.
 *
 *	test_ledger_model [SEED [STEPS]] */
#include "cache/base/log.h"
#include "tests/cache/ledger_support.h"
#include "tests/support/ledger_rows.h"

#define FILES 40
#define USERS 3
#define ROWS_MAX 20000

struct call {
	enum ledger_state state;
	int file;
	uint32_t draw, uid;
	int64_t held_ud, charged_ud, created_ms;
	bool is_kept;
};

struct file {
	struct spot spot;
	char name[16];
	int state; /* 0, or enum record_state */
	uint32_t draw;
};

struct model {
	struct fixture f;
	struct file file[FILES];
	struct call *call; /* call[0] is id 1 */
	size_t n;
	int64_t now_ms; /* the ledger's */
	uint64_t x;
};

static uint64_t next_random(struct model *m)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return m->x >> 11;
}

static void model_start(struct model *m, uint64_t seed)
{
	static const char *const prompts[] = {"a fox", "a cat"};
	static const char *const models[] = {"imagen-3", "veo-2"};

	*m = (struct model){.x = seed * 2654435761u + 88172645463325252u};
	m->call = calloc(ROWS_MAX, sizeof(*m->call));
	ledger_start(&m->f);
	for (int i = 0; i < FILES; i++) {
		struct file *p = &m->file[i];

		snprintf(p->name, sizeof(p->name), "%d.png", i);
		spot_init(&p->spot, prompts[i % 2], models[i / 2 % 2], p->name);
	}
}

/* The ledger's clock goes on with each change that is made. */
static void tick(struct model *m)
{
	m->now_ms = test_now > m->now_ms ? (int64_t)test_now : m->now_ms;
}

/* ---- what the list says ---- */

static void share(const struct call *k, struct ledger_sums *to)
{
	switch (k->state) {
	case LEDGER_SETTLED:
		to->spent_ud += k->charged_ud;
		break;
	case LEDGER_UNKNOWN:
		to->spent_ud += k->held_ud;
		to->unknown_ud += k->held_ud;
		break;
	case LEDGER_RELEASED:
		break;
	default:
		to->reserved_ud += k->held_ud;
	}
}

static bool is_same_month(int64_t a, int64_t b)
{
	time_t x = a / 1000, y = b / 1000;
	struct tm p, q;

	gmtime_r(&x, &p);
	gmtime_r(&y, &q);
	return p.tm_year == q.tm_year && p.tm_mon == q.tm_mon;
}

static void sums_of(
	const struct model *m, uint32_t uid, struct ledger_sums ret[LEDGER_PERIODS])
{
	int64_t now = test_now > m->now_ms ? (int64_t)test_now : m->now_ms;

	memset(ret, 0, LEDGER_PERIODS * sizeof(*ret));
	for (size_t i = 0; i < m->n; i++) {
		const struct call *k = &m->call[i];

		if (uid != LEDGER_ANY_UID && k->uid != uid)
			continue;
		share(k, &ret[LEDGER_TOTAL]);
		if (is_same_month(k->created_ms, now))
			share(k, &ret[LEDGER_MONTH]);
		if (k->created_ms / DAY_MS == now / DAY_MS)
			share(k, &ret[LEDGER_DAY]);
	}
}

static bool is_open(const struct call *k)
{
	return (k->state != LEDGER_SETTLED && k->state != LEDGER_RELEASED) ||
	       k->is_kept;
}

/* ---- steps ---- */

static int order_result(struct model *m, const struct ledger_order *o, int file,
	const struct ledger_budget *b)
{
	struct ledger_sums all[LEDGER_PERIODS], own[LEDGER_PERIODS];
	int64_t cost = 0, had = 0;

	for (size_t i = 0; i < o->n; i++)
		cost += o->part[i].held_ud;
	for (size_t i = 0; i < m->n; i++) {
		const struct call *k = &m->call[i];

		if (k->file != file || k->draw != o->draw || !is_open(k))
			continue;
		if (!k->is_kept)
			return -EIO;
		had += k->charged_ud;
	}
	if (b->file_udollars >= 0 && had + cost > b->file_udollars && cost)
		return -EDQUOT;
	sums_of(m, LEDGER_ANY_UID, all);
	sums_of(m, o->place->uid, own);
	for (size_t i = 0; i < b->n; i++) {
		const struct ledger_limit *l = &b->limit[i];
		const struct ledger_sums *s =
			l->is_per_user ? &own[l->period] : &all[l->period];

		if (cost && s->spent_ud + s->reserved_ud + cost > l->udollars)
			return -EDQUOT;
	}
	return 0;
}

static void do_reserve(struct model *m, int file)
{
	struct file *p = &m->file[file];
	struct ledger_limit limit[] = {
		{.period = LEDGER_DAY, .udollars = 400000},
		{.period = LEDGER_MONTH, .udollars = 5000000},
		{.period = LEDGER_DAY,
			.udollars = 200000,
			.is_per_user = true,
			.uid = LEDGER_ANY_UID},
	};
	struct ledger_budget b = {
		.limit = limit, .n = next_random(m) % 4, .file_udollars = 150000};
	struct ledger_part part[3] = {0};
	struct ledger_order order;
	struct answer a;
	int want;

	p->spot.place.uid = 1000 + (uint32_t)(next_random(m) % USERS);
	order = order_of(&p->spot.place, part, 1 + next_random(m) % 3);
	order.draw = p->draw;
	for (size_t i = 0; i < order.n; i++)
		part[i] = (struct ledger_part){
			(uint16_t)i, 8, (int64_t)(next_random(m) % 60000)};
	if (next_random(m) % 8 == 0)
		b.file_udollars = -1;
	want = order_result(m, &order, file, &b);
	CHECK_INT(reserve_all(m->f.cache, &order, 1, &b, &a), want);
	if (want < 0)
		return;
	tick(m);
	for (size_t i = 0; i < order.n; i++) {
		CHECK_INT(a.id[i], m->n + 1);
		m->call[m->n++] = (struct call){.state = LEDGER_RESERVED,
			.file = file,
			.draw = p->draw,
			.uid = p->spot.place.uid,
			.held_ud = part[i].held_ud,
			.created_ms = m->now_ms};
	}
}

static bool is_arrow(enum ledger_state from, enum ledger_state to)
{
	switch (from) {
	case LEDGER_RESERVED:
		return to == LEDGER_SENT || to == LEDGER_RELEASED;
	case LEDGER_SENT:
		return to != LEDGER_SENT;
	case LEDGER_ACCEPTED:
		return to == LEDGER_SETTLED || to == LEDGER_UNKNOWN;
	case LEDGER_UNKNOWN:
		return to == LEDGER_SETTLED;
	default:
		return false;
	}
}

/* Mostly one that is not over. */
static size_t pick_call(struct model *m)
{
	size_t at = next_random(m) % m->n;

	for (size_t i = 0; i < m->n && next_random(m) % 32; i++)
		if (is_open(&m->call[at = (at + 1) % m->n]))
			break;
	return at;
}

static void become(struct call *k, enum ledger_state to, int64_t charged)
{
	k->state = to;
	if (to == LEDGER_SETTLED)
		k->charged_ud = charged;
}

static void do_move(struct model *m)
{
	static const enum ledger_state to[] = {LEDGER_SENT, LEDGER_SENT, LEDGER_SENT,
		LEDGER_ACCEPTED, LEDGER_SETTLED, LEDGER_UNKNOWN, LEDGER_UNKNOWN,
		LEDGER_RESERVED, LEDGER_RELEASED};
	size_t at = pick_call(m);
	struct call *k = &m->call[at];
	struct ledger_move move = {
		.to = to[next_random(m) % ARRAY_SIZE(to)],
		.charged_ud = (int64_t)(next_random(m) % 70000),
		.operation = "op",
	};
	bool ok = is_arrow(k->state, move.to);

	CHECK_INT(move_with(m->f.cache, at + 1, &move, NULL), ok ? 0 : -EINVAL);
	if (!ok)
		return;
	tick(m);
	become(k, move.to, move.charged_ud);
}

/* A row whose parts wait takes no further end; one that was written off does. */
static bool can_end(const struct call *k, enum ledger_state to)
{
	if (k->state == LEDGER_SETTLED && to == LEDGER_SETTLED)
		return !k->is_kept;
	return is_arrow(k->state, to);
}

static int64_t end_charge(const struct call *k, int64_t charged)
{
	return k->state == LEDGER_SETTLED && charged < k->charged_ud ? k->charged_ud
								     : charged;
}

static void drop_parts(struct model *m, int file, uint32_t draw)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->call[i].file == file && m->call[i].draw == draw)
			m->call[i].is_kept = false;
}

static struct blob_writer *some_bytes(struct model *m)
{
	struct err err = {0};
	struct blob_writer *w = blob_writer_new(m->f.cache, &err);
	uint64_t seed = next_random(m) % 8; /* some are equal */

	CHECK_INT(blob_writer_write(w, &seed, sizeof(seed), &err), 0);
	return w;
}

static void do_commit(struct model *m)
{
	static const enum ledger_state ends[] = {
		LEDGER_SETTLED, LEDGER_SETTLED, LEDGER_UNKNOWN, LEDGER_RELEASED};
	size_t at = pick_call(m), kind = next_random(m) % 4;
	struct call *k = &m->call[at];
	struct file *p = &m->file[k->file];
	struct record rec = generated(p->spot.name[2]);
	struct cache_item item = {.place = &p->spot.place, .rec = &rec};
	struct err err = {0};
	bool ok = can_end(k, ends[kind]), is_new = false;

	item.close = (struct ledger_close){.id = at + 1,
		.to = ends[kind],
		.charged_ud = (int64_t)(next_random(m) % 70000),
		.drops_parts = kind == 0};
	if (kind < 2)
		item.w = some_bytes(m);
	else
		rec.state = kind == 2 ? RECORD_UNKNOWN : RECORD_FAILED;
	CHECK_INT(cache_commit_all(m->f.cache, &item, 1, &is_new, &err),
		ok ? 0 : -EINVAL);
	blob_writer_free(item.w);
	if (!ok)
		return;
	tick(m);
	CHECK_INT(is_new, p->state != RECORD_GENERATED);
	if (is_new)
		p->state = (int)rec.state;
	become(k, ends[kind], end_charge(k, item.close.charged_ud));
	if (kind == 0)
		drop_parts(m, k->file, k->draw);
}

static void do_keep(struct model *m)
{
	size_t at = pick_call(m);
	struct call *k = &m->call[at];
	struct blob_writer *w = some_bytes(m);
	int64_t charged = (int64_t)(next_random(m) % 70000);
	bool ok = can_end(k, LEDGER_SETTLED);
	struct err err = {0};

	CHECK_INT(ledger_keep_part(m->f.cache, at + 1, charged, w, NULL, &err),
		ok ? 0 : -EINVAL);
	blob_writer_free(w);
	if (!ok)
		return;
	tick(m);
	become(k, LEDGER_SETTLED, end_charge(k, charged));
	k->is_kept = true;
}

static void do_settle(struct model *m)
{
	size_t at = pick_call(m);
	struct call *k = &m->call[at];
	struct file *p = &m->file[k->file];
	int64_t charged = (int64_t)(next_random(m) % 60000);
	bool ok = k->state == LEDGER_UNKNOWN && charged <= k->held_ud, more = false;
	struct err err = {0};

	CHECK_INT(ledger_settle(m->f.cache, at + 1, charged, "so it is", &err),
		ok ? 0 : -EINVAL);
	if (!ok)
		return;
	tick(m);
	become(k, LEDGER_SETTLED, charged);
	for (size_t i = 0; i < m->n; i++)
		more = more ||
		       (m->call[i].file == k->file && m->call[i].draw == p->draw &&
			       m->call[i].state == LEDGER_UNKNOWN);
	if (p->state == RECORD_UNKNOWN && !more)
		p->state = 0;
}

static void do_remove(struct model *m, int file)
{
	struct file *p = &m->file[file];
	struct err err = {0};
	bool any = false;
	int r = cache_remove(m->f.cache, &p->spot.place, &err);

	if (p->state == RECORD_GENERATED) {
		CHECK_INT(r, 0);
		p->draw++;
		p->state = 0;
		return;
	}
	for (size_t i = 0; i < m->n; i++) {
		struct call *k = &m->call[i];

		if (k->file != file || k->draw != p->draw || k->state != LEDGER_UNKNOWN)
			continue;
		become(k, LEDGER_SETTLED, k->held_ud);
		any = true;
	}
	CHECK_INT(r, any || p->state ? 0 : -ENOENT);
	if (any)
		tick(m);
	p->state = 0;
}

/* Hours forward, now and then back. */
static void do_wait(struct model *m)
{
	if (next_random(m) % 4)
		test_now += (int64_t)(next_random(m) % (8 * 3600 * 1000));
	else
		test_now -= (int64_t)(next_random(m) % (30 * 3600 * 1000));
}

static void do_step(struct model *m)
{
	uint64_t what = next_random(m) % 64;
	int file = (int)(next_random(m) % FILES);

	if (what < 18 || !m->n)
		do_reserve(m, file);
	else if (what < 38)
		do_move(m);
	else if (what < 46)
		do_commit(m);
	else if (what < 50)
		do_keep(m);
	else if (what < 54)
		do_settle(m);
	else if (what < 60)
		do_remove(m, file);
	else
		do_wait(m);
}

/* ---- comparing ---- */

static bool sums_are_the_same(struct model *m)
{
	static const uint32_t users[] = {LEDGER_ANY_UID, 1000, 1001, 1002};
	struct ledger_sums want[LEDGER_PERIODS], got[LEDGER_PERIODS];

	for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
		sums_of(m, users[i], want);
		if (!CHECK_INT(ledger_sums(m->f.cache, users[i], got), 0) ||
			!CHECK(!memcmp(want, got, sizeof(got))))
			return false;
	}
	return true;
}

/* Of each directory and model, and so of the root. */
static bool totals_are_the_same(struct model *m)
{
	struct ledger_sums want[5] = {0};

	for (size_t i = 0; i < m->n; i++) {
		share(&m->call[i], &want[m->call[i].file % 4]);
		share(&m->call[i], &want[4]);
	}
	for (int i = 0; i < 5; i++) {
		const char *const *name = m->file[i % 4].spot.name;
		struct totals t;
		uint64_t dir = 1;

		if (i < 4 && cache_dir_find(m->f.cache, name, 3, &dir) < 0)
			continue;
		CHECK_INT(cache_totals(m->f.cache, dir, i < 4 ? name[2] : NULL, &t), 0);
		if (!CHECK_INT(t.spent_ud, want[i].spent_ud) ||
			!CHECK_INT(t.reserved_ud, want[i].reserved_ud) ||
			!CHECK_INT(t.unknown_ud, want[i].unknown_ud))
			return false;
	}
	return true;
}

static int row_is_the_same(void *user, const struct ledger_row *r)
{
	struct model *m = user;
	const struct call *k = &m->call[r->id - 1];

	CHECK_INT(r->state, k->state);
	CHECK_INT(r->draw, k->draw);
	CHECK_INT(r->uid, k->uid);
	CHECK_INT(r->held_ud, k->held_ud);
	CHECK_INT(r->charged_ud, k->charged_ud);
	CHECK_INT(r->created_ms, k->created_ms);
	CHECK_INT(r->blob_size != 0, k->is_kept);
	CHECK(!memcmp(r->key.b, m->file[k->file].spot.key.b, sizeof(r->key.b)));
	return 0;
}

static void all_is_the_same(struct model *m)
{
	struct err err = {0};
	int open = 0, n = 0;

	CHECK_INT(each_row(m->f.cache, row_is_the_same, m), 0);
	CHECK_INT(each_row(m->f.cache, count_row, &n), 0);
	CHECK_INT(n, m->n);
	for (size_t i = 0; i < m->n; i++)
		open += is_open(&m->call[i]);
	CHECK_INT(open_rows(m->f.cache, NULL), open);
	for (int i = 0; i < FILES; i++) {
		struct file_brief b = {0};
		uint32_t draw = 9;

		cache_brief(m->f.cache, &m->file[i].spot.key, &b, &draw);
		CHECK_INT(b.state, m->file[i].state);
		CHECK_INT(draw, m->file[i].draw);
	}
	CHECK_INT(cache_verify(m->f.cache, NULL, NULL, NULL, NULL, &err), 0);
	CHECK_INT(ledger_check(m->f.cache, NULL, &err), 0);
	CHECK(sums_are_the_same(m)); /* it found nothing to put right */
}

static uint64_t arg_seed = 1, arg_steps = 8000;

static void totals_rows_and_list_agree(void)
{
	struct model m;
	uint64_t n[8] = {0};

	model_start(&m, arg_seed);
	log_set_level(LOG_LEVEL_ERROR); /* costs above what was held */
	for (uint64_t i = 0; i < arg_steps && m.n + 3 < ROWS_MAX; i++) {
		do_step(&m);
		if (!sums_are_the_same(&m) || !totals_are_the_same(&m)) {
			printf("# after step %" PRIu64 "\n", i);
			break;
		}
		if (i % 1000 == 999) {
			CHECK_INT(fixture_reopen(&m.f), 0);
			all_is_the_same(&m);
		}
	}
	all_is_the_same(&m);
	for (size_t i = 0; i < m.n; i++)
		n[m.call[i].state]++;
	printf("# %zu rows: %" PRIu64 " settled, %" PRIu64 " released, %" PRIu64
	       " unknown, %" PRIu64 " under way\n",
		m.n, n[LEDGER_SETTLED], n[LEDGER_RELEASED], n[LEDGER_UNKNOWN],
		n[LEDGER_RESERVED] + n[LEDGER_SENT] + n[LEDGER_ACCEPTED]);
	CHECK(n[LEDGER_SETTLED] > 100 && n[LEDGER_RELEASED] > 100);
	free(m.call);
	fixture_end(&m.f);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {TAP_CASE(totals_rows_and_list_agree)};

	if (argc > 1)
		arg_seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		arg_steps = strtoull(argv[2], NULL, 10);
	return tap_run_(cases, ARRAY_SIZE(cases));
}
