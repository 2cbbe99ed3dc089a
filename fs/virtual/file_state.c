// SPDX-License-Identifier: MIT
/* See file_state.h. */
#include "fs/virtual/file_state.h"

#include <errno.h>

static const char *name_of(const struct file_state *s)
{
	if (s->has_record && s->rec.state == RECORD_GENERATED)
		return "generated";
	if (s->job.state == JOB_QUEUED)
		return "queued";
	if (s->job.state == JOB_GENERATING)
		return "generating";
	if (s->has_record && s->rec.state == RECORD_UNKNOWN)
		return "unknown";
	if (s->has_record || s->has_error)
		return "failed";
	return "not generated";
}

int file_state_get(
	struct promptfs *fs, const struct request *req, struct file_state *ret)
{
	struct file_state s = {0};
	int r = request_key(req, fs->ns, &s.key);

	if (r < 0)
		return r;
	s.row = catalogue_find(fs->catalogue, req->model);
	if (!s.row)
		return -ENOENT;
	r = cache_find(fs->cache, &s.key, &s.rec, &s.draw, NULL);
	if (r < 0 && r != -ENOENT)
		return r;
	s.has_record = r == 0;
	engine_job(fs->engine, &s.key, &s.job);
	s.has_error = engine_last_error(fs->engine, &s.key, &s.err, &s.error_ms);
	s.name = name_of(&s);
	*ret = s;
	return 0;
}

void file_state_finish(struct file_state *s)
{
	if (s->has_record)
		record_finish(&s->rec);
	s->has_record = false;
}
