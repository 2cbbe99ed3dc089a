// SPDX-License-Identifier: MIT
#pragma once
/* Gemini, `:generateContent`: pictures (one a call) and text, with pictures as input.
 * Pure. */
#include "backend/provider/wire.h"

/* -ENOMEM. */
int gemini_body(const struct wire_job *job, struct buf *ret);
/* The answer for a picture model. A STOP without a picture is a refusal in words. */
void gemini_read_picture(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
/* The answer for a text model: v->text. */
void gemini_read_text(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
