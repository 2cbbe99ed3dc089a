// SPDX-License-Identifier: MIT
#define LOG_TAG "engine"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/engine/paid/paid.h"
#include "backend/quality/worker.h"
#include "cache/base/log.h"
#include "cache/base/mem.h"

#define CONVERT_TIMEOUT_MS 120000
#define JOIN_TIMEOUT_MS 1800000
#define COPY_BYTES (256u * 1024u)
#define FPS_USUAL 24 /* what every video model makes */

/* ---- on the pool ---- */

static struct paid *paid_of(struct pool_item *i)
{
	return container_of(i, struct run, item)->paid;
}

static void pool_work(struct pool_item *i)
{
	struct paid *p = paid_of(i);

	p->work_err = (struct err){0};
	p->result = p->work(p, &p->work_err);
	if (p->result < 0 && !p->work_err.code)
		err_errno(&p->work_err, -p->result, "the work on the file failed");
}

static void pool_done(struct pool_item *i)
{
	struct paid *p = paid_of(i);

	p->step = PAID_IDLE;
	if (!i->was_run)
		err_set(&p->work_err, ECANCELED, "promptfs is stopping");
	job_set_phase(p->job, PHASE_CALLING);
	p->worked(p->job);
}

static void submit(
	struct job *j, int (*work)(struct paid *p, struct err *err), paid_then_fn then)
{
	struct paid *p = j->run->paid;

	p->step = PAID_POOL;
	p->work = work;
	p->worked = then;
	job_set_phase(j, PHASE_WORKING);
	atomic_store(&j->run->item.stop, false);
	pool_submit(j->e->pool, POOL_JOB, &j->run->item, pool_work, pool_done);
}

/* ---- inputs ---- */

static int read_input(struct paid *p, const char *option, const char *name,
	struct wire_input *ret, size_t *total, struct err *err)
{
	struct cache *c = p->job->e->cache;
	struct input_brief b;
	scoped_free void *data = NULL;
	int r = cache_input_find(c, name, &b);
	char hex[DIGEST_HEX];

	if (r == -ENOENT)
		return err_set(err, EINVAL,
			"%s=%s: there is no such file; copy it to inputs/%s first",
			option, name, name);
	if (r < 0)
		return err_errno(err, -r, "cannot look up inputs/%s", name);
	if (b.size > PAID_INPUT_MAX || (*total += b.size) > PAID_INPUTS_MAX)
		return err_set(err, EINVAL,
			"%s=%s: the pictures of one request may have %u MiB each and "
			"%u MiB together",
			option, name, PAID_INPUT_MAX >> 20, PAID_INPUTS_MAX >> 20);
	data = malloc(b.size ? b.size : 1);
	if (!data)
		return err_oom(err);
	r = cache_read(c, b.blob_id, b.size, 0, data, b.size, err);
	if (r < 0)
		return r;
	ret->type = media_sniff(data, b.size);
	if (ret->type != MEDIA_PNG && ret->type != MEDIA_JPEG)
		return err_set(err, EINVAL, "%s=%s: inputs/%s is neither PNG nor JPEG",
			option, name, name);
	digest_hex(&b.sha, hex);
	if (buf_addf(&p->bound, "%s\"%s\":\"%s\"", p->bound.len > 1 ? "," : "", name,
		    hex) < 0)
		return err_oom(err);
	ret->data = steal_ptr(data);
	ret->len = b.size;
	return 0;
}

static int read_images(struct paid *p, size_t *total, struct err *err)
{
	const char *names = p->job->req.opt[OPT_IMAGE];
	int r = 0;

	while (names && r == 0) {
		const char *plus = strchr(names, '+');
		size_t n = plus ? (size_t)(plus - names) : strlen(names);
		scoped_free char *name = strndup(names, n);

		if (!name)
			return err_oom(err);
		if (p->n_images == WIRE_INPUTS_MAX)
			return err_set(
				err, EINVAL, "more than %d pictures", WIRE_INPUTS_MAX);
		r = read_input(p, "image", name, &p->image[p->n_images], total, err);
		p->n_images += r == 0;
		names = plus ? plus + 1 : NULL;
	}
	return r;
}

static int load_inputs(struct paid *p, struct err *err)
{
	const char *last = p->job->req.opt[OPT_LAST];
	size_t total = 0;
	int r;

	buf_clear(&p->bound);
	r = buf_addc(&p->bound, '{') < 0 ? err_oom(err) : read_images(p, &total, err);
	if (r == 0 && last) {
		r = read_input(p, "last", last, &p->last, &total, err);
		p->has_last = r == 0;
	}
	if (r == 0 && buf_addc(&p->bound, '}') < 0)
		r = err_oom(err);
	p->has_inputs = r == 0;
	return r;
}

