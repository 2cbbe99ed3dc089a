// SPDX-License-Identifier: MIT
/* The operations that change a file: commit, remove, quality, pin. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"

/* One operation on one file, with what its callers wait for. */
struct file_op {
	struct op op;
	struct cache *cache;
	const struct cache_place *place;
	struct err *err;

	struct record *rec; /* commit */
	struct blob_writer *w, *orig;
	struct record stored; /* rec with what the store fills in; strings borrowed */

	uint32_t draw; /* quality */
	const char *json;
	uint8_t grade;
	double score;

	bool on; /* pin */
};

static struct file_op *file_op_of(struct op *op)
{
	return container_of(op, struct file_op, op);
}

static int refuse(struct op *op, int code)
{
	op->is_untouched = true;
	return -code;
}

/* What an outcome that is not known may have cost. */
static int64_t unknown_ud(const struct record *rec)
{
	return rec->charged_ud > 0 ? rec->charged_ud : rec->estimate_ud;
}

static struct totals grade_totals(uint8_t grade, bool is_more)
{
	struct totals t = {0};

	if (grade >= 'A' && grade <= 'D')
		t.grades[grade - 'A'] = is_more ? 1 : UINT64_MAX;
	return t;
}

static bool is_graded(uint8_t grade)
{
	return grade >= 'A' && grade <= 'D';
}

static struct best best_of(const struct entry *e)
{
	return (struct best){.dir = e->dir,
		.cookie = e->cookie,
		.type = e->type,
		.grade = e->grade,
		.score = e->score};
}

/* ---- commit ---- */

/* A record in the way: what it counted is undone where the new one decides it. */
static int replace_record(
	struct file_op *f, MDB_txn *txn, const struct entry *e, struct totals *delta)
{
	scoped(record_finish) struct record old = {0};
	int r = record_get(f->cache, txn, f->place->key, e->draw, &old, f->err);

	if (r < 0)
		return r;
	if (old.state == RECORD_UNKNOWN) {
		delta->unknown_ud -= unknown_ud(&old);
		delta->spent_ud -= unknown_ud(&old);
	}
	return 0;
}

static void count_record(const struct record *rec, bool is_more, struct totals *delta)
{
	delta->requests += !is_more;
	if (rec->state == RECORD_GENERATED) {
		delta->generated++;
		delta->duration_ms += rec->latency_ms;
	} else {
		delta->failed++;
	}
	if (rec->state == RECORD_UNKNOWN) {
		delta->unknown_ud += unknown_ud(rec);
		delta->spent_ud += unknown_ud(rec);
	} else {
		delta->spent_ud += rec->charged_ud;
	}
	if (rec->state == RECORD_GENERATED && is_graded(rec->grade))
		delta->grades[rec->grade - 'A']++;
}

static int apply_scopes(struct file_op *f, MDB_txn *txn, const struct totals *delta)
{
	const struct cache_place *place = f->place;
	char user[16], day[11];
	int r = 0;

	snprintf(user, sizeof(user), "%u", place->uid);
	clk_format_day(f->rec->created_ms, day);
	if (place->program)
		r = totals_apply_scope(
			f->cache, txn, SCOPE_PROGRAM, place->program, delta);
	if (!r)
		r = totals_apply_scope(f->cache, txn, SCOPE_USER, user, delta);
	if (!r)
		r = totals_apply_scope(f->cache, txn, SCOPE_DAY, day, delta);
	return r;
}

static int keep_prompt(struct cache *c, MDB_txn *txn, const struct cache_place *place)
{
	struct key k;
	struct rd in = {0};
	int r;

	if (!place->prompt_id || !place->prompt)
		return 0;
	wr_bytes(key_start(&k), place->prompt_id->b, sizeof(place->prompt_id->b));
	r = row_get(txn, table_of(c, DB_PROMPTS), &k, &in);
	if (r != -ENOENT)
		return r;
	return row_put(
		txn, table_of(c, DB_PROMPTS), &k, place->prompt, strlen(place->prompt));
}

static int adopt_blobs(struct file_op *f, MDB_txn *txn, struct record *rec)
{
	struct blob_ref ref;
	int r = blob_adopt(f->cache, txn, f->w, &ref);

	if (r < 0)
		return r;
	rec->blob = ref.sha;
	rec->blob_id = ref.id;
	rec->size = ref.size;
	rec->orig = (struct digest){0};
	rec->orig_id = rec->orig_size = 0;
	if (!f->orig)
		return 0;
	r = blob_adopt(f->cache, txn, f->orig, &ref);
	if (r < 0)
		return r;
	rec->orig = ref.sha;
	rec->orig_id = ref.id;
	rec->orig_size = ref.size;
	return 0;
}

/* The listing's side of a new file. */
static int list_file(struct file_op *f, MDB_txn *txn, struct entry *e)
{
	struct cache *c = f->cache;
	const char *name = f->place->name[f->place->n - 1];
	int r = tree_list_file(c, txn, e->dir, name, f->place->key, &e->cookie);

	if (!r && !(e->flags & ENTRY_KEPT))
		r = tree_ref(c, txn, e->dir);
	e->flags |= ENTRY_KEPT;
	if (!r && is_graded(e->grade)) {
		struct best b = best_of(e);

		r = best_put(c, txn, &b, name);
	}
	if (!r)
		r = files_count(c, txn, 1);
	return r;
}

