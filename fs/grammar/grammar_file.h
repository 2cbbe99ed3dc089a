// SPDX-License-Identifier: MIT
#pragma once
/* Names of media files and of what stands beside them: "1.png", "30s-2.mp4.cost",
 * "1.png~1". Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/media_type.h"
#include "fs/grammar/grammar.h"

struct file_name {
	enum media_type type;
	uint16_t take;    /* 1..REQUEST_TAKE_MAX */
	uint32_t seconds; /* timed media: 1..FILE_SECONDS_MAX */
	enum sidecar sidecar;
	uint32_t history; /* the N of ~N, 0 without; never with a sidecar */
};

#define FILE_SECONDS_MAX 999999

/* False if the name is none of these. Numbers have no leading zeros. */
bool file_name_parse(const char *name, struct file_name *ret);

/* "best.png" etc.; MEDIA_NONE else. */
enum media_type file_type_of_best(const char *name);
