// SPDX-License-Identifier: MIT
/* How calls end: with the files they made, as kept parts, by rm, by settle. */
#include "cache/blob.h"
#include "tests/cache/ledger_support.h"

static struct blob_writer *writer_of(struct cache *c, const char *text, size_t n)
{
	struct err err = {0};
	struct blob_writer *w = blob_writer_new(c, &err);

	if (!w)
		abort();
	for (size_t i = 0; i < n; i++)
		CHECK_INT(blob_writer_write(w, text, strlen(text), &err), 0);
	return w;
}

static uint64_t sent_call(struct fixture *f, const struct cache_place *place)
{
	struct answer a;

	CHECK_INT(reserve_one(f->cache, place, 25000, NULL, &a), 0);
	CHECK_INT(move_to(f->cache, a.id[0], LEDGER_SENT), 0);
	return a.id[0];
}

static uint64_t unknown_call(struct fixture *f, const struct cache_place *place)
{
	uint64_t id = sent_call(f, place);

	CHECK_INT(move_to(f->cache, id, LEDGER_UNKNOWN), 0);
	return id;
}

static int commit_failed(struct fixture *f, const struct cache_place *place,
	enum record_state state, const struct ledger_close *close)
{
	struct record rec = {
		.state = state, .created_ms = NOON, .model = (char *)"imagen-3"};
	struct cache_item item = {.place = place, .rec = &rec, .close = *close};
	struct err err = {0};

	return cache_commit_all(f->cache, &item, 1, NULL, &err);
}

static int keep(struct fixture *f, uint64_t id, const char *text, size_t n)
{
	struct err err = {0};
	struct blob_writer *w = writer_of(f->cache, text, n);
	int r = ledger_keep_part(f->cache, id, 20000, w, "gs://b/part", &err);

	if (r < 0)
		CHECK(*err.why);
	blob_writer_free(w);
	return r;
}

static uint64_t blobs(struct fixture *f)
{
	struct cache_stat st = {0};

	CHECK_INT(cache_stat(f->cache, &st), 0);
	return st.blobs;
}

static bool is_sound(struct fixture *f)
{
	struct err err = {0};

	return !cache_verify(f->cache, NULL, NULL, NULL, NULL, &err);
}

static uint64_t freed_by_prune(struct fixture *f)
{
	struct prune_rule rule = {
		.older_than_ms = INT64_MAX, .at_most_bytes = UINT64_MAX};
	struct prune_result res = {0};
	struct err err = {0};

	CHECK_INT(cache_prune(f->cache, &rule, NULL, NULL, &res, &err), 0);
	return res.bytes;
}

/* Blobs that wait to be written or collected. */
static size_t pending(struct fixture *f)
{
	struct db_read *read;
	MDB_stat st = {0};

	collector_wait(f->cache);
	if (!CHECK_INT(db_read_begin(&f->cache->db, &read), 0))
		return 0;
	mdb_stat(read->txn, table_of(f->cache, DB_PENDING), &st);
	db_read_end(&f->cache->db, read);
	return st.ms_entries;
}

/* ---- with the files ---- */

#define TAKES 4

/* Four takes of one call, of which somebody else has stored the second. */
static void takes_are_stored_and_settled_together(void)
{
	static const char *const names[TAKES] = {"1.png", "2.png", "3.png", "4.png"};
	struct cache_item item[TAKES] = {0};
	struct record rec[TAKES];
	struct spot s[TAKES];
	bool is_new[TAKES];
	struct fixture f;
	struct err err = {0};

	ledger_start(&f);
	for (int i = 0; i < TAKES; i++) {
		spot_init(&s[i], "a fox", "imagen-3", names[i]);
		rec[i] = generated("imagen-3");
		item[i].place = &s[i].place;
		item[i].rec = &rec[i];
		item[i].w = writer_of(f.cache, names[i], i == 1 ? 500000 : 1000);
		item[i].close = (struct ledger_close){
			.id = sent_call(&f, &s[i].place),
			.to = LEDGER_SETTLED,
			.charged_ud = 20000,
		};
	}
	blob_writer_free(item[2].w); /* filtered out, and not charged for */
	item[2].w = NULL;
	rec[2] = (struct record){.state = RECORD_FAILED, .model = (char *)"imagen-3"};
	item[2].close.to = LEDGER_RELEASED;
	CHECK_INT(put_file(f.cache, &s[1].place, 77, 1), 0);
	rec[1].draw = 9;
	CHECK_INT(cache_commit_all(f.cache, item, TAKES, is_new, &err), 0);
	CHECK(is_new[0] && !is_new[1] && is_new[2] && is_new[3]);
	CHECK(file_is(f.cache, &s[1].place, 77, 1));
	CHECK_INT(rec[0].size, 5000);
	CHECK_INT(rec[1].draw, 9); /* not touched */
	for (int i = 0; i < TAKES; i++) {
		blob_writer_free(item[i].w);
		CHECK_INT(state_of(f.cache, item[i].close.id),
			i == 2 ? LEDGER_RELEASED : LEDGER_SETTLED);
	}
	CHECK(money_is(f.cache, 60000, 0, 0));
	CHECK_INT(open_rows(f.cache, NULL), 0);
	/* Goes through the store thread after the bytes that were dropped. */
	CHECK_INT(cache_pin(f.cache, &s[0].place, true, &err), 0);
	CHECK_INT(pending(&f), 0);
	CHECK_INT(blobs(&f), 3);
	CHECK(is_sound(&f));
	fixture_end(&f);
}

