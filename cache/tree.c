// SPDX-License-Identifier: MIT
/* The listed tree. Writing: store thread; listing and finding: any. */
#include "cache/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"

enum list_kind { LIST_DIR = 1, LIST_FILE = 2 };

/* A directory. refs: things that keep it listed; cookie: its line in the parent's
 * listing, 0 while it is not listed. */
struct node {
	uint64_t parent, next_cookie, cookie;
	uint32_t refs;
	bool is_pinned;
	struct digest prompt_id;
	char name[CACHE_NAME_MAX + 1];
};
#define NODE_FIXED (3 * 8 + 4 + 1 + 32)

int place_check(const struct cache_place *place, struct err *err)
{
	if (place->n < 2 || place->n > CACHE_DEPTH_MAX)
		return err_set(
			err, EINVAL, "a path of %zu names cannot be stored", place->n);
	for (size_t i = 0; i < place->n; i++) {
		size_t len = strnlen(place->name[i], CACHE_NAME_MAX + 1);

		if (!len)
			return err_set(err, EINVAL, "an empty name cannot be stored");
		if (len > CACHE_NAME_MAX)
			return err_set(err, ENAMETOOLONG,
				"a name longer than %d bytes cannot be stored",
				CACHE_NAME_MAX);
	}
	return 0;
}

/* ---- keys ---- */

static void node_key(const struct cache *c, struct key *k, uint64_t id)
{
	struct wr *w = key_start(k);

	wr_be32(w, c->ns);
	wr_be64(w, id);
}

static void dir_key(
	const struct cache *c, struct key *k, uint64_t parent, const char *name)
{
	node_key(c, k, parent);
	wr_bytes(&k->w, name, strnlen(name, CACHE_NAME_MAX));
}

static void list_key(
	const struct cache *c, struct key *k, uint64_t dir, uint64_t cookie)
{
	node_key(c, k, dir);
	wr_be64(&k->w, cookie);
}

/* ---- nodes ---- */

static int node_get(struct cache *c, MDB_txn *txn, uint64_t id, struct node *ret)
{
	struct key k;
	struct rd in = {0};
	size_t len;
	int r;

	node_key(c, &k, id);
	r = row_get(txn, table_of(c, DB_NODES), &k, &in);
	if (r < 0)
		return r;
	*ret = (struct node){0};
	ret->parent = rd_u64(&in);
	ret->next_cookie = rd_u64(&in);
	ret->cookie = rd_u64(&in);
	ret->refs = rd_u32(&in);
	ret->is_pinned = rd_u8(&in);
	rd_copy(&in, ret->prompt_id.b, sizeof(ret->prompt_id.b));
	len = rd_left(&in);
	if (len > CACHE_NAME_MAX)
		return -EBADMSG;
	rd_copy(&in, ret->name, len);
	return in.bad ? -EBADMSG : 0;
}

static int node_put(struct cache *c, MDB_txn *txn, uint64_t id, const struct node *node)
{
	uint8_t b[NODE_FIXED + CACHE_NAME_MAX];
	struct wr w = {b};
	struct key k;

	node_key(c, &k, id);
	wr_u64(&w, node->parent);
	wr_u64(&w, node->next_cookie);
	wr_u64(&w, node->cookie);
	wr_u32(&w, node->refs);
	wr_u8(&w, node->is_pinned);
	wr_bytes(&w, node->prompt_id.b, sizeof(node->prompt_id.b));
	wr_bytes(&w, node->name, strlen(node->name));
	return row_put(txn, table_of(c, DB_NODES), &k, b, (size_t)(w.p - b));
}

static int dir_get(
	struct cache *c, MDB_txn *txn, uint64_t parent, const char *name, uint64_t *ret)
{
	struct key k;
	struct rd in = {0};
	int r;

	dir_key(c, &k, parent, name);
	r = row_get(txn, table_of(c, DB_DIRS), &k, &in);
	if (r < 0)
		return r;
	*ret = rd_u64(&in);
	return in.bad ? -EBADMSG : 0;
}

