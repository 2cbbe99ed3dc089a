// SPDX-License-Identifier: MIT
#pragma once
/* A file without a name: nothing is left behind, however the process ends. */
#include "cache/base/err.h"

/* An empty read-write file in the filesystem of `dir`, close-on-exec, mode 0600. The
 * descriptor, or open's errno (negative) with a sentence. */
int tmpfile_open(const char *dir, struct err *err);
