// SPDX-License-Identifier: MIT
/* The services across a network, a row each. Constant: any thread. */
#include "backend/provider/service.h"

#include "backend/provider/google.h"
#include "backend/provider/openai.h"

/* Of one picture in a request. Source: vertex-ai/generative-ai/docs, the pages of Veo
 * and Gemini, read 2026-11-23. */
#define GOOGLE_INPUT_MAX (20 << 20)

static const struct service services[BACKEND_COUNT_] = {
	[BACKEND_VERTEX] = {.family = "google",
		.auth = AUTH_BEARER,
		.has_regions = true,
		.has_storage = true,
		.input_max = GOOGLE_INPUT_MAX,
		.url = google_vertex_url},
	[BACKEND_GEMINI] = {.family = "google",
		.base = GOOGLE_DEVELOPER_BASE,
		.auth = AUTH_GOOGLE_KEY,
		.input_max = GOOGLE_INPUT_MAX,
		.url = google_developer_url},
	[BACKEND_OPENAI] = {.family = "openai",
		.base = OPENAI_BASE,
		.auth = AUTH_BEARER,
		.own_rows = "an OpenAI-compatible server",
		.url = openai_url},
};

const struct service *service_of(enum backend_id backend)
{
	return (unsigned)backend < BACKEND_COUNT_ && services[backend].url
		       ? &services[backend]
		       : NULL;
}
