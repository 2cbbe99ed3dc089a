// SPDX-License-Identifier: MIT
/* opendir, readdir, readdirplus: what exists is listed, nothing else. FUSE workers;
 * a handle belongs to who opened the directory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/mem.h"
#include "fs/mount/link.h"
#include "fs/tree/attr.h"
#include "fs/tree/ops.h"

/* A directory being read. What is small is listed once, at opendir; what the store
 * lists is read from there call by call: its cookies stay valid while others add files.
 */
struct dir_handle {
	struct node *node;
	bool is_used;    /* read before: from the start again is rewinddir */
	uint64_t listed; /* the store's directory, 0: none */
	struct {
		char *name;
		ino_t ino;
		mode_t type;
	} * fixed;
	size_t n_fixed;
};

/* Offsets: 1 "." and 2 "..", then the fixed ones, then FIXED_END plus the cookie. */
#define FIXED_END (UINT64_C(1) << 32)

static int add_fixed(struct dir_handle *h, const char *name, ino_t ino, mode_t type)
{
	void *p = reallocarray(h->fixed, h->n_fixed + 1, sizeof(*h->fixed));

	if (!p)
		return -ENOMEM;
	h->fixed = p;
	h->fixed[h->n_fixed].name = strdup(name);
	h->fixed[h->n_fixed].ino = ino;
	h->fixed[h->n_fixed].type = type;
	if (!h->fixed[h->n_fixed].name)
		return -ENOMEM;
	h->n_fixed++;
	return 0;
}

static int add_child(struct dir_handle *h, const char *name, mode_t type)
{
	return add_fixed(h, name, ino_of_child(h->node->ino, name, strlen(name)), type);
}

static int list_root(struct dir_handle *h)
{
	static const struct {
		const char *name;
		mode_t type;
	} entries[] = {{"inputs", S_IFDIR}, {"models", S_IFDIR}, {".promptfs", S_IFDIR},
		{".cost", S_IFREG}, {".quality", S_IFREG}};
	int r = add_child(h, "README.txt", S_IFREG);

	for (size_t i = 0; i < tree_table_n && r == 0; i++)
		r = add_child(h, tree_table[i], S_IFDIR);
	for (size_t i = 0; i < ARRAY_SIZE(entries) && r == 0; i++)
		r = add_child(h, entries[i].name, entries[i].type);
	return r;
}

static int list_models(struct promptfs *fs, struct dir_handle *h)
{
	int r = 0;

	for (size_t i = 0; i < catalogue_count(fs->catalogue) && r == 0; i++) {
		char name[REQUEST_MODEL_MAX + 8];

		snprintf(name, sizeof(name), "%s.json",
			catalogue_at(fs->catalogue, i)->name);
		r = add_child(h, name, S_IFREG);
	}
	return r;
}

static int list_control(struct dir_handle *h)
{
	int r = 0;

	for (int i = 0; i < CONTROL_FILES_ && r == 0; i++)
		r = add_child(h, control_file_name((enum control_file)i), S_IFREG);
	return r;
}

static int add_input(void *user, const char *name, const struct input_brief *b)
{
	return add_fixed(user, name, ino_of_input(b->ino), S_IFREG);
}

static int add_history(
	void *user, const char *name, const struct digest *key, uint32_t draw)
{
	return add_fixed(user, name, ino_of_file(key, draw), S_IFREG);
}

static int list_history(struct promptfs *fs, struct dir_handle *h)
{
	uint64_t dir;
	int r = listed_dir(fs, &h->node->place, &dir);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return cache_history_list(fs->cache, dir, add_history, h);
}

static int list_fixed(struct promptfs *fs, struct dir_handle *h)
{
	switch (h->node->place.kind) {
	case PLACE_ROOT:
		return list_root(h);
	case PLACE_MODELS:
		return list_models(fs, h);
	case PLACE_CONTROL:
		return list_control(h);
	case PLACE_INPUTS:
		return cache_input_list(fs->cache, "", add_input, h);
	case PLACE_HISTORY:
		return list_history(fs, h);
	case PLACE_TREE:
	case PLACE_PROMPT:
	case PLACE_MODEL: {
		int r = listed_dir(fs, &h->node->place, &h->listed);

		return r == -ENOENT ? 0 : r;
	}
	default:
		return 0;
	}
}

static void forget_fixed(struct dir_handle *h)
{
	for (size_t i = 0; i < h->n_fixed; i++)
		free(h->fixed[i].name);
	free(h->fixed);
	h->fixed = NULL;
	h->n_fixed = 0;
}

