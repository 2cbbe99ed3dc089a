// SPDX-License-Identifier: MIT
/* Stored bytes, in place and as copies. Any thread, but nothing that waits between
 * begin and end. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/store.h"

static struct db_read *read_of(struct cache_view *v)
{
	return (struct db_read *)v;
}

int cache_view_begin(struct cache *c, struct cache_view **ret)
{
	struct db_read *read;
	int r = db_read_begin(&c->db, &read);

	if (r < 0)
		return r;
	*ret = (struct cache_view *)read;
	return 0;
}

void cache_view_end(struct cache *c, struct cache_view *v)
{
	if (v)
		db_read_end(&c->db, read_of(v));
}

/* A whole chunk in the map. -EBADMSG where it is missing or not `want` long. */
static int chunk_get(struct cache_view *v, uint64_t blob_id, uint32_t index,
	size_t want, const uint8_t **ret)
{
	struct db_read *read = read_of(v);
	struct key k;
	MDB_val key, value;
	int rc;

	if (blob_id & LODGED) {
		struct cache *c = container_of(read->db, struct cache, db);
		size_t len = 0;

		rc = lodging_chunk(&c->lodging, blob_id, index, ret, &len, &blob_id);
		if (rc != -ENOENT)
			return rc == 0 && len != want ? -EBADMSG : rc;
	}
	wr_be64(key_start(&k), blob_id);
	wr_be32(&k.w, index);
	key = (MDB_val){key_len(&k), k.b};
	rc = mdb_get(read->txn, read->db->table[DB_CHUNKS], &key, &value);
	if (rc)
		return rc == MDB_NOTFOUND ? -EBADMSG : db_errno(rc);
	if (value.mv_size != want)
		return -EBADMSG;
	*ret = value.mv_data;
	return 0;
}

int cache_view_iov(struct cache_view *v, uint64_t blob_id, uint64_t size, uint64_t off,
	size_t len, struct iovec *iov, int *n, size_t *ret_len)
{
	int room = *n, used = 0;
	size_t total = 0;

	if (off >= size)
		len = 0;
	else if (len > size - off)
		len = size - off;
	while (len && used < room) {
		uint64_t index = off / CACHE_CHUNK, start = index * CACHE_CHUNK;
		size_t want = size - start < CACHE_CHUNK ? size - start : CACHE_CHUNK;
		size_t skip = off - start, part = want - skip;
		const uint8_t *p = NULL;
		int r;

		if (index > UINT32_MAX)
			return -EBADMSG;
		r = chunk_get(v, blob_id, (uint32_t)index, want, &p);
		if (r < 0)
			return r;
		assert(p);
		part = part < len ? part : len;
		iov[used].iov_base = (void *)(p + skip);
		iov[used++].iov_len = part;
		total += part;
		off += part;
		len -= part;
	}
	*n = used;
	*ret_len = total;
	return 0;
}

#define READ_IOV 8
#define COPY_BYTES (256u * 1024u) /* at a time */

static int read_some(struct cache *c, uint64_t blob_id, uint64_t size, uint64_t off,
	uint8_t *to, size_t len, size_t *ret)
{
	struct iovec iov[READ_IOV];
	struct cache_view *v;
	int n = READ_IOV, r = cache_view_begin(c, &v);

	if (r < 0)
		return r;
	r = cache_view_iov(v, blob_id, size, off, len, iov, &n, ret);
	for (int i = 0; !r && i < n; i++) {
		assert(iov[i].iov_base);
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	cache_view_end(c, v);
	return r;
}

int cache_read(struct cache *c, uint64_t blob_id, uint64_t size, uint64_t off,
	void *buf, size_t len, struct err *err)
{
	uint8_t *to = buf;

	if (off > size || len > size - off)
		return err_set(err, EINVAL, "cannot read beyond the end");
	while (len) {
		size_t got = 0;
		int r = read_some(c, blob_id, size, off, to, len, &got);

		if (r == -EBADMSG)
			return err_set(err, EBADMSG,
				"the stored bytes are damaged (blob %llu); `promptfs "
				"verify` lists what is",
				(unsigned long long)blob_id);
		if (r < 0)
			return err_errno(err, -r, "cannot read the stored bytes");
		off += got;
		to += got;
		len -= got;
	}
	return 0;
}

int cache_copy(struct cache *c, uint64_t blob_id, uint64_t size, struct blob_writer *to,
	struct err *err)
{
	scoped_free char *b = malloc(COPY_BYTES);
	int r = 0;

	if (!b)
		return err_oom(err);
	for (uint64_t off = 0; r == 0 && off < size;) {
		size_t n = size - off < COPY_BYTES ? (size_t)(size - off) : COPY_BYTES;

		r = cache_read(c, blob_id, size, off, b, n, err);
		if (r == 0)
			r = blob_writer_write(to, b, n, err);
		off += n;
	}
	return r;
}
