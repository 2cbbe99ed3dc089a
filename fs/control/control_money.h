// SPDX-License-Identifier: MIT
#pragma once
/* The commands about money: what a file would cost, and which calls may be paid. Part
 * of control_command.c; nobody else includes this. */
#include "fs/control/control_command.h"
#include "fs/grammar/grammar.h"

int control_quote(const struct control_call *call, struct err *err);
int control_unknown(const struct control_call *call, struct err *err);
int control_settle(const struct control_call *call, struct err *err);

/* ---- what control_command.c gives them ---- */

/* `answer` is taken over; NULL: -ENOMEM. */
int control_emit(const struct control_call *call, cJSON *answer);
/* The same with `value`, taken over too, as a member. */
int control_emit_member(
	const struct control_call *call, const char *name, cJSON *value, cJSON *answer);
/* The media file that the request's "path" names. */
int control_media(const struct control_call *call, struct place *ret, struct err *err);
/* What a virtual file says, as a value; r is what making it returned. NULL with err. */
cJSON *control_parsed(int r, const struct buf *b, struct err *err);
