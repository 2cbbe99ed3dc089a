// SPDX-License-Identifier: MIT
#pragma once
/* Where the symbolic links of the tree lead (auto, best and cheap, and best.png), and
 * which listed directory a place is. Reading one is free. Any thread. */
#include "fs/mount/promptfs.h"

/* The policy's view of this mount. */
struct select_env link_env(struct promptfs *fs, char today[static 11]);

/* Target of best.png, best.jpg, best.mp4 in a model directory. -ENOENT: none measured.
 */
int link_best(struct promptfs *fs, const struct place *p, char **ret);

/* What readlink says of that or of a link below auto, best or cheap; owned by the
 * caller. -ENOENT: no model can make the file. */
int link_target(struct promptfs *fs, const struct place *p, char **ret);

/* The listed directory of a place that is one. -ENOENT: nothing is listed there. */
int listed_dir(struct promptfs *fs, const struct place *p, uint64_t *ret);
