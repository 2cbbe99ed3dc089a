// SPDX-License-Identifier: MIT
#pragma once
/* The quality of stored files, measured in the background. Any thread. */
#include "backend/engine/core.h"

/* Queues the measuring of a stored file, unless it is under way. */
void measure_start(struct engine *e, const struct request *req,
	const struct digest *key, uint32_t uid);
