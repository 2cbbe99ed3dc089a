// SPDX-License-Identifier: MIT
/* unlink, which makes the next open a new draw, and what is refused everywhere. FUSE
 * workers. */
#include <errno.h>
#include <string.h>

#include "backend/engine/place.h"
#include "cache/base/mem.h"
#include "fs/tree/input.h"
#include "fs/tree/notify.h"
#include "fs/tree/ops.h"

static int remove_from_store(
	struct promptfs *fs, const struct request *req, const struct digest *key)
{
	scoped(request_place_finish) struct request_place rp = {0};
	struct job_brief job = {.state = JOB_NONE};
	struct file_brief brief;
	int r = request_place_init(&rp, req, key, NULL);

	if (r < 0)
		return r;
	/* A job that has stored its file is over, whatever the engine still does. */
	if (cache_brief(fs->cache, &rp.key, &brief, NULL) < 0 ||
		brief.state != RECORD_GENERATED)
		engine_job(fs->engine, &rp.key, &job);
	if (job.state != JOB_NONE)
		return -EBUSY;
	r = cache_remove(fs->cache, &rp.place, NULL);
	if (engine_forget_error(fs->engine, &rp.key) && r == -ENOENT)
		r = 0; /* only a remembered failure: rm clears it */
	return r;
}

/* The kernel drops the name it was given; the file's other spellings are told. */
static int remove_media(struct promptfs *fs, struct node *dir, const char *name)
{
	struct fuse_entry_param e = {0};
	struct node *n;
	bool never;
	int r = lookup_entry(fs, dir, name, &e, &never);

	if (r < 0)
		return r;
	n = node_get(fs->nodes, e.ino);
	r = n->place.kind == PLACE_MEDIA ? remove_from_store(fs, &n->place.req, &n->key)
					 : -EPERM;
	if (r == 0)
		notifier_forget_names(
			fs->notifier, nodes_aliases(fs->nodes, n, dir->id, name));
	nodes_forget(fs->nodes, e.ino, 1);
	return r;
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct promptfs *fs = fs_of(req);
	struct node *dir = node_get(fs->nodes, parent);
	int r = -EPERM;

	if (dir->place.kind == PLACE_INPUTS)
		r = input_unlink(fs, parent, name);
	else if (dir->place.kind == PLACE_MODEL)
		r = remove_media(fs, dir, name);
	fuse_reply_err(req, -r);
}

/* Every prompt exists already and nothing else can be made. Without a handler the
 * answer is ENOSYS, which reads like a broken program. */
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	fuse_reply_err(req, EPERM);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	fuse_reply_err(req, EPERM);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
	size_t size, int flags)
{
	fuse_reply_err(req, ENOTSUP);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	fuse_reply_err(req, ENOTSUP);
}
