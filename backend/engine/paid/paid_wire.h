// SPDX-License-Identifier: MIT
#pragma once
/* The call under way in the words of the wire formats. The loop thread. */
#include "backend/engine/paid/paid.h"

/* p->call.wire for the parts of p->cur, with a folder of its own in the bucket. */
void wire_fill(struct paid *p);
