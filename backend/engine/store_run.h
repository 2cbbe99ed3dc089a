// SPDX-License-Identifier: MIT
#pragma once
/* Storing what a run made: all outputs that have ended, in one commit. */
#include "backend/engine/run.h"

/* For pool_submit. Sets `stored` of each; bytes that may still be served from memory
 * stay. */
void run_store(struct pool_item *i);
