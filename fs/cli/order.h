// SPDX-License-Identifier: MIT
#pragma once
/* --order=value: most quality per dollar first. Pure. */
#include <stdbool.h>

#include "cache/base/err.h"
#include "cache/base/json.h"

/* "given" or "value". -EINVAL with a sentence. */
int order_parse(const char *text, bool *ret_by_value, struct err *err);
/* Quality per dollar, of an answer to "quote". */
double order_value(const cJSON *answer);
