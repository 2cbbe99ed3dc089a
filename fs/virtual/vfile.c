// SPDX-License-Identifier: MIT
#include "fs/virtual/vfile.h"

#include <errno.h>
#include <pthread.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define SNAPSHOT_MS 1000

static struct snapshot *snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

static void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	free(s->data);
	free(s);
}

void vfile_finish(struct vfile *v)
{
	snapshot_unref(v->snapshot);
	*v = (struct vfile){0};
}

static int content(struct promptfs *fs, const struct place *p, struct buf *out)
{
	switch (p->kind) {
	case PLACE_README:
		return vf_readme(fs, p, out);
	case PLACE_PROMPT_TEXT:
		return vf_prompt(fs, p, out);
	case PLACE_DIR_COST:
		return vf_dir_cost(fs, p, out);
	case PLACE_DIR_QUALITY:
		return vf_dir_quality(fs, p, out);
	case PLACE_MODEL_JSON:
		return vf_model(fs, p, out);
	case PLACE_CONTROL_FILE:
		return vf_control(fs, p, out);
	case PLACE_SIDECAR:
		break;
	default:
		return -EINVAL;
	}
	switch (p->sidecar) {
	case SIDECAR_COST:
		return vf_file_cost(fs, p, out);
	case SIDECAR_QUALITY:
		return vf_file_quality(fs, p, out);
	case SIDECAR_JSON:
		return vf_json(fs, p, out);
	case SIDECAR_ERROR:
		return vf_error(fs, p, out);
	default:
		return -EINVAL;
	}
}

static int make(struct promptfs *fs, const struct place *p, struct snapshot **ret)
{
	scoped(buf_finish) struct buf b = {0};
	struct snapshot *s;
	int r = content(fs, p, &b);

	if (r < 0)
		return r;
	s = new0(struct snapshot);
	if (!s)
		return -ENOMEM;
	atomic_init(&s->refs, 1);
	s->made_real_ms = clk_real_ms();
	s->made_mono_ms = clk_mono_ms();
	s->len = b.len;
	s->data = buf_detach(&b);
	*ret = s;
	return 0;
}

/* The present snapshot with a reference for the caller; `open` counts an opener too and
 * takes what there is, however old: the kernel was told its size a moment ago, and
 * sendfile and mmap go by that. */
static int acquire(struct promptfs *fs, const struct place *p, struct vfile *v,
	bool open, struct snapshot **ret)
{
	struct snapshot *fresh = NULL, *old = NULL;
	int r = 0;

	pthread_mutex_lock(&fs->snapshots_lock);
	if (!v->snapshot ||
		(!open && !v->opens &&
			clk_mono_ms() - v->snapshot->made_mono_ms >= SNAPSHOT_MS)) {
		pthread_mutex_unlock(&fs->snapshots_lock);
		r = make(fs, p, &fresh);
		pthread_mutex_lock(&fs->snapshots_lock);
		if (r == 0 && !v->opens) {
			old = v->snapshot;
			v->snapshot = steal_ptr(fresh);
		}
	}
	if (v->snapshot && (r == 0 || v->opens)) {
		*ret = snapshot_ref(v->snapshot);
		v->opens += open;
		r = 0;
	}
	pthread_mutex_unlock(&fs->snapshots_lock);
	snapshot_unref(old);
	snapshot_unref(fresh);
	return r == 0 && !*ret ? -EIO : r;
}

int vfile_attr(
	struct promptfs *fs, const struct place *p, struct vfile *v, struct stat *st)
{
	struct snapshot *s = NULL;
	int r = acquire(fs, p, v, false, &s);

	if (r < 0)
		return r;
	st->st_size = (off_t)s->len;
	st->st_blocks = (blkcnt_t)((s->len + 511) / 512);
	st->st_mtim = (struct timespec){.tv_sec = s->made_real_ms / 1000,
		.tv_nsec = s->made_real_ms % 1000 * 1000000};
	st->st_atim = st->st_ctim = st->st_mtim;
	snapshot_unref(s);
	return 0;
}

int vfile_open(struct promptfs *fs, const struct place *p, struct vfile *v,
	struct snapshot **ret)
{
	return acquire(fs, p, v, true, ret);
}

void vfile_close(struct promptfs *fs, struct vfile *v, struct snapshot *s)
{
	pthread_mutex_lock(&fs->snapshots_lock);
	v->opens--;
	pthread_mutex_unlock(&fs->snapshots_lock);
	snapshot_unref(s);
}
