// SPDX-License-Identifier: MIT
#pragma once
/* What all of Google's services share: addresses, errors, refusals.
 * Source: Vertex AI REST reference and google.rpc protos, as read on 2026-11-23. */
#include "backend/provider/wire.h"

struct google_place {
	const char *
		endpoint; /* base address that replaces the regional host; NULL: none */
	const char *project, *location; /* Vertex */
	const char *version;            /* "v1" */
};

/* ".../publishers/google/models/<wire id>:<method>" on Vertex. -EINVAL: an id that
 * would leave the path; -ENOMEM. */
int google_vertex_url(const struct google_place *p, const char *model,
	const char *method, struct buf *ret, struct err *err);
/* "<base>/v1beta/models/<wire id>:<method>" on the Gemini Developer API. */
int google_developer_url(const char *endpoint, const char *model, const char *method,
	struct buf *ret, struct err *err);
/* For polling: the address of the operation's own model and region, whatever the
 * configuration says by now. -EINVAL: not an operation's name. */
int google_operation_url(const struct google_place *p, const char *operation,
	struct buf *ret, struct err *err);

/* Reads an answer that is not 200 with JSON, and operation errors (`status` 0: the
 * number in "code" is a google.rpc code). Always sets a verdict. */
void google_error(const struct wire_answer *a, struct verdict *v);
void google_operation_error(const cJSON *error, struct verdict *v);
/* What a numeric support code in a refusal stands for: "violence"; "" if unknown. */
const char *google_support_code(const char *text);
/* Copies a provider's words for people: one line, at most size - 1 bytes. */
void google_words(const char *from, char *to, size_t size);
