// SPDX-License-Identifier: MIT
#pragma once
/* JSON to struct model_row, strictly. Only the catalogue uses it.
 *
 * Members of a row: title note kind protocol quality aliases wire location prompt
 * input_tokens options pixels seconds extend price refusal reserve rpm retired
 * successors fallback source as_of. The user guide of the format is the README. */
#include "backend/model/catalogue.h"
#include "cache/base/json.h"

struct row_parser {
	const char *origin; /* the file, for sentences */
	const char *name;   /* the row */
	struct err *err;
};

/* -EINVAL with "<origin>: model <name>: <what>". */
int row_fail(const struct row_parser *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Fills `ret`, which borrows strings of `raw`. -EINVAL, -ENOMEM; then nothing is kept.
 */
int row_parse(struct row_parser *p, const cJSON *raw, struct model_row *ret);
void row_finish(struct model_row *row);

/* Parts of it, each for one member. */
int row_parse_options(
	const struct row_parser *p, const cJSON *m, struct model_row *row);
int row_parse_pixels(const struct row_parser *p, const cJSON *m, struct model_row *row);
int row_parse_seconds(
	const struct row_parser *p, const cJSON *m, struct model_row *row);
int row_parse_extend(const struct row_parser *p, const cJSON *m, struct model_row *row);
int row_parse_price(const struct row_parser *p, const cJSON *m, struct model_row *row);
int row_parse_refusal(
	const struct row_parser *p, const cJSON *m, struct model_row *row);

/* A JSON number of dollars as micro-dollars; `what` for the sentence. */
int row_dollars(
	const struct row_parser *p, const cJSON *m, const char *what, int64_t *ret);
/* A whole number in [min, max]. */
int row_integer(const struct row_parser *p, const cJSON *m, const char *what,
	int64_t min, int64_t max, int64_t *ret);
