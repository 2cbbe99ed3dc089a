// SPDX-License-Identifier: MIT
#pragma once
/* What was certainly not accepted: once more, elsewhere, by another model, later, or
 * not at all. The loop thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_unsend(struct job *j);
enum paid_state paid_retry(struct job *j);
enum paid_state paid_rejected(struct job *j);
enum paid_state paid_switch(struct job *j);