bool paid_needs_inputs(const struct paid *p)
{
	const struct request *req = &p->job->req;

	return !p->has_inputs && (req->opt[OPT_IMAGE] || req->opt[OPT_LAST]);
}

void paid_load_inputs(struct job *j, paid_then_fn then)
{
	submit(j, load_inputs, then);
}

/* ---- stored parts ---- */

struct stored {
	struct cache *cache;
	const struct part *part;
};

static int read_part(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct stored *s = user;

	return cache_read(
		s->cache, s->part->blob_id, s->part->blob_size, off, buf, len, err);
}

static void source_of(struct paid *p, const struct part *part, struct stored *s,
	struct quality_source *ret)
{
	*s = (struct stored){.cache = p->job->e->cache, .part = part};
	*ret = (struct quality_source){.type = p->job->req.type,
		.size = part->blob_size,
		.read = read_part,
		.user = s};
}

/* ---- the frame a segment begins with ---- */

static int add_bytes(void *user, const void *data, size_t len, struct err *err)
{
	struct buf *b = user;

	if (b->len + len > PAID_INPUT_MAX)
		return err_set(err, EFBIG, "the last frame is too large");
	return buf_add(b, data, len) < 0 ? err_oom(err) : 0;
}

static int last_frame(struct paid *p, struct err *err)
{
	const struct part *part = &p->part[p->frame_of];
	struct stored stored;
	struct quality_source src;
	scoped(buf_finish) struct buf b = {0};
	int r;

	source_of(p, part, &stored, &src);
	r = quality_last_frame(p->job->e->exe, &src, MEDIA_PNG, CONVERT_TIMEOUT_MS,
		&p->job->run->item.stop, add_bytes, &b, err);
	if (r < 0)
		return err_wrap(err, r, "the last frame of a part");
	free((void *)p->frame.data);
	p->frame = (struct wire_input){.type = MEDIA_PNG, .len = b.len};
	p->frame.data = buf_detach(&b);
	p->has_frame = true;
	return 0;
}

bool paid_needs_frame(const struct paid *p, const struct part *part)
{
	return part->seg > 0 && !p->plan.is_extension &&
	       !(p->has_frame && p->frame_of + 1 == (uint32_t)(part - p->part));
}

void paid_load_frame(struct job *j, const struct part *part, paid_then_fn then)
{
	struct paid *p = j->run->paid;

	p->frame_of = (uint32_t)(part - p->part);
	submit(j, last_frame, then);
}

/* ---- keeping ---- */

static bool wants_fps(const struct paid *p, double *ret)
{
	const struct request *req = &p->job->req;

	return req->type == MEDIA_MP4 && req->opt[OPT_FPS] &&
	       limits_number(p->job->row, req, OPT_FPS, ret) && *ret != FPS_USUAL;
}

static enum media_type type_of(const struct part *part)
{
	return part->bytes ? blob_writer_type(part->bytes) : MEDIA_NONE;
}

bool paid_needs_finish(const struct paid *p, const struct part *part)
{
	const struct request *req = &p->job->req;
	double fps;

	if (req->type == MEDIA_TEXT)
		return false;
	return p->plan.n > 1 || type_of(part) != req->type ||
	       (req->type == MEDIA_MP4 && part->seconds != req->seconds) ||
	       wants_fps(p, &fps);
}

static int keep(struct paid *p, struct err *err)
{
	int r = 0;

	for (uint32_t i = 0; i < p->n_cur && r == 0; i++) {
		struct part *part = &p->part[p->cur[i]];

		if (!part->bytes)
			continue;
		r = ledger_keep_part(p->job->e->cache, part->id, part->charged_ud,
			part->bytes, part->uri, err);
		if (r == 0) {
			struct ledger_row row = {0};

			blob_writer_free(steal_ptr(part->bytes));
			r = ledger_find(p->job->e->cache, part->id, &row, err);
			part->blob_id = row.blob_id;
			part->blob_size = row.blob_size;
			part->is_kept = r == 0;
			part->state = LEDGER_SETTLED;
			ledger_row_finish(&row);
		}
	}
	return r;
}

static bool has_ends(const struct job *j)
{
	for (uint32_t i = 0; i < j->run->pj.n_outputs; i++)
		if (j->run->output[i].state != OUTPUT_WANTED &&
			j->run->made[i].stored == 0)
			return true;
	return false;
}

