// SPDX-License-Identifier: MIT
#pragma once
/* models.json, as embed.py puts it into the binary. Constant: any thread. */
#include <stddef.h>

extern const char models_json[];
extern const size_t models_json_len;
