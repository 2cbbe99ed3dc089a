// SPDX-License-Identifier: MIT
#pragma once
/* The other side of the control socket (fs/control/control.h has the protocol). One
 * thread. */
#include "cache/base/err.h"
#include "cache/base/json.h"

struct control_client;

/* To the process that holds the store in `state`. -ENOENT: nobody listens there. */
int control_connect(const char *state, struct control_client **ret, struct err *err);
void control_close(struct control_client *c); /* NULL is fine */
/* Waits while the other side does not read. */
int control_send(struct control_client *c, const cJSON *request, struct err *err);
/* The next answer, owned by the caller. timeout_ms < 0: however long it takes.
 * -EAGAIN (no sentence): none in this time. -EPIPE: the connection ended. */
int control_receive(
	struct control_client *c, int timeout_ms, cJSON **ret, struct err *err);
