// SPDX-License-Identifier: MIT
#pragma once
/* What providers send and receive, as plain values: no I/O, no clock, no secrets.
 *
 * A wire function writes the body of a request, or reads an answer whose media were
 * taken out by the response filter. All are pure and fuzzed with rubbish. What an
 * answer means for money is said once, in struct verdict. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/policy/price.h"
#include "backend/request/request.h"
#include "cache/base/json.h"
#include "cache/base/media_type.h"

#define WIRE_INPUTS_MAX 16
#define WIRE_MEDIA_MAX 64

/* A picture of /inputs that the request refers to. */
struct wire_input {
	enum media_type type;
	const void *data;
	size_t len;
};

struct wire_job {
	const struct request *req;
	const struct model_row *row;
	const char *prompt, *negative; /* as sent; negative "" if none */
	uint32_t n_takes;              /* asked for in this call */
	uint32_t seconds;              /* of this call: a segment of a long video */
	bool has_seed;
	uint64_t seed;
	const struct wire_input *image; /* image= */
	uint32_t n_images;
	const struct wire_input *last; /* last=, or NULL */
	const char *storage_uri; /* gs://bucket/prefix/ for the result; NULL: inline */
	bool is_developer_api;   /* Gemini API, not Vertex */
};

/* One media string that the filter took out: "@media:<its index>". */
struct wire_media {
	enum media_type type; /* by its first bytes; labels lie */
	uint64_t size;
	bool is_valid; /* it was base64 to its end */
};

struct wire_answer {
	int status;        /* HTTP */
	const cJSON *json; /* NULL: the body was no JSON */
	const struct wire_media *media;
	uint32_t n_media;
	int64_t retry_after_ms; /* Retry-After; -1 none */
};

enum verdict_kind {
	VERDICT_DONE,      /* media or text is there */
	VERDICT_OPERATION, /* accepted: poll `operation` */
	VERDICT_PENDING,   /* the operation still runs */
	VERDICT_REJECTED,  /* certainly not accepted: nothing to pay */
	VERDICT_AUTH,      /* 401: renew the token, send once more */
	VERDICT_NO_MODEL,  /* the provider does not have it: try the successor */
	VERDICT_BUSY,      /* quota or overload: wait, next region, fallback */
	VERDICT_REFUSED,   /* a safety filter; costs what the row says */
	VERDICT_UNUSABLE,  /* charged, but nothing can be served */
	VERDICT_UNKNOWN,   /* may have been accepted */
};

#define WIRE_OPERATION_MAX 1024

struct wire_result {
	int32_t media;    /* index of the media string; -1: refused or missing */
	char reason[160]; /* of a refusal */
	char uri[1024];   /* gs:// or https:// where the bytes are; "": inline */
};

struct verdict {
	enum verdict_kind kind;
	struct err err;         /* everything but DONE, OPERATION and PENDING */
	bool is_final;          /* BUSY: waiting does not help (daily quota, limit 0) */
	int64_t retry_after_ms; /* larger of header and RetryInfo; -1: none */
	struct usage usage;     /* DONE, UNUSABLE, REFUSED: what was used */
	uint32_t n_results;
	struct wire_result result[WIRE_MEDIA_MAX];
	char operation[WIRE_OPERATION_MAX];
	struct buf text; /* of a text model; owned: verdict_finish */
	char finish_reason[48];
	char model_version[80]; /* what the provider says served it; "" */
};

void verdict_finish(struct verdict *v);
/* Sets kind and err.code and the sentence. Returns v->kind. */
enum verdict_kind verdict_set(struct verdict *v, enum verdict_kind kind, int code,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* `,"name":"<base64>"` or the like: a JSON string member with the data in base64. */
int wire_add_base64(struct buf *b, const void *data, size_t len);
