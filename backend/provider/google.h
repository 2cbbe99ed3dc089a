// SPDX-License-Identifier: MIT
#pragma once
/* What all of Google's services share: addresses, errors, refusals.
 * Source: Vertex AI REST reference and google.rpc protos, as read on 2026-11-23. */
#include "backend/provider/protocol.h"

#define GOOGLE_DEVELOPER_BASE "https://generativelanguage.googleapis.com"
#define GOOGLE_BUCKET_MAX 222 /* https://cloud.google.com/storage/docs/buckets */

/* Not empty, only ASCII letters, digits and `more`, without "..": fit to stand in a
 * URL or a header. NULL is none. */
bool google_is_name(const char *s, const char *more);

/* ".../publishers/google/models/<wire id>:<method>" on Vertex. -EINVAL: an id that
 * would leave the path; -ENOMEM. */
int google_vertex_url(const struct wire_endpoint *to, const char *model,
	const char *method, struct buf *ret, struct err *err);
/* "<base>/v1beta/models/<wire id>:<method>" on the Gemini Developer API, whose endpoint
 * has a base. */
int google_developer_url(const struct wire_endpoint *to, const char *model,
	const char *method, struct buf *ret, struct err *err);
/* The Gemini Developer API, else Vertex: they differ in what they take. */
bool google_is_developer(enum backend_id backend);
/* An operation's name as both services give it. */
bool google_is_operation(const char *name);
/* GET on the Developer API: "<base>/v1beta/<name>". -EINVAL. */
int google_developer_operation_url(const struct wire_endpoint *to,
	const char *operation, struct buf *ret, struct err *err);
/* An object of Cloud Storage, to be read: "<base>/storage/v1/b/<b>/o/<o>?alt=media".
 * The name is taken as it is, never decoded. -EINVAL: not gs://bucket/object. */
int google_storage_url(
	const char *endpoint, const char *uri, struct buf *ret, struct err *err);
/* What lies below gs://bucket/prefix: names and sizes, one page. -EINVAL: not that, or
 * the whole bucket. */
int google_storage_list_url(
	const char *endpoint, const char *prefix, struct buf *ret, struct err *err);
/* For polling: the address of the operation's own model and region, whatever the
 * configuration says by now. -EINVAL: not an operation's name. */
int google_operation_url(const struct wire_endpoint *to, const char *operation,
	struct buf *ret, struct err *err);

/* Reads a response that is no success, by its HTTP status. Always sets a verdict. */
void google_error(const struct wire_response *a, struct verdict *v);
/* The same if it is no success: false, and nothing set, for a 200 with an object that
 * is not an error. */
bool google_failed(const struct wire_response *a, struct verdict *v);
/* `error` of an operation, whose "code" is a google.rpc number. */
void google_operation_error(const cJSON *error, struct verdict *v);
/* REFUSED: what was made was held back. what: "picture"; reason: "" if not told. */
void google_withheld(const char *what, const char *reason, struct verdict *v);
/* Its sentence, for one of several takes. */
void google_withheld_words(const char *what, const char *reason, char *to, size_t size);
/* What a numeric support code in a refusal stands for: "violence"; "" if unknown. */
const char *google_support_code(const char *text);
/* Copies a provider's words for people: one line of UTF-8, at most size - 1 bytes. */
void google_words(const char *from, char *to, size_t size);
