// SPDX-License-Identifier: MIT
/* What cache/saved.h says: any thread counts, the store thread writes. */
#define LOG_TAG "store"
#include "cache/saved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/index.h"
#include "cache/totals.h"

#define FLUSH_MS 1000
#define MODEL_MAX 63
#define ITEMS_MAX 65536 /* beyond that a count goes to the root directory alone */

struct saved_item {
	struct saved_item *next;
	struct digest key; /* zeros: the root directory */
	char model[MODEL_MAX + 1];
	int64_t saved_ud;
	uint64_t failed;
};

void saved_init(struct saved *s)
{
	*s = (struct saved){0};
	pthread_mutex_init(&s->lock, NULL);
}

static void list_free(struct saved_item *list)
{
	while (list) {
		struct saved_item *next = list->next;

		free(list);
		list = next;
	}
}

void saved_finish(struct saved *s)
{
	for (size_t i = 0; i < SAVED_BUCKETS; i++)
		list_free(s->bucket[i]);
	pthread_mutex_destroy(&s->lock);
}

static struct saved_item *item_find(
	struct saved *s, const struct digest *key, const char *model)
{
	struct saved_item **bucket = &s->bucket[key->b[0] % SAVED_BUCKETS], *item;

	for (item = *bucket; item; item = item->next) {
		if (!memcmp(item->key.b, key->b, sizeof(key->b)) &&
			!strncmp(item->model, model, MODEL_MAX))
			return item;
	}
	item = new0(struct saved_item);
	if (!item)
		return NULL;
	item->key = *key;
	snprintf(item->model, sizeof(item->model), "%s", model);
	item->next = *bucket;
	*bucket = item;
	s->n++;
	return item;
}

static void count(struct cache *c, const struct digest *key, const char *model,
	int64_t saved_ud, uint64_t failed)
{
	static const struct digest root;
	struct saved *s = &c->saved;
	struct saved_item *item;
	bool is_first;

	pthread_mutex_lock(&s->lock);
	is_first = !s->n;
	item = item_find(s, key && s->n < ITEMS_MAX ? key : &root, model ? model : "");
	if (item) {
		item->saved_ud += saved_ud;
		item->failed += failed;
	}
	pthread_mutex_unlock(&s->lock);
	if (is_first && item)
		writer_wake_in(&c->writer, FLUSH_MS);
}

void cache_count_saved(struct cache *c, const struct cache_place *place,
	const char *model, int64_t estimate_ud)
{
	if (estimate_ud > 0)
		count(c, place->key, model, estimate_ud, 0);
}

void cache_count_failed(struct cache *c, const char *model)
{
	count(c, NULL, model, 0, 1);
}

struct flush_op {
	struct op op;
	struct cache *cache;
	struct saved_item *list;
};

static int item_write(struct cache *c, MDB_txn *txn, const struct saved_item *item)
{
	struct totals delta = {.saved_ud = item->saved_ud,
		.failed = item->failed,
		.requests = item->failed};
	struct dir_chain chain = {.n = 1, .id = {ROOT_DIR}};
	struct entry e;
	int r = entry_get(c, txn, &item->key, &e);

	if (!r && e.dir)
		r = tree_chain(c, txn, e.dir, &chain);
	if (r < 0 && r != -ENOENT)
		return r;
	return totals_apply(c, txn, &chain, item->model, &delta);
}

static int flush_run(struct op *op, MDB_txn *txn)
{
	struct flush_op *f = container_of(op, struct flush_op, op);
	int r = 0;

	for (struct saved_item *i = f->list; !r && i; i = i->next)
		r = item_write(f->cache, txn, i);
	return r;
}

/* The store thread must never wait for the lock while it writes, so what was summed is
 * taken away first. */
static struct saved_item *saved_take(struct saved *s)
{
	struct saved_item *list = NULL;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SAVED_BUCKETS; i++) {
		struct saved_item **tail = &s->bucket[i];

		while (*tail)
			tail = &(*tail)->next;
		*tail = list;
		list = s->bucket[i];
		s->bucket[i] = NULL;
	}
	s->n = 0;
	pthread_mutex_unlock(&s->lock);
	return list;
}

void saved_flush(void *cache)
{
	struct cache *c = cache;
	struct flush_op f = {.op = {.run = flush_run}, .cache = c};
	int r;

	f.list = saved_take(&c->saved);
	if (!f.list)
		return;
	r = writer_run_now(&c->writer, &f.op);
	if (r < 0)
		log_warn("counts of saved money are lost errno=%d", -r);
	list_free(f.list);
}
