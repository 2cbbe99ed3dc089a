// SPDX-License-Identifier: MIT
/* The protocols by name. Constant: any thread. Nothing else may stand here: see
 * protocol.h. */
#include "backend/provider/protocol.h"

const struct protocol protocols[] = {PROTOCOLS(PROTOCOL_ROW){NULL}};
