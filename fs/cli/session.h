// SPDX-License-Identifier: MIT
#pragma once
/* A command's connection to a store: through the control socket of the process that
 * holds it; where nobody does, the command takes the lock, opens the store itself and
 * serves that socket for as long as it runs. One thread. */
#include <stdbool.h>
#include <stddef.h>

#include "fs/control/control_client.h"
#include "fs/mount/promptfs.h"

/* The -o strings of a command line, in order; they belong to argv. */
#define CLI_OPTIONS_MAX 64
struct cli_options {
	const char *text[CLI_OPTIONS_MAX];
	size_t n;
};

struct session {
	struct config config;
	struct control_client *client;
	int64_t last_id;
	/* Only where nobody else holds the store. */
	struct store_lock *lock;
	struct promptfs fs;
	bool is_own;
};

/* The store of `mountpoint`, or, where that is NULL, the one the options name.
 * must_exist: -ENOENT instead of making a new store. */
int session_open(struct session *s, const struct cli_options *o, const char *mountpoint,
	bool must_exist, struct err *err);
void session_close(struct session *s);

/* A request with the next id (s->last_id). NULL: out of memory. */
cJSON *session_request(struct session *s, const char *command);
/* The same with "path". */
cJSON *session_path_request(struct session *s, const char *command, const char *path);
typedef void (*session_answer_fn)(void *user, const cJSON *answer);
/* Sends `request` (taken over) and waits for its last answer, *ret (may be NULL);
 * earlier ones go to `fn`. An answer that is a failure becomes the return value. */
int session_call(struct session *s, cJSON *request, session_answer_fn fn, void *user,
	cJSON **ret, struct err *err);
/* A member in USD, as micro-dollars; the fallback where it is no number. */
int64_t session_usd(const cJSON *o, const char *name, int64_t fallback);
/* 0, or the failure that an answer tells. */
int session_answer_error(const cJSON *answer, struct err *err);

/* The one mount there is, if none is named. -ENOENT: none; -EINVAL: several. Owned by
 * the caller. */
int cli_only_mount(char **ret, struct err *err);
/* The mount point that a user wrote, as mountinfo has it. -ENOENT: not a promptfs. */
int cli_mount_of(const char *given, char **ret, struct err *err);
