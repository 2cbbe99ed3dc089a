// SPDX-License-Identifier: MIT
/* Totals against rows, damage, old stores, large ledgers. */
#include <sys/stat.h>

#include "cache/base/clk.h"
#include "cache/base/enc.h"
#include "cache/base/log.h"
#include "cache/ledger_txn.h"
#include "cache/totals.h"
#include "tests/cache/ledger_support.h"
#include "tests/support/ledger_rows.h"

/* ---- the store behind the store's back ---- */

struct meddle {
	struct op op;
	struct cache *cache;
	int (*fn)(struct cache *c, MDB_txn *txn, uint64_t arg);
	uint64_t arg;
};

static int meddle_run(struct op *op, MDB_txn *txn)
{
	struct meddle *m = container_of(op, struct meddle, op);

	return m->fn(m->cache, txn, m->arg);
}

static void meddle(struct fixture *f,
	int (*fn)(struct cache *c, MDB_txn *txn, uint64_t arg), uint64_t arg)
{
	struct meddle m = {
		.op = {.run = meddle_run}, .cache = f->cache, .fn = fn, .arg = arg};

	CHECK_INT(writer_call(&f->cache->writer, &m.op), 0);
}

/* One bit of the row's value, which the sum then does not match. */
static int flip_value(MDB_txn *txn, MDB_dbi table, const struct key *k)
{
	MDB_val key = {key_len(k), (void *)k->b}, v;
	uint8_t copy[4096];
	int rc = mdb_get(txn, table, &key, &v);

	if (rc || v.mv_size > sizeof(copy))
		return -EIO;
	memcpy(copy, v.mv_data, v.mv_size);
	copy[v.mv_size / 2] ^= 4;
	v.mv_data = copy;
	return db_errno(mdb_put(txn, table, &key, &v, 0));
}

static int flip_row(struct cache *c, MDB_txn *txn, uint64_t id)
{
	struct key k;

	ledger_key(c, &k, id);
	return flip_value(txn, table_of(c, DB_LEDGER), &k);
}

static int lose_row(struct cache *c, MDB_txn *txn, uint64_t id)
{
	struct key k;

	ledger_key(c, &k, id);
	return row_del(txn, table_of(c, DB_LEDGER), &k);
}

/* A row of a version to come, with a sum that is right. */
static int newer_row(struct cache *c, MDB_txn *txn, uint64_t id)
{
	uint8_t b[400];
	struct key k;
	struct rd in = {0};
	size_t len;
	int r;

	ledger_key(c, &k, id);
	r = row_get(txn, table_of(c, DB_LEDGER), &k, &in);
	if (r < 0)
		return r;
	len = rd_left(&in);
	memcpy(b, in.p, len);
	b[0]++;
	return row_put(txn, table_of(c, DB_LEDGER), &k, b, len);
}

static const struct {
	enum totals_scope scope;
	const char *name;
} scopes[] = {
	{SCOPE_PROGRAM, "test"},
	{SCOPE_USER, "1000"},
	{SCOPE_DAY, "2026-11-25"},
	{SCOPE_MONTH, "2026-11"},
	{SCOPE_ALL, ""},
	{SCOPE_USER_DAY, "1000 2026-11-25"},
	{SCOPE_USER_MONTH, "1000 2026-11"},
};

static void scope_of(struct cache *c, struct key *k, uint64_t i)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_u8(w, (uint8_t)scopes[i].scope);
	wr_bytes(w, scopes[i].name, strlen(scopes[i].name));
}

static int spoil_total(struct cache *c, MDB_txn *txn, uint64_t i)
{
	struct totals t = {.spent_ud = 5, .reserved_ud = -7, .unknown_ud = 1};

	return totals_apply_scope(c, txn, scopes[i].scope, scopes[i].name, &t);
}

static int lose_total(struct cache *c, MDB_txn *txn, uint64_t i)
{
	struct key k;

	scope_of(c, &k, i);
	return row_del(txn, table_of(c, DB_SCOPES), &k);
}

static int flip_total(struct cache *c, MDB_txn *txn, uint64_t i)
{
	struct key k;

	scope_of(c, &k, i);
	return flip_value(txn, table_of(c, DB_SCOPES), &k);
}

static int total_nobody_has(struct cache *c, MDB_txn *txn, uint64_t arg)
{
	struct totals t = {.spent_ud = 5};

	(void)arg;
	return totals_apply_scope(c, txn, SCOPE_DAY, "2020-01-01", &t);
}

