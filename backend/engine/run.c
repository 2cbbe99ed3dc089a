// SPDX-License-Identifier: MIT
/* How runs come into being, and end; store_run.c stores what they made. */
#include "backend/engine/run.h"

#include <errno.h>

#include "backend/policy/optimise.h"
#include "cache/base/mem.h"

int run_new(struct engine *e, struct job *j, const struct request *req,
	const struct model_row *row, const struct engine_who *who, uint32_t n,
	struct run **ret)
{
	struct run *r = new0(struct run);
	int rc;

	if (!r)
		return -ENOMEM;
	r->e = e;
	r->job = j;
	r->who = *who;
	r->served = row;
	r->made = new_array(struct made, n);
	r->pj.output = new_array(struct output *, n);
	rc = r->made && r->pj.output ? 0 : -ENOMEM;
	if (rc == 0)
		rc = optimise_prompt(req, e->rules.enhance, &r->prompt);
	if (rc == 0)
		rc = optimise_negative(req, &r->negative);
	if (rc < 0) {
		run_free(r);
		return rc;
	}
	r->pj.req = req;
	r->pj.row = row;
	r->pj.prompt = r->prompt.data ? r->prompt.data : "";
	r->pj.negative = r->negative.data ? r->negative.data : "";
	atomic_init(&r->pj.permille, -1);
	*ret = r;
	return 0;
}

void run_add(struct run *r, uint16_t take, const struct digest *key)
{
	uint32_t n = r->pj.n_outputs++;
	struct made *m = &r->made[n];
	struct file_brief brief;

	m->key = *key;
	m->req = *r->pj.req;
	m->req.take = take;
	m->out = (struct output){.take = take, .seed = SEED_UNKNOWN};
	r->pj.output[n] = &m->out;
	if (cache_brief(r->e->cache, key, &brief, &m->out.draw) == 0)
		m->out.draw = brief.draw; /* a remembered failure gives way */
}

void run_free(struct run *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->pj.n_outputs; i++) {
		record_finish(&r->made[i].rec);
		made_drop_bytes(&r->made[i]);
	}
	r->e->maker.ops->drop(r);
	free(r->made);
	free(r->pj.output);
	buf_finish(&r->prompt);
	buf_finish(&r->negative);
	buf_finish(&r->inputs);
	free(r);
}

void made_drop_bytes(struct made *m)
{
	blob_writer_free(steal_ptr(m->bytes));
	blob_writer_free(steal_ptr(m->orig));
}

bool run_is_open(const struct run *r, uint32_t out)
{
	return r->made[out].out.state == OUTPUT_WANTED && !r->made[out].is_told;
}

bool run_has_unstored(const struct run *r)
{
	for (uint32_t i = 0; i < r->pj.n_outputs; i++)
		if (r->made[i].out.state != OUTPUT_WANTED && r->made[i].stored == 0)
			return true;
	return false;
}
