// SPDX-License-Identifier: MIT
#pragma once
/* Who we are to a provider: found in files and the environment as Google's and OpenAI's
 * own tools find it. No network here. Secrets live in this struct and nowhere else:
 * they reach no log, no error, no virtual file. Whoever reads them owns them; reading
 * blocks, so it is done before the loop runs. */
#include <stddef.h>
#include <stdint.h>

#include "cache/base/err.h"

struct jwt_key;

enum credentials_kind {
	CREDENTIALS_NONE,            /* nothing found, and no metadata server to ask */
	CREDENTIALS_SERVICE_ACCOUNT, /* a key file: JWT against token_uri, or
					self-signed */
	CREDENTIALS_USER,            /* authorized_user: a refresh token */
	CREDENTIALS_METADATA,        /* Google's machines */
	CREDENTIALS_COMMAND,         /* token_command */
	CREDENTIALS_KEY,             /* an API key */
	CREDENTIALS_ANONYMOUS,       /* a server that wants none */
};

struct credentials {
	enum credentials_kind kind;
	char *email, *key_id, *token_uri, *project; /* not secret */
	char *quota_project;
	struct jwt_key *key;
	char *client_id, *client_secret, *refresh_token;
	char *api_key;
	char *command;
	bool is_self_signed; /* service account: no token endpoint */
	char *metadata_host; /* "host[:port]" */
};

#define CREDENTIALS_FILE_MAX (256u * 1024u)

typedef const char *(*env_fn)(const char *name);

struct credentials_hint {
	const char *file;    /* -o credentials; NULL: search */
	const char *command; /* -o token_command; NULL: none */
	bool is_self_signed;
	env_fn env; /* getenv, or a test's */
};

/* Google's search order: the hint, GOOGLE_APPLICATION_CREDENTIALS (set and unreadable
 * is an error, never a fall-through), the well-known file of gcloud, the metadata
 * server (CREDENTIALS_NONE where NO_GCE_CHECK or METADATA_SERVER_DETECTION rules it
 * out). Types that need more (impersonation, workload identity) are refused with a
 * word on token_command. -EACCES with a sentence that names the file and what is wrong
 * with it. */
int credentials_find_google(
	const struct credentials_hint *hint, struct credentials *ret, struct err *err);
/* An API key from the first of these variables that is set. -EACCES: none is; the
 * sentence names them. */
int credentials_find_key(env_fn env, const char *const *names, size_t n,
	struct credentials *ret, struct err *err);
/* One JSON key file. */
int credentials_parse(
	const char *text, size_t len, struct credentials *ret, struct err *err);
void credentials_finish(struct credentials *c); /* wipes the secrets */
