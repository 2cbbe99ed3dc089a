// SPDX-License-Identifier: MIT
#pragma once
/* Starts the process of child.h: an empty environment, two pipes and no other
 * descriptor, all signals as they are by default, a process group of its own. */
#include <stdbool.h>
#include <sys/types.h>

/* Our ends of its pipes, which do not block; -1 where there is none. */
struct sandbox_ends {
	int to, from;
};

/* in_background: it leaves others most of the time. `ret` is for the caller to close,
 * also after a failure. -errno. */
int sandbox_start(
	const char *exe, bool in_background, struct sandbox_ends *ret, pid_t *ret_pid);