/* A close that cannot be stores nothing, and the bytes can be stored without it. */
static void a_bad_close_stores_nothing(void)
{
	struct record rec = generated("imagen-3");
	struct cache_item item = {.rec = &rec};
	struct fixture f;
	struct spot s;
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	item.place = &s.place;
	item.w = writer_of(f.cache, "bytes", 300000);
	item.close = (struct ledger_close){.id = 9, .to = LEDGER_SETTLED};
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), -ENOENT);
	CHECK_STR(err.why, "there is no call 9");
	item.close.id = sent_call(&f, &s.place);
	item.close.to = LEDGER_SENT;
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), -EINVAL);
	CHECK_STR(err.why, "sent is not how a call ends");
	item.close.to = LEDGER_SETTLED;
	item.close.charged_ud = -1;
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), -EINVAL);
	CHECK_INT(move_to(f.cache, item.close.id, LEDGER_RESERVED), 0);
	item.close.charged_ud = 1;
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), -EINVAL);
	CHECK_STR(err.why, "call 1 is reserved and cannot be settled");
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
	CHECK_INT(blobs(&f), 0);
	item.close.id = 0;
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), 0);
	blob_writer_free(item.w);
	CHECK_INT(rec.size, 1500000);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), 0);
	CHECK(is_sound(&f));
	fixture_end(&f);
}

/* The user wrote it off, and then it came: stored, and booked at the higher price. */
static void what_comes_late_is_kept(void)
{
	static const int64_t charges[][2] = {{20000, 25000}, {30000, 30000}};
	struct fixture f;
	struct spot s;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(charges); i++) {
		struct record rec = generated("imagen-3");
		struct cache_item item = {.rec = &rec, .place = &s.place};

		ledger_start(&f);
		spot_init(&s, "a fox", "imagen-3", "1.png");
		item.close = (struct ledger_close){.id = unknown_call(&f, &s.place),
			.to = LEDGER_SETTLED,
			.charged_ud = charges[i][0]};
		CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
		CHECK(money_is(f.cache, 25000, 0, 0));
		item.w = writer_of(f.cache, "late", 10);
		CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), 0);
		blob_writer_free(item.w);
		CHECK(money_is(f.cache, charges[i][1], 0, 0));
		CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), 0);
		fixture_end(&f);
	}
}

/* ---- parts ---- */

