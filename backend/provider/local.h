// SPDX-License-Identifier: MIT
#pragma once
/* The built-in renderer as a provider: free, offline, and the same bytes for the same
 * prompt, model, options, take and draw. The engine owns it. Steps on the loop thread,
 * work on the pool. */
#include "backend/provider/provider.h"
#include "cache/base/digest.h"

/* tmp_dir: for the unlinked file of a video, copied. latency_ms: each job waits that
 * long first, as a real one would. -ENOMEM. */
int local_new(
	const char *tmp_dir, int latency_ms, struct provider *ret, struct err *err);

/* The number of a drawing: the one asked for, or one that the request, take and draw
 * determine; asking for that number later gives the same drawing. 1..2^31-1 if chosen.
 */
uint64_t local_seed(const struct request *req, uint16_t take, uint32_t draw);
/* What makes the drawing differ. */
void local_drawing(const struct request *req, uint64_t seed, struct digest *ret);
