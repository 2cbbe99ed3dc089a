// SPDX-License-Identifier: MIT
#pragma once
/* The path grammar: what a name below a place of the tree means. Pure but for the two
 * look-ups in grammar_env (store, inputs); asks nobody whether a file was generated. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/model/catalogue.h"
#include "backend/policy/select.h"
#include "backend/request/request.h"

enum place_kind {
	PLACE_ROOT,
	PLACE_README,      /* /README.txt */
	PLACE_TREE,        /* /prompts, /videos */
	PLACE_PROMPT,      /* /prompts/<prompt> */
	PLACE_PROMPT_TEXT, /* .../.prompt */
	PLACE_MODEL,       /* model and option directories */
	PLACE_MEDIA,       /* 1.png */
	PLACE_SIDECAR,     /* 1.png.cost, .quality .json .error .orig */
	PLACE_DIR_COST,    /* .cost of any directory */
	PLACE_DIR_QUALITY, /* .quality of any directory */
	PLACE_BEST, /* best.png, best.jpg, best.mp4: symbolic link in a model directory
		     */
	PLACE_SELECT, /* auto, best, cheap and option directories below: no model yet */
	PLACE_SELECT_LINK,  /* files below PLACE_SELECT: symbolic links, sidecars too */
	PLACE_HISTORY,      /* .history directory of a model directory */
	PLACE_HISTORY_FILE, /* .history/1.png~1 */
	PLACE_INPUTS,       /* /inputs */
	PLACE_INPUT,        /* /inputs/<name> */
	PLACE_MODELS,       /* /models */
	PLACE_MODEL_JSON,   /* /models/<model>.json */
	PLACE_CONTROL,      /* /.promptfs */
	PLACE_CONTROL_FILE, /* status.json ... */
};

/* What stands beside a media file: 1.png.cost is ROW(COST, cost), and vf_file_cost says
 * what is in it (fs/virtual). */
#define SIDECARS(ROW)                                                                  \
	ROW(COST, cost)                                                                \
	ROW(QUALITY, quality)                                                          \
	ROW(JSON, json)                                                                \
	ROW(ERROR, error)

#define SIDECAR_ENUM(NAME, name) SIDECAR_##NAME,
enum sidecar {
	SIDECAR_NONE,
	SIDECARS(SIDECAR_ENUM) /* virtual files */
	SIDECAR_ORIG,          /* 1.png.orig: bytes of the store */
};
#undef SIDECAR_ENUM

enum control_file {
	CONTROL_STATUS,
	CONTROL_METRICS,
	CONTROL_CONFIG,
	CONTROL_VERSION,
	CONTROL_PROM,
	CONTROL_ERRORS,
	CONTROL_FILES_
};

struct place {
	enum place_kind kind;
	enum place_kind
		dir; /* PLACE_DIR_COST, PLACE_DIR_QUALITY: of what kind of place */
	struct request
		req; /* as far as the path goes; for PLACE_SELECT* without model */
	enum selector selector; /* PLACE_SELECT, PLACE_SELECT_LINK */
	enum sidecar sidecar;   /* PLACE_SIDECAR; also for links to a sidecar */
	enum control_file control;
	uint32_t history;     /* PLACE_HISTORY_FILE: the ~N */
	enum media_type best; /* PLACE_BEST */
	char *name;           /* PLACE_INPUT, PLACE_MODEL_JSON (model name): owned */
};

struct grammar_env {
	const struct catalogue *catalogue;
	void *user;
	/* The prompt whose id starts with these 16 lower-case hex digits, else -ENOENT.
	 */
	int (*prompt_by_hash)(void *user, const char *hex16, struct prompt **ret);
	/* The text of /inputs/<name>.txt, else -ENOENT. */
	int (*prompt_by_input)(void *user, const char *name, struct prompt **ret);
};

/* "status.json" etc.; ".cost" etc. NULL if there is none. */
const char *control_file_name(enum control_file f);
const char *sidecar_suffix(enum sidecar s);

/* Is this file name in /inputs refused? 16 hex digits, with or without ".txt", would
 * shadow a prompt's hash. */
bool grammar_input_is_refused(const char *name);

void place_finish(struct place *p);
int place_copy(struct place *ret, const struct place *p);
bool place_is_dir(const struct place *p);
bool place_is_link(const struct place *p);

/* What `name` (len bytes, no '/', not "." or "..") means below `parent`.
 * 0; -ENOENT (not in the grammar); -EILSEQ; -ENAMETOOLONG; -ENOMEM.
 * *ret_never: with -ENOENT, the name can never appear here, so a negative entry may be
 * cached by the kernel. `ret` is untouched on failure. */
int grammar_step(const struct grammar_env *env, const struct place *parent,
	const char *name, size_t len, struct place *ret, bool *ret_never);

/* A whole path ("/prompts/a fox/imagen-3/1.png"), as the command line and the control
 * socket get it: grammar_step from the root, resolving no links. */
int grammar_walk(const struct grammar_env *env, const char *path, struct place *ret);
