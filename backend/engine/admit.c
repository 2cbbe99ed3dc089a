// SPDX-License-Identifier: MIT
/* See admit.h. */
#include "backend/engine/admit.h"

#include <errno.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define ROOM_TEXT (UINT64_C(1) << 20)
#define ROOM_OVERHEAD (UINT64_C(1) << 16) /* headers, pages of the index */
#define ROOM_PICTURE_BYTES_PER_PIXEL 4
#define ROOM_VIDEO_PIXELS_PER_BYTE 8
#define ROOM_FPS 30

static int check_remembered(const struct record *rec, int64_t now_ms, struct err *err)
{
	if (!rec)
		return 0;
	if (rec->state == RECORD_UNKNOWN)
		return err_set(err, EIO, "%s",
			rec->why ? rec->why
				 : "the outcome of the last call is unknown, it may be "
				   "paid; see promptfs unknown, or rm the file");
	if (rec->state == RECORD_FAILED && now_ms < rec->retry_at_ms)
		return err_set(err, rec->errno_code ? (int)rec->errno_code : EPERM,
			"%s (remembered; rm the file to ask again)",
			rec->why ? rec->why : "refused");
	return 0;
}

static int check_program(
	const struct engine *e, const struct engine_who *who, struct err *err)
{
	if (e->maker.ops->is_bought && who && !who->may_spend)
		return err_set(err, EACCES,
			"user %u may not start a generation here; allow it with "
			"-o spenders=...",
			(unsigned)who->uid);
	if (who && who->program[0] &&
		str_in(who->program, (const char *const *)e->rules.deny,
			e->rules.n_deny))
		return err_set(err, EACCES,
			"%s may not start a generation; allow it with "
			"-o deny_programs=...",
			who->program);
	return 0;
}

static int check_takes(const struct request *req, struct err *err)
{
	uint32_t n = request_job_takes(req);

	if (n > ENGINE_TAKES_MAX)
		return err_set(err, EINVAL, "count=%u is more than %d", (unsigned)n,
			ENGINE_TAKES_MAX);
	if (n > 1 && req->take > n)
		return err_set(err, EINVAL, "count=%u has the takes 1 to %u",
			(unsigned)n, (unsigned)n);
	return 0;
}

/* `names` of inputs, joined with +, of the option `id`. */
static int check_input_names(
	const struct engine *e, enum option_id id, const char *names, struct err *err)
{
	struct str_piece piece;

	while (str_next_piece(&names, &piece)) {
		scoped_free char *name = strndup(piece.at, piece.len);
		struct input_brief brief;
		int r = name ? cache_input_find(e->cache, name, &brief) : -ENOMEM;

		if (r == -ENOENT)
			return err_set(err, EINVAL,
				"%s=%s: there is no such file; copy it to "
				"inputs/%s first",
				option_name(id), name, name);
		if (r < 0)
			return err_set(err, -r, "cannot look up inputs/%s",
				name ? name : piece.at);
	}
	return 0;
}

static int check_inputs(
	const struct engine *e, const struct request *req, struct err *err)
{
	int r = check_input_names(e, OPT_IMAGE, req->opt[OPT_IMAGE], err);

	return r < 0 ? r : check_input_names(e, OPT_LAST, req->opt[OPT_LAST], err);
}

int admit(const struct engine *e, const struct request *req,
	const struct engine_who *who, const struct record *rec, int64_t now_ms,
	const struct model_row **ret_row, struct err *err)
{
	const struct model_row *row = catalogue_find(e->catalogue, req->model);
	const struct maker *m = &e->maker;
	int r;

	if (!request_is_file(req))
		return err_set(err, EINVAL, "this path names no file");
	if (!row)
		return err_set(err, ENOENT, "there is no model \"%s\"", req->model);
	r = limits_check(row, req, err);
	if (r == 0)
		r = check_takes(req, err);
	if (r == 0)
		r = check_inputs(e, req, err);
	if (r == 0)
		r = m->ops->can_make(m->ctx, row, req, err);
	if (r == 0)
		r = safety_check(e->rules.safety, "the prompt", req->prompt->text,
			req->prompt->len, err);
	if (r == 0)
		r = check_remembered(rec, now_ms, err);
	if (r == 0)
		r = check_program(e, who, err);
	if (r == 0 && e->rules.offline && m->is_paid)
		r = err_set(err, ENETUNREACH,
			"offline: only what is generated already can be opened");
	if (r == 0 && m->ops->is_ready)
		r = m->ops->is_ready(m->ctx, err);
	if (r == 0)
		*ret_row = row;
	return r;
}

uint64_t room_needed(
	const struct model_row *row, const struct request *req, uint32_t takes)
{
	const struct media_traits *m = media_traits(req->type);
	uint32_t w = 0, h = 0;
	uint64_t pixels, bytes;
	double fps = ROOM_FPS;

	if (m->is_timed && !m->has_pixels)
		return takes *
		       ((uint64_t)m->second_bytes * req->seconds + ROOM_OVERHEAD);
	if (m->is_text || limits_pixels(row, req, &w, &h) < 0)
		return takes * ROOM_TEXT;
	pixels = (uint64_t)w * h;
	if (m->is_timed) {
		limits_number(row, req, OPT_FPS, &fps);
		bytes = pixels / ROOM_VIDEO_PIXELS_PER_BYTE * (uint64_t)fps *
			req->seconds;
	} else {
		bytes = pixels * ROOM_PICTURE_BYTES_PER_PIXEL;
	}
	return takes * (bytes + ROOM_OVERHEAD);
}
