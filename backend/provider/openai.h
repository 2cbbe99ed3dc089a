// SPDX-License-Identifier: MIT
#pragma once
/* OpenAI-compatible servers: /v1/images/generations and /v1/chat/completions. Pure.
 * Source: OpenAI's API reference; LocalAI, stable-diffusion.cpp and Ollama answer
 * alike. */
#include "backend/provider/protocol.h"

#define OPENAI_BASE "https://api.openai.com/v1"

/* The addresses below the base ("http://127.0.0.1:8080/v1", with or without "/v1").
 * The model stands in the body. */
int openai_url(const struct wire_endpoint *to, const char *model, const char *method,
	struct buf *ret, struct err *err);
