// SPDX-License-Identifier: MIT
#pragma once
/* What <file>.json tells of the paid call. The pool, while it stores. */
#include "backend/engine/paid/paid.h"

bool paid_describe(const struct run *r, cJSON *o); /* false: no memory */
