// SPDX-License-Identifier: MIT
#pragma once
/* Which model `auto`, `best` and `cheap` stand for. Pure. */
#include "backend/model/catalogue.h"
#include "backend/request/request.h"

enum selector { SELECT_NONE, SELECT_AUTO, SELECT_BEST, SELECT_CHEAP };
