// SPDX-License-Identifier: MIT
#pragma once
/* A failure: an errno value and one sentence for people.
 *
 * Functions return 0 or a negative errno and, if the caller gave a struct err,
 * fill it where the failure happens. Callers wrap it on the way up ("reading
 * X: ..."); it is logged once, where it stops. Lives on the caller's stack. */
#include <stdarg.h>
#include <stdbool.h>

#define ERR_WHY_MAX 248 /* the NUL included */

struct err {
	int code;              /* errno value, 0 = none */
	bool transient;        /* the same call may succeed later */
	char why[ERR_WHY_MAX]; /* one line, no secrets, no newline */
};

/* Sets code and sentence, both control characters and newlines become blanks.
 * err may be NULL. Returns -code, so `return err_set(err, EINVAL, "...")`. */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, with ": <strerror(code)>" appended. */
int err_errno(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "<fmt>: " in front of the sentence there is; keeps code. Returns r. */
int err_wrap(struct err *err, int r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* -ENOMEM with its sentence. */
int err_oom(struct err *err);