static int dir_make(struct cache *c, MDB_txn *txn, uint64_t parent, const char *name,
	const struct digest *prompt_id, uint64_t *ret)
{
	struct node node = {.parent = parent, .next_cookie = 1};
	uint8_t b[8];
	struct wr w = {b};
	struct key k;
	uint64_t id;
	int r = meta_next(txn, &c->db, "dir", &id);

	if (r < 0)
		return r;
	id += ROOT_DIR;
	if (prompt_id)
		node.prompt_id = *prompt_id;
	memcpy(node.name, name, strlen(name) + 1);
	wr_u64(&w, id);
	dir_key(c, &k, parent, name);
	r = row_put(txn, table_of(c, DB_DIRS), &k, b, sizeof(b));
	if (!r)
		r = node_put(c, txn, id, &node);
	if (!r)
		*ret = id;
	return r;
}

static int root_make(struct cache *c, MDB_txn *txn)
{
	struct node root = {.next_cookie = 1, .refs = 1};
	int r = node_get(c, txn, ROOT_DIR, &root);

	return r == -ENOENT ? node_put(c, txn, ROOT_DIR, &root) : r;
}

int tree_make(struct cache *c, MDB_txn *txn, const struct cache_place *place,
	size_t n_dirs, struct dir_chain *ret)
{
	int r = root_make(c, txn);

	ret->id[0] = ROOT_DIR;
	ret->n = 1;
	for (size_t i = 0; !r && i < n_dirs; i++) {
		uint64_t parent = ret->id[i];

		r = dir_get(c, txn, parent, place->name[i], &ret->id[i + 1]);
		if (r == -ENOENT)
			r = dir_make(c, txn, parent, place->name[i],
				i == 1 ? place->prompt_id : NULL, &ret->id[i + 1]);
		ret->n++;
	}
	return r;
}

int tree_chain(struct cache *c, MDB_txn *txn, uint64_t dir, struct dir_chain *ret)
{
	struct node node;

	ret->n = 0;
	while (dir != ROOT_DIR) {
		int r = node_get(c, txn, dir, &node);

		if (r < 0)
			return r == -ENOENT ? -EBADMSG : r;
		if (ret->n + 1 >= CACHE_DEPTH_MAX)
			return -EBADMSG;
		ret->id[ret->n++] = dir;
		dir = node.parent;
	}
	ret->id[ret->n++] = ROOT_DIR;
	for (size_t i = 0; i < ret->n / 2; i++) {
		uint64_t other = ret->id[i];

		ret->id[i] = ret->id[ret->n - 1 - i];
		ret->id[ret->n - 1 - i] = other;
	}
	return 0;
}

/* ---- the listing ---- */

static int list_add(struct cache *c, MDB_txn *txn, uint64_t dir, enum list_kind kind,
	const void *id, size_t id_len, const struct digest *prompt_id, const char *name,
	uint64_t *ret_cookie)
{
	uint8_t b[1 + 32 + 32 + CACHE_NAME_MAX + 1] = {0};
	size_t len = strnlen(name, CACHE_NAME_MAX);
	struct node node;
	struct wr w = {b};
	struct key k;
	int r = node_get(c, txn, dir, &node);

	if (r < 0)
		return r;
	wr_u8(&w, (uint8_t)kind);
	memcpy(w.p, id, id_len);
	w.p += 32;
	memcpy(w.p, prompt_id->b, sizeof(prompt_id->b));
	w.p += 32;
	wr_bytes(&w, name, len + 1);
	list_key(c, &k, dir, node.next_cookie);
	r = row_put(txn, table_of(c, DB_LIST), &k, b, (size_t)(w.p - b));
	if (r < 0)
		return r;
	*ret_cookie = node.next_cookie++;
	return node_put(c, txn, dir, &node);
}

int tree_list_file(struct cache *c, MDB_txn *txn, uint64_t dir, const char *name,
	const struct digest *key, uint64_t *ret_cookie)
{
	static const struct digest none;

	return list_add(c, txn, dir, LIST_FILE, key->b, sizeof(key->b), &none, name,
		ret_cookie);
}

int tree_unlist(struct cache *c, MDB_txn *txn, uint64_t dir, uint64_t cookie)
{
	struct key k;

	list_key(c, &k, dir, cookie);
	return row_del(txn, table_of(c, DB_LIST), &k);
}

/* Lists or unlists a directory as its refs and pin demand, and those above it. */
static int dir_relist(struct cache *c, MDB_txn *txn, uint64_t id, struct node *node)
{
	bool wanted = node->refs || node->is_pinned;
	uint8_t b[8];
	struct wr w = {b};
	int r;

	if (id == ROOT_DIR || wanted == (node->cookie != 0))
		return node_put(c, txn, id, node);
	if (wanted) {
		wr_be64(&w, id);
		r = list_add(c, txn, node->parent, LIST_DIR, b, sizeof(b),
			&node->prompt_id, node->name, &node->cookie);
		if (!r)
			r = node_put(c, txn, id, node);
		return r < 0 ? r : tree_ref(c, txn, node->parent);
	}
	r = tree_unlist(c, txn, node->parent, node->cookie);
	node->cookie = 0;
	if (!r)
		r = node_put(c, txn, id, node);
	return r < 0 ? r : tree_unref(c, txn, node->parent);
}

