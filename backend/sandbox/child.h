// SPDX-License-Identifier: MIT
#pragma once
/* The confined end: what the process does that sandbox.c starts. It is this program
 * again, with one thread; nothing of the mount exists in it. */

/* main() calls this before anything else. -1: the arguments do not ask for the sandbox.
 * Else the exit status: 0 answered, 1 the parent went away or the request is not ours,
 * 2 not started by sandbox.c. */
int sandbox_child_main(int argc, char **argv);
