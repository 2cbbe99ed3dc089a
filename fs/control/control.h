// SPDX-License-Identifier: MIT
#pragma once
/* The control socket of a store: how commands reach the process that holds it.
 *
 * STATE/control, AF_UNIX, mode 0600; peers of another user than ours or root are turned
 * away. Own threads, at most CONTROL_CONNECTIONS_MAX of them and one that accepts; the
 * mount never waits for any of it. The commands are in fs/control/control_command.h.
 *
 * Protocol, version 1: one JSON object a line, UTF-8, at most CONTROL_LINE_MAX bytes.
 *	-> {"id":1,"command":"submit","path":"/prompts/a fox/imagen-3/1.png"}
 *	<- {"id":1,"done":true,"state":"generated","size":123456}
 * A request has "id" (any integer >= 0) and "command". Its answers repeat the id; the
 * last one has "done":true, and "error" (a sentence) and "errno" where it failed.
 * Answers to several requests may mix. */
#include "fs/mount/promptfs.h"

#define CONTROL_CONNECTIONS_MAX 16
#define CONTROL_LINE_MAX (256u * 1024u)

/* Before any other thread uses fs->config; the store and the engine are open.
 * Replaces a socket that a killed process left. NULL with a sentence on failure. */
struct control *control_start(struct promptfs *fs, struct err *err);
/* Ends all connections and threads. Completions that still come are dropped, so the
 * engine may be stopped after. NULL is fine. */
void control_stop(struct control *c);
