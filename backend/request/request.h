// SPDX-License-Identifier: MIT
#pragma once
/* What is asked: one media file, as its path says it. Plain values, no I/O; whoever
 * holds one owns it, on any thread.
 *
 * A request is complete when it names a file; a directory of the tree is a request
 * that is not complete yet (no model, no take). Copies share the prompt. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/digest.h"
#include "cache/base/err.h"
#include "cache/base/media_type.h"

struct buf;
struct cJSON;

/* In canonical order, which is alphabetical. The names are on the wire of the store's
 * keys: never rename. */
enum option_id {
	OPT_ASPECT,
	OPT_AUDIO,
	OPT_COUNT,
	OPT_ENHANCE,
	OPT_FPS,
	OPT_GUIDANCE,
	OPT_IMAGE,
	OPT_LAST,
	OPT_MAX_TOKENS,
	OPT_NEGATIVE,
	OPT_PERSON,
	OPT_RES,
	OPT_SAFETY,
	OPT_SEED,
	OPT_SIZE,
	OPT_STYLE,
	OPT_TEMPERATURE,
	OPT_WATERMARK,
	OPT_COUNT_, /* how many there are */
};

#define REQUEST_MODEL_MAX 63     /* bytes */
#define REQUEST_PROMPT_MAX 65536 /* bytes; /inputs texts may be longer than a path */
#define REQUEST_TAKE_MAX 999

/* A decoded prompt: valid UTF-8, NFC, trimmed, never empty. Shared, immutable. */
struct prompt {
	_Atomic uint32_t refs;
	struct digest id; /* SHA-256 of text */
	size_t len;       /* bytes */
	size_t codepoints;
	char text[];
};

/* Takes a name from a path (escapes decoded here) or a text from /inputs
 * (prompt_from_text). -EILSEQ not UTF-8, -ENOENT empty after trimming,
 * -ENAMETOOLONG, -ENOMEM. */
int prompt_from_name(const char *name, size_t len, struct prompt **ret);
int prompt_from_text(const char *text, size_t len, struct prompt **ret);
struct prompt *prompt_ref(struct prompt *p);
void prompt_unref(struct prompt *p); /* NULL is fine */

/* The canonical spelling as one path component, at most 255 bytes: `/ % . @` escaped
 * where it is needed to read back as the same prompt, else `@` and the first 16 hex
 * digits of the id. -ENOMEM. */
int prompt_spelling(const struct prompt *p, struct buf *ret);

/* Names that are never prompts, as they are written in a path: what starts with '.',
 * and what desktops and tools probe for. */
bool prompt_name_is_reserved(const char *name, size_t len);

struct request {
	enum request_tree tree;
	struct prompt *prompt; /* owned reference; NULL above the prompt level */
	char model[REQUEST_MODEL_MAX + 1]; /* catalogue name, "" above */
	char *opt[OPT_COUNT_]; /* canonical values, owned; NULL if not given */
	enum media_type type;  /* MEDIA_NONE until the file is named */
	uint16_t take;         /* 1..999, 0 until the file is named */
	uint32_t seconds;      /* of a timed medium; 0 else */
};

void request_finish(struct request *r);
int request_copy(struct request *ret, const struct request *r); /* -ENOMEM */
bool request_is_file(const struct request *r);

/* "aspect" etc. NULL if out of range / OPT_COUNT_ if unknown. */
const char *option_name(enum option_id id);
enum option_id option_find(const char *name, size_t len);

/* The canonical value of an option written as the `len` bytes after '=': escapes
 * decoded, "16x9" -> "16:9", "2k" -> "2K", "0007" -> "7", "ON" -> "on"; what is not of
 * the option's form stays as it is, for open to complain about. *ret is owned by the
 * caller. -ENOENT empty, -EILSEQ, -ENAMETOOLONG if "key=value" would not fit a name,
 * -ENOMEM. */
int option_canonical(enum option_id id, const char *value, size_t len, char **ret);

/* N of count=N, else 1: how many takes one job makes. 1 where N is no number in
 * 1..REQUEST_TAKE_MAX. */
uint32_t request_job_takes(const struct request *r);

/* The file's name: "1.png", "30s.mp4", "30s-2.mp4". */
int request_file_name(const struct request *r, struct buf *ret);

/* The components under the tree root, as listed, one string each: canonical spelling
 * of the prompt, model, "key=value"..., file name. Values are escaped like prompts. */
#define REQUEST_COMPONENTS_MAX (OPT_COUNT_ + 4)
struct components {
	uint32_t n;
	char *name[REQUEST_COMPONENTS_MAX]; /* owned */
};
void components_finish(struct components *c);
/* name[0] is the tree's name: "prompts", "videos". -ENOMEM. */
int request_components(const struct request *r, struct components *ret);

/* The canonical path, which is the identity in the store:
 * "prompts/<64 hex of the prompt's id>/<model>/<key=value>/.../<file>". -ENOMEM. */
int request_path(const struct request *r, struct buf *ret);
/* The same with the listed spelling: "/prompts/a red fox/imagen-3/1.png". */
int request_display(const struct request *r, struct buf *ret);

/* SHA-256 over namespace and canonical path: the key of the store's index and of
 * single-flight. */
int request_key(const struct request *r, const char *ns, struct digest *ret);

/* All takes of a `count=N` directory are one job: the same digest for all of them;
 * else as request_key. */
int request_job_key(const struct request *r, const char *ns, struct digest *ret);

/* As the ledger keeps it, to go on after a restart: adds members to `o`. -ENOMEM. */
int request_to_json(const struct request *r, struct cJSON *o);
/* The inverse; hostile values are fine. -EBADMSG, -ENOMEM. */
int request_from_json(const struct cJSON *o, struct request *ret);
