// SPDX-License-Identifier: MIT
#pragma once
/* What kinds of media there are and what each of them is like: rows of media_table.c.
 * Who wants to know whether a file has seconds, pixels or letters asks its row; who
 * writes or reads one format's bytes may name it. Constant: any thread, no owner. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values are stored: never renumber. */
enum media_type {
	MEDIA_NONE = 0,
	MEDIA_PNG = 1,
	MEDIA_JPEG = 2,
	MEDIA_MP4 = 3,
	MEDIA_TEXT = 4,
};

/* The directories at the root that hold media. */
enum request_tree { TREE_PROMPTS, TREE_VIDEOS };

/* What a model makes. */
enum model_kind { MODEL_PICTURE, MODEL_VIDEO, MODEL_TEXT };

struct media_traits {
	const char *ext;   /* NULL: no medium has this number */
	const char *mime;  /* "image/png" */
	const char *first; /* what its bytes begin with, '.' is any; NULL: no telling */
	uint32_t made_by;  /* a MADE_BY() for each kind of model */
	bool is_timed;     /* has seconds: its name, limits and price go by them */
	bool is_text;      /* is never decoded */
	bool has_pixels;
	uint32_t second_bytes; /* more than a second of it ever takes */
};
#define MADE_BY(kind) (UINT32_C(1) << (kind))

struct media_kind {
	const char *name; /* in the catalogue */
	enum request_tree tree;
};

/* By media_type, model_kind and request_tree. Tests have a table of their own. */
extern const struct media_traits media_table[];
extern const struct media_kind kind_table[];
extern const char *const tree_table[];
extern const size_t media_table_n, kind_table_n, tree_table_n;

#define MEDIA_SNIFF_BYTES 16

/* The row; that of MEDIA_NONE for a number that no medium has. */
const struct media_traits *media_traits(enum media_type type);
/* True for MEDIA_NONE too: nothing is stored under it. */
bool media_is_known(enum media_type type);
/* "png", "jpg", "mp4", "txt"; "" for MEDIA_NONE. */
const char *media_ext(enum media_type type);
/* "image/png", ...; "application/octet-stream" for MEDIA_NONE. */
const char *media_mime(enum media_type type);
/* By its extension; MEDIA_NONE if there is none. */
enum media_type media_find(const char *ext);
/* From the first bytes (labels lie); MEDIA_NONE if they are no medium's. */
enum media_type media_sniff(const void *data, size_t len);
bool media_is_made_by(enum media_type type, enum model_kind kind);

/* What is true of all media that a kind of models makes: the row of the first one. */
const struct media_traits *kind_traits(enum model_kind kind);

/* "prompts", "videos". */
const char *media_tree_name(enum request_tree tree);
/* -ENOENT. */
int media_tree_find(const char *name, enum request_tree *ret);
/* Does some kind of models of this tree make it? */
bool media_tree_holds(enum request_tree tree, enum media_type type);
