// SPDX-License-Identifier: MIT
/* Removed draws go for good. Asked from any thread but the loop's, done on the store
 * thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"

#define BATCH 64

struct item {
	struct digest key;
	uint32_t n;
	struct removal gone;
};

struct list {
	struct item *item;
	size_t n, cap;
};

static void list_finish(struct list *l)
{
	free(l->item);
}

static int list_add(struct list *l, const struct item *item)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 256;
		struct item *p = reallocarray(l->item, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->item = p;
		l->cap = cap;
	}
	l->item[l->n++] = *item;
	return 0;
}

static int item_decode(const struct scan *s, struct rd *in, struct item *ret)
{
	struct rd k = {s->key.mv_data, (uint8_t *)s->key.mv_data + s->key.mv_size};

	rd_bytes(&k, 4);
	rd_copy(&k, ret->key.b, sizeof(ret->key.b));
	ret->n = (uint32_t)rd_be(&k, 4);
	return k.bad ? -EBADMSG : removal_decode(in, &ret->gone);
}

/* A page of the history after *last into the list. 1: there is more. */
static int collect_page(struct cache *c, const struct prune_rule *rule,
	struct item *last, bool is_first, struct list *l)
{
	struct db_read *read;
	struct entry e;
	struct scan s;
	struct key from;
	struct rd in = {0};
	int n = 0, r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	if (is_first)
		wr_be32(key_start(&from), c->ns);
	else
		numbered_key(c, &from, &last->key, last->n + 1);
	r = scan_begin(&s, read->txn, table_of(c, DB_HISTORY), &from, 4);
	while (!r && n++ < BATCH && (r = scan_next_row(&s, &in)) > 0) {
		r = item_decode(&s, &in, last);
		if (!r)
			r = entry_get(c, read->txn, &last->key, &e);
		if (!r && !(e.flags & ENTRY_PINNED) &&
			(rule->older_than_ms == INT64_MAX ||
				last->gone.removed_ms < rule->older_than_ms))
			r = list_add(l, last);
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r < 0 ? r : n > BATCH;
}

static int oldest_first(const void *a, const void *b)
{
	int64_t x = ((const struct item *)a)->gone.removed_ms;
	int64_t y = ((const struct item *)b)->gone.removed_ms;

	return x < y ? -1 : x > y;
}

static int list_collect(struct cache *c, const struct prune_rule *rule, struct list *l)
{
	struct item last;
	bool is_first = true;
	int r;

	do {
		r = collect_page(c, rule, &last, is_first, l);
		is_first = false;
	} while (r > 0);
	if (!r && l->n)
		qsort(l->item, l->n, sizeof(*l->item), oldest_first);
	return r;
}

struct prune_op {
	struct op op;
	struct cache *cache;
	const struct item *item;
	size_t n;
	uint64_t at_most;
	struct record rec[BATCH]; /* of those that are gone */
	size_t done;
	uint64_t bytes;
};

static void forget(struct prune_op *p)
{
	for (size_t i = 0; i < p->done; i++)
		record_finish(&p->rec[i]);
	p->done = 0;
	p->bytes = 0;
}

/* The last trace of a file in its directory goes with the last removed draw. */
static int trace_drop(
	struct cache *c, MDB_txn *txn, const struct item *item, struct entry *e)
{
	int r = history_is_left(c, txn, &item->key);

	if (r)
		return r < 0 ? r : 0;
	if (e->state == RECORD_GENERATED || !(e->flags & ENTRY_KEPT))
		return 0;
	e->flags &= (uint8_t)~ENTRY_KEPT;
	r = entry_put(c, txn, &item->key, e);
	return r < 0 ? r : tree_unref(c, txn, e->dir);
}

static int blobs_unref(
	struct cache *c, MDB_txn *txn, const struct record *rec, uint64_t *ret_freed)
{
	static const struct digest none;
	uint64_t more;
	int r = blob_unref(c, txn, &rec->blob, PENDING_GARBAGE, ret_freed);

