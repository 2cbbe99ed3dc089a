// SPDX-License-Identifier: MIT
#pragma once
/* cJSON with checked types, sentences and our number format. */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/err.h"

#define JSON_MAX_DEPTH 64

static inline void json_free(cJSON **j)
{
	cJSON_Delete(*j);
}
#define scoped_json __attribute__((cleanup(json_free)))

/* NULL with a sentence on malformed text, trailing bytes, or nesting > JSON_MAX_DEPTH.
 */
cJSON *json_parse(const char *text, size_t len, struct err *err);
cJSON *json_parse_file(const char *path, size_t max, struct err *err);

/* Members; the fallback where the member is absent or of another type. */
const char *json_str(const cJSON *o, const char *name, const char *fallback);
double json_num(const cJSON *o, const char *name, double fallback);
int64_t json_int(const cJSON *o, const char *name, int64_t fallback);
bool json_bool(const cJSON *o, const char *name, bool fallback);

/* Adds a number in micro-dollars as USD with at most six decimals, exactly. */
bool json_add_usd(cJSON *o, const char *name, int64_t udollars);
/* An integer beyond 2^53 stays exact (cJSON numbers are doubles). */
bool json_add_int(cJSON *o, const char *name, int64_t v);

/* Two-space indent and a '\n' at the end; integers without exponent, other numbers
 * in the shortest form that reads back equal; not-finite numbers become null. -ENOMEM.
 */
int json_print(struct buf *out, const cJSON *j);
/* One line, no end of line. */
int json_print_line(struct buf *out, const cJSON *j);
