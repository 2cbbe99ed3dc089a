// SPDX-License-Identifier: MIT
#pragma once
/* What is kept about one draw of one file, and its stored form.
 *
 * Stored: version, little-endian fields in this order, length-prefixed strings,
 * CRC32C over all of it at the end. Unknown versions and bad sums are -EBADMSG. */
#include <stddef.h>
#include <stdint.h>

#include "cache/base/digest.h"
#include "cache/base/media_type.h"

struct buf;
struct err;

enum record_state {
	RECORD_GENERATED = 1,
	RECORD_FAILED = 2,  /* remembered until retry_at_ms, or until rm */
	RECORD_UNKNOWN = 3, /* possibly paid; never sent again by itself */
};

struct record {
	enum record_state state;
	enum media_type type;
	uint32_t draw;       /* 0, 1, ... one more after each rm */
	uint32_t errno_code; /* FAILED, UNKNOWN: what open returned */
	uint32_t attempts;
	uint32_t latency_ms; /* of the job, from its slot to the stored bytes */
	uint8_t grade;       /* 'A'..'D'; 0 not measured; '!' could not be measured */
	struct digest blob;  /* GENERATED: SHA-256 of the bytes */
	struct digest
		orig;  /* the provider's bytes if they were converted, else zeros */
	uint64_t size; /* bytes of blob */
	uint64_t orig_size;
	uint64_t blob_id, orig_id; /* where the chunks are; set by the store */
	uint64_t seed;             /* UINT64_MAX: not known */
	int64_t created_ms;        /* Unix time */
	int64_t retry_at_ms;
	int64_t estimate_ud; /* what the named model would have cost */
	int64_t charged_ud;
	char *path;      /* canonical path */
	char *model;     /* as named */
	char *served_by; /* catalogue row that made it */
	char *why;       /* FAILED, UNKNOWN: the sentence */
	char *detail;    /* JSON: request as sent, dropped options, outputs, times */
	char *quality;   /* JSON, or NULL while not measured */
};

void record_finish(struct record *r);
int record_copy(struct record *ret, const struct record *r); /* -ENOMEM */
/* Appends the stored form. -ENOMEM; -E2BIG where a string is above its maximum. */
int record_encode(const struct record *r, struct buf *out);
/* -EBADMSG with a sentence; hostile bytes are fine. */
int record_decode(const void *data, size_t len, struct record *ret, struct err *err);
