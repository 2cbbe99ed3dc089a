// SPDX-License-Identifier: MIT
/* See paid_wire.h. */
#include "backend/engine/paid/paid_wire.h"

#include <stdio.h>
#include <sys/random.h>

#include "backend/engine/paid/paid_part.h"
#include "cache/base/clk.h"
#include "cache/base/str.h"

static void make_prefix(struct paid *p)
{
	const char *bucket = p->net->bucket;
	const char *slash = str_ends(bucket, "/") ? "" : "/";
	uint64_t id[2] = {0};

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		id[0] = (uint64_t)clk_mono_us();
	snprintf(p->call.prefix, sizeof(p->call.prefix),
		"%s%s%spromptfs/%016llx%016llx/",
		str_starts(bucket, "gs://") ? "" : "gs://", bucket, slash,
		(unsigned long long)id[0], (unsigned long long)id[1]);
}

static void add_inputs(struct paid *p, const struct part *part, struct wire_job *w)
{
	const struct paid_inputs *in = &p->in;
	const struct part *prev = part_before(p, part);

	/* A frame is of the segment before, not of whatever was bought before. */
	bool goes_on = prev && !p->plan.is_extension && in->has_frame;

	w->image = goes_on ? &in->frame : in->image;
	w->n_images = goes_on ? 1 : in->n_images;
	w->last = in->has_last && part->seg + 1u == p->plan.n ? &in->last : NULL;
	if (p->plan.is_extension && prev)
		w->video_uri = prev->uri;
}

void wire_fill(struct paid *p)
{
	struct run *run = p->job->run;
	const struct part *part = &p->part[p->cur[0]];
	const struct request *req = &run->made[part->out].req;
	struct wire_job *w = &p->call.wire;

	*w = (struct wire_job){.req = req,
		.row = run->served,
		.prompt = run->pj.prompt,
		.negative = run->pj.negative,
		.n_takes = p->n_cur,
		.seconds = part->seconds,
		.backend = p->net->backend};
	w->has_seed = limits_seed(req, &w->seed);
	add_inputs(p, part, w);
	p->call.prefix[0] = '\0';
	if (p->net->bucket && row_is_timed(run->served)) {
		make_prefix(p);
		w->storage_uri = p->call.prefix;
	}
	wire_dropped(w, run->dropped);
}
