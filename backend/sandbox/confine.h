// SPDX-License-Identifier: MIT
#pragma once
/* Gives up, for the rest of this process's life, everything that decoding does not
 * need: no new descriptors, files, sockets, processes, programs or executable memory;
 * bounded memory and CPU time; no core file, no ptrace; dies with its parent.
 * A refused system call fails with EPERM rather than killing, so that a library that
 * merely probes something goes on. Only in the sandbox's process. */
#include <stdint.h>

#include "cache/base/err.h"

#define CONFINE_MEMORY (UINT64_C(2) << 30) /* bytes of address space */
#define CONFINE_CPU_S 300                  /* seconds */
#define CONFINE_CPU_LONG_S 3600            /* where minutes of video are encoded */

/* cpu_s: seconds of CPU time, one of the above.
 * -errno where a part failed: then decode nothing. Call with one thread running. */
int confine(uint32_t cpu_s, struct err *err);
