// SPDX-License-Identifier: MIT
#pragma once
/* Fetching results that are not in the answer: from the bucket, or by download. The
 * loop thread. */
#include "backend/engine/paid/paid.h"

enum paid_state paid_fetch(struct job *j);
enum paid_state paid_fetched(struct job *j);
enum paid_state paid_refetch(struct job *j);