static void video_start(struct fixture *f, struct spot *s, size_t n)
{
	struct ledger_part part[4] = {{0, 8, 25000}, {1, 8, 25000}, {2, 8, 25000}};
	struct ledger_order order;
	struct answer a;

	ledger_start(f);
	spot_init(s, "a fox", "veo-2", "24s.mp4");
	order = order_of(&s->place, part, n);
	CHECK_INT(reserve_all(f->cache, &order, 1, NULL, &a), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(move_to(f->cache, a.id[i], LEDGER_SENT), 0);
}

static void parts_are_kept_until_they_are_joined(void)
{
	struct record rec = generated("veo-2");
	struct cache_item item = {.rec = &rec};
	struct ledger_row r = {0};
	struct fixture f;
	struct spot s;
	struct err err = {0};
	char got[8] = "";

	video_start(&f, &s, 3);
	CHECK_INT(keep(&f, 1, "one ", 1), 0);
	CHECK_INT(keep(&f, 2, "two ", 600000), 0); /* more than a chunk */
	CHECK(money_is(f.cache, 40000, 25000, 0));
	CHECK_INT(open_rows(f.cache, &s.key), 3);
	CHECK_INT(freed_by_prune(&f), 0);
	CHECK_INT(fixture_reopen(&f), 0); /* sweeps what waits */
	CHECK_INT(freed_by_prune(&f), 0);
	CHECK(is_sound(&f));
	CHECK_INT(blobs(&f), 2);
	CHECK_INT(ledger_find(f.cache, 2, &r, &err), 0);
	CHECK_INT(r.state, LEDGER_SETTLED);
	CHECK_INT(r.charged_ud, 20000);
	CHECK_INT(r.blob_size, 2400000);
	CHECK_STR(r.uri, "gs://b/part");
	CHECK(!r.request);
	CHECK_INT(
		cache_read(f.cache, r.blob_id, r.blob_size, 2399996, got, 4, &err), 0);
	CHECK_STR(got, "two ");
	ledger_row_finish(&r);
	item.place = &s.place;
	item.w = writer_of(f.cache, "joined", 3);
	item.close = (struct ledger_close){.id = 3,
		.to = LEDGER_SETTLED,
		.charged_ud = 20000,
		.drops_parts = true};
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), 0);
	blob_writer_free(item.w);
	CHECK_INT(open_rows(f.cache, NULL), 0);
	CHECK_INT(blobs(&f), 1);
	CHECK(money_is(f.cache, 60000, 0, 0));
	CHECK_INT(ledger_find(f.cache, 2, &r, &err), 0);
	CHECK_INT(r.blob_size, 0);
	ledger_row_finish(&r);
	CHECK(is_sound(&f));
	fixture_end(&f);
}

/* All parts were kept, and only then they are joined. */
static void parts_are_dropped_without_a_call(void)
{
	struct record rec = generated("veo-2");
	struct cache_item item = {.rec = &rec, .close = {.drops_parts = true}};
	struct fixture f;
	struct spot s, other;
	struct err err = {0};

	video_start(&f, &s, 2);
	spot_init(&other, "a fox", "veo-2", "8s.mp4");
	CHECK_INT(sent_call(&f, &other.place), 3);
	CHECK_INT(keep(&f, 1, "one ", 1), 0);
	CHECK_INT(keep(&f, 2, "two ", 1), 0);
	CHECK_INT(keep(&f, 3, "other ", 1), 0);
	item.place = &s.place;
	item.w = writer_of(f.cache, "joined", 3);
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), 0);
	blob_writer_free(item.w);
	CHECK_INT(open_rows(f.cache, &s.key), 0);
	CHECK_INT(open_rows(f.cache, &other.key), 1);
	CHECK_INT(blobs(&f), 2);
	CHECK(money_is(f.cache, 60000, 0, 0));
	CHECK(is_sound(&f));
	fixture_end(&f);
}

/* One blob, named by two parts, a file and the history: it goes with the last. */
static void a_part_shares_its_bytes(void)
{
	struct cache_item item = {0};
	struct record rec = generated("veo-2");
	struct fixture f;
	struct spot s, file;
	struct err err = {0};

	video_start(&f, &s, 2);
	spot_init(&file, "same", "imagen-3", "1.png");
	CHECK_INT(put_bytes(f.cache, &file.place, "same", 4, &rec, &err), 0);
	CHECK_INT(keep(&f, 1, "same", 1), 0);
	CHECK_INT(keep(&f, 2, "same", 1), 0);
	CHECK_INT(blobs(&f), 1);
	CHECK_INT(cache_remove(f.cache, &file.place, &err), 0);
	CHECK_INT(freed_by_prune(&f), 0);
	CHECK_INT(blobs(&f), 1);
	CHECK(is_sound(&f));
	rec = generated("veo-2");
	item = (struct cache_item){.place = &s.place,
		.rec = &rec,
		.w = writer_of(f.cache, "joined", 1),
		.close = {.drops_parts = true}};
	CHECK_INT(cache_commit_all(f.cache, &item, 1, NULL, &err), 0);
	blob_writer_free(item.w);
	CHECK_INT(blobs(&f), 1);
	CHECK(is_sound(&f));
	fixture_end(&f);
}

