// SPDX-License-Identifier: MIT
#include "fs/virtual/vfile.h"

#include <errno.h>
#include <pthread.h>

#include "cache/base/clk.h"
#include "cache/base/mem.h"

#define SNAPSHOT_MS 1000

struct snapshot *snapshot_ref(struct snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	free(s->data);
	free(s);
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

static int make(struct promptfs *fs, struct node *n, struct snapshot **ret)
{
	scoped(buf_finish) struct buf b = {0};
	struct snapshot *s;
	int r = content(fs, &n->place, &b);

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
static int acquire(
	struct promptfs *fs, struct node *n, bool open, struct snapshot **ret)
{
	pthread_mutex_t *m = nodes_mutex(fs->nodes);
	struct snapshot *fresh = NULL, *old = NULL;
	int r = 0;

	pthread_mutex_lock(m);
	if (!n->snapshot ||
		(!open && !n->snapshot_opens &&
			clk_mono_ms() - n->snapshot->made_mono_ms >= SNAPSHOT_MS)) {
		pthread_mutex_unlock(m);
		r = make(fs, n, &fresh);
		pthread_mutex_lock(m);
		if (r == 0 && !n->snapshot_opens) {
			old = n->snapshot;
			n->snapshot = steal_ptr(fresh);
		}
	}
	if (n->snapshot && (r == 0 || n->snapshot_opens)) {
		*ret = snapshot_ref(n->snapshot);
		n->snapshot_opens += open;
		r = 0;
	}
	pthread_mutex_unlock(m);
	snapshot_unref(old);
	snapshot_unref(fresh);
	return r == 0 && !*ret ? -EIO : r;
}

int vfile_attr(struct promptfs *fs, struct node *n, struct stat *st)
{
	struct snapshot *s = NULL;
	int r = acquire(fs, n, false, &s);

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

int vfile_open(struct promptfs *fs, struct node *n, struct snapshot **ret)
{
	return acquire(fs, n, true, ret);
}

void vfile_close(struct promptfs *fs, struct node *n, struct snapshot *s)
{
	pthread_mutex_lock(nodes_mutex(fs->nodes));
	n->snapshot_opens--;
	pthread_mutex_unlock(nodes_mutex(fs->nodes));
	snapshot_unref(s);
}
