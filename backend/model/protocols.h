// SPDX-License-Identifier: MIT
#pragma once
/* The list of protocols: how a service is spoken to. This is the one place that
 * names a protocol, besides its own file in backend/provider. Constant: any thread. */
#include "backend/model/catalogue.h"

/* A row: its ops are protocol_<id>; its name in a catalogue; what it makes. */
#define PROTOCOLS(ROW)                                                                 \
	ROW(imagen, "imagen", MODEL_PICTURE)                                           \
	ROW(gemini_image, "gemini-image", MODEL_PICTURE)                               \
	ROW(veo, "veo", MODEL_VIDEO)                                                   \
	ROW(gemini_text, "gemini-text", MODEL_TEXT)                                    \
	ROW(openai_image, "openai-image", MODEL_PICTURE)                               \
	ROW(openai_chat, "openai-chat", MODEL_TEXT)

/* What a catalogue knows of one. */
struct protocol_kind {
	const char *name;
	enum model_kind kind;
};
#define PROTOCOL_KIND(id, name, kind) {name, kind},

/* Ended by a row without a name. Alone in its object, so that a test's own list can
 * stand in its place. */
extern const struct protocol_kind protocol_kinds[];
