// SPDX-License-Identifier: MIT
#pragma once
/* What a child could do wrong, for test_requests.c: started under one of these names
 * (a symbolic link to the test itself), the process does that instead of its work. */

/* -1: argv[0] is none of the names. Else the exit status, if it gets that far. */
int rogue_main(int argc, char **argv);
