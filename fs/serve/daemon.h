// SPDX-License-Identifier: MIT
#pragma once
/* Into the background when the mount serves, and not before.
 *
 * The process forks first, before any thread or open store; the child reports over a
 * pipe that it serves, or the sentence why not. Until then both are on the terminal. */
#include "cache/base/err.h"

struct daemon {
	int report_fd; /* child: to the parent; -1: in the foreground */
};

/* Parent: waits for the child's report, prints its sentence and ends the process with
 * 0 or 1. Returns in the child only; <0: could not fork, in the parent. */
int daemon_fork(struct daemon *d, struct err *err);
/* The mount serves: lets the parent go and leaves the terminal for good; from now on
 * the log goes to syslog. Nothing in the foreground. */
void daemon_ready(struct daemon *d);
/* Tells why it does not serve: on the terminal before daemon_ready, in the log after.
 */
void daemon_fail(struct daemon *d, const struct err *why);
