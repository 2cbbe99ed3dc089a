// SPDX-License-Identifier: MIT
/* The table of virtual files, and their snapshots: see vfile.h. */
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

typedef int (*vf_fn)(struct promptfs *fs, const struct place *p, struct buf *out);

static const vf_fn of_place[] = {
	[PLACE_README] = vf_readme,
	[PLACE_PROMPT_TEXT] = vf_prompt,
	[PLACE_DIR_COST] = vf_dir_cost,
	[PLACE_DIR_QUALITY] = vf_dir_quality,
	[PLACE_MODEL_JSON] = vf_model,
	[PLACE_CONTROL_FILE] = vf_control,
};

#define VF_OF(NAME, name) [SIDECAR_##NAME] = vf_file_##name,
static const vf_fn of_sidecar[] = {SIDECARS(VF_OF)};
#undef VF_OF

static int content(struct promptfs *fs, const struct place *p, struct buf *out)
{
	vf_fn fn = NULL;

	if (p->kind == PLACE_SIDECAR && p->sidecar < ARRAY_SIZE(of_sidecar))
		fn = of_sidecar[p->sidecar];
	else if (p->kind < ARRAY_SIZE(of_place))
		fn = of_place[p->kind];
	return fn ? fn(fs, p, out) : -EINVAL;
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
