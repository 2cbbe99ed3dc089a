// SPDX-License-Identifier: MIT
#pragma once
/* What a verdict means for the outputs of the call, and for its rows. The loop thread.
 */
#include "backend/engine/paid/paid.h"

/* Pure: where a verdict leads. was_sent: the call's rows say `sent`, not `accepted`. */
enum paid_state judge_verdict(enum verdict_kind kind, bool was_sent);

enum paid_state paid_judge(struct job *j); /* of the call or of a poll */
enum paid_state paid_reject(struct job *j);
enum paid_state paid_refused(struct job *j);
enum paid_state paid_results(struct job *j);
enum paid_state paid_take(struct job *j); /* everything was fetched */
enum paid_state paid_end_unknown(struct job *j);
enum paid_state paid_settle(struct job *j);
