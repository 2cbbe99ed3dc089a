// SPDX-License-Identifier: MIT
#pragma once
/* The rows of the ledger that a job lives by: found, planned, reserved, moved, given
 * back. The loop thread; what the store thread tells comes as EVENT_DONE. */
#include "backend/engine/paid/paid.h"

/* Finds what an earlier attempt left of its outputs, and who served it. -EIO: of
 * unknown outcome; -ENOMEM, and what the store says, with a sentence. */
int rows_find(struct paid *p, struct err *err);
/* All parts of the outputs for who serves it; those that are there stay. -ENOMEM,
 * -EINVAL, -EDQUOT, -EIO with a sentence. */
int rows_plan(struct paid *p, struct err *err);
/* Whether a part that is open has no row, and whether one is with the provider. */
bool rows_are_missing(const struct paid *p);
bool rows_are_under_way(const struct paid *p);

/* Reserves rows for all parts that have none; `instead` are released in the same
 * commit. rows_take follows, if p->commit.err allows. */
void rows_reserve(struct job *j, const uint64_t *instead, size_t n);
void rows_keep(struct paid *p); /* as if it reserved none */
void rows_take(struct paid *p);

/* Changes the rows of the call under way. */
void rows_move(struct paid *p, const struct ledger_move *m);
void rows_unsend(struct paid *p); /* back to `reserved` */

/* Those that are reserved still; room for n_parts. Returns how many. */
size_t rows_reserved(const struct paid *p, uint64_t *ret_ids);
void rows_release(struct paid *p, const uint64_t *ids, size_t n); /* n > 0 */
