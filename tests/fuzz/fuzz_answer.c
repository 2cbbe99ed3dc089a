// SPDX-License-Identifier: MIT
/* An answer of anybody's: the first byte chooses who reads it, the second the status,
 * the rest goes through the response filter. There is always a verdict, with a sentence
 * where it is none of success, and no index beyond what came. */
#include <assert.h>

#include "backend/net/http.h"
#include "backend/provider/protocol.h"
#include "cache/base/str.h"
#include "tests/backend/provider/wire_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct {
	const struct protocol_ops *ops;
	bool is_poll;
	enum model_kind kind;
} readers[] = {
	{&protocol_imagen, false, MODEL_PICTURE},
	{&protocol_veo, false, MODEL_VIDEO},
	{&protocol_veo, true, MODEL_VIDEO},
	{&protocol_gemini_image, false, MODEL_PICTURE},
	{&protocol_gemini_text, false, MODEL_TEXT},
	{&protocol_openai_image, false, MODEL_PICTURE},
	{&protocol_openai_chat, false, MODEL_TEXT},
};

static const int statuses[] = {200, 200, 200, 200, 400, 401, 403, 404, 429, 500, 503};

static void check(const struct wire_job *job, const struct verdict *v)
{
	bool quiet = v->kind == VERDICT_DONE || v->kind == VERDICT_OPERATION ||
		     v->kind == VERDICT_PENDING;
	size_t n;

	assert(quiet || (v->err.code > 0 && *v->err.why));
	assert(str_utf8_count(v->err.why, strlen(v->err.why), &n) == 0);
	assert((v->kind == VERDICT_OPERATION) == (*v->operation != '\0'));
	assert(v->n_results <= WIRE_MEDIA_MAX);
	for (uint32_t i = 0; i < v->n_results; i++) {
		const struct wire_result *r = &v->result[i];

		assert(r->media >= -1 && r->media < (int32_t)FILTER_MEDIA_MAX);
		assert(!r->is_usable || r->media >= 0 || *r->uri);
		assert(!*r->uri || http_is_secure_url(r->uri) ||
			str_starts(r->uri, "gs://"));
	}
	if (v->kind == VERDICT_DONE && job->row->kind != MODEL_TEXT)
		assert(v->n_results >= job->n_takes && v->result[0].is_usable);
	if (v->kind == VERDICT_DONE && job->row->kind == MODEL_TEXT)
		assert(v->text.len);
	assert(v->usage.tokens_in >= 0 && v->usage.tokens_out >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct model_row mine = {0};
	struct wire_job job = {.row = &mine, .n_takes = 2, .seconds = 8};
	const struct protocol_ops *ops;
	struct verdict v;
	size_t which;

	if (len < 2)
		return 0;
	which = data[0] % ARRAY_SIZE(readers);
	mine.kind = readers[which].kind;
	ops = readers[which].ops;
	wire_read(readers[which].is_poll ? ops->read_poll : ops->read, &job,
		statuses[data[1] % ARRAY_SIZE(statuses)], -1, (const char *)data + 2,
		len - 2, &v);
	check(&job, &v);
	verdict_finish(&v);
	return 0;
}
