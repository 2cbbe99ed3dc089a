// SPDX-License-Identifier: MIT
#pragma once
/* The other end of worker.h. */

/* main() calls this before anything else. -1: the arguments do not ask for the worker.
 * Else the exit status: 0 answered, 1 the parent went away or the request is not ours,
 * 2 not started by worker.c. */
int worker_child_main(int argc, char **argv);
