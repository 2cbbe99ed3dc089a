// SPDX-License-Identifier: MIT
#pragma once
/* The states of money before anything is sent, and of what is given back. The loop
 * thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_check(struct job *j);
enum paid_state paid_reserve(struct job *j);
enum paid_state paid_ready(struct job *j);
enum paid_state paid_reserved(struct job *j);
enum paid_state paid_give_back(struct job *j);
enum paid_state paid_replan(struct job *j);
enum paid_state paid_replanned(struct job *j);
