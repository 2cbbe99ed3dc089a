// SPDX-License-Identifier: MIT
#pragma once
/* From bytes that came to files: parts are kept with their rows, and a file is made of
 * its kept parts where it must be converted, cut or joined. The loop thread; where
 * said, the pool. */
#include "backend/engine/paid/paid.h"

/* The pool. */
int file_keep(struct paid *p, struct err *err);   /* the bytes of p->cur */
int file_finish(struct paid *p, struct err *err); /* the output p->finishing */

enum paid_state paid_kept(struct job *j);
enum paid_state paid_finished(struct job *j);
