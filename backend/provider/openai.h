// SPDX-License-Identifier: MIT
#pragma once
/* OpenAI-compatible servers: /v1/images/generations and /v1/chat/completions. Pure.
 * Source: OpenAI's API reference; LocalAI, stable-diffusion.cpp and Ollama answer
 * alike. */
#include "backend/provider/wire.h"

/* The addresses below `base` ("http://127.0.0.1:8080/v1", with or without "/v1"). */
int openai_url(
	const char *base, enum model_kind kind, struct buf *ret, struct err *err);
int openai_body(const struct wire_job *job, struct buf *ret);
void openai_read_picture(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
void openai_read_text(
	const struct wire_job *job, const struct wire_response *a, struct verdict *v);
