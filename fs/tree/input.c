// SPDX-License-Identifier: MIT
/* See input.h. */
#include "fs/tree/input.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/tmpfile.h"

/* One per node while somebody has it open, so that what was opened stays readable when
 * it is replaced or removed. `users` and the node's pointer are under the nodes mutex,
 * the rest under its own. */
struct scratch {
	uint32_t users;
	pthread_mutex_t mutex;
	int fd;
	bool dirty, loaded;
	int64_t mtime_ms;
};

struct input_handle {
	struct promptfs *fs;
	struct node *node; /* pinned */
	struct scratch *scratch;
};

int input_name_check(const char *name)
{
	if (strlen(name) > INPUT_NAME_MAX)
		return -ENAMETOOLONG;
	/* The directory's own; as an input it would hide that. */
	if (!strcmp(name, sidecar_suffix(SIDECAR_COST)) ||
		!strcmp(name, sidecar_suffix(SIDECAR_QUALITY)))
		return -EINVAL;
	return grammar_input_is_refused(name) ? -EINVAL : 0;
}

static void set_attr(struct stat *st, uint64_t size, int64_t mtime_ms)
{
	int64_t ms = (mtime_ms % 1000 + 1000) % 1000; /* before 1970 too */

	st->st_mode = S_IFREG | 0644;
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
	st->st_mtim = (struct timespec){
		.tv_sec = (mtime_ms - ms) / 1000, .tv_nsec = ms * 1000000};
	st->st_atim = st->st_ctim = st->st_mtim;
}

static int find(struct promptfs *fs, struct node *n, struct input_brief *ret)
{
	scoped_free char *name = node_name(fs->nodes, n);

	return name ? cache_input_find(fs->cache, name, ret) : -ENOENT;
}

/* ---- scratch ---- */

static int scratch_new(struct promptfs *fs, struct scratch **ret)
{
	struct scratch *s = new0(struct scratch);

	if (!s)
		return -ENOMEM;
	s->fd = tmpfile_open(fs->config->state, NULL);
	if (s->fd < 0) {
		int r = s->fd;

		free(s);
		return r;
	}
	s->users = 1;
	pthread_mutex_init(&s->mutex, NULL);
	*ret = s;
	return 0;
}

static void scratch_free(struct scratch *s)
{
	if (!s)
		return;
	fd_close(&s->fd);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

static struct scratch *scratch_get(struct promptfs *fs, struct node *n)
{
	pthread_mutex_lock(nodes_mutex(fs->nodes));
	struct scratch *s = n->scratch;
	if (s)
		s->users++;
	pthread_mutex_unlock(nodes_mutex(fs->nodes));
	return s;
}

static void scratch_put(struct promptfs *fs, struct node *n, struct scratch *s)
{
	pthread_mutex_lock(nodes_mutex(fs->nodes));
	bool last = --s->users == 0;
	if (last)
		n->scratch = NULL;
	pthread_mutex_unlock(nodes_mutex(fs->nodes));
	if (last)
		scratch_free(s);
}

/* Joins the node's scratch or makes it. */
static int scratch_join(struct promptfs *fs, struct node *n, struct scratch **ret)
{
	struct scratch *s = scratch_get(fs, n), *mine = NULL;
	int r;

	if (!s) {
		r = scratch_new(fs, &mine);
		if (r < 0)
			return r;
		pthread_mutex_lock(nodes_mutex(fs->nodes));
		s = n->scratch;
		if (s)
			s->users++;
		else
			s = n->scratch = steal_ptr(mine);
		pthread_mutex_unlock(nodes_mutex(fs->nodes));
		scratch_free(mine);
	}
	*ret = s;
	return 0;
}

/* Scratch mutex held: copies the stored bytes in, once. */
static int scratch_load(struct promptfs *fs, struct node *n, struct scratch *s)
{
	struct input_brief b;
	char block[65536];
	int r;

	if (s->loaded)
		return 0;
	r = find(fs, n, &b);
	if (r < 0)
		return r;
	for (uint64_t off = 0; off < b.size;) {
		size_t len = b.size - off < sizeof(block) ? (size_t)(b.size - off)
							  : sizeof(block);

		r = cache_read(fs->cache, b.blob_id, b.size, off, block, len, NULL);
		if (r < 0)
			return r;
		if (pwrite(s->fd, block, len, (off_t)off) != (ssize_t)len)
			return -EIO;
		off += len;
	}
	s->mtime_ms = b.mtime_ms;
	s->loaded = true;
	return 0;
}

static int copy_to_store(int fd, struct blob_writer *w)
{
	char block[65536];
	off_t off = 0;

	for (;;) {
		ssize_t n = pread(fd, block, sizeof(block), off);
		int r;

		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		r = blob_writer_write(w, block, (size_t)n, NULL);
		if (r < 0)
			return r;
		off += n;
	}
}

/* Under the name it has now; one that was removed while open is not kept. */
static int put_named(
	struct promptfs *fs, struct node *n, struct blob_writer *w, int64_t mtime_ms)
{
	int r = 0;

	pthread_mutex_lock(&fs->input_names);
	scoped_free char *name = node_name(fs->nodes, n);
	if (name)
		r = cache_input_put(fs->cache, name, w, mtime_ms, NULL);
	pthread_mutex_unlock(&fs->input_names);
	return r;
}

/* Scratch mutex held. */
static int scratch_save(struct promptfs *fs, struct node *n, struct scratch *s)
{
	struct blob_writer *w;
	int r;

	if (!s->dirty)
		return 0;
	w = blob_writer_new(fs->cache, NULL);
	if (!w)
		return -ENOMEM;
	r = copy_to_store(s->fd, w);
	if (r == 0)
		r = put_named(fs, n, w, s->mtime_ms);
	blob_writer_free(w);
	if (r == 0)
		s->dirty = false;
	return r;
}

/* ---- operations ---- */

int input_attr(struct promptfs *fs, struct node *n, struct stat *st)
{
	struct scratch *s = scratch_get(fs, n);
	struct input_brief b;
	struct stat file;
	int r = 0;

	if (s) {
		pthread_mutex_lock(&s->mutex);
		bool valid = s->loaded;
		if (valid && fstat(s->fd, &file) < 0)
			r = -errno;
		if (valid && r == 0)
			set_attr(st, (uint64_t)file.st_size, s->mtime_ms);
		pthread_mutex_unlock(&s->mutex);
		scratch_put(fs, n, s);
		if (valid)
			return r;
	}
	r = find(fs, n, &b);
	if (r == 0)
		set_attr(st, b.size, b.mtime_ms);
	return r;
}

int input_create(struct promptfs *fs, const char *name)
{
	struct blob_writer *w = blob_writer_new(fs->cache, NULL);
	int r;

	if (!w)
		return -ENOMEM;
	r = cache_input_put(fs->cache, name, w, clk_real_ms(), NULL);
	blob_writer_free(w);
	return r;
}

static int start_scratch(struct input_handle *h, bool truncate)
{
	struct scratch *s = NULL;
	int r = scratch_join(h->fs, h->node, &s);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->mutex);
	if (truncate) {
		r = ftruncate(s->fd, 0) < 0 ? -errno : 0;
		s->loaded = s->dirty = true;
		s->mtime_ms = clk_real_ms();
	} else {
		r = scratch_load(h->fs, h->node, s);
	}
	pthread_mutex_unlock(&s->mutex);
	if (r < 0)
		scratch_put(h->fs, h->node, s);
	else
		h->scratch = s;
	return r;
}

