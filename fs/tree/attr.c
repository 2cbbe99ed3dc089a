// SPDX-License-Identifier: MIT
/* From a place to its inode number and stat: see attr.h. */
#include "fs/tree/attr.h"

#include <errno.h>
#include <string.h>

#include "cache/base/mem.h"
#include "fs/mount/link.h"
#include "fs/tree/input.h"
#include "fs/virtual/vfile.h"

/* FNV-1a and a final mix: spreads well, and needs no digest per listed entry. */
static uint64_t hash_more(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h;
}

static ino_t hash_end(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h > FUSE_ROOT_ID ? h : h + 2; /* 0 is "no inode", 1 the root's */
}

#define HASH_START UINT64_C(1469598103934665603)

ino_t ino_of_child(ino_t parent_ino, const void *component, size_t len)
{
	return hash_end(
		hash_more(hash_more(HASH_START, &parent_ino, sizeof(parent_ino)),
			component, len));
}

ino_t ino_of_file(const struct digest *key, uint32_t draw)
{
	return hash_end(hash_more(
		hash_more(HASH_START, key, sizeof(*key)), &draw, sizeof(draw)));
}

static ino_t child_of(ino_t parent, const char *name)
{
	return ino_of_child(parent, name, strlen(name));
}

ino_t ino_of_input(uint64_t number)
{
	return ino_of_child(child_of(FUSE_ROOT_ID, "inputs"), &number, sizeof(number));
}

/* The directory that the request names: tree, prompt, model, options in order. */
static int ino_of_request(const struct request *r, ino_t *ret)
{
	ino_t ino = child_of(FUSE_ROOT_ID, media_tree_name(r->tree));
	scoped(components_finish) struct components c = {0};

	if (r->prompt)
		ino = ino_of_child(ino, &r->prompt->id, sizeof(r->prompt->id));
	if (r->model[0]) {
		if (request_components(r, &c) < 0)
			return -ENOMEM;
		for (uint32_t i = 2; i < c.n - request_is_file(r); i++)
			ino = child_of(ino, c.name[i]);
	}
	*ret = ino;
	return 0;
}

static int ino_of_selection(const struct place *p, ino_t *ret)
{
	int r = ino_of_request(&p->req, ret);

	*ret = child_of(*ret, selector_name(p->selector));
	for (int i = 0; i < OPT_COUNT_; i++) {
		if (p->req.opt[i]) {
			*ret = child_of(*ret, option_name((enum option_id)i));
			*ret = child_of(*ret, p->req.opt[i]);
		}
	}
	return r;
}

static int ino_of_dir(enum place_kind kind, const struct place *p, ino_t *ret)
{
	*ret = FUSE_ROOT_ID;
	switch (kind) {
	case PLACE_TREE:
	case PLACE_PROMPT:
	case PLACE_MODEL:
		return ino_of_request(&p->req, ret);
	case PLACE_HISTORY: {
		int r = ino_of_request(&p->req, ret);

		*ret = child_of(*ret, ".history");
		return r;
	}
	case PLACE_SELECT:
		return ino_of_selection(p, ret);
	case PLACE_INPUTS:
		*ret = child_of(FUSE_ROOT_ID, "inputs");
		return 0;
	case PLACE_MODELS:
		*ret = child_of(FUSE_ROOT_ID, "models");
		return 0;
	case PLACE_CONTROL:
		*ret = child_of(FUSE_ROOT_ID, ".promptfs");
		return 0;
	default:
		return 0;
	}
}

