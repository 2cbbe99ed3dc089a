// SPDX-License-Identifier: MIT
/* The operations that change a file that is there: remove, quality, pin. Asked from any
 * thread but the loop's, done on the store thread. */
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/index.h"
#include "cache/ledger_txn.h"

/* One operation on one file, with what its callers wait for. */
struct file_op {
	struct op op;
	struct cache *cache;
	const struct cache_place *place;

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

static struct totals grade_totals(uint8_t grade, bool is_more)
{
	struct totals t = {0};

	if (grade_is_letter(grade))
		t.grades[grade - 'A'] = is_more ? 1 : UINT64_MAX;
	return t;
}

/* ---- remove ---- */

static int remove_generated(struct file_op *f, MDB_txn *txn, struct entry *e)
{
	struct cache *c = f->cache;
	scoped_free char *name = NULL;
	int r = tree_name(c, txn, e->dir, e->cookie, &name);

	if (!r)
		r = tree_unlist(c, txn, e->dir, e->cookie);
	if (!r && grade_is_letter(e->grade)) {
		struct best b = best_of(e);

		r = best_del(c, txn, &b);
	}
	e->removed++;
	if (!r)
		r = history_add(c, txn, f->place->key, e, name);
	e->draw++;
	return r < 0 ? r : files_count(c, txn, -1);
}

/* A FAILED or UNKNOWN record, or none; and what may have been paid. */
static int remove_failed(struct file_op *f, MDB_txn *txn, struct entry *e)
{
	const struct cache_place *place = f->place;
	int r = ledger_write_off(f->cache, txn, place->key, e->draw);

	if (r < 0)
		return r;
	if (e->state == ENTRY_EMPTY)
		return r ? 0 : refuse(&f->op, ENOENT);
	r = record_del(f->cache, txn, place->key, e->draw);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	entry_fill(e, &(struct record){0});
	return entry_put(f->cache, txn, place->key, e);
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

	if (r < 0 && r != -ENOENT)
		return r;
	if (e.state != RECORD_GENERATED)
		return remove_failed(f, txn, &e);
	r = record_get(c, txn, f->place->key, e.draw, &rec, NULL);
	if (!r)
		r = tree_chain(c, txn, e.dir, &chain);
	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	delta = grade_totals(e.grade, false);
	r = remove_generated(f, txn, &e);
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

	return file_tell(writer_call(&c->writer, &f.op), "cannot remove the file", err);
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

	if (!r && grade_is_letter(e->grade))
		r = best_del(c, txn, &b);
	more = grade_totals(f->grade, true);
	totals_add(&delta, &more);
	e->grade = f->grade;
	e->score = f->score;
	b = best_of(e);
	if (!r && grade_is_letter(e->grade))
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

	if (!grade_is_letter(grade) && grade != '!' && grade != 0)
		return err_set(err, EINVAL, "a grade is A, B, C, D, ! or none");
	return file_tell(
		writer_call(&c->writer, &f.op), "cannot keep the quality report", err);
}

/* ---- pin ---- */

static int pin_prompt(struct file_op *f, MDB_txn *txn)
{
	struct dir_chain chain;
	int r = tree_make(f->cache, txn, f->place, f->place->n, &chain);

	if (!r)
		r = tree_pin(f->cache, txn, chain.id[chain.n - 1], f->on);
	return r < 0 ? r : prompt_keep(f->cache, txn, f->place);
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

	return r < 0 ? r : file_tell(writer_call(&c->writer, &f.op), "cannot pin", err);
}
