// SPDX-License-Identifier: MIT
#pragma once
/* Virtual files: .cost, .quality, status.json and the like. Any thread.
 *
 * File managers open these to sniff their type, so their size is exact: the content is
 * a snapshot per file, made at lookup or stat when none is open and the last is older
 * than a second, and used by stat, open and read alike. Nothing here ever spends. */
#include <sys/stat.h>

#include "cache/base/buf.h"
#include "fs/mount/promptfs.h"

struct snapshot {
	_Atomic uint32_t refs;
	size_t len;
	int64_t made_real_ms, made_mono_ms;
	char *data;
};

/* What is kept of one virtual file between looks, by whoever stands for its place; zero
 * at first. Under fs->snapshots_lock. */
struct vfile {
	struct snapshot *snapshot;
	uint32_t opens;
};

void vfile_finish(struct vfile *v); /* nobody else has it any more */

/* The content of each kind. 0; -ENOENT where there is nothing to say (then the name
 * does not exist); -ENOMEM; -EBADMSG. */
int vf_readme(struct promptfs *fs, const struct place *p, struct buf *out);
int vf_prompt(struct promptfs *fs, const struct place *p, struct buf *out);
int vf_dir_cost(struct promptfs *fs, const struct place *p, struct buf *out);
int vf_dir_quality(struct promptfs *fs, const struct place *p, struct buf *out);
int vf_model(struct promptfs *fs, const struct place *p, struct buf *out);
int vf_control(struct promptfs *fs, const struct place *p, struct buf *out);

/* vf_file_cost and its like, one of each sidecar. */
#define VF_DECLARE(NAME, name)                                                         \
	int vf_file_##name(struct promptfs *fs, const struct place *p, struct buf *out);
SIDECARS(VF_DECLARE)
#undef VF_DECLARE

/* Size, times and mode of the present snapshot, made if need be. */
int vfile_attr(
	struct promptfs *fs, const struct place *p, struct vfile *v, struct stat *st);
/* The snapshot to read from until vfile_close; owned by the handle. */
int vfile_open(struct promptfs *fs, const struct place *p, struct vfile *v,
	struct snapshot **ret);
void vfile_close(struct promptfs *fs, struct vfile *v, struct snapshot *s);