static void only_a_call_under_way_keeps_a_part(void)
{
	struct fixture f;
	struct spot s;
	struct answer a;

	video_start(&f, &s, 2);
	CHECK_INT(keep(&f, 9, "x", 1), -ENOENT);
	CHECK_INT(keep(&f, 1, "x", 300), 0);
	CHECK_INT(keep(&f, 1, "y", 300), -EINVAL); /* it has its bytes */
	CHECK_INT(move_to(f.cache, 2, LEDGER_RESERVED), 0);
	CHECK_INT(keep(&f, 2, "z", 2000000), -EINVAL);
	CHECK_INT(move_to(f.cache, 2, LEDGER_RELEASED), 0);
	CHECK_INT(keep(&f, 2, "z", 1), -EINVAL);
	CHECK_INT(blobs(&f), 1);
	spot_init(&s, "a fox", "veo-2", "8s.mp4");
	CHECK_INT(reserve_one(f.cache, &s.place, 25000, NULL, &a), 0);
	CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SENT), 0);
	CHECK_INT(move_to(f.cache, a.id[0], LEDGER_ACCEPTED), 0);
	CHECK_INT(keep(&f, a.id[0], "z", 1), 0);
	CHECK(money_is(f.cache, 40000, 0, 0));
	CHECK_INT(fixture_reopen(&f), 0);
	CHECK(is_sound(&f));
	fixture_end(&f);
}

/* ---- rm ---- */

static void rm_writes_off(void)
{
	struct ledger_close close = {.to = LEDGER_UNKNOWN, .why = "the line broke"};
	struct ledger_row r = {0};
	struct fixture f;
	struct spot s;
	struct totals t;
	struct err err = {0};
	uint64_t dir = 0;
	uint32_t draw = 9;

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	close.id = sent_call(&f, &s.place);
	CHECK_INT(commit_failed(&f, &s.place, RECORD_UNKNOWN, &close), 0);
	CHECK(money_is(f.cache, 25000, 0, 25000));
	CHECK_INT(ledger_find(f.cache, 1, &r, &err), 0);
	CHECK_STR(r.why, "the line broke");
	CHECK_STR(r.request, "{\"prompt\":\"a fox\"}"); /* it may be looked for */
	ledger_row_finish(&r);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
	CHECK(money_is(f.cache, 25000, 0, 0)); /* stays spent */
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, &draw), -ENOENT);
	CHECK_INT(draw, 0);
	CHECK_INT(ledger_find(f.cache, 1, &r, &err), 0);
	CHECK_INT(r.state, LEDGER_SETTLED);
	CHECK_INT(r.charged_ud, 25000);
	CHECK_STR(r.why, "written off by rm");
	ledger_row_finish(&r);
	CHECK_INT(cache_dir_find(f.cache, s.name, 3, &dir), 0);
	CHECK_INT(cache_totals(f.cache, dir, "imagen-3", &t), 0);
	CHECK_INT(t.spent_ud, 25000);
	CHECK_INT(t.unknown_ud, 0);
	CHECK_INT(t.failed, 1);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), -ENOENT);
	CHECK_INT(sent_call(&f, &s.place), 2); /* nothing is in the way */
	fixture_end(&f);
}

/* No record tells of it: promptfs died between the two commits. */
static void rm_writes_off_without_a_record(void)
{
	struct fixture f;
	struct spot s;
	struct answer a;
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	unknown_call(&f, &s.place);
	CHECK_INT(reserve_one(f.cache, &s.place, 1, NULL, &a), -EIO);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
	CHECK(money_is(f.cache, 25000, 0, 0));
	CHECK_INT(cache_remove(f.cache, &s.place, &err), -ENOENT);
	CHECK_INT(reserve_one(f.cache, &s.place, 1, NULL, &a), 0);
	CHECK_INT(cache_remove(f.cache, &s.place, &err), -ENOENT); /* not unknown */
	fixture_end(&f);
}

/* What is under way, paid parts and another draw are not written off. */
static void rm_writes_off_nothing_else(void)
{
	struct ledger_part part = {.held_ud = 25000};
	struct ledger_close close = {.id = 3, .to = LEDGER_UNKNOWN};
	struct ledger_order order;
	struct fixture f;
	struct spot s;
	struct answer a;
	struct err err = {0};

	video_start(&f, &s, 3);
	CHECK_INT(keep(&f, 1, "one", 1), 0);
	CHECK_INT(move_to(f.cache, 2, LEDGER_UNKNOWN), 0);
	order = order_of(&s.place, &part, 1);
	order.draw = 1;
	CHECK_INT(reserve_all(f.cache, &order, 1, NULL, &a), 0);
	CHECK_INT(move_to(f.cache, a.id[0], LEDGER_SENT), 0);
	CHECK_INT(move_to(f.cache, a.id[0], LEDGER_UNKNOWN), 0);
	CHECK_INT(commit_failed(&f, &s.place, RECORD_UNKNOWN, &close), 0);
	CHECK(money_is(f.cache, 95000, 0, 75000));
	CHECK_INT(cache_remove(f.cache, &s.place, &err), 0);
	CHECK(money_is(f.cache, 95000, 0, 25000));
	CHECK_INT(state_of(f.cache, 2), LEDGER_SETTLED);
	CHECK_INT(state_of(f.cache, 3), LEDGER_SETTLED);
	CHECK_INT(state_of(f.cache, 4), LEDGER_UNKNOWN);
	CHECK_INT(open_rows(f.cache, &s.key), 2);
	CHECK_INT(blobs(&f), 1);
	fixture_end(&f);
}

