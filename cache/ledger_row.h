// SPDX-License-Identifier: MIT
#pragma once
/* A row of the ledger: its stored form, and what it means for totals and tables. Pure,
 * any thread. */
#include "cache/ledger.h"

struct buf;
struct rd;

#define LEDGER_AMOUNT_MAX (INT64_C(1000000000) * 1000000) /* 1e9 USD; sums fit */

/* Appends the stored form. -ENOMEM; -E2BIG where a string is above its maximum. */
int ledger_row_encode(const struct ledger_row *r, struct buf *out);
/* -EBADMSG; hostile bytes are fine. */
int ledger_row_decode(struct rd *in, uint64_t id, struct ledger_row *ret);
/* Only what sums are made of: strings stay NULL, but for *ret_program, which is not
 * terminated and lives as long as the transaction. */
int ledger_row_brief(struct rd *in, uint64_t id, struct ledger_row *ret,
	const char **ret_program, size_t *ret_len);

/* What a row adds to each of its totals. */
struct totals ledger_share(const struct ledger_row *r);
/* Whether it stands in `open`. */
bool ledger_is_open(const struct ledger_row *r);
bool ledger_is_kept_part(const struct ledger_row *r);
/* A copy in place of a string of a row; NULL leaves it. -ENOMEM. */
int ledger_set_text(char **at, const char *text);
