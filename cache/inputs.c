// SPDX-License-Identifier: MIT
/* The files in inputs/. Any thread but the loop's; what changes is done on the store
 * thread. */
#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/blob.h"

#define INPUT_BYTES (4 * 8 + 32)

struct input_op {
	struct op op;
	struct cache *cache;
	const char *from, *to;
	struct blob_writer *w;
	int64_t mtime_ms;
	bool replace;
};

static void input_key(struct key *k, const char *name)
{
	wr_bytes(key_start(k), name, strnlen(name, CACHE_NAME_MAX));
}

static int name_check(const char *name, struct err *err)
{
	size_t len = strnlen(name, CACHE_NAME_MAX + 1);

	if (!len)
		return err_set(err, EINVAL, "an input needs a name");
	if (len > CACHE_NAME_MAX)
		return err_set(err, ENAMETOOLONG,
			"an input's name has at most %d bytes", CACHE_NAME_MAX);
	return 0;
}

static int input_decode(struct rd *in, struct input_brief *ret)
{
	ret->size = rd_u64(in);
	ret->blob_id = rd_u64(in);
	ret->mtime_ms = (int64_t)rd_u64(in);
	ret->ino = rd_u64(in);
	rd_copy(in, ret->sha.b, sizeof(ret->sha.b));
	return in->bad ? -EBADMSG : 0;
}

static int input_get(
	struct cache *c, MDB_txn *txn, const char *name, struct input_brief *ret)
{
	struct key k;
	struct rd in = {0};
	int r;

	input_key(&k, name);
	r = row_get(txn, table_of(c, DB_INPUTS), &k, &in);
	return r < 0 ? r : input_decode(&in, ret);
}

static int input_set(
	struct cache *c, MDB_txn *txn, const char *name, const struct input_brief *b)
{
	uint8_t bytes[INPUT_BYTES];
	struct wr w = {bytes};
	struct key k;

	input_key(&k, name);
	wr_u64(&w, b->size);
	wr_u64(&w, b->blob_id);
	wr_u64(&w, (uint64_t)b->mtime_ms);
	wr_u64(&w, b->ino);
	wr_bytes(&w, b->sha.b, sizeof(b->sha.b));
	return row_put(txn, table_of(c, DB_INPUTS), &k, bytes, sizeof(bytes));
}

/* Readers may have it open: the bytes stay until the next start, or prune. */
static int input_drop(struct cache *c, MDB_txn *txn, const struct input_brief *b)
{
	uint64_t freed;

	return blob_unref(c, txn, &b->sha, PENDING_LATER, &freed);
}

static int input_del(struct cache *c, MDB_txn *txn, const char *name)
{
	struct key k;

	input_key(&k, name);
	return row_del(txn, table_of(c, DB_INPUTS), &k);
}

int cache_input_find(struct cache *c, const char *name, struct input_brief *ret)
{
	struct input_brief b;
	struct db_read *read;
	int r;

	if (name_check(name, NULL) < 0)
		return -ENOENT;
	r = db_read_begin(&c->db, &read);
	if (r < 0)
		return r;
	r = input_get(c, read->txn, name, &b);
	db_read_end(&c->db, read);
	if (!r && ret)
		*ret = b;
	return r;
}

static int put_run(struct op *op, MDB_txn *txn)
{
	struct input_op *i = container_of(op, struct input_op, op);
	struct input_brief old, b = {.mtime_ms = i->mtime_ms};
	struct blob_ref ref;
	int found = input_get(i->cache, txn, i->to, &old), r;

	if (found < 0 && found != -ENOENT)
		return found;
	r = blob_adopt(i->cache, txn, i->w, &ref);
	if (r < 0)
		return r;
	b.size = ref.size;
	b.blob_id = ref.id;
	b.sha = ref.sha;
	if (found)
		r = meta_next(txn, &i->cache->db, "input", &b.ino);
	else
		b.ino = old.ino;
	if (!found)
		r = input_drop(i->cache, txn, &old);
	return r < 0 ? r : input_set(i->cache, txn, i->to, &b);
}

static int tell(int r, const char *what, const char *name, struct err *err)
{
	return r < 0 ? err_errno(err, -r, "cannot %s the input %s", what, name) : 0;
}

