// SPDX-License-Identifier: MIT
#pragma once
/* What the confined process can be asked for. A new task is a word in enum task_id, a
 * row in task.c, and the call in sandbox.c that asks for it. */
#include <stdbool.h>
#include <stdint.h>

#include "backend/sandbox/channel.h"
#include "backend/sandbox/message.h"
#include "cache/base/err.h"

struct task {
	/* In the child: does it and says its MESSAGE_RESULT, unless it fails. */
	int (*run)(const struct message_request *request, struct medium *media,
		struct err *err);
	uint32_t cpu_s;      /* seconds of CPU time, as confine() has it */
	uint64_t output_max; /* bytes; 0: it answers with a report */
	bool in_background;  /* nobody waits: it leaves others most of the time */
};

/* NULL: there is no such task. */
const struct task *task_of(uint32_t id);
