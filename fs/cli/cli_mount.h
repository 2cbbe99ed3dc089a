// SPDX-License-Identifier: MIT
#pragma once
/* What promptfs does without a sub-command. */
#include "fs/cli/cli.h"

int cli_mount(int argc, char **argv);
