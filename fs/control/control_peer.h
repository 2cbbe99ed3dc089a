// SPDX-License-Identifier: MIT
#pragma once
/* One connection of the control socket and its thread. Made and freed by the thread
 * that accepts; see fs/control/control.h for the protocol. */
#include "fs/control/control_command.h"

/* `fd` is taken over on success. `wake_fd` (an eventfd, borrowed) is written to when
 * the connection's thread is about to end. */
int control_peer_start(struct promptfs *fs, int fd, const struct engine_who *who,
	int wake_fd, struct control_peer **ret, struct err *err);
int control_peer_fd(const struct control_peer *p); /* for poll() only */
bool control_peer_has_ended(const struct control_peer *p);
/* Ends what the connection does as soon as possible: the other side has gone, or we
 * stop. Does not wait. */
void control_peer_stop(struct control_peer *p);
bool control_peer_is_stopped(const struct control_peer *p);
/* Waits for the thread. */
void control_peer_free(struct control_peer *p);
