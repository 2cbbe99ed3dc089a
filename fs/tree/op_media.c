// SPDX-License-Identifier: MIT
/* open, read, release. A stored file is answered in place, one that is not made yet
 * goes to pending.c. FUSE workers. */
#include <errno.h>
#include <fcntl.h>

#include "backend/engine/place.h"
#include "cache/base/mem.h"
#include "fs/tree/input.h"
#include "fs/tree/ops.h"
#include "fs/tree/pending.h"
#include "fs/virtual/vfile.h"

static bool wants_write(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static bool is_blob(const struct node *n)
{
	return n->by_key || n->place.sidecar == SIDECAR_ORIG;
}

/* What an open answered from the store would have cost again. */
static void count_saved(struct promptfs *fs, struct node *n)
{
	scoped(record_finish) struct record rec = {0};
	scoped(request_place_finish) struct request_place rp = {0};

	if (n->is_history || !n->by_key)
		return;
	if (atomic_load(&n->estimate_ud) < 0) {
		if (cache_find(fs->cache, &n->key, &rec, NULL, NULL) < 0)
			return;
		atomic_store(&n->estimate_ud, rec.estimate_ud);
	}
	if (request_place_init(&rp, &n->place.req, &n->key, NULL) == 0)
		cache_count_saved(fs->cache, &rp.place, n->place.req.model,
			atomic_load(&n->estimate_ud));
}

/* The name was removed since this node was looked up: the kernel must look again. */
static bool is_stale(struct promptfs *fs, const struct node *n)
{
	struct file_brief b;
	uint32_t draw = n->draw;

	if (!n->by_key || n->is_history)
		return false;
	if (cache_brief(fs->cache, &n->key, &b, &draw) == 0)
		draw = b.draw;
	return draw != n->draw;
}

static void open_blob(
	struct promptfs *fs, fuse_req_t req, struct node *n, struct fuse_file_info *fi)
{
	if (wants_write(fi->flags)) {
		fuse_reply_err(req, EACCES);
	} else if (is_stale(fs, n)) {
		fuse_reply_err(req, ESTALE);
	} else if (atomic_load(&n->is_stored) && !atomic_load(&n->placeholder_told)) {
		fi->keep_cache = 1;
		fi->noflush = 1; /* nothing to flush: close asks nobody */
		count_saved(fs, n);
		fuse_reply_open(req, fi);
	} else {
		pending_open(fs, req, n);
	}
}

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static int open_vfile(struct promptfs *fs, struct node *n, struct handle **ret)
{
	struct handle *h = handle_new(fs, n, HANDLE_SNAPSHOT);
	int r = h ? vfile_open(fs, &n->place, &n->vfile, &h->snapshot) : -ENOMEM;

	if (r < 0 && h)
		handle_drop(fs, h);
	else
		*ret = h;
	return r;
}

static int open_input(
	struct promptfs *fs, struct node *n, bool truncate, struct handle **ret)
{
	struct handle *h = handle_new(fs, n, HANDLE_INPUT);
	int r = h ? input_open(fs, n, truncate, &h->input) : -ENOMEM;

	if (r < 0 && h)
		handle_drop(fs, h);
	else
		*ret = h;
	return r;
}

static int open_handle(
	struct promptfs *fs, struct node *n, int flags, struct handle **ret)
{
	if (n->place.kind == PLACE_INPUT)
		return open_input(fs, n, flags & O_TRUNC, ret);
	return wants_write(flags) ? -EACCES : open_vfile(fs, n, ret);
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct node *n = node_get(fs->nodes, ino);
	struct handle *h = NULL;
	int r;

	fi->fh = 0;
	if (is_blob(n)) {
		open_blob(fs, req, n, fi);
		return;
	}
	r = open_handle(fs, n, fi->flags, &h);
	fi->fh = (uint64_t)(uintptr_t)h;
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_open(req, fi) == -ENOENT)
		handle_close(fs, h);
}

/* At most three chunks lie in one request of 1 MiB. */
#define READ_IOV 8

static void read_blob(struct promptfs *fs, fuse_req_t req, const struct node *n,
	size_t size, off_t off)
{
	struct iovec iov[READ_IOV];
	struct cache_view *view;
	int count = READ_IOV;
	size_t len;
	int r;

	if (!atomic_load(&n->is_stored)) {
		fuse_reply_err(req, EIO);
		return;
	}
	r = cache_view_begin(fs->cache, &view);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = cache_view_iov(
		view, n->blob_id, n->size, (uint64_t)off, size, iov, &count, &len);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_iov(req, iov, count);
	cache_view_end(fs->cache, view);
}

static void read_input(fuse_req_t req, struct input_handle *in, size_t size, off_t off)
{
	scoped_free char *buf = malloc(size ? size : 1);
	ssize_t n = buf ? input_read(in, buf, size, off) : -ENOMEM;

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void read_snapshot(
	fuse_req_t req, const struct snapshot *s, size_t size, off_t off)
{
	size_t at = (size_t)off < s->len ? (size_t)off : s->len;
	size_t n = s->len - at < size ? s->len - at : size;

	fuse_reply_buf(req, s->data + at, n);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct handle *h = handle_of(fi);

	if (!h)
		read_blob(fs, req, node_get(fs->nodes, ino), size, off);
	else if (h->kind == HANDLE_INPUT)
		read_input(req, h->input, size, off);
	else
		read_snapshot(req, h->snapshot, size, off);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);

	handle_close(fs, handle_of(fi));
	fuse_reply_err(req, 0);
}
