// SPDX-License-Identifier: MIT
#pragma once
/* The commands of the control socket, and what they share. Nobody outside of
 * control_*.c includes this. Each runs on the thread of its connection and emits all of
 * its answers; <0 with a sentence becomes the last one. */
#include "fs/control/control_command.h"
#include "fs/grammar/grammar.h"

int control_quote(const struct control_call *call, struct err *err);
int control_submit(const struct control_call *call, struct err *err);
int control_jobs(const struct control_call *call, struct err *err);
int control_pin(const struct control_call *call, struct err *err);
int control_prune(const struct control_call *call, struct err *err);
int control_verify(const struct control_call *call, struct err *err);
int control_unknown(const struct control_call *call, struct err *err);
int control_settle(const struct control_call *call, struct err *err);

/* ---- control_command.c ---- */

/* `answer` is taken over; NULL: -ENOMEM. */
int control_emit(const struct control_call *call, cJSON *answer);
/* The same with `value`, taken over too, as a member. */
int control_emit_member(
	const struct control_call *call, const char *name, cJSON *value, cJSON *answer);
/* The place that the request's "path" names; links of auto, best and cheap followed. */
int control_place(const struct control_call *call, struct place *ret, struct err *err);
/* The same where it must be a media file. */
int control_media(const struct control_call *call, struct place *ret, struct err *err);
/* What a virtual file says, as a value; r is what making it returned. NULL with err. */
cJSON *control_parsed(int r, const struct buf *b, struct err *err);
