// SPDX-License-Identifier: MIT
#pragma once
/* What may be made at all, and how much room it takes. Any thread. */
#include "backend/engine/core.h"

/* May it be generated? *ret_row is its model. Errors as engine_submit. `rec` is what is
 * recorded (FAILED or UNKNOWN), or NULL. */
int admit(const struct engine *e, const struct request *req,
	const struct engine_who *who, const struct record *rec, int64_t now_ms,
	const struct model_row **ret_row, struct err *err);
/* Upper bound of the bytes of `takes` files, for the store's room. */
uint64_t room_needed(
	const struct model_row *row, const struct request *req, uint32_t takes);
