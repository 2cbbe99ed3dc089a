// SPDX-License-Identifier: MIT
#pragma once
/* LMDB's file format (data version 1, as LMDB 0.9 writes it), read with suspicion.
 *
 * LMDB trusts its file: a page number beyond the end or a bad pointer makes it crash,
 * not fail. So the file is looked at before LMDB sees it: briefly at every open, wholly
 * by `verify`. Reads only; touches headers and nodes, not the bytes of big values. */
#include <stdbool.h>
#include <stdint.h>

#include "cache/base/err.h"

/* Magic, version, page size, and that the file holds all pages its header counts, so
 * that no read of the map can end in SIGBUS; then the small trees that the open itself
 * will use. -EBADMSG, -ENOTSUP, or the errno of opening it. */
int pages_check_open(const char *path, struct err *err);

struct pages_report {
	void (*fn)(void *user, const char *sentence); /* one per damaged tree */
	void *user;
	const _Atomic bool *stop; /* may be NULL */
	uint64_t bad;
};
/* Every page of every tree as of commit `txnid`, which a read transaction of the caller
 * keeps in place. 0, also with damage (then report->bad); -EAGAIN: that commit's header
 * is overwritten already; -ECANCELED; -ENOMEM; the errno of opening it. */
int pages_check_all(const char *path, uint64_t txnid, struct pages_report *report);
