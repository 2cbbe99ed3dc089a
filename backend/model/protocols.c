// SPDX-License-Identifier: MIT
/* The list of protocols as the row parser reads it. Constant: any thread. Nothing else
 * may stand here: see the header. */
#include "backend/model/protocols.h"

const struct protocol_kind protocol_kinds[] = {PROTOCOLS(PROTOCOL_KIND){NULL}};