static void dir_handle_free(struct dir_handle *h)
{
	forget_fixed(h);
	free(h);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct dir_handle *h = new0(struct dir_handle);
	int r;

	if (!h) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	h->node = node_get(fs->nodes, ino);
	r = list_fixed(fs, h);
	if (r < 0) {
		dir_handle_free(h);
		fuse_reply_err(req, -r);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi) == -ENOENT)
		dir_handle_free(h);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	dir_handle_free((struct dir_handle *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/* One reply being filled. */
struct fill {
	struct promptfs *fs;
	fuse_req_t req;
	struct dir_handle *h;
	bool plus;
	char *buf;
	size_t size, used;
};

/* Nonzero: full. */
static int fill_plain(
	struct fill *f, const char *name, ino_t ino, mode_t type, off_t next)
{
	struct stat st = {.st_ino = ino, .st_mode = type};
	size_t n = fuse_add_direntry(
		f->req, f->buf + f->used, f->size - f->used, name, &st, next);

	if (n > f->size - f->used)
		return 1;
	f->used += n;
	return 0;
}

static int fill_plus(
	struct fill *f, const char *name, ino_t ino, mode_t type, off_t next)
{
	struct fuse_entry_param e = {0};
	bool never;
	size_t n;
	int r = lookup_entry(f->fs, f->h->node, name, &e, &never);

	if (r == -ENOENT)
		return 0; /* gone since it was listed */
	if (r < 0) {      /* listed without attributes: the kernel will ask */
		e = (struct fuse_entry_param){0};
		e.attr.st_ino = ino;
		e.attr.st_mode = type;
	}
	n = fuse_add_direntry_plus(
		f->req, f->buf + f->used, f->size - f->used, name, &e, next);
	if (n > f->size - f->used) {
		if (e.ino)
			nodes_forget(f->fs->nodes, e.ino, 1);
		return 1;
	}
	f->used += n;
	return 0;
}

static int fill_entry(
	struct fill *f, const char *name, ino_t ino, mode_t type, off_t next)
{
	return f->plus ? fill_plus(f, name, ino, type, next)
		       : fill_plain(f, name, ino, type, next);
}

static int fill_listed(void *user, const struct cache_entry *e)
{
	static const struct digest none;
	struct fill *f = user;
	ino_t parent = f->h->node->ino, ino;
	struct file_brief b;
	uint32_t draw = 0;

	if (f->plus) {
		ino = 0; /* the look-up gives it */
	} else if (!e->is_dir) {
		if (cache_brief(f->fs->cache, &e->key, &b, &draw) == 0)
			draw = b.draw;
		ino = ino_of_file(&e->key, draw);
	} else if (memcmp(&e->prompt_id, &none, sizeof(none))) {
		ino = ino_of_child(parent, &e->prompt_id, sizeof(e->prompt_id));
	} else {
		ino = ino_of_child(parent, e->name, strlen(e->name));
	}
	return fill_entry(f, e->name, ino, e->is_dir ? S_IFDIR : S_IFREG,
		(off_t)(FIXED_END + e->cookie));
}

/* "." and ".." are never looked up. */
static int fill_dots(struct fill *f, uint64_t off)
{
	bool plus = f->plus;
	int full = 0;

	for (uint64_t i = off; i < 2 && !full; i++) {
		const char *name = i ? ".." : ".";
		struct fuse_entry_param e = {
			.attr = {.st_ino = f->h->node->ino, .st_mode = S_IFDIR}};
		size_t n;

		if (!plus) {
			full = fill_plain(
				f, name, f->h->node->ino, S_IFDIR, (off_t)i + 1);
			continue;
		}
		n = fuse_add_direntry_plus(f->req, f->buf + f->used, f->size - f->used,
			name, &e, (off_t)i + 1);
		full = n > f->size - f->used;
		if (!full)
			f->used += n;
	}
	return full;
}

static int fill_from(struct fill *f, uint64_t off)
{
	struct dir_handle *h = f->h;
	int full = fill_dots(f, off);

	for (size_t i = off > 2 ? off - 2 : 0;
		off < FIXED_END && i < h->n_fixed && !full; i++)
		full = fill_entry(f, h->fixed[i].name, h->fixed[i].ino,
			h->fixed[i].type, (off_t)i + 3);
	if (full || !h->listed)
		return 0;
	full = cache_list(f->fs->cache, h->listed,
		off > FIXED_END ? off - FIXED_END : 0, fill_listed, f);
	return full < 0 ? full : 0;
}

/* rewinddir shows what is there now. One thread at a time reads a descriptor. */
static int rewind_dir(struct fill *f)
{
	struct dir_handle *h = f->h;

	forget_fixed(h);
	h->listed = 0;
	return list_fixed(f->fs, h);
}

static void read_dir(
	fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct fill f = {.fs = fs_of(req),
		.req = req,
		.h = (struct dir_handle *)(uintptr_t)fi->fh,
		.plus = plus,
		.size = size};
	int r;

	f.buf = malloc(size ? size : 1);
	r = f.buf ? 0 : -ENOMEM;
	if (r == 0 && off == 0 && f.h->is_used)
		r = rewind_dir(&f);
	f.h->is_used = true;
	if (r == 0)
		r = fill_from(&f, (uint64_t)off);
	if (r < 0 && !f.used)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, f.buf, f.used);
	free(f.buf);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	read_dir(req, size, off, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	read_dir(req, size, off, fi, true);
}
