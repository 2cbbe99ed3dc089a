// SPDX-License-Identifier: MIT
/* A catalogue file of anybody's: refused with a sentence, or every row of it can be
 * asked for limits and prices. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "backend/policy/limits.h"
#include "backend/policy/price.h"
#include "backend/policy/select.h"
#include "cache/base/buf.h"
#include "cache/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ask(
	const struct price_scope *s, const struct model_row *row, struct request *r)
{
	struct price_alternative a[PRICE_ALTERNATIVES_MAX];
	struct segments plan;
	struct price_estimate e = {0};
	uint32_t w, h;
	int64_t v;

	strcpy(r->model, row->name);
	(void)limits_check(row, r, NULL);
	(void)limits_pixels(row, r, &w, &h);
	if (price_estimate(row, r, 1, s->may_extend, &e, NULL) == 0)
		assert(e.total_udollars >= 0);
	if (price_worst(s, row, r, 1, &v, NULL) == 0)
		assert(v >= e.total_udollars);
	(void)limits_segments(row, r, true, &plan);
	(void)price_alternatives(s, row, r, 1, a, PRICE_ALTERNATIVES_MAX);
}

static void ask_all(const struct catalogue *c)
{
	static const char text[] = "a red fox in snow";
	struct price_scope s = {
		.catalogue = c, .fallback = true, .today = "2026-11-23"};
	struct request r = {.take = 1};

	if (prompt_from_text(text, sizeof(text) - 1, &r.prompt) < 0)
		return;
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct model_row *row = catalogue_at(c, i);
		scoped(buf_finish) struct buf b = {0};

		r.tree = row->kind == MODEL_VIDEO ? TREE_VIDEOS : TREE_PROMPTS;
		r.type = row->kind == MODEL_VIDEO  ? MEDIA_MP4
			 : row->kind == MODEL_TEXT ? MEDIA_TEXT
						   : MEDIA_PNG;
		r.seconds = row->kind == MODEL_VIDEO ? 30 : 0;
		ask(&s, row, &r);
		(void)catalogue_row_json(c, row, &b);
	}
	request_finish(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct catalogue *c = NULL;
	struct err err = {0};
	int r;

	if (catalogue_new(&c, NULL) < 0)
		return 0;
	r = catalogue_merge(c, "fuzz", (const char *)data, len, &err);
	assert(r == 0 || (r == -EINVAL && err.why[0]) || r == -ENOMEM);
	if (r == 0)
		ask_all(c);
	catalogue_free(c);
	return 0;
}