int ino_of_place(const struct place *p, const char *name, ino_t *ret)
{
	ino_t dir = FUSE_ROOT_ID;
	int r;

	switch (p->kind) {
	case PLACE_MEDIA:
	case PLACE_HISTORY_FILE:
		return -EINVAL; /* these have keys: ino_of_file */
	case PLACE_INPUT:
		return -EINVAL; /* and these a number: ino_of_input */
	case PLACE_README:
		r = 0;
		break;
	case PLACE_PROMPT_TEXT:
	case PLACE_BEST:
	case PLACE_SIDECAR:
		r = ino_of_request(&p->req, &dir);
		break;
	case PLACE_SELECT_LINK:
		r = ino_of_selection(p, &dir);
		break;
	case PLACE_DIR_COST:
	case PLACE_DIR_QUALITY:
		r = ino_of_dir(p->dir, p, &dir);
		break;
	case PLACE_MODEL_JSON:
		r = ino_of_dir(PLACE_MODELS, p, &dir);
		break;
	case PLACE_CONTROL_FILE:
		r = ino_of_dir(PLACE_CONTROL, p, &dir);
		break;
	default:
		return ino_of_dir(p->kind, p, ret);
	}
	if (r == 0)
		*ret = child_of(dir, name);
	return r;
}

off_t placeholder_size(const struct request *req)
{
	int64_t second = media_traits(req->type)->second_bytes;
	int64_t bytes = (int64_t)req->seconds * second + (8 << 20);

	if (bytes < PLACEHOLDER_SIZE)
		return PLACEHOLDER_SIZE;
	return bytes < PLACEHOLDER_MAX ? bytes : PLACEHOLDER_MAX;
}

static void set_times(struct stat *st, int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	st->st_atim = st->st_mtim = st->st_ctim = ts;
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
}

/* A media file that this node does not know to be stored: ask the store. */
static int refresh_media(struct promptfs *fs, struct node *n)
{
	struct file_brief b;
	int r;

	if (atomic_load(&n->is_stored) || !n->by_key)
		return 0;
	r = cache_brief(fs->cache, &n->key, &b, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	if (b.draw == n->draw && b.state == RECORD_GENERATED)
		node_stored(fs->nodes, n, b.size, b.blob_id, b.created_ms, -1);
	return 0;
}

static int media_attr(
	struct promptfs *fs, struct node *n, struct stat *st, double *timeout)
{
	int r = refresh_media(fs, n);

	/* A damaged record is told by open; stat goes on so that rm can reach it. */
	if (r < 0 && r != -EBADMSG)
		return r;
	st->st_mode = S_IFREG | 0444;
	if (atomic_load(&n->is_stored)) {
		set_size(st, n->size);
		set_times(st, n->created_ms);
		/* rm ends what stands beside the file, prune the history. */
		*timeout = n->by_key && !n->is_history ? STORED_TIMEOUT : 0;
	} else {
		st->st_size = placeholder_size(&n->place.req);
		set_times(st, fs->mounted_ms);
		*timeout = 0;
		atomic_store(&n->placeholder_told, true);
	}
	return 0;
}

/* The target's length, as on any filesystem: programs size their buffer by it. */
static void link_attr(struct promptfs *fs, const struct node *n, struct stat *st)
{
	scoped_free char *target = NULL;

	st->st_mode = S_IFLNK | 0777;
	set_times(st, fs->mounted_ms);
	if (link_target(fs, &n->place, &target) == 0)
		st->st_size = (off_t)strlen(target);
}

static mode_t dir_mode(const struct place *p)
{
	return p->kind == PLACE_INPUTS || p->kind == PLACE_MODEL ? 0755 : 0555;
}

int node_attr(struct promptfs *fs, struct node *n, struct stat *st, double *ret_timeout)
{
	int r = 0;

	*st = (struct stat){.st_ino = n->ino,
		.st_nlink = 1,
		.st_uid = fs->uid,
		.st_gid = fs->gid,
		.st_blksize = 128 * 1024};
	*ret_timeout = 0;
	if (n->by_key || n->place.sidecar == SIDECAR_ORIG) {
		r = media_attr(fs, n, st, ret_timeout);
	} else if (place_is_dir(&n->place)) {
		st->st_mode = S_IFDIR | dir_mode(&n->place);
		st->st_nlink = 2;
		set_times(st, fs->mounted_ms);
		*ret_timeout = DIR_TIMEOUT;
	} else if (place_is_link(&n->place)) {
		link_attr(fs, n, st);
	} else if (n->place.kind == PLACE_INPUT) {
		r = input_attr(fs, n, st);
	} else {
		st->st_mode = S_IFREG | 0444;
		r = vfile_attr(fs, &n->place, &n->vfile, st);
	}
	return r;
}
