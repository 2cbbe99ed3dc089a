// SPDX-License-Identifier: MIT
#pragma once
/* Runs token_command= on the pool: a shell command that prints a token. Started and
 * ended on the loop's thread. */
#include "backend/net/pool.h"
#include "cache/base/buf.h"

#define TOKEN_COMMAND_MAX (64u * 1024u) /* bytes of output */
#define TOKEN_COMMAND_MS 60000

struct token_command;

/* done: once, on the loop, never from inside. result: 0, -EACCES it failed, -ETIMEDOUT,
 * -ECANCELED; `out` is borrowed and wiped afterwards. NULL: out of memory. */
struct token_command *token_command_start(struct pool *pool, const char *command,
	void (*done)(void *user, int result, struct buf *out), void *user);
/* Kills it; `done` does not run. NULL is fine. */
void token_command_cancel(struct token_command *c);