int tree_ref(struct cache *c, MDB_txn *txn, uint64_t dir)
{
	struct node node;
	int r = node_get(c, txn, dir, &node);

	if (r < 0)
		return r;
	node.refs++;
	return dir_relist(c, txn, dir, &node);
}

int tree_unref(struct cache *c, MDB_txn *txn, uint64_t dir)
{
	struct node node;
	int r = node_get(c, txn, dir, &node);

	if (r < 0)
		return r;
	if (!node.refs)
		return -EBADMSG;
	node.refs--;
	return dir_relist(c, txn, dir, &node);
}

int tree_pin(struct cache *c, MDB_txn *txn, uint64_t dir, bool on)
{
	struct node node;
	int r = node_get(c, txn, dir, &node);

	if (r < 0)
		return r;
	node.is_pinned = on;
	return dir_relist(c, txn, dir, &node);
}

/* 1 for an entry, 0 where the row is not one of a file or a directory. */
static int entry_decode(const MDB_val *key, struct rd *in, struct cache_entry *ret)
{
	const uint8_t *id;
	struct rd k = {key->mv_data, (uint8_t *)key->mv_data + key->mv_size};
	uint8_t kind = rd_u8(in);

	rd_bytes(&k, 4 + 8);
	*ret = (struct cache_entry){.is_dir = kind == LIST_DIR, .cookie = rd_be(&k, 8)};
	id = rd_bytes(in, 32);
	rd_copy(in, ret->prompt_id.b, sizeof(ret->prompt_id.b));
	if (in->bad || k.bad || !rd_left(in) || in->end[-1])
		return -EBADMSG;
	if (!ret->is_dir)
		memcpy(ret->key.b, id, sizeof(ret->key.b));
	ret->name = (const char *)in->p;
	return 0;
}

int tree_name(struct cache *c, MDB_txn *txn, uint64_t dir, uint64_t cookie, char **ret)
{
	struct cache_entry e;
	struct key k;
	struct rd in = {0};
	MDB_val key;
	int r;

	list_key(c, &k, dir, cookie);
	r = row_get(txn, table_of(c, DB_LIST), &k, &in);
	if (r < 0)
		return r;
	key = (MDB_val){key_len(&k), k.b};
	r = entry_decode(&key, &in, &e);
	if (r < 0)
		return r;
	*ret = strdup(e.name);
	return *ret ? 0 : -ENOMEM;
}

/* ---- what others ask ---- */

int cache_dir_find(struct cache *c, const char *const *name, size_t n, uint64_t *ret)
{
	struct db_read *read;
	uint64_t id = ROOT_DIR;
	int r = 0;

	if (!n) {
		*ret = id;
		return 0;
	}
	r = db_read_begin(&c->db, &read);
	if (r < 0)
		return r;
	for (size_t i = 0; !r && i < n; i++) {
		if (strnlen(name[i], CACHE_NAME_MAX + 1) > CACHE_NAME_MAX)
			r = -ENOENT;
		else
			r = dir_get(c, read->txn, id, name[i], &id);
	}
	db_read_end(&c->db, read);
	if (!r)
		*ret = id;
	return r;
}

int cache_list(
	struct cache *c, uint64_t dir, uint64_t cookie, cache_list_fn fn, void *user)
{
	struct db_read *read;
	struct scan s;
	struct rd in = {0};
	struct key from;
	int r;

	if (cookie == UINT64_MAX)
		return 0;
	r = db_read_begin(&c->db, &read);
	if (r < 0)
		return r;
	list_key(c, &from, dir, cookie + 1);
	r = scan_begin(&s, read->txn, table_of(c, DB_LIST), &from, 4 + 8);
	while (!r && (r = scan_next_row(&s, &in)) > 0) {
		struct cache_entry e;

		r = entry_decode(&s.key, &in, &e);
		if (!r)
			r = fn(user, &e);
	}
	scan_end(&s);
	db_read_end(&c->db, read);
	return r;
}
