// SPDX-License-Identifier: MIT
/* The LMDB environment: opened, grown, its pool of read transactions. Any thread;
 * growing is the store thread's. */
#include "cache/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "cache/cache.h"
#include "cache/pages.h"

#define MAP_BYTES_DEFAULT (UINT64_C(1) << 40)
#define MAP_BYTES_MIN (UINT64_C(64) << 20) /* where address space is limited */
#define MAP_BYTES_SLACK (UINT64_C(1) << 20)
#define READERS_MAX 512

static const char *const table_names[DB_TABLES] = {
	[DB_META] = "meta",
	[DB_INDEX] = "index",
	[DB_RECORDS] = "records",
	[DB_HISTORY] = "history",
	[DB_GONE] = "gone",
	[DB_DIRS] = "dirs",
	[DB_NODES] = "nodes",
	[DB_LIST] = "list",
	[DB_BEST] = "best",
	[DB_TOTALS] = "totals",
	[DB_SCOPES] = "scopes",
	[DB_BLOBS] = "blobs",
	[DB_CHUNKS] = "chunks",
	[DB_PENDING] = "pending",
	[DB_PROMPTS] = "prompts",
	[DB_INPUTS] = "inputs",
	[DB_LEDGER] = "ledger",
	[DB_OPEN] = "open",
};
#define TABLES_OLDEST DB_LEDGER /* how many every store has; later ones are added */

int db_errno(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_PAGE_NOTFOUND:
	case MDB_CORRUPTED:
	case MDB_INVALID:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_TXN:
	case MDB_BAD_DBI:
		return -EBADMSG;
	case MDB_VERSION_MISMATCH:
		return -ENOTSUP;
	case MDB_READERS_FULL:
		return -ENOMEM;
	case MDB_BAD_VALSIZE:
		return -ENAMETOOLONG;
	default:
		return rc > 0 ? -rc : -EIO;
	}
}

static int db_fail(int rc, const char *what, const char *path, struct err *err)
{
	int r = db_errno(rc);

	return err_set(err, -r, "%s %s: %s", what, path, mdb_strerror(rc));
}

/* LMDB wants an environment that failed to open to be closed, so each size is tried
 * with a new one. */
