// SPDX-License-Identifier: MIT
/* See paid_part.h. */
#include "backend/engine/paid/paid_part.h"

#include "cache/cache.h"

#define FPS_USUAL 24 /* what every video model makes */

const struct part *part_before(const struct paid *p, const struct part *part)
{
	for (uint32_t i = 0; part->seg && i < p->n_parts; i++)
		if (p->part[i].out == part->out && p->part[i].seg + 1 == part->seg)
			return &p->part[i];
	return NULL;
}

static bool is_timed(const struct request *req)
{
	return media_traits(req->type)->is_timed;
}

bool part_rate(const struct paid *p, double *ret)
{
	const struct request *req = &p->job->req;

	return is_timed(req) && req->opt[OPT_FPS] &&
	       limits_number(p->job->row, req, OPT_FPS, ret) && *ret != FPS_USUAL;
}

static enum media_type type_of(const struct part *part)
{
	return part->bytes ? blob_writer_type(part->bytes) : MEDIA_NONE;
}

bool part_needs_work(const struct paid *p, const struct part *part)
{
	const struct request *req = &p->job->req;
	double fps;

	if (media_traits(req->type)->is_text)
		return false;
	return p->plan.n > 1 || type_of(part) != req->type ||
	       (is_timed(req) && part->seconds != req->seconds) || part_rate(p, &fps);
}

static int read_part(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct part_source *s = user;

	return cache_read(
		s->cache, s->part->blob_id, s->part->blob_size, off, buf, len, err);
}

void part_source(const struct paid *p, const struct part *part, struct part_source *s,
	struct sandbox_source *ret)
{
	*s = (struct part_source){.cache = p->job->e->cache, .part = part};
	*ret = (struct sandbox_source){.type = p->job->req.type,
		.size = part->blob_size,
		.read = read_part,
		.user = s};
}
