// SPDX-License-Identifier: MIT
#pragma once
/* Buying begins and ends with the engine: for the table in maker.h. */
#include "backend/engine/paid/network.h"

/* What an earlier mount left is taken up, the ledger checked in the background. */
void paid_open(struct engine *e);
void paid_close(struct engine *e);
void paid_free_network(void *ctx);
