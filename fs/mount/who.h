// SPDX-License-Identifier: MIT
#pragma once
/* Who makes a request, and whether signals mean "stop", as /proc tells. Any thread. */
#include <stdbool.h>
#include <sys/types.h>

#include "backend/engine/engine.h"

struct promptfs;

/* `tid`: the thread that FUSE names. The program is the basename of the process's
 * executable, else its comm; "" where /proc cannot be read. Other users than the
 * mounting one may spend if `spenders` names them. */
void who_of(const struct promptfs *fs, pid_t tid, uid_t uid, struct engine_who *ret);

/* Whether an interrupted request of this thread should end: a pending SIGINT, SIGTERM,
 * SIGQUIT, SIGHUP or SIGKILL that is not ignored, or any pending signal whose default
 * action ends the program and that is not caught. A signal that the program handles for
 * itself (a timer, a child) does not count. true where the process cannot be read. */
bool who_wants_stop(pid_t tid);

/* The decision alone, on the masks of /proc/<tid>/status (bit n-1 is signal n). */
bool signals_mean_stop(unsigned long long pending, unsigned long long caught,
	unsigned long long ignored);
