// SPDX-License-Identifier: MIT
#pragma once
/* Starts the process of worker_child.h: an empty environment, two pipes and no other
 * descriptor, all signals as they are by default, a process group of its own. */
#include <stdbool.h>
#include <sys/types.h>

/* Our ends of its pipes, which do not block; -1 where there is none. */
struct worker_ends {
	int to, from;
};

/* in_background: it leaves others most of the time. `ret` is for the caller to close,
 * also after a failure. -errno. */
int worker_spawn(
	const char *exe, bool in_background, struct worker_ends *ret, pid_t *ret_pid);
