// SPDX-License-Identifier: MIT
#pragma once
/* What became of a call: an operation that has a name, or results that a lost answer
 * left in the bucket. Nothing that happens to a poll changes what was accepted. The
 * loop thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_accept(struct job *j);
enum paid_state paid_accepted(struct job *j);
enum paid_state paid_ask(struct job *j);
enum paid_state paid_poll(struct job *j);
enum paid_state paid_polled(struct job *j);
enum paid_state paid_pause(struct job *j);