/* ---- settle ---- */

static void settle_clears_the_record(void)
{
	static const int64_t charges[] = {0, 12345, 25000};
	struct ledger_close close = {.to = LEDGER_UNKNOWN};
	struct ledger_row r = {0};
	struct fixture f;
	struct spot s;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(charges); i++) {
		ledger_start(&f);
		spot_init(&s, "a fox", "imagen-3", "1.png");
		close.id = sent_call(&f, &s.place);
		CHECK_INT(ledger_settle(f.cache, 1, 0, NULL, &err), -EINVAL);
		CHECK_STR(
			err.why, "call 1 is sent: only an unknown one can be settled");
		CHECK_INT(commit_failed(&f, &s.place, RECORD_UNKNOWN, &close), 0);
		CHECK_INT(ledger_settle(f.cache, 1, -1, NULL, &err), -EINVAL);
		CHECK_INT(ledger_settle(f.cache, 1, 25001, NULL, &err), -EINVAL);
		CHECK_STR(err.why, "call 1 can have cost from 0 to 0.025 USD");
		CHECK_INT(ledger_settle(f.cache, 2, 0, NULL, &err), -ENOENT);
		CHECK(money_is(f.cache, 25000, 0, 25000));
		CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), 0);
		CHECK_INT(ledger_settle(f.cache, 1, charges[i], "the bill says", &err),
			0);
		CHECK(money_is(f.cache, charges[i], 0, 0));
		CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
		CHECK_INT(ledger_find(f.cache, 1, &r, &err), 0);
		CHECK_STR(r.why, "the bill says");
		CHECK(!r.request);
		ledger_row_finish(&r);
		CHECK_INT(ledger_settle(f.cache, 1, 0, NULL, &err), -EINVAL);
		CHECK(is_sound(&f));
		fixture_end(&f);
	}
}

/* The record tells of two calls and goes with the second. */
static void settle_of_parts(void)
{
	struct ledger_close close = {.id = 2, .to = LEDGER_UNKNOWN};
	struct fixture f;
	struct spot s;
	struct err err = {0};

	video_start(&f, &s, 2);
	CHECK_INT(move_to(f.cache, 1, LEDGER_UNKNOWN), 0);
	CHECK_INT(commit_failed(&f, &s.place, RECORD_UNKNOWN, &close), 0);
	CHECK_INT(ledger_settle(f.cache, 1, 0, NULL, &err), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), 0);
	CHECK_INT(ledger_settle(f.cache, 2, 0, NULL, &err), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), -ENOENT);
	fixture_end(&f);
}

/* A file that is there, or a refusal, is not what settle is about. */
static void settle_leaves_other_records(void)
{
	struct ledger_close none = {0};
	struct fixture f;
	struct spot s;
	struct err err = {0};

	ledger_start(&f);
	spot_init(&s, "a fox", "imagen-3", "1.png");
	unknown_call(&f, &s.place);
	CHECK_INT(commit_failed(&f, &s.place, RECORD_FAILED, &none), 0);
	CHECK_INT(ledger_settle(f.cache, 1, 0, NULL, &err), 0);
	CHECK_INT(cache_brief(f.cache, &s.key, NULL, NULL), 0);
	unknown_call(&f, &s.place);
	CHECK_INT(put_file(f.cache, &s.place, 10, 1), 0);
	CHECK_INT(ledger_settle(f.cache, 2, 0, NULL, &err), 0);
	CHECK(file_is(f.cache, &s.place, 10, 1));
	fixture_end(&f);
}

TAP_MAIN(TAP_CASE(takes_are_stored_and_settled_together),
	TAP_CASE(a_bad_close_stores_nothing), TAP_CASE(what_comes_late_is_kept),
	TAP_CASE(parts_are_kept_until_they_are_joined),
	TAP_CASE(parts_are_dropped_without_a_call), TAP_CASE(a_part_shares_its_bytes),
	TAP_CASE(only_a_call_under_way_keeps_a_part), TAP_CASE(rm_writes_off),
	TAP_CASE(rm_writes_off_without_a_record), TAP_CASE(rm_writes_off_nothing_else),
	TAP_CASE(settle_clears_the_record), TAP_CASE(settle_of_parts),
	TAP_CASE(settle_leaves_other_records))
