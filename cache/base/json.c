// SPDX-License-Identifier: MIT
/* What cache/base/json.h says, by cJSON. A tree belongs to one thread. */
#include "cache/base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"
#include "cache/base/money.h"

/* cJSON recurses once per level; a hostile text must not choose our stack depth. */
static bool too_deep(const char *s, size_t len)
{
	int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string) {
			if (s[i] == '\\')
				i++;
			else if (s[i] == '"')
				in_string = false;
		} else if (s[i] == '"') {
			in_string = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > JSON_MAX_DEPTH)
				return true;
		} else if (s[i] == '}' || s[i] == ']') {
			depth--;
		}
	}
	return false;
}

static int line_of(const char *text, size_t len, const char *at)
{
	int line = 1;

	for (size_t i = 0; i < len && text + i < at; i++)
		line += text[i] == '\n';
	return line;
}

cJSON *json_parse(const char *text, size_t len, struct err *err)
{
	const char *end = NULL;
	cJSON *j;

	if (too_deep(text, len)) {
		err_set(err, EINVAL, "JSON nested deeper than %d", JSON_MAX_DEPTH);
		return NULL;
	}
	j = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (!j) {
		err_set(err, EINVAL, "malformed JSON in line %d",
			end ? line_of(text, len, end) : 1);
		return NULL;
	}
	for (; end < text + len; end++) {
		if (*end && !strchr(" \t\r\n", *end)) {
			cJSON_Delete(j);
			err_set(err, EINVAL, "JSON followed by other text");
			return NULL;
		}
	}
	return j;
}

cJSON *json_parse_file(const char *path, size_t max, struct err *err)
{
	scoped(buf_finish) struct buf b = {0};
	cJSON *j;

	if (buf_read_file(&b, path, max, err) < 0)
		return NULL;
	j = json_parse(b.data ? b.data : "", b.len, err);
	if (!j)
		err_wrap(err, -EINVAL, "%s", path);
	return j;
}

const char *json_str(const cJSON *o, const char *name, const char *fallback)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(m) ? m->valuestring : fallback;
}

double json_num(const cJSON *o, const char *name, double fallback)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(m) ? m->valuedouble : fallback;
}

int64_t json_int(const cJSON *o, const char *name, int64_t fallback)
{
	double v = json_num(o, name, NAN);

	if (!(v >= -9007199254740992.0 && v <= 9007199254740992.0))
		return fallback;
	return (int64_t)v;
}

bool json_bool(const cJSON *o, const char *name, bool fallback)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsBool(m) ? cJSON_IsTrue(m) : fallback;
}

bool json_add_usd(cJSON *o, const char *name, int64_t udollars)
{
	char text[MONEY_TEXT];

	money_format(udollars, text);
	return cJSON_AddRawToObject(o, name, text) != NULL;
}

bool json_add_int(cJSON *o, const char *name, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	return cJSON_AddRawToObject(o, name, text) != NULL;
}

static int print_number(struct buf *out, double v)
{
	char text[40];

	if (!isfinite(v))
		return buf_adds(out, "null");
	if (v == trunc(v) && fabs(v) < 9007199254740992.0)
		return buf_addf(out, "%.0f", v);
	for (int precision = 1; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	return buf_adds(out, text);
}

static int print_string(struct buf *out, const char *s)
{
	int r = buf_addc(out, '"');

	for (; *s && r == 0; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			r = buf_addf(out, "\\%c", c);
		else if (c == '\n')
			r = buf_adds(out, "\\n");
		else if (c == '\t')
			r = buf_adds(out, "\\t");
		else if (c < 0x20)
			r = buf_addf(out, "\\u%04x", c);
		else
			r = buf_addc(out, (char)c);
	}
	return r < 0 ? r : buf_addc(out, '"');
}

/* depth < 0: all on one line. */
static int print_value(struct buf *out, const cJSON *j, int depth);

static int print_break(struct buf *out, int depth)
{
	return depth < 0 ? 0 : buf_addf(out, "\n%*s", 2 * depth, "");
}

static int print_members(struct buf *out, const cJSON *j, int depth)
{
	bool object = cJSON_IsObject(j);
	int inner = depth < 0 ? -1 : depth + 1;
	int r = buf_addc(out, object ? '{' : '[');

	for (const cJSON *m = j->child; m && r == 0; m = m->next) {
		r = print_break(out, inner);
		if (r == 0 && object) {
			r = print_string(out, m->string);
			if (r == 0)
				r = buf_adds(out, depth < 0 ? ":" : ": ");
		}
		if (r == 0)
			r = print_value(out, m, inner);
		if (r == 0 && m->next)
			r = buf_addc(out, ',');
	}
	if (r == 0 && j->child)
		r = print_break(out, depth);
	return r < 0 ? r : buf_addc(out, object ? '}' : ']');
}

static int print_value(struct buf *out, const cJSON *j, int depth)
{
	switch (j->type & 0xff) {
	case cJSON_False:
		return buf_adds(out, "false");
	case cJSON_True:
		return buf_adds(out, "true");
	case cJSON_Number:
		return print_number(out, j->valuedouble);
	case cJSON_String:
		return print_string(out, j->valuestring);
	case cJSON_Raw:
		return buf_adds(out, j->valuestring);
	case cJSON_Array:
	case cJSON_Object:
		return print_members(out, j, depth);
	default:
		return buf_adds(out, "null");
	}
}

int json_print(struct buf *out, const cJSON *j)
{
	int r = print_value(out, j, 0);

	return r < 0 ? r : buf_addc(out, '\n');
}

int json_print_line(struct buf *out, const cJSON *j)
{
	return print_value(out, j, -1);
}
