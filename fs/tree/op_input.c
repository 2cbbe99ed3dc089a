// SPDX-License-Identifier: MIT
/* create, mknod, write, flush, fsync, setattr, rename: /inputs is all that can be
 * written. FUSE workers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "fs/tree/attr.h"
#include "fs/tree/input.h"
#include "fs/tree/ops.h"

static struct input_handle *input_of(const struct fuse_file_info *fi)
{
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;

	return h && h->kind == HANDLE_INPUT ? h->input : NULL;
}

/* Makes the empty file and looks it up. */
static int make_input(struct promptfs *fs, struct node *dir, const char *name,
	mode_t mode, struct fuse_entry_param *e)
{
	bool never;
	int r;

	if (dir->place.kind != PLACE_INPUTS || !S_ISREG(mode))
		return -EPERM;
	r = input_name_check(name);
	if (r == 0)
		r = input_create(fs, name);
	return r < 0 ? r : lookup_entry(fs, dir, name, e, &never);
}

static int open_new(struct promptfs *fs, fuse_ino_t ino, struct handle **ret)
{
	struct node *n = node_get(fs->nodes, ino);
	struct handle *h = handle_new(fs, n, HANDLE_INPUT);
	int r = h ? input_open(fs, n, true, &h->input) : -ENOMEM;

	if (r < 0 && h)
		handle_drop(fs, h);
	else
		*ret = h;
	return r;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct fuse_entry_param e = {0};
	struct handle *h = NULL;
	int r = make_input(fs, node_get(fs->nodes, parent), name, mode | S_IFREG, &e);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = open_new(fs, e.ino, &h);
	if (r < 0) {
		nodes_forget(fs->nodes, e.ino, 1);
		fuse_reply_err(req, -r);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		input_close(h->input);
		handle_drop(fs, h);
		nodes_forget(fs->nodes, e.ino, 1);
	}
}

void op_mknod(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct promptfs *fs = fs_of(req);
	struct fuse_entry_param e = {0};
	int r = make_input(fs, node_get(fs->nodes, parent), name, mode, &e);

	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_entry(req, &e);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct input_handle *in = input_of(fi);
	ssize_t n = in ? input_write(in, buf, size, off) : -EBADF;

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct input_handle *in = input_of(fi);

	fuse_reply_err(req, in ? -input_sync(in) : 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	op_flush(req, ino, fi);
}

/* Far beyond what any calendar says, and short of an overflow. */
#define SECONDS_MAX (INT64_C(1) << 50)

static int64_t ms_of(const struct timespec *ts)
{
	int64_t s = ts->tv_sec;

	s = s < -SECONDS_MAX ? -SECONDS_MAX : s > SECONDS_MAX ? SECONDS_MAX : s;
	return s * 1000 + ts->tv_nsec / 1000000;
}

static int change(
	struct promptfs *fs, struct node *n, const struct stat *attr, int to_set)
{
	int r = 0;

	if (to_set & FUSE_SET_ATTR_SIZE)
		r = input_truncate(fs, n, attr->st_size);
	if (r == 0 && (to_set & FUSE_SET_ATTR_MTIME_NOW))
		r = input_touch(fs, n, clk_real_ms());
	else if (r == 0 && (to_set & FUSE_SET_ATTR_MTIME))
		r = input_touch(fs, n, ms_of(&attr->st_mtim));
	/* Mode and owner are fixed; cp -p and rsync -a try and must not fail. */
	return r;
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
	struct fuse_file_info *fi)
{
	struct promptfs *fs = fs_of(req);
	struct node *n = node_get(fs->nodes, ino);
	struct stat st;
	double timeout = 0;
	int r = -EPERM;

	if (n->place.kind == PLACE_INPUT)
		r = change(fs, n, attr, to_set);
	else if (n->place.kind == PLACE_INPUTS) /* rsync -t sets the directory's time */
		r = 0;

	if (r == 0)
		r = node_attr(fs, n, &st, &timeout);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, timeout);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	struct promptfs *fs = fs_of(req);
	struct node *from = node_get(fs->nodes, parent),
		    *to = node_get(fs->nodes, newparent);
	int r;

	if (from->place.kind != PLACE_INPUTS || to->place.kind != PLACE_INPUTS)
		r = -EPERM;
	else if (flags & ~(unsigned int)RENAME_NOREPLACE)
		r = -EINVAL;
	else
		r = input_rename(
			fs, parent, name, newname, !(flags & RENAME_NOREPLACE));
	fuse_reply_err(req, -r);
}