int cache_input_put(struct cache *c, const char *name, struct blob_writer *w,
	int64_t mtime_ms, struct err *err)
{
	struct input_op i = {
		.op = {.run = put_run},
		.cache = c,
		.to = name,
		.w = w,
		.mtime_ms = mtime_ms,
	};
	int r = name_check(name, err);

	if (r < 0)
		return r;
	if (blob_writer_size(w) > CACHE_INPUT_MAX)
		return err_set(err, EFBIG, "an input has at most %u MiB",
			CACHE_INPUT_MAX >> 20);
	blob_writer_finish(w);
	i.op.bytes = blob_writer_tail(w);
	r = writer_call(&c->writer, &i.op);
	if (!r)
		blob_writer_adopted(w);
	return tell(r, "store", name, err);
}

static int rename_run(struct op *op, MDB_txn *txn)
{
	struct input_op *i = container_of(op, struct input_op, op);
	struct input_brief b, old;
	int r = input_get(i->cache, txn, i->from, &b);

	op->is_untouched = true;
	if (r < 0 || !strcmp(i->from, i->to))
		return r;
	r = input_get(i->cache, txn, i->to, &old);
	if (!r && !i->replace)
		return -EEXIST;
	if (r < 0 && r != -ENOENT)
		return r;
	op->is_untouched = false;
	r = r < 0 ? 0 : input_drop(i->cache, txn, &old);
	if (!r)
		r = input_set(i->cache, txn, i->to, &b);
	return r < 0 ? r : input_del(i->cache, txn, i->from);
}

int cache_input_rename(struct cache *c, const char *from, const char *to, bool replace,
	struct err *err)
{
	struct input_op i = {
		.op = {.run = rename_run},
		.cache = c,
		.from = from,
		.to = to,
		.replace = replace,
	};
	int r = name_check(from, err);

	if (!r)
		r = name_check(to, err);
	return r < 0 ? r : tell(writer_call(&c->writer, &i.op), "rename", from, err);
}

static int remove_run(struct op *op, MDB_txn *txn)
{
	struct input_op *i = container_of(op, struct input_op, op);
	struct input_brief b;
	int r = input_get(i->cache, txn, i->from, &b);

	op->is_untouched = r < 0;
	if (!r)
		r = input_drop(i->cache, txn, &b);
	return r < 0 ? r : input_del(i->cache, txn, i->from);
}

int cache_input_remove(struct cache *c, const char *name, struct err *err)
{
	struct input_op i = {
		.op = {.run = remove_run, .is_freeing = true},
		.cache = c,
		.from = name,
	};
	int r = name_check(name, err);

	return r < 0 ? r : tell(writer_call(&c->writer, &i.op), "remove", name, err);
}

static int touch_run(struct op *op, MDB_txn *txn)
{
	struct input_op *i = container_of(op, struct input_op, op);
	struct input_brief b;
	int r = input_get(i->cache, txn, i->from, &b);

	op->is_untouched = r < 0;
	b.mtime_ms = i->mtime_ms;
	return r < 0 ? r : input_set(i->cache, txn, i->from, &b);
}

int cache_input_touch(
	struct cache *c, const char *name, int64_t mtime_ms, struct err *err)
{
	struct input_op i = {
		.op = {.run = touch_run},
		.cache = c,
		.from = name,
		.mtime_ms = mtime_ms,
	};
	int r = name_check(name, err);

	return r < 0 ? r : tell(writer_call(&c->writer, &i.op), "touch", name, err);
}

/* 1 with the first input after `after` (NULL: the first), 0 at the end. */
static int input_after(struct cache *c, const char *after,
	char name[CACHE_NAME_MAX + 1], struct input_brief *ret)
{
	struct db_read *read;
	struct key from;
	struct scan s;
	struct rd in = {0};
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	input_key(&from, after ? after : "");
	if (after && *after)
		wr_u8(&from.w, 0); /* the next possible key */
	r = scan_begin(&s, read->txn, table_of(c, DB_INPUTS), &from, 0);
	if (!r)
		r = scan_next_row(&s, &in);
	if (r > 0 && s.key.mv_size > CACHE_NAME_MAX)
		r = -EBADMSG;
	if (r > 0) {
		memcpy(name, s.key.mv_data, s.key.mv_size);
		name[s.key.mv_size] = '\0';
		r = input_decode(&in, ret) < 0 ? -EBADMSG : 1;
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}

int cache_input_list(struct cache *c, const char *after,
	int (*fn)(void *user, const char *name, const struct input_brief *b),
	void *user)
{
	char name[CACHE_NAME_MAX + 1];
	struct input_brief b;
	int r;

	while ((r = input_after(c, after, name, &b)) > 0) {
		r = fn(user, name, &b);
		if (r)
			return r;
		after = name;
	}
	return r;
}