struct totals_look {
	struct op op;
	struct cache *cache;
	struct totals t[ARRAY_SIZE(scopes)];
};

static int look_run(struct op *op, MDB_txn *txn)
{
	struct totals_look *l = container_of(op, struct totals_look, op);
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(scopes); i++)
		r = totals_get_scope(
			l->cache, txn, scopes[i].scope, scopes[i].name, &l->t[i]);
	return r;
}

static bool scopes_are(
	struct fixture *f, int64_t spent, int64_t reserved, int64_t unknown)
{
	struct totals_look l = {.op = {.run = look_run}, .cache = f->cache};

	if (writer_call(&f->cache->writer, &l.op) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		if (l.t[i].spent_ud == spent && l.t[i].reserved_ud == reserved &&
			l.t[i].unknown_ud == unknown)
			continue;
		printf("# %c \"%s\" is wrong\n", (char)scopes[i].scope, scopes[i].name);
		return false;
	}
	return true;
}

/* All of the scopes, in a sum. */
struct scopes_sum {
	struct op op;
	struct cache *cache;
	uint32_t sum, n;
};

static int sum_run(struct op *op, MDB_txn *txn)
{
	struct scopes_sum *l = container_of(op, struct scopes_sum, op);
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r;

	key_start(&from);
	r = scan_begin(&s, txn, table_of(l->cache, DB_SCOPES), &from, 0);
	while (r >= 0 && (r = scan_next_row(&s, &in)) > 0) {
		l->sum = crc32c(l->sum, s.key.mv_data, s.key.mv_size);
		/* Without its own sum, over which any sum is the same. */
		l->sum = crc32c(l->sum, in.p, rd_left(&in));
		l->n++;
	}
	scan_end(&s);
	return r;
}

static uint32_t sum_of_scopes(struct fixture *f, uint32_t *ret_n)
{
	struct scopes_sum l = {.op = {.run = sum_run}, .cache = f->cache};

	CHECK_INT(writer_call(&f->cache->writer, &l.op), 0);
	*ret_n = l.n;
	return l.sum;
}

/* The bytes of a part are gone. */
static int lose_part(struct cache *c, MDB_txn *txn, uint64_t id)
{
	struct ledger_row row = {0};
	struct key k;
	int r = ledger_get(c, txn, id, &row, NULL);

	if (r < 0)
		return r;
	wr_bytes(key_start(&k), row.blob.b, sizeof(row.blob.b));
	ledger_row_finish(&row);
	return row_del(txn, table_of(c, DB_BLOBS), &k);
}

/* ---- some calls ---- */

#define CALLS 30

/* A third each settled, reserved, unknown. */
static void populate(struct fixture *f)
{
	ledger_start(f);
	for (int i = 0; i < CALLS; i++) {
		struct spot s;
		struct answer a;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "check", "imagen-3", name);
		CHECK_INT(reserve_one(f->cache, &s.place, 25000, NULL, &a), 0);
		if (i % 3 == 1)
			continue;
		CHECK_INT(move_to(f->cache, a.id[0], LEDGER_SENT), 0);
		CHECK_INT(move_to(f->cache, a.id[0],
				  i % 3 ? LEDGER_UNKNOWN : LEDGER_SETTLED),
			0);
	}
	CHECK(scopes_are(f, 450000, 250000, 250000));
}

static int check(struct fixture *f, struct err *err)
{
	return ledger_check(f->cache, NULL, err);
}

static int try_reserve(struct fixture *f, struct answer *a)
{
	struct spot s;

	spot_init(&s, "check", "imagen-3", "another.png");
	return reserve_one(f->cache, &s.place, 0, NULL, a);
}

/* ---- cases ---- */

static void a_sound_ledger(void)
{
	struct fixture f;
	struct err err = {0};

	populate(&f);
	CHECK_INT(ledger_health(f.cache), LEDGER_UNCHECKED);
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(ledger_health(f.cache), LEDGER_SOUND);
	CHECK(scopes_are(&f, 450000, 250000, 250000));
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(ledger_health(f.cache), LEDGER_UNCHECKED);
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	f.config.ns = "google";
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(check(&f, &err), 0); /* an empty one */
	fixture_end(&f);
}