int input_open(
	struct promptfs *fs, struct node *n, bool truncate, struct input_handle **ret)
{
	struct input_handle *h = new0(struct input_handle);
	int r;

	if (!h)
		return -ENOMEM;
	h->fs = fs;
	h->node = n;
	r = start_scratch(h, truncate);
	if (r < 0) {
		free(h);
		return r;
	}
	node_pin(fs->nodes, n);
	*ret = h;
	return 0;
}

ssize_t input_read(struct input_handle *h, void *buf, size_t len, off_t off)
{
	ssize_t n = pread(h->scratch->fd, buf, len, off);

	return n < 0 ? -errno : n;
}

ssize_t input_write(struct input_handle *h, const void *buf, size_t len, off_t off)
{
	struct scratch *s = h->scratch;
	ssize_t n;

	if (off < 0 || (uint64_t)off + len > CACHE_INPUT_MAX)
		return -EFBIG;
	pthread_mutex_lock(&s->mutex);
	n = pwrite(s->fd, buf, len, off);
	if (n < 0) {
		n = -errno;
	} else {
		s->dirty = true;
		s->mtime_ms = clk_real_ms();
	}
	pthread_mutex_unlock(&s->mutex);
	return n;
}

int input_sync(struct input_handle *h)
{
	int r;

	pthread_mutex_lock(&h->scratch->mutex);
	r = scratch_save(h->fs, h->node, h->scratch);
	pthread_mutex_unlock(&h->scratch->mutex);
	return r;
}

void input_close(struct input_handle *h)
{
	scratch_put(h->fs, h->node, h->scratch);
	node_unpin(h->fs->nodes, h->node);
	free(h);
}

int input_truncate(struct promptfs *fs, struct node *n, off_t size)
{
	struct input_handle *h;
	int r;

	if (size < 0 || (uint64_t)size > CACHE_INPUT_MAX)
		return -EFBIG;
	r = input_open(fs, n, size == 0, &h);
	if (r < 0)
		return r;
	pthread_mutex_lock(&h->scratch->mutex);
	if (ftruncate(h->scratch->fd, size) < 0)
		r = -errno;
	h->scratch->dirty = true;
	h->scratch->mtime_ms = clk_real_ms();
	if (r == 0)
		r = scratch_save(fs, n, h->scratch);
	pthread_mutex_unlock(&h->scratch->mutex);
	input_close(h);
	return r;
}

int input_touch(struct promptfs *fs, struct node *n, int64_t mtime_ms)
{
	struct scratch *s = scratch_get(fs, n);
	scoped_free char *name = node_name(fs->nodes, n);

	if (s) {
		pthread_mutex_lock(&s->mutex);
		s->mtime_ms = mtime_ms;
		pthread_mutex_unlock(&s->mutex);
		scratch_put(fs, n, s);
	}
	return name ? cache_input_touch(fs->cache, name, mtime_ms, NULL) : 0;
}

int input_rename(struct promptfs *fs, fuse_ino_t dir, const char *from, const char *to,
	bool replace)
{
	int r = input_name_check(to);

	if (r < 0)
		return r;
	pthread_mutex_lock(&fs->input_names);
	r = cache_input_rename(fs->cache, from, to, replace, NULL);
	if (r == 0)
		r = nodes_rename(fs->nodes, dir, from, to);
	pthread_mutex_unlock(&fs->input_names);
	return r;
}

int input_unlink(struct promptfs *fs, fuse_ino_t dir, const char *name)
{
	int r;

	pthread_mutex_lock(&fs->input_names);
	r = cache_input_remove(fs->cache, name, NULL);
	if (r == 0)
		nodes_unlink(fs->nodes, dir, name);
	pthread_mutex_unlock(&fs->input_names);
	return r;
}
