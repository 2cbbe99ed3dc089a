// SPDX-License-Identifier: MIT
#pragma once
/* What an earlier mount left in the ledger. On the thread that starts the engine, then
 * on the loop's, as said below. */
#include "backend/engine/paid/network.h"

/* What it reserved is released, and calls that were sent and of which nothing can be
 * learned become unknown. Before the engine serves anybody, on the thread that starts
 * it. */
void resume_lost(struct network *net);
/* Goes on with the rest. The loop, before anything is submitted. */
void resume_all(struct network *net);
