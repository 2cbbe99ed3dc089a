// SPDX-License-Identifier: MIT
#pragma once
/* The last failures, for <file>.error and errors.log. Bounded: the oldest are
 * forgotten. Any thread; one lock inside, held for a moment. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/digest.h"
#include "cache/base/err.h"

#define ERRORS_MAX 512
#define ERRORS_PATH_MAX 512 /* bytes kept of a path */

struct errors;

struct errors *errors_new(void);    /* NULL: out of memory */
void errors_free(struct errors *e); /* NULL is fine */

/* Remembers it; out of memory: does not. */
void errors_add(struct errors *e, const struct digest *key, const char *path,
	const struct err *err, int64_t now_ms);
/* The last one of this file. */
bool errors_find(struct errors *e, const struct digest *key, struct err *ret,
	int64_t *ret_when_ms);
bool errors_forget(struct errors *e, const struct digest *key);
/* For errors.log: newest first, one line each; forgotten ones too. -ENOMEM. */
int errors_print(struct errors *e, struct buf *out);
