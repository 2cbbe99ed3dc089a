// SPDX-License-Identifier: MIT
/* lookup, forget, getattr, readlink, statfs: from a name to its node, and what it
 * looks like. FUSE workers; nothing here spends. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cache/base/mem.h"
#include "fs/mount/link.h"
#include "fs/tree/attr.h"
#include "fs/tree/input.h"
#include "fs/tree/ops.h"

/* Names are decided by the catalogue and by text, which do not change while mounted. */
#define NAME_TIMEOUT 3600.0

static int media_node(struct promptfs *fs, fuse_ino_t parent, const char *name,
	struct place *p, struct node **ret)
{
	struct digest key;
	uint32_t draw = 0;
	struct file_brief b;
	int r = request_key(&p->req, fs->ns, &key);

	if (r < 0)
		return r;
	r = cache_brief(fs->cache, &key, &b, &draw);
	if (r == 0)
		draw = b.draw;
	*ret = nodes_file(
		fs->nodes, &key, draw, false, parent, name, p, ino_of_file(&key, draw));
	return *ret ? 0 : -ENOMEM;
}

static int history_node(struct promptfs *fs, fuse_ino_t parent, const char *name,
	struct place *p, struct node **ret)
{
	scoped(record_finish) struct record rec = {0};
	struct digest key;
	int r = request_key(&p->req, fs->ns, &key);

	if (r == 0)
		r = cache_history(fs->cache, &key, p->history, &rec, NULL);
	if (r < 0)
		return r;
	*ret = nodes_file(fs->nodes, &key, rec.draw, true, parent, name, p,
		ino_of_file(&key, rec.draw));
	if (!*ret)
		return -ENOMEM;
	node_stored(fs->nodes, *ret, rec.size, rec.blob_id, rec.created_ms, 0);
	return 0;
}

static bool has_orig(const struct record *rec)
{
	static const struct digest none;

	return rec->state == RECORD_GENERATED &&
	       memcmp(&rec->orig, &none, sizeof(none));
}

static int orig_node(struct promptfs *fs, fuse_ino_t parent, const char *name,
	struct place *p, struct node **ret)
{
	scoped(record_finish) struct record rec = {0};
	struct digest key;
	ino_t ino = 0;
	int r = request_key(&p->req, fs->ns, &key);

	if (r == 0)
		r = cache_find(fs->cache, &key, &rec, NULL, NULL);
	if (r == 0 && !has_orig(&rec))
		r = -ENOENT;
	if (r == 0)
		r = ino_of_place(p, name, &ino);
	if (r < 0)
		return r;
	*ret = nodes_name(fs->nodes, parent, name, p, ino ^ rec.draw);
	if (!*ret)
		return -ENOMEM;
	node_stored(fs->nodes, *ret, rec.orig_size, rec.orig_id, rec.created_ms, 0);
	return 0;
}

static int input_node(struct promptfs *fs, fuse_ino_t parent, const char *name,
	struct place *p, struct node **ret)
{
	struct input_brief b;
	int r = cache_input_find(fs->cache, name, &b);

	if (r < 0)
		return r;
	*ret = nodes_name(fs->nodes, parent, name, p, ino_of_input(b.ino));
	return *ret ? 0 : -ENOMEM;
}

static int named_node(struct promptfs *fs, fuse_ino_t parent, const char *name,
	struct place *p, struct node **ret)
{
	ino_t ino;
	int r = ino_of_place(p, name, &ino);

	if (r < 0)
		return r;
	*ret = nodes_name(fs->nodes, parent, name, p, ino);
	return *ret ? 0 : -ENOMEM;
}

/* In /inputs any name is a file if the store has it. */
static int input_place(struct promptfs *fs, const char *name, struct place *ret)
{
	struct input_brief b;
	int r = input_name_check(name) == -ENAMETOOLONG
			? -ENAMETOOLONG
			: cache_input_find(fs->cache, name, &b);

	if (r < 0)
		return r;
	*ret = (struct place){.kind = PLACE_INPUT, .name = strdup(name)};
	return ret->name ? 0 : -ENOMEM;
}

