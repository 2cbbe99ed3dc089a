// SPDX-License-Identifier: MIT
#pragma once
/* LMDB's file format, read with suspicion. LMDB trusts its file: a page number beyond
 * the end or a bad pointer makes it crash, not fail. So the file is looked at before
 * LMDB sees it: briefly at every open, wholly by `verify`. Reads only. */
#include <stdint.h>

#include "cache/base/err.h"

/* Magic, version, page size, and that the file holds all pages its header counts, so
 * that no read of the map can end in SIGBUS; then the small trees that the open itself
 * will use. -EBADMSG, -ENOTSUP, or the errno of opening it. */
int pages_check_open(const char *path, struct err *err);