static void kept(struct job *j)
{
	struct paid *p = j->run->paid;

	if (p->work_err.code) {
		/* What could not be kept may be asked for again by its operation. */
		for (uint32_t i = 0; i < p->n_cur; i++)
			if (p->part[p->cur[i]].state == LEDGER_ACCEPTED) {
				paid_fail(j, &p->work_err);
				return;
			}
		paid_unknown(j, EIO, "the answer came and could not be stored: %.150s",
			p->work_err.why);
		return;
	}
	if (has_ends(j)) {
		paid_store(j);
		return;
	}
	paid_call_clear(p);
	paid_next(j);
}

void paid_keep(struct job *j)
{
	submit(j, keep, kept);
}

/* ---- a file from its kept parts ---- */

static int to_blob(void *user, const void *data, size_t len, struct err *err)
{
	return blob_writer_write(user, data, len, err);
}

/* The provider's own bytes, kept beside the converted ones. */
static int copy_part(struct paid *p, const struct part *part, struct blob_writer *to,
	struct err *err)
{
	scoped_free char *b = malloc(COPY_BYTES);
	int r = 0;

	if (!b)
		return err_oom(err);
	for (uint64_t off = 0; off < part->blob_size && r == 0;) {
		size_t n = part->blob_size - off < COPY_BYTES
				   ? (size_t)(part->blob_size - off)
				   : COPY_BYTES;

		r = cache_read(p->job->e->cache, part->blob_id, part->blob_size, off, b,
			n, err);
		if (r == 0)
			r = blob_writer_write(to, b, n, err);
		off += n;
	}
	return r;
}

static int finish_picture(
	struct paid *p, const struct part *part, struct made *m, struct err *err)
{
	struct stored stored;
	struct quality_source src;
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
	source_of(p, part, &stored, &src);
	r = quality_convert(p->job->e->exe, &src, to, CONVERT_TIMEOUT_MS,
		&p->job->run->item.stop, to_blob, m->bytes, err);
	if (r < 0)
		return r;
	m->orig = blob_writer_new(p->job->e->cache, err);
	return m->orig ? copy_part(p, part, m->orig, err) : -ENOMEM;
}

static int join(struct paid *p, const struct part *first, uint32_t n, struct made *m,
	struct err *err)
{
	scoped_free struct stored *stored = new_array(struct stored, n);
	scoped_free struct quality_source *src = new_array(struct quality_source, n);
	struct quality_join_rule rule = {
		.seconds = p->job->req.seconds, .is_chained = n > 1};
	double fps;

	if (!stored || !src)
		return err_oom(err);
	if (wants_fps(p, &fps))
		rule.fps = (uint32_t)fps;
	for (uint32_t i = 0; i < n; i++)
		source_of(p, &first[i], &stored[i], &src[i]);
	return quality_join(p->job->e->exe, src, n, &rule, JOIN_TIMEOUT_MS,
		&p->job->run->item.stop, to_blob, m->bytes, err);
}

static int finish_file(struct paid *p, struct err *err)
{
	const struct part *first = &p->part[p->finishing * p->plan.n];
	struct made *m = &p->job->run->made[p->finishing];
	uint32_t n = p->plan.n;

	m->bytes = blob_writer_new(p->job->e->cache, err);
	if (!m->bytes)
		return -ENOMEM;
	if (p->job->req.type != MEDIA_MP4)
		return finish_picture(p, first, m, err);
	if (p->plan.is_extension) { /* each one returned the whole video so far */
		first += n - 1;
		n = 1;
	}
	return join(p, first, n, m, err);
}

static void finished(struct job *j)
{
	struct paid *p = j->run->paid;
	struct made *m = &j->run->made[p->finishing];
	struct output *o = &j->run->output[p->finishing];

	p->n_cur = 0;
	if (p->work_err.code) {
		blob_writer_free(steal_ptr(m->bytes));
		blob_writer_free(steal_ptr(m->orig));
		if (p->work_err.code != EPROTO) {
			/* The parts are kept: the next open tries again, for free. */
			paid_fail(j, &p->work_err);
			return;
		}
		o->state = OUTPUT_UNUSABLE;
		o->err = p->work_err;
	} else {
		o->state = OUTPUT_MADE;
	}
	o->charged_ud = 0;
	for (uint32_t i = 0; i < p->plan.n; i++)
		o->charged_ud += p->part[p->finishing * p->plan.n + i].charged_ud;
	m->close = (struct ledger_close){.to = LEDGER_SETTLED, .drops_parts = true};
	paid_store(j);
}

void paid_finish(struct job *j, uint32_t out)
{
	j->run->paid->finishing = out;
	submit(j, finish_file, finished);
}
