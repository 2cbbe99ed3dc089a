// SPDX-License-Identifier: MIT
#pragma once
/* The call that is paid: what it needs, its token, its rows, its one way out. The loop
 * thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_prepare(struct job *j);
enum paid_state paid_loaded(struct job *j);
enum paid_state paid_token(struct job *j);
enum paid_state paid_mark(struct job *j);
enum paid_state paid_post(struct job *j);
enum paid_state paid_answered(struct job *j);
/* promptfs cannot wait any longer for PAID_POST. */
enum paid_state paid_give_up(struct job *j);
