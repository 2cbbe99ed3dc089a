// SPDX-License-Identifier: MIT
/* See paid_inputs.h. */
#include "backend/engine/paid/paid_inputs.h"

#include <errno.h>
#include <string.h>

#include "backend/engine/paid/paid_part.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define INPUT_MAX (20u * 1024u * 1024u)  /* bytes of one picture sent along */
#define INPUTS_MAX (64u * 1024u * 1024u) /* of all */
#define FRAME_TIMEOUT_MS 120000

/* ---- pictures ---- */

static int read_input(struct paid *p, const char *option, const char *name,
	struct wire_input *ret, size_t *total, struct err *err)
{
	struct cache *c = p->job->e->cache;
	struct buf *bound = &p->job->run->inputs;
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
	if (b.size > INPUT_MAX || (*total += b.size) > INPUTS_MAX)
		return err_set(err, EINVAL,
			"%s=%s: the pictures of one request may have %u MiB each and "
			"%u MiB together",
			option, name, INPUT_MAX >> 20, INPUTS_MAX >> 20);
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
	if (buf_addf(bound, "%s\"%s\":\"%s\"", bound->len > 1 ? "," : "", name, hex) <
		0)
		return err_oom(err);
	ret->data = steal_ptr(data);
	ret->len = b.size;
	return 0;
}

static int read_images(struct paid *p, size_t *total, struct err *err)
{
	const char *names = p->job->req.opt[OPT_IMAGE];
	struct str_piece piece;
	int r = 0;

	while (r == 0 && str_next_piece(&names, &piece)) {
		scoped_free char *name = strndup(piece.at, piece.len);

		if (!name)
			return err_oom(err);
		if (p->in.n_images == WIRE_INPUTS_MAX)
			return err_set(
				err, EINVAL, "more than %d pictures", WIRE_INPUTS_MAX);
		r = read_input(
			p, "image", name, &p->in.image[p->in.n_images], total, err);
		p->in.n_images += r == 0;
	}
	return r;
}

int inputs_load(struct paid *p, struct err *err)
{
	const char *last = p->job->req.opt[OPT_LAST];
	struct buf *bound = &p->job->run->inputs;
	size_t total = 0;
	int r;

	buf_clear(bound);
	r = buf_addc(bound, '{') < 0 ? err_oom(err) : read_images(p, &total, err);
	if (r == 0 && last) {
		r = read_input(p, "last", last, &p->in.last, &total, err);
		p->in.has_last = r == 0;
	}
	if (r == 0 && buf_addc(bound, '}') < 0)
		r = err_oom(err);
	p->in.is_read = r == 0;
	return r;
}

bool inputs_are_missing(const struct paid *p)
{
	const struct request *req = &p->job->req;

	return !p->in.is_read && (req->opt[OPT_IMAGE] || req->opt[OPT_LAST]);
}

/* ---- the frame a segment begins with ---- */

static int add_bytes(void *user, const void *data, size_t len, struct err *err)
{
	struct buf *b = user;

	if (b->len + len > INPUT_MAX)
		return err_set(err, EFBIG, "the last frame is too large");
	return buf_add(b, data, len) < 0 ? err_oom(err) : 0;
}

int inputs_load_frame(struct paid *p, struct err *err)
{
	struct paid_inputs *in = &p->in;
	struct part_source stored;
	struct sandbox_source src;
	scoped(buf_finish) struct buf b = {0};
	int r;

	part_source(p, &p->part[in->frame_of], &stored, &src);
	r = sandbox_last_frame(p->job->e->exe, &src, MEDIA_PNG, FRAME_TIMEOUT_MS,
		&p->job->run->item.stop, add_bytes, &b, err);
	if (r < 0)
		return err_wrap(err, r, "the last frame of a part");
	free((void *)in->frame.data);
	in->frame = (struct wire_input){.type = MEDIA_PNG, .len = b.len};
	in->frame.data = buf_detach(&b);
	in->has_frame = true;
	return 0;
}

bool inputs_lack_frame(struct paid *p)
{
	const struct part *part = &p->part[p->cur[0]];
	const struct part *before = part_before(p, part);

	if (!before || p->plan.is_extension)
		return false;
	if (p->in.has_frame && before == &p->part[p->in.frame_of])
		return false;
	p->in.frame_of = (uint32_t)(before - p->part);
	return true;
}
