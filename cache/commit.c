// SPDX-License-Identifier: MIT
/* What was made is stored: index, listing, totals and the end of what was paid for it,
 * in one commit. Asked from any thread but the loop's, done on the store thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"
#include "cache/ledger_txn.h"

/* One file of the commit. */
struct commit_file {
	struct record stored; /* the caller's with what the store fills in; borrowed */
	uint32_t draw;        /* also where it is generated already */
	bool is_new;
};

struct commit_op {
	struct op op;
	struct cache *cache;
	struct cache_item *item;
	struct commit_file *file;
	size_t n;
	struct err err;
};

static void count_record(const struct record *rec, bool is_more, struct totals *delta)
{
	delta->requests += !is_more;
	if (rec->state == RECORD_GENERATED) {
		delta->generated++;
		delta->duration_ms += rec->latency_ms;
	} else {
		delta->failed++;
	}
	if (rec->state == RECORD_GENERATED && grade_is_letter(rec->grade))
		delta->grades[rec->grade - 'A']++;
}

static int apply_scopes(struct cache *c, MDB_txn *txn, const struct cache_place *place,
	const struct record *rec, const struct totals *delta)
{
	char user[16], day[11];
	int r = 0;

	snprintf(user, sizeof(user), "%u", place->uid);
	clk_format_day(rec->created_ms, day);
	if (place->program)
		r = totals_apply_scope(c, txn, SCOPE_PROGRAM, place->program, delta);
	if (!r)
		r = totals_apply_scope(c, txn, SCOPE_USER, user, delta);
	if (!r)
		r = totals_apply_scope(c, txn, SCOPE_DAY, day, delta);
	return r;
}

static int adopt_blobs(struct cache *c, MDB_txn *txn, const struct cache_item *item,
	struct record *rec)
{
	struct blob_ref ref;
	int r = blob_adopt(c, txn, item->w, &ref);

	if (r < 0)
		return r;
	rec->blob = ref.sha;
	rec->blob_id = ref.id;
	rec->size = ref.size;
	rec->orig = (struct digest){0};
	rec->orig_id = rec->orig_size = 0;
	if (!item->orig)
		return 0;
	r = blob_adopt(c, txn, item->orig, &ref);
	if (r < 0)
		return r;
	rec->orig = ref.sha;
	rec->orig_id = ref.id;
	rec->orig_size = ref.size;
	return 0;
}

/* The listing's side of a new file. */
static int list_file(
	struct cache *c, MDB_txn *txn, const struct cache_place *place, struct entry *e)
{
	const char *name = place->name[place->n - 1];
	int r = tree_list_file(c, txn, e->dir, name, place->key, &e->cookie);

	if (!r && !(e->flags & ENTRY_KEPT))
		r = tree_ref(c, txn, e->dir);
	e->flags |= ENTRY_KEPT;
	if (!r && grade_is_letter(e->grade)) {
		struct best b = best_of(e);

		r = best_put(c, txn, &b, name);
	}
	if (!r)
		r = files_count(c, txn, 1);
	return r;
}

/* Index, listing and prompt of a record whose directories and bytes are there. */
static int file_enter(struct cache *c, MDB_txn *txn, const struct cache_place *place,
	const struct record *rec, struct entry *e)
{
	int r = 0;

	entry_fill(e, rec);
	if (rec->state == RECORD_GENERATED)
		r = list_file(c, txn, place, e);
	if (!r)
		r = record_put(c, txn, place->key, rec);
	if (!r)
		r = entry_put(c, txn, place->key, e);
	return r < 0 ? r : prompt_keep(c, txn, place);
}

static int commit_one(struct cache *c, MDB_txn *txn, const struct cache_item *item,
	struct commit_file *file)
{
	const struct cache_place *place = item->place;
	struct record *rec = &file->stored;
	struct totals delta = {0};
	struct dir_chain chain;
	struct entry e = {0};
	int r = entry_get(c, txn, place->key, &e);

	if (r < 0 && r != -ENOENT)
		return r;
	file->draw = e.draw;
	file->is_new = e.state != RECORD_GENERATED;
	if (!file->is_new)
		return 0;
	*rec = *item->rec;
	rec->draw = e.draw;
	r = tree_make(c, txn, place, place->n - 1, &chain);
	if (!r && rec->state == RECORD_GENERATED)
		r = adopt_blobs(c, txn, item, rec);
	if (r < 0)
		return r;
	e.dir = chain.id[chain.n - 1];
	count_record(rec, place->is_more, &delta);
	r = file_enter(c, txn, place, rec, &e);
	if (!r)
		r = totals_apply(c, txn, &chain, rec->model, &delta);
	return r < 0 ? r : apply_scopes(c, txn, place, rec, &delta);
}

static int commit_run(struct op *op, MDB_txn *txn)
{
	struct commit_op *o = container_of(op, struct commit_op, op);
	int r = 0;

	o->err = (struct err){0};
	for (size_t i = 0; !r && i < o->n; i++) {
		const struct cache_item *item = &o->item[i];

		r = commit_one(o->cache, txn, item, &o->file[i]);
		if (!r && (item->close.id || item->close.drops_parts))
			r = ledger_close_in(o->cache, txn, &item->close,
				item->place->key, o->file[i].draw, &o->err);
	}
	return r;
}

static int item_check(const struct cache_item *item, struct err *err)
{
	int r = place_check(item->place, err);

	if (r < 0)
		return r;
	if ((item->rec->state == RECORD_GENERATED) != (item->w != NULL) ||
		(item->orig && !item->w))
		return err_set(
			err, EINVAL, "a generated file has bytes, others have none");
	return 0;
}

static size_t item_finish_bytes(const struct cache_item *item)
{
	size_t bytes = 0;

	if (item->w) {
		blob_writer_finish(item->w);
		bytes += blob_writer_tail(item->w);
	}
	if (item->orig) {
		blob_writer_finish(item->orig);
		bytes += blob_writer_tail(item->orig);
	}
	return bytes;
}

static void item_stored(const struct cache_item *item, const struct record *stored)
{
	struct record *rec = item->rec;

	rec->draw = stored->draw;
	rec->blob = stored->blob;
	rec->orig = stored->orig;
	rec->size = stored->size;
	rec->orig_size = stored->orig_size;
	rec->blob_id = stored->blob_id;
	rec->orig_id = stored->orig_id;
	if (item->w)
		blob_writer_adopted(item->w);
	if (item->orig)
		blob_writer_adopted(item->orig);
}

int cache_commit_all(struct cache *c, struct cache_item *items, size_t n, bool *is_new,
	struct err *err)
{
	struct commit_op o = {
		.op = {.run = commit_run},
		.cache = c,
		.item = items,
		.n = n,
	};
	scoped_free struct commit_file *file = new_array(struct commit_file, n + 1);
	int r = file ? 0 : err_oom(err);

	for (size_t i = 0; !r && i < n; i++)
		r = item_check(&items[i], err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		o.op.bytes += item_finish_bytes(&items[i]);
	o.file = file;
	r = writer_call(&c->writer, &o.op);
	if (r < 0 && o.err.code == -r) {
		if (err)
			*err = o.err;
		return r;
	}
	if (r < 0)
		return file_tell(r, "cannot store the file", err);
	for (size_t i = 0; i < n; i++) {
		if (file[i].is_new)
			item_stored(&items[i], &file[i].stored);
		if (is_new)
			is_new[i] = file[i].is_new;
		if (items[i].close.drops_parts)
			collector_start(c);
	}
	return 0;
}
