// SPDX-License-Identifier: MIT
#pragma once
/* What a job does next: for the first file that is open, the first part that is not
 * kept. The loop thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_next(struct job *j);
