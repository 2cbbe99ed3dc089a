// SPDX-License-Identifier: MIT
#pragma once
/* All settings of a mount: command line, then environment, then file, then default.
 * One table (config.c) serves -o, the JSON file, the environment and --help. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/err.h"
#include "cache/base/json.h"

struct word_list {
	char **word; /* owned */
	size_t n;
};

struct config {
	char *backend; /* "local" */
	char *state;   /* directory of the store, absolute */
	char *config; /* path of the JSON file; NULL: the default place, if it exists */
	char *catalog; /* user's catalogue file, or NULL */
	int max_concurrent;
	int64_t timeout_s, stop_timeout_s;
	int64_t latency_ms;
	bool fallback, enhance, offline;
	struct word_list blocked_words, deny_programs;
	char *log_level;
	char *fuse_options; /* what is FUSE's own, comma-joined, for fuse_session_new;
			       or NULL */
};

/* Defaults only. -ENOMEM. */
int config_init(struct config *c, struct err *err);
void config_finish(struct config *c);
/* One "key" or "key=value" of -o; unknown keys go to fuse_options if FUSE knows them,
 * else -EINVAL with a sentence that names the nearest known option. */
int config_option(struct config *c, const char *option, struct err *err);
/* Everything in order: the -o strings given on the command line (comma-separated), the
 * environment, the file, defaults. */
int config_load(
	struct config *c, const char *const *options, size_t n, struct err *err);
/* The text of a configuration file over what is set already. Strict: an unknown or
 * repeated key or a wrong type is -EINVAL with a sentence that names the key. */
int config_json(struct config *c, const char *text, size_t len, struct err *err);
/* For config.json and --help. Secrets are never in struct config. */
int config_to_json(const struct config *c, cJSON *o);
int config_help(struct buf *out);
