// SPDX-License-Identifier: MIT
#pragma once
/* What providers send and receive, as plain values: no I/O, no clock, no secrets.
 *
 * A wire function writes the body of a request, or reads a response whose media were
 * taken out by the response filter. All are pure and fuzzed with rubbish. What an
 * response means for money is said once, in struct verdict. */
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
	const char *video_uri;         /* of a clip to extend; NULL: none. Veo only */
	const char *storage_uri; /* gs://bucket/prefix/ for the result; NULL: inline */
	enum backend_id backend; /* whom it is sent to */
};

/* One media string that the filter took out: "@media:<its index>". */
struct wire_media {
	enum media_type type; /* by its first bytes; labels lie */
	uint64_t size;
	bool is_valid; /* it was base64 to its end */
};

struct wire_response {
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
	VERDICT_UNUSABLE,  /* accepted, but nothing can be served */
	VERDICT_UNKNOWN,   /* may have been accepted */
};

/* What is booked for it. Set together with the kind. */
enum verdict_charge {
	CHARGE_NOTHING,  /* rejected, or still under way */
	CHARGE_USAGE,    /* the price of `usage` */
	CHARGE_REFUSAL,  /* accepted and brought nothing: what the row says of that */
	CHARGE_RESERVED, /* not known: all that was reserved */
};

#define WIRE_OPERATION_MAX 1024
#define WIRE_URI_MAX 1280 /* a bucket's and an object's name */

/* One of the takes. Usable ones come first. */
struct wire_result {
	bool is_usable;         /* as far as the response tells, it can be served */
	int32_t media;          /* index of the media string; -1: none */
	char reason[240];       /* why it is not usable */
	char uri[WIRE_URI_MAX]; /* gs:// or http(s)://, where it is; "": inline */
};

struct verdict {
	enum verdict_kind kind;
	enum verdict_charge charge;
	struct err err;         /* everything but DONE and OPERATION; PENDING: may be
				   set, the poll itself failed */
	bool is_final;          /* BUSY: waiting does not help (daily quota, limit 0) */
	int64_t retry_after_ms; /* larger of header and RetryInfo; -1: none */
	struct usage usage;     /* CHARGE_USAGE; REFUSED: as far as it is told */
	uint32_t n_results;     /* DONE: at least n_takes of the job */
	struct wire_result result[WIRE_MEDIA_MAX];
	char operation[WIRE_OPERATION_MAX];
	struct buf text; /* of a text model; owned: verdict_finish */
	char finish_reason[48];
	char model_version[80]; /* what the provider says served it; "" */
};

void verdict_finish(struct verdict *v);
/* Sets kind, its usual charge, err.code and the sentence. Returns v->kind. */
enum verdict_kind verdict_set(struct verdict *v, enum verdict_kind kind, int code,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* DONE, OPERATION or PENDING. */
enum verdict_kind verdict_ok(struct verdict *v, enum verdict_kind kind);

/* ---- options (wire_options.c) ---- */

/* Whether an option goes out with the call at all. The catalogue says what a path may
 * ask; the API, or the model behind it, may not know the parameter by now. */
bool wire_sends(const struct wire_job *j, enum option_id id);
/* What the model is called there; "" if it is not. */
const char *wire_id(const struct wire_job *j);
/* Whether the path gives this value. */
bool wire_is_given(const struct wire_job *j, enum option_id id, const char *value);
/* What goes out: the value of the path where the row that serves it understands it,
 * else the row's own default. NULL, false: nothing does. */
const char *wire_choice(const struct wire_job *j, enum option_id id);
bool wire_number(const struct wire_job *j, enum option_id id, double *ret);
bool wire_seed(const struct wire_job *j, uint64_t *ret);
/* The length that the call asks for, and that is billed. Longer than j->seconds where
 * the model does not make what its row promises; the clip is then to be cut. */
uint32_t wire_seconds(const struct wire_job *j);
/* The takes of one call by the row's count, >= 1: for protocols that make several. */
uint32_t wire_count_max(const struct wire_job *j);
/* Can a clip be extended (video_uri)? By this many seconds, each time; the result is
 * the whole clip, and the added seconds are billed. On the Developer API at 720p. */
#define WIRE_EXTENSION_SECONDS 7
bool wire_can_extend(const struct wire_job *j);
/* The options that the path gave and the call does not honour: the serving row or its
 * API does not know the parameter or the value. style, enhance, count and fps are
 * honoured elsewhere, and what a model does anyway is not dropped. */
void wire_dropped(const struct wire_job *j, bool dropped[static OPT_COUNT_]);

/* Members of a request. *ok turns false where memory is short: a body that lacks a
 * parameter would buy something else. NULL values are left out. */
void wire_str(bool *ok, cJSON *o, const char *name, const char *v);
void wire_int(bool *ok, cJSON *o, const char *name, int64_t v);
void wire_num(bool *ok, cJSON *o, const char *name, double v);
void wire_bool(bool *ok, cJSON *o, const char *name, bool v);
cJSON *wire_obj(bool *ok, cJSON *o, const char *name);
cJSON *wire_list(bool *ok, cJSON *o, const char *name);

/* Appends the data in base64, without quotes. -ENOMEM. */
int wire_add_base64(struct buf *b, const void *data, size_t len);

/* ---- reading ---- */

/* Whether it is a picture or a video that can be served, by its bytes. */
bool wire_is_picture(const struct wire_response *a, int32_t media);
bool wire_is_video(const struct wire_response *a, int32_t media);
/* The index in "@media:N"; -1: none, or out of range. */
int32_t wire_media_of(const struct wire_response *a, const cJSON *o, const char *name);
/* Adds a result; NULL when there are WIRE_MEDIA_MAX. */
struct wire_result *wire_result_add(struct verdict *v);
/* Adds what came: a media string, or where it is. fault: why it cannot be served; NULL:
 * it can. Beyond WIRE_MEDIA_MAX: nothing. */
void wire_result_put(
	struct verdict *v, int32_t media, const char *uri, const char *fault);
/* Adds what was withheld, up to n in all. reason NULL: not told. */
void wire_withheld_add(struct verdict *v, uint32_t n, const char *reason);
/* A place the bytes may be fetched from: gs://, https://, or this machine. False: it is
 * none, or too long. */
bool wire_uri(const char *uri, char ret[static WIRE_URI_MAX]);
