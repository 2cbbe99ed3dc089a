// SPDX-License-Identifier: MIT
#pragma once
/* Veo, `:predictLongRunning` and its polling. Pure. */
#include "backend/provider/wire.h"

/* The body of the start. -ENOMEM. */
int veo_body(const struct wire_job *job, struct buf *ret);
/* The answer to the start: an operation's name, or an error. */
void veo_read_start(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
/* Body of `:fetchPredictOperation` (Vertex; the Developer API polls with GET). */
int veo_poll_body(const char *operation, struct buf *ret);
/* An answer to a poll. HTTP errors of a poll change nothing about what was accepted:
 * PENDING with the sentence in err, but for Google's own 404 (the operation is lost:
 * UNKNOWN) and 401 (AUTH). */
void veo_read_poll(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
