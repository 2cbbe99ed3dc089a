// SPDX-License-Identifier: MIT
/* Verdicts, members of a request, media of a response: what all wire formats use. Pure:
 * any thread. */
#include "backend/provider/wire.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/net/filter.h"
#include "backend/net/http.h"
#include "backend/provider/google.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* ---- verdicts ---- */

static enum verdict_charge usual_charge(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_DONE:
		return CHARGE_USAGE;
	case VERDICT_REFUSED:
		return CHARGE_REFUSAL;
	case VERDICT_UNUSABLE:
	case VERDICT_UNKNOWN:
		return CHARGE_RESERVED;
	default:
		return CHARGE_NOTHING;
	}
}

void verdict_finish(struct verdict *v)
{
	buf_finish(&v->text);
}

enum verdict_kind verdict_ok(struct verdict *v, enum verdict_kind kind)
{
	v->kind = kind;
	v->charge = usual_charge(kind);
	return kind;
}

enum verdict_kind verdict_set(
	struct verdict *v, enum verdict_kind kind, int code, const char *fmt, ...)
{
	char text[sizeof(v->err.why)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(&v->err, code, "%s", text);
	return verdict_ok(v, kind);
}

/* ---- writing ---- */

void wire_str(bool *ok, cJSON *o, const char *name, const char *v)
{
	if (v)
		*ok &= cJSON_AddStringToObject(o, name, v) != NULL;
}

void wire_int(bool *ok, cJSON *o, const char *name, int64_t v)
{
	*ok &= json_add_int(o, name, v);
}

void wire_num(bool *ok, cJSON *o, const char *name, double v)
{
	*ok &= cJSON_AddNumberToObject(o, name, v) != NULL;
}

void wire_bool(bool *ok, cJSON *o, const char *name, bool v)
{
	*ok &= cJSON_AddBoolToObject(o, name, v) != NULL;
}

static cJSON *attach(bool *ok, cJSON *o, const char *name, cJSON *m)
{
	bool added = m && (name ? cJSON_AddItemToObject(o, name, m)
				: cJSON_AddItemToArray(o, m));

	if (!added)
		cJSON_Delete(m);
	*ok &= added;
	return added ? m : NULL;
}

cJSON *wire_obj(bool *ok, cJSON *o, const char *name)
{
	return attach(ok, o, name, cJSON_CreateObject());
}

cJSON *wire_list(bool *ok, cJSON *o, const char *name)
{
	return attach(ok, o, name, cJSON_CreateArray());
}

int wire_add_base64(struct buf *b, const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;
	int r = buf_reserve(b, (len + 2) / 3 * 4);
	char *to;

	if (r < 0)
		return r;
	to = b->data + b->len;
	for (size_t i = 0; i < len; i += 3, to += 4) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = (unsigned)p[i] << 16 |
			     (n > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);

		to[0] = digits[v >> 18];
		to[1] = digits[v >> 12 & 63];
		to[2] = n > 1 ? digits[v >> 6 & 63] : '=';
		to[3] = n > 2 ? digits[v & 63] : '=';
	}
	*to = '\0';
	b->len += (len + 2) / 3 * 4;
	return 0;
}

/* ---- reading ---- */

bool wire_is_picture(const struct wire_response *a, int32_t media)
{
	const struct wire_media *m = media < 0 ? NULL : &a->media[media];

	return m && m->is_valid && media_is_made_by(m->type, MODEL_PICTURE);
}

bool wire_is_video(const struct wire_response *a, int32_t media)
{
	const struct wire_media *m = media < 0 ? NULL : &a->media[media];

	return m && m->is_valid && media_is_made_by(m->type, MODEL_VIDEO);
}

int32_t wire_media_of(const struct wire_response *a, const cJSON *o, const char *name)
{
	uint32_t index;

	if (filter_media_index(json_str(o, name, ""), &index) < 0 ||
		index >= a->n_media)
		return -1;
	return (int32_t)index;
}

struct wire_result *wire_result_add(struct verdict *v)
{
	struct wire_result *r;

	if (v->n_results == WIRE_MEDIA_MAX)
		return NULL;
	r = &v->result[v->n_results++];
	*r = (struct wire_result){.media = -1};
	return r;
}

void wire_result_put(
	struct verdict *v, int32_t media, const char *uri, const char *fault)
{
	struct wire_result *r = wire_result_add(v);

	if (!r)
		return;
	r->media = media;
	r->is_usable = !fault;
	snprintf(r->uri, sizeof(r->uri), "%s", uri);
	google_words(fault, r->reason, sizeof(r->reason));
}

void wire_withheld_add(struct verdict *v, uint32_t n, const char *reason)
{
	struct wire_result *r = v->n_results < n ? wire_result_add(v) : NULL;

	if (r)
		google_words(reason && *reason
				     ? reason
				     : "withheld by the provider's safety filter",
			r->reason, sizeof(r->reason));
}

bool wire_uri(const char *uri, char ret[static WIRE_URI_MAX])
{
	size_t count;

	if (strlen(uri) >= WIRE_URI_MAX)
		return false;
	for (const char *s = uri; *s; s++) {
		if (iscntrl((unsigned char)*s) || strchr("\"\\", *s))
			return false;
	}
	if (str_utf8_count(uri, strlen(uri), &count) < 0)
		return false;
	if (!(str_starts(uri, "gs://") && uri[5]) && !http_is_secure_url(uri))
		return false;
	memcpy(ret, uri, strlen(uri) + 1);
	return true;
}