static void entry_fill(struct entry *e, const struct record *rec)
{
	e->state = (uint8_t)rec->state;
	e->type = rec->type;
	e->grade = rec->state == RECORD_GENERATED ? rec->grade : 0;
	e->size = rec->size;
	e->blob_id = rec->blob_id;
	e->created_ms = rec->created_ms;
	e->retry_at_ms = rec->retry_at_ms;
	e->cookie = 0;
	e->score = 0;
}

static int commit_run(struct op *op, MDB_txn *txn)
{
	struct file_op *f = file_op_of(op);
	struct cache *c = f->cache;
	struct record *rec = &f->stored;
	struct totals delta = {0};
	struct dir_chain chain;
	struct entry e = {0};
	int r = entry_get(c, txn, f->place->key, &e);

	if (r < 0 && r != -ENOENT)
		return r;
	if (e.state == RECORD_GENERATED)
		return refuse(op, EEXIST);
	*rec = *f->rec;
	rec->draw = e.draw;
	r = e.state == ENTRY_EMPTY ? 0 : replace_record(f, txn, &e, &delta);
	if (!r)
		r = tree_make(c, txn, f->place, f->place->n - 1, &chain);
	if (!r && rec->state == RECORD_GENERATED)
		r = adopt_blobs(f, txn, rec);
	if (r < 0)
		return r;
	entry_fill(&e, rec);
	e.dir = chain.id[chain.n - 1];
	count_record(rec, f->place->is_more, &delta);
	if (rec->state == RECORD_GENERATED)
		r = list_file(f, txn, &e);
	if (!r)
		r = record_put(c, txn, f->place->key, rec);
	if (!r)
		r = entry_put(c, txn, f->place->key, &e);
	if (!r)
		r = keep_prompt(c, txn, f->place);
	if (!r)
		r = totals_apply(c, txn, &chain, rec->model, &delta);
	return r < 0 ? r : apply_scopes(f, txn, &delta);
}

static int tell(int r, const char *what, struct err *err)
{
	switch (-r) {
	case 0:
		return 0;
	case EEXIST:
		return err_set(err, EEXIST, "%s: it is generated already", what);
	case ENOENT:
		return err_set(err, ENOENT, "%s: nothing is recorded", what);
	case ENOSPC:
		return err_set(err, ENOSPC, "%s: the store is full", what);
	case EBADMSG:
		return err_set(err, EBADMSG,
			"%s: the store is damaged; `promptfs verify` lists what is",
			what);
	default:
		return err_errno(err, -r, "%s", what);
	}
}

int cache_commit(struct cache *c, const struct cache_place *place, struct record *rec,
	struct blob_writer *w, struct blob_writer *orig, struct err *err)
{
	struct file_op f = {
		.op = {.run = commit_run},
		.cache = c,
		.place = place,
		.rec = rec,
		.w = w,
		.orig = orig,
	};
	int r = place_check(place, err);

	if (r < 0)
		return r;
	if ((rec->state == RECORD_GENERATED) != (w != NULL) || (orig && !w))
		return err_set(
			err, EINVAL, "a generated file has bytes, others have none");
	if (w)
		blob_writer_finish(w);
	if (orig)
		blob_writer_finish(orig);
	f.op.bytes =
		(w ? blob_writer_tail(w) : 0) + (orig ? blob_writer_tail(orig) : 0);
	r = writer_call(&c->writer, &f.op);
	if (r < 0)
		return tell(r, "cannot store the file", err);
	rec->draw = f.stored.draw;
	rec->blob = f.stored.blob;
	rec->orig = f.stored.orig;
	rec->size = f.stored.size;
	rec->orig_size = f.stored.orig_size;
	rec->blob_id = f.stored.blob_id;
	rec->orig_id = f.stored.orig_id;
	if (w)
		blob_writer_adopted(w);
	if (orig)
		blob_writer_adopted(orig);
	return 0;
}

/* ---- remove ---- */

static int remove_generated(struct file_op *f, MDB_txn *txn, struct entry *e)
{
	struct cache *c = f->cache;
	scoped_free char *name = NULL;
	int r = tree_name(c, txn, e->dir, e->cookie, &name);

	if (!r)
		r = tree_unlist(c, txn, e->dir, e->cookie);
	if (!r && is_graded(e->grade)) {
		struct best b = best_of(e);

		r = best_del(c, txn, &b);
	}
	e->removed++;
	if (!r)
		r = history_add(c, txn, f->place->key, e, name);
	e->draw++;
	return r < 0 ? r : files_count(c, txn, -1);
}