static void wrong_totals_are_put_right(void)
{
	static int (*const spoil[])(struct cache *, MDB_txn *, uint64_t) = {
		spoil_total, lose_total, flip_total};
	struct fixture f;
	struct answer a;
	struct err err = {0};

	for (size_t k = 0; k < ARRAY_SIZE(spoil); k++) {
		populate(&f);
		for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
			meddle(&f, spoil[k], i);
		CHECK(!scopes_are(&f, 450000, 250000, 250000));
		CHECK_INT(check(&f, &err), 0);
		CHECK_INT(ledger_health(f.cache), LEDGER_SOUND);
		CHECK(scopes_are(&f, 450000, 250000, 250000));
		CHECK_INT(try_reserve(&f, &a), 0);
		fixture_end(&f);
	}
}

static void other_counters_survive(void)
{
	struct fixture f;
	struct spot s;
	struct totals_look l = {.op = {.run = look_run}};
	struct err err = {0};

	populate(&f);
	spot_init(&s, "check", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	meddle(&f, spoil_total, 1);
	CHECK_INT(check(&f, &err), 0);
	l.cache = f.cache;
	CHECK_INT(writer_call(&f.cache->writer, &l.op), 0);
	CHECK_INT(l.t[1].generated, 1);
	CHECK_INT(l.t[1].spent_ud, 450000);
	fixture_end(&f);
}

/* Neighbours of other days, users and programs. */
static void sums_are_kept_apart(void)
{
	static const char *const programs[] = {"cp", "cat", "dog", NULL};
	struct fixture f;
	struct err err = {0};
	uint32_t before, n, m;

	ledger_start(&f);
	for (int i = 0; i < 96; i++) {
		struct spot s;
		struct answer a;
		char name[16];

		snprintf(name, sizeof(name), "%d.png", i);
		spot_init(&s, "check", "imagen-3", name);
		s.place.program = programs[i / 2 % 4];
		s.place.uid = 1000 + (uint32_t)(i / 8 % 3);
		test_now = NOON + i / 13 * DAY_MS; /* the only change */
		CHECK_INT(reserve_one(f.cache, &s.place, 25000 + i, NULL, &a), 0);
		if (i % 5 == 0)
			CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SENT), 0);
		if (i % 15 == 0)
			CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SETTLED), 0);
	}
	before = sum_of_scopes(&f, &n);
	CHECK(n > 30);
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(sum_of_scopes(&f, &m), before);
	CHECK_INT(m, n);
	fixture_end(&f);
}

static int spent_in_2020(void *user, const char *name, const struct totals *t)
{
	if (!strcmp(name, "2020-01-01"))
		*(int64_t *)user = t->spent_ud;
	return 0;
}

static void a_total_without_rows_is_emptied(void)
{
	struct fixture f;
	struct err err = {0};
	int64_t spent = -1;

	populate(&f);
	meddle(&f, total_nobody_has, 0);
	CHECK_INT(cache_totals_by(f.cache, "day", spent_in_2020, &spent), 0);
	CHECK_INT(spent, 5);
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(cache_totals_by(f.cache, "day", spent_in_2020, &spent), 0);
	CHECK_INT(spent, 0);
	fixture_end(&f);
}

static void note(void *user, const char *sentence)
{
	snprintf(user, 256, "%s", sentence);
}

static void a_damaged_row_stops_spending(void)
{
	static int (*const damage[])(struct cache *, MDB_txn *, uint64_t) = {
		flip_row, newer_row, lose_row};
	struct fixture f;
	struct answer a;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		char text[256] = "";
		int n = 0;

		populate(&f);
		CHECK_INT(check(&f, &err), 0);
		meddle(&f, damage[i], 17);
		CHECK_INT(check(&f, &err), -EBADMSG);
		CHECK_STR(err.why,
			"row 17 of the ledger is damaged, so what was spent is not "
			"known; paid calls are refused");
		CHECK_INT(ledger_health(f.cache), LEDGER_DAMAGED);
		CHECK_INT(try_reserve(&f, &a), -EBADMSG);
		CHECK_STR(a.err.why, err.why);
		CHECK_INT(
			cache_verify(f.cache, NULL, note, text, NULL, &err), -EBADMSG);
		CHECK(strstr(text, "row 17 of the ledger is") != NULL);
		/* The others can still be seen. */
		CHECK_INT(each_row(f.cache, count_row, &n), i == 2 ? 0 : -EBADMSG);
		CHECK_INT(n, CALLS - 1);
		CHECK(scopes_are(&f, 450000, 250000, 250000));
		fixture_end(&f);
	}
}

