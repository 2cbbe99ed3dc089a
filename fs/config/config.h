// SPDX-License-Identifier: MIT
#pragma once
/* All settings of a mount: command line, then environment, then file, then default.
 * One table (config_table.c) serves -o, the JSON file, the environment and --help.
 * Keys and tokens are never in here: backend/auth finds those for itself. Written by
 * the main thread before any other is there; read-only after. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/base/buf.h"
#include "cache/base/err.h"
#include "cache/base/json.h"
#include "cache/ledger_limit.h"

struct word_list {
	char **word; /* owned */
	size_t n;
};
struct limit_list {
	struct ledger_limit *limit; /* owned */
	size_t n;
};
struct uid_list {
	uint32_t *uid; /* owned */
	size_t n;
};

struct config {
	char *backend; /* "local", "vertex", "gemini", "openai" */
	char *state;   /* directory of the store, absolute */
	char *config; /* path of the JSON file; NULL: the default place, if it exists */
	char *catalog; /* user's catalogue file, or NULL */
	/* Of paid backends; NULL: not given. */
	char *project, *location; /* "us-central1+europe-west4" */
	char *credentials;        /* path of a key file */
	char *token_command;      /* may hold a secret: never shown */
	char *bucket;             /* its name alone */
	/* Scheme and host in lower case, no '/' at the end, no user or password. */
	char *endpoint, *storage_endpoint;
	bool self_signed;
	struct limit_list budget;     /* of all users together; empty: none */
	struct limit_list budget_uid; /* of each user, or of one: is_per_user */
	int64_t max_cost_ud;          /* of one file; <0: none */
	struct uid_list spenders;     /* who may spend beside the mounting user */
	int max_concurrent, retries;
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
/* For config.json and --help; shows of a secret only that it is set. -ENOMEM. */
int config_to_json(const struct config *c, cJSON *o);
int config_help(struct buf *out);

/* "day", "month", "total". */
const char *config_period_name(enum ledger_period p);
/* "scheme://host[:port]" of an endpoint, without the scheme's own port. */
int config_origin(const char *endpoint, struct buf *ret);