static int remove_run(struct op *op, MDB_txn *txn)
{
	struct file_op *f = file_op_of(op);
	struct cache *c = f->cache;
	scoped(record_finish) struct record rec = {0};
	struct totals delta;
	struct dir_chain chain;
	struct entry e = {0};
	int r = entry_get(c, txn, f->place->key, &e);

	if (r == -ENOENT || (!r && e.state == ENTRY_EMPTY))
		return refuse(op, ENOENT);
	if (!r)
		r = record_get(c, txn, f->place->key, e.draw, &rec, NULL);
	if (!r)
		r = tree_chain(c, txn, e.dir, &chain);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	delta = grade_totals(e.grade, false);
	if (rec.state == RECORD_GENERATED)
		r = remove_generated(f, txn, &e);
	else
		r = record_del(c, txn, f->place->key, e.draw);
	if (rec.state == RECORD_UNKNOWN)
		delta.unknown_ud = -unknown_ud(&rec); /* written off: it stays spent */
	if (!r)
		r = totals_apply(c, txn, &chain, rec.model, &delta);
	entry_fill(&e, &(struct record){0});
	return r < 0 ? r : entry_put(c, txn, f->place->key, &e);
}

int cache_remove(struct cache *c, const struct cache_place *place, struct err *err)
{
	struct file_op f = {
		.op = {.run = remove_run, .is_freeing = true},
		.cache = c,
		.place = place,
	};

	return tell(writer_call(&c->writer, &f.op), "cannot remove the file", err);
}

/* ---- quality ---- */

static int regrade(struct file_op *f, MDB_txn *txn, struct entry *e, const char *model)
{
	struct cache *c = f->cache;
	struct totals delta = grade_totals(e->grade, false), more;
	struct best b = best_of(e);
	scoped_free char *name = NULL;
	struct dir_chain chain;
	int r = tree_name(c, txn, e->dir, e->cookie, &name);

	if (!r && is_graded(e->grade))
		r = best_del(c, txn, &b);
	more = grade_totals(f->grade, true);
	totals_add(&delta, &more);
	e->grade = f->grade;
	e->score = f->score;
	b = best_of(e);
	if (!r && is_graded(e->grade))
		r = best_put(c, txn, &b, name);
	if (!r)
		r = tree_chain(c, txn, e->dir, &chain);
	return r < 0 ? r : totals_apply(c, txn, &chain, model, &delta);
}

static int quality_run(struct op *op, MDB_txn *txn)
{
	struct file_op *f = file_op_of(op);
	struct cache *c = f->cache;
	const struct digest *key = f->place->key;
	scoped(record_finish) struct record rec = {0};
	struct entry e = {0};
	int r = entry_get(c, txn, key, &e);

	if (r == -ENOENT || (!r && (e.state != RECORD_GENERATED || e.draw != f->draw)))
		return refuse(op, ENOENT);
	if (!r)
		r = record_get(c, txn, key, e.draw, &rec, NULL);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	free(rec.quality);
	rec.quality = f->json ? strdup(f->json) : NULL;
	rec.grade = f->grade;
	if (f->json && !rec.quality)
		return -ENOMEM;
	r = regrade(f, txn, &e, rec.model);
	if (!r)
		r = record_put(c, txn, key, &rec);
	return r < 0 ? r : entry_put(c, txn, key, &e);
}

int cache_set_quality(struct cache *c, const struct cache_place *place, uint32_t draw,
	const char *json, uint8_t grade, double score, struct err *err)
{
	struct file_op f = {
		.op = {.run = quality_run},
		.cache = c,
		.place = place,
		.draw = draw,
		.json = json,
		.grade = grade,
		.score = score,
	};

	if (!is_graded(grade) && grade != '!' && grade != 0)
		return err_set(err, EINVAL, "a grade is A, B, C, D, ! or none");
	return tell(
		writer_call(&c->writer, &f.op), "cannot keep the quality report", err);
}

/* ---- pin ---- */

static int pin_prompt(struct file_op *f, MDB_txn *txn)
{
	struct dir_chain chain;
	int r = tree_make(f->cache, txn, f->place, f->place->n, &chain);

	if (!r)
		r = tree_pin(f->cache, txn, chain.id[chain.n - 1], f->on);
	return r < 0 ? r : keep_prompt(f->cache, txn, f->place);
}

static int pin_run(struct op *op, MDB_txn *txn)
{
	struct file_op *f = file_op_of(op);
	struct entry e = {0};
	int r;

	if (f->place->n == 2)
		return pin_prompt(f, txn);
	r = entry_get(f->cache, txn, f->place->key, &e);
	if (r < 0 && r != -ENOENT)
		return r;
	e.flags &= (uint8_t)~ENTRY_PINNED;
	if (f->on)
		e.flags |= ENTRY_PINNED;
	return entry_put(f->cache, txn, f->place->key, &e);
}

int cache_pin(
	struct cache *c, const struct cache_place *place, bool on, struct err *err)
{
	struct file_op f = {
		.op = {.run = pin_run, .is_freeing = !on},
		.cache = c,
		.place = place,
		.on = on,
	};
	int r = place_check(place, err);

	return r < 0 ? r : tell(writer_call(&c->writer, &f.op), "cannot pin", err);
}
