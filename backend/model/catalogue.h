// SPDX-License-Identifier: MIT
#pragma once
/* What there is to generate with: one row per model, with its limits, price and wire
 * ids. The built-in rows are models.json beside this file; files of the user add rows
 * and override members of rows.
 *
 * Built at start by one thread, then immutable: any thread may read. Strings and arrays
 * of a row belong to the catalogue. Money is micro-US-dollars, time is seconds. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/request/request.h"
#include "cache/base/err.h"

struct buf;

enum backend_id {
	BACKEND_LOCAL,
	BACKEND_VERTEX,
	BACKEND_GEMINI,
	BACKEND_OPENAI,
	BACKEND_COUNT_,
};

/* One allowed value of an option, and what it is called on the wire. */
struct choice {
	const char *value; /* canonical */
	const char *wire;  /* equal to value where the row names no other */
};

/* What a row says of one option. */
enum option_form { FORM_CHOICE, FORM_INTEGER, FORM_NUMBER, FORM_TEXT, FORM_INPUTS };

struct option_rule {
	bool is_taken;
	enum option_form form;
	struct choice *choices; /* FORM_CHOICE; the first is the default */
	size_t n_choices;
	double min, max; /* numbers; FORM_INPUTS: how many inputs */
	double preset;   /* numbers: the default; NAN if the provider chooses */
};

/* Pixels of a picture or frame: by size class ("1K", "1080p") and aspect. */
struct pixel_size {
	const char *size_class;
	const char *aspect;
	uint32_t width, height;
};

/* Lengths one call can make, ascending. */
#define ROW_SECONDS_MAX 32
struct seconds_rule {
	const char *res; /* "" for all resolutions that have no rule of their own */
	uint32_t n;
	uint32_t seconds[ROW_SECONDS_MAX];
};
#define ROW_SECONDS_RULES_MAX 4

/* A call that goes on with a video and gives back the whole of it. */
struct extend_rule {
	uint32_t seconds;   /* it adds; 0: the model cannot */
	uint32_t input_max; /* the longest video it goes on with */
	uint32_t max;       /* the longest one it makes */
};

#define ROW_PRICES_MAX 8
struct row_price {
	bool is_known;
	size_t n_classes; /* images by size, seconds by resolution; 0: not by unit */
	struct {
		const char *size_class;  /* "": whatever the class */
		int64_t udollars;        /* one image, or one second with sound */
		int64_t silent_udollars; /* one second without; images: the same */
	} classes[ROW_PRICES_MAX];
	int64_t in_udollars, out_udollars; /* a million tokens; 0: not by token */
};

struct model_row {
	const char *name, *title;
	const char *note; /* "" if none */
	const char **aliases;
	size_t n_aliases;
	enum model_kind kind;
	const char *protocol;             /* its name, one of protocols.h */
	uint32_t quality;                 /* rank for `best`, higher is better */
	const char *wire[BACKEND_COUNT_]; /* id there; NULL: not offered there */
	const char *location;             /* NULL: as configured */
	uint32_t prompt_min, prompt_max;  /* code points */
	uint32_t input_tokens_max;        /* text models; 0: not known */
	struct option_rule option[OPT_COUNT_];
	struct pixel_size *pixels; /* the first class is the default one */
	size_t n_pixels;
	struct seconds_rule seconds[ROW_SECONDS_RULES_MAX];
	size_t n_seconds;
	uint32_t seconds_max; /* of one path, made of several calls; 0: not timed */
	struct extend_rule extend;
	struct row_price price;
	bool refusal_is_full;     /* a refusal costs what the file would have cost */
	int64_t refusal_udollars; /* else this */
	int64_t reserve_udollars; /* reserve at least this per file; 0: the computed */
	const char *source, *as_of; /* of the price; as_of is YYYY-MM-DD */
	uint32_t rpm;               /* requests a minute; 0: no number known */
	const char *retired;     /* YYYY-MM-DD from which it answers 404; NULL: live */
	const char **successors; /* names, most like it first */
	size_t n_successors;
	const char *fallback; /* name, when it is overloaded; NULL: none */
};

#define CATALOGUE_FILE_MAX (1024u * 1024u)
#define CATALOGUE_ROWS_MAX 512

struct catalogue;

/* The built-in rows. -ENOMEM. */
int catalogue_new(struct catalogue **ret, struct err *err);
void catalogue_free(struct catalogue *c); /* NULL is fine */

/* Adds {"models":{NAME:{...}}}: a known name (not an alias) has the members given
 * replaced, each as a whole (null: taken away); another is a new row. Strict: an
 * unknown member, a wrong type, a new row without price are -EINVAL with a sentence
 * that names `origin` and the row; the catalogue is then unchanged. -ENOMEM. */
int catalogue_merge(struct catalogue *c, const char *origin, const char *json,
	size_t len, struct err *err);
/* The same from a file. Also open's errno, -EFBIG above CATALOGUE_FILE_MAX. */
int catalogue_merge_file(struct catalogue *c, const char *path, struct err *err);

/* By name or alias, exact; NULL if there is none. */
const struct model_row *catalogue_find(const struct catalogue *c, const char *name);
size_t catalogue_count(const struct catalogue *c);
const struct model_row *catalogue_at(const struct catalogue *c, size_t i);

/* Everything the row says, as /models/<model>.json shows it. -ENOMEM. */
int catalogue_row_json(
	const struct catalogue *c, const struct model_row *row, struct buf *ret);

/* Is it in this tree, and is the type one it makes, or not named yet? */
bool row_makes(
	const struct model_row *row, enum request_tree tree, enum media_type type);
/* What it makes has seconds; is text; has pixels. */
bool row_is_timed(const struct model_row *row);
bool row_is_text(const struct model_row *row);
bool row_has_pixels(const struct model_row *row);

/* Can `backend` be asked for this model? The built-in renderer makes what has pixels.
 */
bool row_is_offered(const struct model_row *row, enum backend_id backend);
/* Does the provider still have it on that day (YYYY-MM-DD)? Always so on BACKEND_LOCAL
 * and BACKEND_OPENAI. */
bool row_is_live(
	const struct model_row *row, enum backend_id backend, const char *today);

const char *backend_name(enum backend_id b);
int backend_parse(const char *name, enum backend_id *ret); /* -EINVAL */
const char *model_kind_name(enum model_kind k); /* "picture", "video", "text" */
