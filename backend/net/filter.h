// SPDX-License-Identifier: MIT
#pragma once
/* Response filter: JSON as it arrives, the media in it decoded on the way.
 *
 * Providers send media as base64 strings inside JSON. The filter hands the decoded
 * bytes of every string under one of the media keys (bytesBase64Encoded, data,
 * b64_json, encodedVideo, audioContent) to a sink, and keeps the rest of the text with
 * such a string replaced by "@media:<index>", so that cJSON only ever sees something
 * small. Memory is constant, whatever the media weighs. It does not judge the JSON
 * otherwise: what it cannot follow it passes on, for the parser to complain.
 *
 * One thread at a time; no I/O. Base64: standard or URL alphabet, padding optional,
 * whitespace is skipped, JSON escapes are undone. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/err.h"

#define FILTER_JSON_MAX (4u * 1024u * 1024u) /* text without media */
#define FILTER_MEDIA_MAX 64u                 /* strings in one response */
#define FILTER_DEPTH_MAX 64u

struct filter_ops {
	/* A media string begins: indices are 0, 1, ... in order. <0 ends the filter. */
	int (*begin)(void *user, uint32_t index, struct err *err);
	int (*data)(void *user, uint32_t index, const void *data, size_t len,
		struct err *err);
	/* valid: it was base64 to its end. */
	int (*end)(void *user, uint32_t index, bool valid, struct err *err);
};

struct filter;

struct filter *filter_new(
	const struct filter_ops *ops, void *user); /* NULL: no memory */
void filter_free(struct filter *f);                /* NULL is fine */

/* The next bytes of the body. 0; -EMSGSIZE text above FILTER_JSON_MAX or too many media
 * strings; -EPROTO nested too deep; -ENOMEM; or what the sink returned. */
int filter_feed(struct filter *f, const void *data, size_t len, struct err *err);
/* The end of the body. -EPROTO: it ended inside a string. */
int filter_end(struct filter *f, struct err *err);
/* The text with the media replaced; valid until filter_free. */
const struct buf *filter_json(const struct filter *f);
/* The index in a "@media:<index>" value; -EINVAL if it is none. */
int filter_media_index(const char *value, uint32_t *ret);