static int find_place(struct promptfs *fs, struct node *parent, const char *name,
	struct place *ret, bool *ret_never)
{
	int r;

	*ret_never = false;
	if (parent->place.kind == PLACE_INPUTS) {
		r = input_place(fs, name, ret);
		if (r != -ENOENT)
			return r;
	}
	r = grammar_step(
		&fs->grammar, &parent->place, name, strlen(name), ret, ret_never);
	if (r == 0 && ret->kind == PLACE_INPUT) {
		place_finish(ret);
		return -ENOENT;
	}
	if (r == 0 && ret->kind == PLACE_BEST) {
		scoped_free char *target = NULL;

		r = link_best(fs, ret, &target);
		if (r < 0)
			place_finish(ret);
	}
	return r;
}

static int find_node(struct promptfs *fs, struct node *parent, const char *name,
	struct node **ret, bool *ret_never)
{
	struct place p = {0};
	int r = find_place(fs, parent, name, &p, ret_never);

	if (r < 0)
		return r;
	if (p.kind == PLACE_MEDIA)
		r = media_node(fs, parent->id, name, &p, ret);
	else if (p.kind == PLACE_HISTORY_FILE)
		r = history_node(fs, parent->id, name, &p, ret);
	else if (p.kind == PLACE_SIDECAR && p.sidecar == SIDECAR_ORIG)
		r = orig_node(fs, parent->id, name, &p, ret);
	else if (p.kind == PLACE_INPUT)
		r = input_node(fs, parent->id, name, &p, ret);
	else
		r = named_node(fs, parent->id, name, &p, ret);
	place_finish(&p);
	return r;
}

/* An @name may mean another prompt as soon as its text changes. */
static double name_timeout(const struct node *n, const char *name, double attr_timeout)
{
	if (atomic_load(&n->has_more_names))
		return 0;
	return place_is_dir(&n->place) && name[0] != '@' ? NAME_TIMEOUT : attr_timeout;
}

int lookup_entry(struct promptfs *fs, struct node *parent, const char *name,
	struct fuse_entry_param *ret, bool *ret_never)
{
	struct node *n = NULL;
	int r = find_node(fs, parent, name, &n, ret_never);

	if (r < 0)
		return r;
	*ret = (struct fuse_entry_param){.ino = n->id};
	r = node_attr(fs, n, &ret->attr, &ret->attr_timeout);
	if (r < 0) {
		nodes_forget(fs->nodes, n->id, 1);
		return r;
	}
	ret->entry_timeout = name_timeout(n, name, ret->attr_timeout);
	return 0;
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct promptfs *fs = fs_of(req);
	struct fuse_entry_param e = {0};
	bool never = false;
	int r = lookup_entry(fs, node_get(fs->nodes, parent), name, &e, &never);

	if (r == -ENOENT && never) {
		e = (struct fuse_entry_param){.entry_timeout = NAME_TIMEOUT};
		fuse_reply_entry(req, &e);
	} else if (r < 0) {
		fuse_reply_err(req, -r);
	} else {
		if (fuse_reply_entry(req, &e) == -ENOENT) /* interrupted: not counted */
			nodes_forget(fs->nodes, e.ino, 1);
	}
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	nodes_forget(fs_of(req)->nodes, ino, n);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *f)
{
	for (size_t i = 0; i < count; i++)
		nodes_forget(fs_of(req)->nodes, f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct stat st;
	double timeout;
	int r = node_attr(fs, node_get(fs->nodes, ino), &st, &timeout);

	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, timeout);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct promptfs *fs = fs_of(req);
	struct node *n = node_get(fs->nodes, ino);
	scoped_free char *target = NULL;
	int r = link_target(fs, &n->place, &target);

	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, target);
}

void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (statvfs(fs_of(req)->config->state, &st) < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = 255;
	fuse_reply_statfs(req, &st);
}