static int env_open(struct db *db, const char *path, uint64_t size, struct err *err)
{
	int rc = mdb_env_create(&db->env);

	if (rc)
		return err_oom(err);
	rc = mdb_env_set_maxdbs(db->env, DB_TABLES + 8);
	if (!rc)
		rc = mdb_env_set_maxreaders(db->env, READERS_MAX);
	if (!rc)
		rc = mdb_env_set_mapsize(db->env, size);
	if (!rc)
		rc = mdb_env_open(db->env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
	if (rc) {
		mdb_env_close(db->env);
		db->env = NULL;
		return db_fail(rc, "cannot open", path, err);
	}
	db->map_size = size;
	return 0;
}

static int env_open_largest(
	struct db *db, uint64_t want, uint64_t least, struct err *err)
{
	int r;

	for (;; want /= 2) {
		r = env_open(db, db->path, want, err);
		if ((r != -ENOMEM && r != -EINVAL) || want / 2 < least)
			return r;
	}
}

static int tables_open(
	struct db *db, MDB_txn *txn, int from, int end, unsigned int flags)
{
	for (int i = from; i < end; i++) {
		int rc = mdb_dbi_open(txn, table_names[i], flags, &db->table[i]);

		if (rc)
			return rc;
	}
	return 0;
}

/* Made under another name and renamed when complete: an empty or short store.mdb is
 * then always damage, never a store that was being made. */
static int store_make(const char *dir, const char *path, struct err *err)
{
	scoped_free char *tmp = NULL, *lock = NULL;
	scoped_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct db db = {0};
	MDB_txn *txn = NULL;
	int r;

	if (fd < 0)
		return err_errno(err, errno, "cannot open %s", dir);
	if (asprintf(&tmp, "%s.new", path) < 0 || asprintf(&lock, "%s-lock", tmp) < 0)
		return err_oom(err);
	unlink(tmp);
	unlink(lock);
	r = env_open(&db, tmp, MAP_BYTES_SLACK * 4, err);
	if (r < 0)
		return r;
	r = db_errno(mdb_txn_begin(db.env, NULL, 0, &txn));
	if (!r)
		r = db_errno(tables_open(&db, txn, 0, DB_TABLES, MDB_CREATE));
	if (!r)
		r = meta_put(txn, &db, "schema", DB_SCHEMA);
	if (!r)
		r = db_errno(mdb_txn_commit(steal_ptr(txn)));
	if (txn)
		mdb_txn_abort(txn);
	mdb_env_close(db.env);
	unlink(lock);
	if (!r && (rename(tmp, path) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0) {
		unlink(tmp);
		return err_errno(err, -r, "cannot make %s", path);
	}
	return 0;
}

static int schema_check(struct db *db, bool *ret_is_old, struct err *err)
{
	MDB_txn *txn = NULL;
	uint64_t schema = 0;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return db_fail(rc, "cannot read", db->path, err);
	rc = mdb_dbi_open(txn, table_names[DB_META], 0, &db->table[DB_META]);
	if (!rc && meta_get(txn, db, "schema", &schema) < 0)
		schema = 0;
	if (schema > DB_SCHEMA) {
		mdb_txn_abort(txn);
		return err_set(err, ENOTSUP,
			"%s was made by a newer version of promptfs (schema %llu, this "
			"one knows %d)",
			db->path, (unsigned long long)schema, DB_SCHEMA);
	}
	rc = schema ? tables_open(db, txn, 0, TABLES_OLDEST, 0) : MDB_INVALID;
	if (rc) {
		mdb_txn_abort(txn);
		return err_set(err, EBADMSG, "%s is damaged or not a store of promptfs",
			db->path);
	}
	rc = tables_open(db, txn, TABLES_OLDEST, DB_TABLES, 0);
	if (rc && rc != MDB_NOTFOUND) {
		mdb_txn_abort(txn);
		return db_fail(rc, "cannot read", db->path, err);
	}
	*ret_is_old = rc == MDB_NOTFOUND;
	rc = mdb_txn_commit(txn); /* keeps the table handles */
	return rc ? db_fail(rc, "cannot read", db->path, err) : 0;
}

/* The tables that were not there yet when the store was made. */
static int tables_add(struct db *db, struct err *err)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(db->env, NULL, 0, &txn);

	if (!rc)
		rc = tables_open(db, txn, TABLES_OLDEST, DB_TABLES, MDB_CREATE);
	if (!rc)
		rc = mdb_txn_commit(steal_ptr(txn));
	if (txn)
		mdb_txn_abort(txn);
	return rc ? db_fail(rc, "cannot add tables to", db->path, err) : 0;
}

int db_open(struct db *db, const char *dir, uint64_t map_size, struct err *err)
{
	struct stat st;
	uint64_t want, least;
	bool is_old = false;
	int r;

	if (asprintf(&db->path, "%s/store.mdb", dir) < 0) {
		db->path = NULL;
		return err_oom(err);
	}
	pthread_rwlock_init(&db->map_lock, NULL);
	pthread_mutex_init(&db->pool_lock, NULL);
	if (stat(db->path, &st) < 0) {
		if (errno != ENOENT)
			return err_errno(err, errno, "cannot open %s", db->path);
		r = store_make(dir, db->path, err);
		if (r < 0)
			return r;
		if (stat(db->path, &st) < 0)
			return err_errno(err, errno, "cannot open %s", db->path);
	}
	r = pages_check_open(db->path, err);
	if (r < 0)
		return r;
	db->can_grow = !map_size;
	least = (uint64_t)st.st_size > MAP_BYTES_MIN ? (uint64_t)st.st_size
						     : MAP_BYTES_MIN;
	want = map_size ? map_size : MAP_BYTES_DEFAULT;
	if (!map_size && want < 2 * (uint64_t)st.st_size)
		want = 2 * (uint64_t)st.st_size;
	if (map_size) {
		if (want < (uint64_t)st.st_size)
			want = (uint64_t)st.st_size;
		least = want;
	}
	r = env_open_largest(db, want, least, err);
	if (!r)
		r = schema_check(db, &is_old, err);
	return !r && is_old ? tables_add(db, err) : r;
}

void db_close(struct db *db)
{
	struct db_read *r;

	if (!db->path)
		return;
	while ((r = db->pool)) {
		db->pool = r->next;
		mdb_txn_abort(r->txn);
		free(r);
	}
	if (db->env)
		mdb_env_close(db->env);
	pthread_rwlock_destroy(&db->map_lock);
	pthread_mutex_destroy(&db->pool_lock);
	free(db->path);
	*db = (struct db){0};
}

static struct db_read *pool_take(struct db *db)
{
	struct db_read *r;

	pthread_mutex_lock(&db->pool_lock);
	r = db->pool;
	if (r)
		db->pool = r->next;
	pthread_mutex_unlock(&db->pool_lock);
	return r;
}

int db_read_begin(struct db *db, struct db_read **ret)
{
	struct db_read *r;
	int rc;

	pthread_rwlock_rdlock(&db->map_lock);
	r = pool_take(db);
	if (r) {
		rc = mdb_txn_renew(r->txn);
	} else {
		r = new0(struct db_read);
		rc = r ? mdb_txn_begin(db->env, NULL, MDB_RDONLY, &r->txn) : ENOMEM;
	}
	if (rc) {
		if (r && r->txn)
			mdb_txn_abort(r->txn);
		free(r);
		pthread_rwlock_unlock(&db->map_lock);
		return db_errno(rc);
	}
	r->db = db;
	*ret = r;
	return 0;
}

void db_read_end(struct db *db, struct db_read *r)
{
	mdb_txn_reset(r->txn);
	pthread_mutex_lock(&db->pool_lock);
	r->next = db->pool;
	db->pool = r;
	pthread_mutex_unlock(&db->pool_lock);
	pthread_rwlock_unlock(&db->map_lock);
}

/* LMDB gives up its old map before it asks for the new one and is lost if that fails:
 * so the room is tried first. */
static bool is_mappable(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, size);
	return true;
}