/* Row 17 is reserved, so it stands among the open ones. */
static void a_damaged_row_is_refused_by_all(void)
{
	struct fixture f;
	struct spot s;
	struct answer a;
	struct ledger_row r = {0};
	struct err err = {0};
	int n = 0;

	populate(&f);
	meddle(&f, flip_row, 17);
	CHECK_INT(ledger_find(f.cache, 17, &r, &err), -EBADMSG);
	CHECK_STR(err.why, "row 17 of the ledger is damaged");
	CHECK_INT(move_to(f.cache, 17, LEDGER_SENT), -EBADMSG);
	CHECK_INT(ledger_settle(f.cache, 17, 0, NULL, &err), -EBADMSG);
	CHECK_INT(ledger_each_open(f.cache, NULL, count_row, &n), -EBADMSG);
	CHECK_INT(n, 19);
	spot_init(&s, "check", "imagen-3", "16.png");
	CHECK_INT(reserve_one(f.cache, &s.place, 1, NULL, &a), -EBADMSG);
	CHECK_INT(try_reserve(&f, &a), 0); /* before the check has said so */
	CHECK(scopes_are(&f, 450000, 250000, 250000));
	fixture_end(&f);
}

static void the_last_row_is_missed_too(void)
{
	struct fixture f;
	struct err err = {0};

	populate(&f);
	meddle(&f, lose_row, CALLS);
	CHECK_INT(check(&f, &err), -EBADMSG);
	CHECK(strstr(err.why, "row 30 ") != NULL);
	fixture_end(&f);
}

static void a_lost_part_is_seen(void)
{
	char text[256] = "";
	struct fixture f;
	struct blob_writer *w;
	struct err err = {0};

	populate(&f);
	CHECK_INT(move_to(f.cache, 2, LEDGER_SENT), 0);
	w = blob_writer_new(f.cache, &err);
	CHECK_INT(blob_writer_write(w, "part", 4, &err), 0);
	CHECK_INT(ledger_keep_part(f.cache, 2, 1, w, NULL, &err), 0);
	blob_writer_free(w);
	CHECK_INT(cache_verify(f.cache, NULL, note, text, NULL, &err), 0);
	meddle(&f, lose_part, 2);
	CHECK_INT(cache_verify(f.cache, NULL, note, text, NULL, &err), -EBADMSG);
	CHECK_STR(text, "part 0 of call 2: its bytes are not in the store");
	fixture_end(&f);
}

/* Sums that a limit needs and that cannot be read refuse. */
static void an_unreadable_sum_refuses(void)
{
	struct ledger_limit day = {.period = LEDGER_DAY, .udollars = 100 * DOLLAR};
	struct ledger_budget b = {.limit = &day, .n = 1, .file_udollars = -1};
	struct ledger_sums sums[LEDGER_PERIODS];
	struct fixture f;
	struct answer a;
	struct spot s;
	struct err err = {0};

	populate(&f);
	meddle(&f, flip_total, 2);
	spot_init(&s, "check", "imagen-3", "another.png");
	CHECK_INT(reserve_one(f.cache, &s.place, 1, &b, &a), -EBADMSG);
	CHECK_INT(ledger_sums(f.cache, LEDGER_ANY_UID, sums), -EBADMSG);
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(reserve_one(f.cache, &s.place, 1, &b, &a), 0);
	fixture_end(&f);
}

/* ---- large ---- */

#define MANY 100000

static int add_many(struct cache *c, MDB_txn *txn, uint64_t from)
{
	struct ledger_row row = {.state = LEDGER_SETTLED,
		.n_parts = 1,
		.sends = 1,
		.held_ud = 25000,
		.charged_ud = 1,
		.uid = 1000,
		.dir = 1,
		.program = (char *)"test",
		.model = (char *)"imagen-3",
		.path = (char *)"prompts/a fox/imagen-3/1.png"};
	int r = 0;

	for (uint64_t i = 0; !r && i < MANY / 10; i++) {
		row.id = from + i;
		row.created_ms = NOON + (int64_t)(row.id % 365) * DAY_MS;
		r = ledger_store(c, txn, NULL, &row);
	}
	return r < 0 ? r : meta_put(txn, &c->db, "ledger 1", row.id);
}

