// SPDX-License-Identifier: MIT
#pragma once
/* What promptfs does without a sub-command. Main thread. */

int cli_mount(int argc, char **argv);