	if (r < 0 || !memcmp(rec->orig.b, none.b, sizeof(none.b)))
		return r;
	r = blob_unref(c, txn, &rec->orig, PENDING_GARBAGE, &more);
	*ret_freed += more;
	return r;
}

static int item_prune(struct prune_op *p, MDB_txn *txn, const struct item *item)
{
	struct cache *c = p->cache;
	scoped(record_finish) struct record rec = {0};
	struct entry e;
	uint64_t freed = 0;
	int r = entry_get(c, txn, &item->key, &e);

	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	r = history_del(c, txn, &item->key, e.dir, item->n);
	if (r < 0)
		return r == -ENOENT ? 0 : r; /* another prune was faster */
	r = record_get(c, txn, &item->key, item->gone.draw, &rec, NULL);
	if (!r)
		r = blobs_unref(c, txn, &rec, &freed);
	if (!r)
		r = record_del(c, txn, &item->key, item->gone.draw);
	if (!r)
		r = trace_drop(c, txn, item, &e);
	if (r < 0)
		return r;
	p->rec[p->done++] = rec;
	rec = (struct record){0};
	p->bytes += freed;
	return 0;
}

static int prune_run(struct op *op, MDB_txn *txn)
{
	struct prune_op *p = container_of(op, struct prune_op, op);
	int r = 0;

	forget(p);
	for (size_t i = 0; !r && i < p->n && p->bytes < p->at_most; i++)
		r = item_prune(p, txn, &p->item[i]);
	return r;
}

static int bytes_of(
	struct cache *c, MDB_txn *txn, const struct digest *sha, uint64_t *sum)
{
	struct manifest m;
	int r = manifest_get(c, txn, sha, &m);

	if (!r && m.refs == 1)
		*sum += m.size;
	return r == -ENOENT ? 0 : r;
}

/* What prune_run would do, without doing it. */
static int prune_dry(struct prune_op *p)
{
	struct cache *c = p->cache;
	struct db_read *read;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	forget(p);
	for (size_t i = 0; !r && i < p->n && p->bytes < p->at_most; i++) {
		struct record *rec = &p->rec[p->done];

		*rec = (struct record){0};
		r = record_get(
			c, read->txn, &p->item[i].key, p->item[i].gone.draw, rec, NULL);
		if (r < 0)
			break;
		p->done++;
		r = bytes_of(c, read->txn, &rec->blob, &p->bytes);
		if (!r && rec->orig_size)
			r = bytes_of(c, read->txn, &rec->orig, &p->bytes);
	}
	db_read_end(&c->db, read);
	return r;
}

static int list_prune(struct prune_op *p, const struct list *l,
	const struct prune_rule *rule, int (*fn)(void *user, const struct record *rec),
	void *user, struct prune_result *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->n && ret->bytes < rule->at_most_bytes;
		i += BATCH) {
		p->item = l->item + i;
		p->n = l->n - i < BATCH ? l->n - i : BATCH;
		p->at_most = rule->at_most_bytes - ret->bytes;
		r = rule->dry_run ? prune_dry(p)
				  : writer_call(&p->cache->writer, &p->op);
		if (r < 0)
			break;
		ret->files += p->done;
		ret->bytes += p->bytes;
		for (size_t k = 0; fn && !r && k < p->done; k++)
			r = fn(user, &p->rec[k]);
	}
	forget(p);
	return r;
}

static int sweep_run(struct op *op, MDB_txn *txn)
{
	return pending_sweep(container_of(op, struct prune_op, op)->cache, txn, false);
}

int cache_prune(struct cache *c, const struct prune_rule *rule,
	int (*fn)(void *user, const struct record *rec), void *user,
	struct prune_result *ret, struct err *err)
{
	scoped(list_finish) struct list l = {0};
	struct prune_op *p = new0(struct prune_op);
	struct prune_result result = {0};
	int r;

	if (!p)
		return err_oom(err);
	*p = (struct prune_op){
		.op = {.run = prune_run, .is_freeing = true},
		.cache = c,
	};
	r = list_collect(c, rule, &l);
	if (!r)
		r = list_prune(p, &l, rule, fn, user, &result);
	if (r >= 0 && !rule->dry_run) {
		int swept;

		p->op.run = sweep_run;
		swept = writer_call(&c->writer, &p->op);
		r = swept < 0 ? swept : r;
		collector_start(c);
		collector_wait(c);
	}
	free(p);
	if (ret)
		*ret = result;
	if (r < 0)
		return err_errno(err, -r, "cannot prune");
	return r;
}
