// SPDX-License-Identifier: MIT
#pragma once
/* Content-addressed bytes, inside write transactions: what index and inputs do with
 * blobs. The public half (writer, view) is in cache/cache.h. Store thread only. */
#include "cache/store.h"

enum pending {
	PENDING_WRITING = 1, /* a writer is at it; garbage after a restart */
	PENDING_GARBAGE = 2, /* to be collected */
	PENDING_LATER = 3,   /* to be collected after a restart or by prune */
};

struct manifest {
	uint64_t blob_id, size;
	uint32_t refs; /* records, inputs and paid parts that name it */
	enum media_type type;
};

struct blob_ref {
	struct digest sha;
	uint64_t id, size;
};

int manifest_get(
	struct cache *c, MDB_txn *txn, const struct digest *sha, struct manifest *ret);
int manifest_decode(struct rd *in, struct manifest *ret); /* -EBADMSG */

/* Ends the writer's blob: digest and size are final. Caller's thread, before the op. */
void blob_writer_finish(struct blob_writer *w);
/* Stores the manifest, or takes another reference to an equal blob. */
int blob_adopt(
	struct cache *c, MDB_txn *txn, struct blob_writer *w, struct blob_ref *ret);
/* The operation that adopted is durable: free drops nothing. Caller's thread. */
void blob_writer_adopted(struct blob_writer *w);
/* One reference fewer; without any the bytes are dropped. *ret_freed: bytes. */
int blob_unref(struct cache *c, MDB_txn *txn, const struct digest *sha,
	enum pending how, uint64_t *ret_freed);
/* A chunk of a finished writer that is not in the store: its memory. -ENOENT: it is,
 * under *ret_id. */
int blob_writer_chunk(struct blob_writer *w, uint32_t index, const uint8_t **ret,
	size_t *ret_len, uint64_t *ret_id);
/* Bytes that go with the adopting operation. */
uint64_t blob_writer_tail(const struct blob_writer *w);

void collector_init(struct collector *k, struct cache *c);
void collector_finish(struct collector *k);
void collector_start(struct cache *c); /* looks for garbage, soon; any thread */
void collector_wait(struct cache *c);  /* until it found no more; any but the store's */
void collector_reclaim(void *cache);   /* the same at once; store thread */
/* At open, and by prune: everything that waits becomes garbage. Within a transaction.
 */
int pending_sweep(struct cache *c, MDB_txn *txn, bool is_open);
