// SPDX-License-Identifier: MIT
#pragma once
/* The sub-commands, and what they share. A command reaches the store through the
 * control socket of the process that holds it; where nobody does, it takes the lock,
 * opens the store itself and serves that socket for as long as it runs. One thread. */
#include <stdbool.h>
#include <stddef.h>

#include "fs/control/control_client.h"
#include "fs/mount/promptfs.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* argv[0] is the command's name. Return the exit code. */
int cli_status(int argc, char **argv);
int cli_fetch(int argc, char **argv);
int cli_quote(int argc, char **argv);
int cli_models(int argc, char **argv);
int cli_verify(int argc, char **argv);
int cli_pin(int argc, char **argv);
int cli_prune(int argc, char **argv);
int cli_unknown(int argc, char **argv);
int cli_settle(int argc, char **argv);

/* Quality per dollar, of an answer to "quote". */
double quote_value(const cJSON *answer);

/* "promptfs: <sentence>" on stderr. Returns EXIT_FAILED. */
int cli_fail(const struct err *err);
/* The sentence and where to read on. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The -o strings of a command line, in order; they belong to argv. */
#define CLI_OPTIONS_MAX 64
struct cli_options {
	const char *text[CLI_OPTIONS_MAX];
	size_t n;
};
int cli_options_add(struct cli_options *o, const char *text, struct err *err);

/* ---- a connection to a store ---- */

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
/* The same for an existing store: of `given`, a mount point as the user wrote it, or of
 * the options, or of the one mount there is, or the default one. */
int session_open_any(struct session *s, const struct cli_options *o, const char *given,
	struct err *err);
void session_close(struct session *s);

/* A request with the next id (s->last_id). NULL: out of memory. */
cJSON *session_request(struct session *s, const char *command);
typedef void (*session_answer_fn)(void *user, const cJSON *answer);
/* Sends `request` (taken over) and waits for its last answer, *ret (may be NULL);
 * earlier ones go to `fn`. An answer that is a failure becomes the return value. */
int session_call(struct session *s, cJSON *request, session_answer_fn fn, void *user,
	cJSON **ret, struct err *err);
/* 0, or the failure that an answer tells. */
int session_answer_error(const cJSON *answer, struct err *err);

/* The one mount there is, if none is named. -ENOENT: none; -EINVAL: several. Owned by
 * the caller. */
int cli_only_mount(char **ret, struct err *err);
/* The mount point that a user wrote, as mountinfo has it. -ENOENT: not a promptfs. */
int cli_mount_of(const char *given, char **ret, struct err *err);

/* ---- files of one store ---- */

struct path_list {
	char **given; /* as the user wrote it; owned */
	char **tree;  /* from the root of the tree; owned */
	size_t n, cap;
	char *mountpoint; /* NULL: the store that the options name */
};

/* From the arguments; "-" reads one a line from stdin. All must be of one store. */
int path_list_read(struct path_list *l, char **args, size_t n, struct err *err);
void path_list_finish(struct path_list *l);