int db_grow(struct db *db, bool is_freeing)
{
	uint64_t size = db->map_size;
	int rc;

	if (db->can_grow)
		size *= 2;
	else if (is_freeing)
		size += MAP_BYTES_SLACK;
	else
		return -ENOSPC;
	if (!is_mappable(size))
		return -ENOSPC;
	pthread_rwlock_wrlock(&db->map_lock);
	rc = mdb_env_set_mapsize(db->env, size);
	if (!rc)
		db->map_size = size;
	pthread_rwlock_unlock(&db->map_lock);
	return rc ? -ENOSPC : 0;
}

/* One entry of LMDB's free list: a count and page numbers, falling. */
static void usage_add(struct db_usage *u, const size_t *ids, size_t n)
{
	const uint64_t chunk = (CACHE_CHUNK + 16) / u->page_bytes;
	uint64_t run = 0;

	u->free_pages += n;
	for (size_t i = 0; i < n; i++) {
		run = i && ids[i - 1] - 1 == ids[i] ? run + 1 : 1;
		if (run && run % chunk == 0)
			u->chunk_pages += chunk;
	}
}

int db_usage(struct db *db, struct db_usage *ret)
{
	struct db_usage u = {0};
	struct db_read *read = NULL;
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_envinfo info;
	MDB_stat st;
	int rc, r = db_read_begin(db, &read);

	if (r < 0)
		return r;
	assert(read);
	mdb_env_info(db->env, &info);
	mdb_env_stat(db->env, &st);
	u.page_bytes = st.ms_psize;
	u.end_pages = info.me_last_pgno + 1;
	rc = mdb_cursor_open(read->txn, 0, &cursor);
	if (!rc) {
		while (!(rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT))) {
			const size_t *ids = v.mv_data;
			size_t room = v.mv_size / sizeof(*ids);

			if (room && ids[0] < room)
				usage_add(&u, ids + 1, ids[0]);
		}
		mdb_cursor_close(cursor);
	}
	db_read_end(db, read);
	if (rc != MDB_NOTFOUND)
		return db_errno(rc);
	*ret = u;
	return 0;
}
