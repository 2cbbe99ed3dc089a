// SPDX-License-Identifier: MIT
#pragma once
/* What the child says to its parent and hears from it (message.h). Only in the child,
 * whose only thread waits in these calls. */
#include <stddef.h>
#include <stdint.h>

#include "backend/sandbox/message.h"
#include "cache/base/err.h"

/* One of the request's sources. */
struct medium {
	uint32_t number;
	uint64_t size; /* bytes */
};

/* Exactly `len` bytes. -EIO: the parent is gone. */
int channel_read(void *data, size_t len);
int channel_send(enum message_kind kind, uint64_t off, const void *data, size_t len);

/* A range of the struct medium `user`, within its size. */
int channel_fetch(void *user, uint64_t off, void *buf, size_t len, struct err *err);

/* The next bytes of what is made, of any length. `user` is not used. */
int channel_output(void *user, const void *data, size_t len, struct err *err);
