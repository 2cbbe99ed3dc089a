// SPDX-License-Identifier: MIT
/* See paid_file.h. */
#include "backend/engine/paid/paid_file.h"

#include <errno.h>

#include "backend/engine/paid/paid_part.h"
#include "cache/base/mem.h"

#define CONVERT_TIMEOUT_MS 120000
#define JOIN_TIMEOUT_MS 1800000

/* ---- keeping ---- */

static int keep(struct paid *p, struct part *part, struct err *err)
{
	struct cache *c = p->job->e->cache;
	struct ledger_row row = {0};
	int r = ledger_keep_part(
		c, part->id, part->charged_ud, part->bytes, part->uri, err);

	if (r < 0)
		return r;
	blob_writer_free(steal_ptr(part->bytes));
	r = ledger_find(c, part->id, &row, err);
	part->blob_id = row.blob_id;
	part->blob_size = row.blob_size;
	part->is_kept = r == 0;
	part->state = LEDGER_SETTLED;
	ledger_row_finish(&row);
	return r;
}

int file_keep(struct paid *p, struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < p->n_cur && r == 0; i++)
		if (p->part[p->cur[i]].bytes)
			r = keep(p, &p->part[p->cur[i]], err);
	return r;
}

static bool is_accepted(const struct paid *p)
{
	for (uint32_t i = 0; i < p->n_cur; i++)
		if (p->part[p->cur[i]].state == LEDGER_ACCEPTED)
			return true;
	return false;
}

enum paid_state paid_kept(struct job *j)
{
	struct paid *p = paid_of(j);
	struct err why = p->why;

	/* What could not be kept may be asked for again by its operation. */
	if (why.code && is_accepted(p))
		return paid_fails(p, &why);
	if (why.code)
		return paid_unknown(
			p, "the answer came and could not be stored: %.150s", why.why);
	if (run_has_unstored(j->run))
		return PAID_STORE;
	paid_call_clear(p);
	return PAID_NEXT;
}

/* ---- a file from its kept parts ---- */

static int to_blob(void *user, const void *data, size_t len, struct err *err)
{
	return blob_writer_write(user, data, len, err);
}

/* The provider's own bytes, kept beside the converted ones. */
static int copy_part(const struct paid *p, const struct part *part,
	struct blob_writer *to, struct err *err)
{
	return cache_copy(p->job->e->cache, part->blob_id, part->blob_size, to, err);
}

static int finish_picture(
	struct paid *p, const struct part *part, struct made *m, struct err *err)
{
	struct part_source stored;
	struct sandbox_source src;
	uint8_t head[MEDIA_SNIFF_BYTES];
	size_t n = part->blob_size < sizeof(head) ? part->blob_size : sizeof(head);
	enum media_type to = p->job->req.type;
	int r = cache_read(
		p->job->e->cache, part->blob_id, part->blob_size, 0, head, n, err);

	if (r < 0)
		return r;
	/* It may be right as it is: kept by an earlier mount, say. */
	if (media_sniff(head, n) == to)
		return copy_part(p, part, m->bytes, err);
	part_source(p, part, &stored, &src);
	r = sandbox_convert(p->job->e->exe, &src, to, CONVERT_TIMEOUT_MS,
		&p->job->run->item.stop, to_blob, m->bytes, err);
	if (r < 0)
		return r;
	m->orig = blob_writer_new(p->job->e->cache, err);
	return m->orig ? copy_part(p, part, m->orig, err) : -ENOMEM;
}

static int join(struct paid *p, const struct part *first, uint32_t n, struct made *m,
	struct err *err)
{
	scoped_free struct part_source *stored = new_array(struct part_source, n);
	scoped_free struct sandbox_source *src = new_array(struct sandbox_source, n);
	struct sandbox_join_rule rule = {
		.seconds = p->job->req.seconds, .is_chained = n > 1};
	double fps;

	if (!stored || !src)
		return err_oom(err);
	if (part_rate(p, &fps))
		rule.fps = (uint32_t)fps;
	for (uint32_t i = 0; i < n; i++)
		part_source(p, &first[i], &stored[i], &src[i]);
	return sandbox_join(p->job->e->exe, src, n, &rule, JOIN_TIMEOUT_MS,
		&p->job->run->item.stop, to_blob, m->bytes, err);
}

int file_finish(struct paid *p, struct err *err)
{
	const struct part *first = &p->part[p->finishing * p->plan.n];
	struct made *m = &p->job->run->made[p->finishing];
	uint32_t n = p->plan.n;

	m->bytes = blob_writer_new(p->job->e->cache, err);
	if (!m->bytes)
		return -ENOMEM;
	if (!media_traits(p->job->req.type)->is_timed)
		return finish_picture(p, first, m, err);
	if (p->plan.is_extension) { /* each one returned the whole video so far */
		first += n - 1;
		n = 1;
	}
	return join(p, first, n, m, err);
}

enum paid_state paid_finished(struct job *j)
{
	struct paid *p = paid_of(j);
	struct made *m = &j->run->made[p->finishing];
	const struct part *part = &p->part[p->finishing * p->plan.n];

	p->n_cur = 0;
	if (p->why.code)
		made_drop_bytes(m);
	/* The parts are kept: the next open tries again, for free. */
	if (p->why.code && p->why.code != EPROTO)
		return PAID_GIVE_BACK;
	m->out.state = p->why.code ? OUTPUT_UNUSABLE : OUTPUT_MADE;
	m->out.err = p->why;
	m->out.charged_ud = 0;
	for (uint32_t i = 0; i < p->plan.n; i++)
		m->out.charged_ud += part[i].charged_ud;
	m->close = (struct ledger_close){.to = LEDGER_SETTLED, .drops_parts = true};
	return PAID_STORE;
}
