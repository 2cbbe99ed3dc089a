// SPDX-License-Identifier: MIT
#pragma once
/* What paid and remote backends are told of the configuration: whom to ask, which
 * namespace of the store is theirs, and what may be spent. Main thread. */
#include "fs/mount/promptfs.h"

/* Sets fs->backend, ns, remote and budget from fs->config, whose strings they borrow.
 * -EINVAL with a sentence, -ENOMEM; then spending_finish all the same. */
int spending_configure(struct promptfs *fs, struct err *err);
void spending_finish(struct promptfs *fs);
