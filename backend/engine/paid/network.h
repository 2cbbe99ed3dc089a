// SPDX-License-Identifier: MIT
#pragma once
/* The network half of an engine, made and unmade with it. Nobody but engine.c includes
 * this. */
#include "backend/engine/core.h"

/* Before the loop serves anybody: credentials are found, nothing is sent. <0 with a
 * sentence; then network_free cleans up. Missing credentials are no failure: opens say
 * what is missing. */
int network_start(struct engine *e, const struct engine_remote *c, struct err *err);
/* By way of the loop: goes on with what an earlier mount left, checks the ledger. */
void network_open(struct engine *e);
/* After the last job, before the pool and the loop are stopped. */
void network_close(struct engine *e);
void network_free(struct engine *e); /* after the loop */
