// SPDX-License-Identifier: MIT
/* getxattr and listxattr: a media file's state and record as attributes. FUSE
 * workers. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/base/str.h"
#include "fs/tree/ops.h"
#include "fs/virtual/file_state.h"

/* Where an attribute's value comes from. */
struct xattr_view {
	const struct node *node;
	struct file_state state;
};

typedef int (*xattr_fn)(const struct xattr_view *v, struct buf *out);

static const struct record *generated(const struct xattr_view *v)
{
	return v->state.has_record && v->state.rec.state == RECORD_GENERATED
		       ? &v->state.rec
		       : NULL;
}

static int get_state(const struct xattr_view *v, struct buf *out)
{
	return buf_adds(out, v->state.name);
}

static int get_model(const struct xattr_view *v, struct buf *out)
{
	return buf_adds(out, v->node->place.req.model);
}

static int get_served_by(const struct xattr_view *v, struct buf *out)
{
	return generated(v) ? buf_adds(out, v->state.rec.served_by) : -ENODATA;
}

static int get_cost(const struct xattr_view *v, struct buf *out)
{
	char text[MONEY_TEXT];

	if (!generated(v))
		return -ENODATA;
	money_format(v->state.rec.charged_ud, text);
	return buf_adds(out, text);
}

static int get_seed(const struct xattr_view *v, struct buf *out)
{
	const struct record *rec = generated(v);

	if (!rec || rec->seed == UINT64_MAX)
		return -ENODATA;
	return buf_addf(out, "%" PRIu64, rec->seed);
}

static int get_sha256(const struct xattr_view *v, struct buf *out)
{
	char hex[DIGEST_HEX];

	if (!generated(v))
		return -ENODATA;
	digest_hex(&v->state.rec.blob, hex);
	return buf_adds(out, hex);
}

static int get_grade(const struct xattr_view *v, struct buf *out)
{
	const struct record *rec = generated(v);

	return rec && rec->grade >= 'A' && rec->grade <= 'D'
		       ? buf_addc(out, (char)rec->grade)
		       : -ENODATA;
}

static int get_created(const struct xattr_view *v, struct buf *out)
{
	char text[25];

	if (!generated(v))
		return -ENODATA;
	clk_format(v->state.rec.created_ms, text);
	return buf_adds(out, text);
}

static int get_mime(const struct xattr_view *v, struct buf *out)
{
	return buf_adds(out, media_mime(v->node->place.req.type));
}

static int get_comment(const struct xattr_view *v, struct buf *out)
{
	return buf_adds(out, v->node->place.req.prompt->text);
}

static const struct {
	const char *name;
	xattr_fn get;
	bool is_listed; /* does not change while the file lives */
} xattrs[] = {
	{"user.promptfs.state", get_state, false},
	{"user.promptfs.grade", get_grade, false},
	{"user.promptfs.model", get_model, true},
	{"user.promptfs.served_by", get_served_by, true},
	{"user.promptfs.cost_usd", get_cost, true},
	{"user.promptfs.seed", get_seed, true},
	{"user.promptfs.sha256", get_sha256, true},
	{"user.promptfs.created", get_created, true},
	{"user.mime_type", get_mime, true},
	{"user.xdg.comment", get_comment, true},
};

/* Not where the node was removed and is only still open: what the store says now is of
 * the draw that follows it. */
static bool is_current(const struct xattr_view *v)
{
	return v->state.has_record ? v->state.rec.draw == v->node->draw
				   : !atomic_load(&v->node->is_stored);
}

static int view_init(struct promptfs *fs, const struct node *n, struct xattr_view *v)
{
	int r;

	*v = (struct xattr_view){.node = n};
	if (!n->by_key || n->is_history)
		return -ENODATA;
	r = file_state_get(fs, &n->place.req, &v->state);
	return r < 0 || is_current(v) ? r : -ENODATA;
}

static void view_finish(struct xattr_view *v)
{
	file_state_finish(&v->state);
}

static void reply(fuse_req_t req, const struct buf *b, size_t size, int r)
{
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (size == 0)
		fuse_reply_xattr(req, b->len);
	else if (b->len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, b->data, b->len);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct promptfs *fs = fs_of(req);
	scoped(buf_finish) struct buf b = {0};
	scoped(view_finish) struct xattr_view v = {0};
	int r = -ENODATA;

	/* Probed by every ls -l and cp. ls takes "not supported" as said of the whole
	 * device and stops asking, which halves the time of ls -l. */
	if (!str_starts(name, "user.")) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(xattrs); i++) {
		if (strcmp(name, xattrs[i].name))
			continue;
		r = view_init(fs, node_get(fs->nodes, ino), &v);
		if (r == 0)
			r = xattrs[i].get(&v, &b);
		break;
	}
	reply(req, &b, size, r);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct promptfs *fs = fs_of(req);
	scoped(buf_finish) struct buf names = {0}, value = {0};
	scoped(view_finish) struct xattr_view v = {0};
	int r = view_init(fs, node_get(fs->nodes, ino), &v);

	for (size_t i = 0; i < ARRAY_SIZE(xattrs) && r == 0; i++) {
		buf_clear(&value);
		if (xattrs[i].is_listed && xattrs[i].get(&v, &value) == 0)
			r = buf_add(&names, xattrs[i].name, strlen(xattrs[i].name) + 1);
	}
	reply(req, &names, size, r == -ENODATA ? 0 : r);
}