static void a_large_ledger_opens_at_once(void)
{
	struct ledger_sums sums[LEDGER_PERIODS];
	_Atomic bool stop = true;
	struct fixture f;
	struct err err = {0};
	int64_t from, best = INT64_MAX;

	ledger_start(&f);
	for (uint64_t i = 0; i < 10; i++)
		meddle(&f, add_many, 1 + i * MANY / 10);
	for (int i = 0; i < 5; i++) { /* the machine is shared */
		cache_close(f.cache);
		f.cache = NULL;
		from = clk_mono_ms();
		CHECK_INT(fixture_reopen(&f), 0);
		from = clk_mono_ms() - from;
		best = from < best ? from : best;
	}
	CHECK(best < 200);
	CHECK_INT(ledger_check(f.cache, &stop, &err), -ECANCELED);
	CHECK_STR(err.why, "stopped before the end");
	CHECK_INT(ledger_health(f.cache), LEDGER_UNCHECKED);
	stop = false;
	from = clk_mono_ms();
	CHECK_INT(ledger_check(f.cache, &stop, &err), 0);
	printf("# %d rows checked in %d ms\n", MANY, (int)(clk_mono_ms() - from));
	CHECK_INT(ledger_sums(f.cache, LEDGER_ANY_UID, sums), 0);
	CHECK_INT(sums[LEDGER_TOTAL].spent_ud, MANY);
	fixture_end(&f);
}

/* ---- rows that change meanwhile ---- */

struct changer {
	struct fixture *f;
	int id;
	_Atomic bool *stop;
	int64_t settled;
	pthread_t thread;
};

static void *changer_main(void *arg)
{
	struct changer *h = arg;
	struct cache *c = h->f->cache;

	for (int n = 0; !*h->stop; n++) {
		struct spot s;
		struct answer a;
		char name[24];

		snprintf(name, sizeof(name), "%d-%d.png", h->id, n);
		spot_init(&s, "change", "imagen-3", name);
		if (reserve_one(c, &s.place, 25000, NULL, &a) < 0 ||
			move_to(c, a.id[0], LEDGER_SENT) < 0 ||
			move_to(c, a.id[0], LEDGER_SETTLED) < 0)
			return NULL;
		h->settled += 20000;
	}
	return NULL;
}

static void what_changes_is_counted_once(void)
{
	struct changer h[4];
	_Atomic bool stop = false;
	struct fixture f;
	struct err err = {0};
	int64_t settled = 450000;

	populate(&f);
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < 4; i++) {
		h[i] = (struct changer){.f = &f, .id = i, .stop = &stop};
		CHECK_INT(pthread_create(&h[i].thread, NULL, changer_main, &h[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		meddle(&f, spoil_total, (uint64_t)i % ARRAY_SIZE(scopes));
		CHECK_INT(check(&f, &err), 0);
	}
	stop = true;
	for (int i = 0; i < 4; i++) {
		pthread_join(h[i].thread, NULL);
		settled += h[i].settled;
	}
	log_set_level(LOG_LEVEL_WARN);
	CHECK(settled > 450000);
	CHECK(scopes_are(&f, settled, 250000, 250000));
	fixture_end(&f);
}

/* ---- stores that were made before there was a ledger ---- */

static int drop_tables(struct cache *c, MDB_txn *txn, uint64_t arg)
{
	(void)arg;
	return db_errno(mdb_drop(txn, table_of(c, DB_LEDGER), 1)) +
	       db_errno(mdb_drop(txn, table_of(c, DB_OPEN), 1));
}

static void an_old_store_gets_its_tables(void)
{
	struct fixture f;
	struct answer a;
	struct spot s;
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "old", "imagen-3", "1.png");
	CHECK_INT(put_file(f.cache, &s.place, 3000, 1), 0);
	meddle(&f, drop_tables, 0);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(file_is(f.cache, &s.place, 3000, 1));
	CHECK_INT(check(&f, &err), 0);
	CHECK_INT(try_reserve(&f, &a), 0);
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK_INT(open_rows(f.cache, NULL), 1);
	CHECK_INT(cache_verify(f.cache, NULL, NULL, NULL, NULL, &err), 0);
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(a_sound_ledger), TAP_CASE(wrong_totals_are_put_right),
	TAP_CASE(other_counters_survive), TAP_CASE(sums_are_kept_apart),
	TAP_CASE(a_total_without_rows_is_emptied),
	TAP_CASE(a_damaged_row_stops_spending),
	TAP_CASE(a_damaged_row_is_refused_by_all), TAP_CASE(the_last_row_is_missed_too),
	TAP_CASE(a_lost_part_is_seen), TAP_CASE(an_unreadable_sum_refuses),
	TAP_CASE(a_large_ledger_opens_at_once), TAP_CASE(what_changes_is_counted_once),
	TAP_CASE(an_old_store_gets_its_tables))
