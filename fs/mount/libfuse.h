// SPDX-License-Identifier: MIT
#pragma once
/* The one include of libfuse: all of fs speaks the same version of it. */
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <fuse_lowlevel.h>
