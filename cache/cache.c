// SPDX-License-Identifier: MIT
/* An open store: made, asked for its size and room, closed. Opened and closed by one
 * thread; the rest any. */
#include "cache/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/blob.h"
#include "cache/index.h"

#define NS_BYTES_MAX 400

/* At open: the namespace's number, and what the last process left half-written. */
struct open_op {
	struct op op;
	struct cache *cache;
	const char *ns;
};

static int open_run(struct op *op, MDB_txn *txn)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct cache *c = o->cache;
	char name[KEY_MAX + 1];
	uint64_t id;
	int r;

	snprintf(name, sizeof(name), "ns %s", o->ns);
	r = meta_get(txn, &c->db, name, &id);
	if (!r && !id) {
		r = meta_next(txn, &c->db, "ns", &id);
		if (!r)
			r = meta_put(txn, &c->db, name, id);
	}
	if (r < 0)
		return r;
	c->ns = (uint32_t)id;
	return pending_sweep(c, txn, true);
}

int cache_open(const struct cache_config *config, struct cache **ret, struct err *err)
{
	struct cache *c;
	struct open_op o = {.op = {.run = open_run, .is_freeing = true}};
	int r;

	if (strlen(config->ns) > NS_BYTES_MAX)
		return err_set(err, ENAMETOOLONG, "the namespace's name is too long");
	if (mkdir(config->dir, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot make %s", config->dir);
	c = new0(struct cache);
	if (!c)
		return err_oom(err);
	c->reserve_bytes = config->reserve_bytes;
	c->now_ms = config->now_ms ? config->now_ms : clk_real_ms;
	pthread_mutex_init(&c->ledger.one_at_a_time, NULL);
	saved_init(&c->saved);
	lodging_init(&c->lodging);
	collector_init(&c->collector, c);
	r = db_open(&c->db, config->dir, config->map_size, err);
	if (!r)
		r = writer_start(
			&c->writer, &c->db, saved_flush, collector_reclaim, c, err);
	if (r < 0) {
		cache_close(c);
		return r;
	}
	o.cache = c;
	o.ns = config->ns;
	r = writer_call(&c->writer, &o.op);
	if (r < 0) {
		cache_close(c);
		return err_errno(err, -r, "cannot open the store in %s", config->dir);
	}
	collector_start(c);
	*ret = c;
	return 0;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->collector.lock);
	c->is_closing = true;
	pthread_mutex_unlock(&c->collector.lock);
	lodging_finish(&c->lodging);
	writer_stop(&c->writer);
	saved_finish(&c->saved);
	collector_finish(&c->collector);
	pthread_mutex_destroy(&c->ledger.one_at_a_time);
	db_close(&c->db);
	free(c);
}

static int64_t entries(MDB_txn *txn, MDB_dbi table)
{
	MDB_stat st;
	int rc = mdb_stat(txn, table, &st);

	return rc ? db_errno(rc) : (int64_t)st.ms_entries;
}

int cache_stat(struct cache *c, struct cache_stat *ret)
{
	struct db_read *read;
	struct db_usage u;
	struct stat st;
	uint64_t files = 0;
	int64_t blobs, prompts;
	char name[32];
	int r = db_usage(&c->db, &u);

	if (r < 0)
		return r;
	if (stat(c->db.path, &st) < 0)
		return -errno;
	r = db_read_begin(&c->db, &read);
	if (r < 0)
		return r;
	files_name(c, name);
	r = meta_get(read->txn, &c->db, name, &files);
	blobs = entries(read->txn, table_of(c, DB_BLOBS));
	prompts = entries(read->txn, table_of(c, DB_PROMPTS));
	*ret = (struct cache_stat){
		.file_bytes = (uint64_t)st.st_size,
		.used_bytes = (u.end_pages - u.free_pages) * u.page_bytes,
		.map_bytes = c->db.map_size,
		.blobs = (uint64_t)blobs,
		.files = files,
		.prompts = (uint64_t)prompts,
	};
	db_read_end(&c->db, read);
	if (r < 0 || blobs < 0)
		return r < 0 ? r : (int)blobs;
	return prompts < 0 ? (int)prompts : 0;
}

int cache_room_for(struct cache *c, uint64_t bytes, struct err *err)
{
	struct db_usage u;
	struct statvfs fs;
	uint64_t need, in_file, in_map, on_disk;
	int r = db_usage(&c->db, &u);

	if (r < 0)
		return err_errno(err, -r, "cannot read the store");
	if (statvfs(c->db.path, &fs) < 0)
		return err_errno(err, errno, "cannot ask for room in %s", c->db.path);
	if (__builtin_add_overflow(bytes, c->reserve_bytes, &need))
		need = UINT64_MAX;
	in_file = u.chunk_pages * u.page_bytes;
	in_map = in_file + c->db.map_size - u.end_pages * u.page_bytes;
	on_disk = in_file + (uint64_t)fs.f_bavail * fs.f_frsize;
	if (need > on_disk)
		return err_set(err, ENOSPC,
			"the filesystem of %s has room for %llu MiB, and %llu MiB are "
			"needed; free some, or run `promptfs prune`",
			c->db.path, (unsigned long long)(on_disk >> 20),
			(unsigned long long)(need >> 20));
	if (need > in_map && !c->db.can_grow)
		return err_set(err, ENOSPC,
			"the store has room for %llu MiB, and %llu MiB are needed",
			(unsigned long long)(in_map >> 20),
			(unsigned long long)(need >> 20));
	return 0;
}
