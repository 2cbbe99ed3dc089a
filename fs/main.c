// SPDX-License-Identifier: MIT
/* Which of its programs this is: the media worker, a sub-command, or a mount. */
#include <locale.h>
#include <string.h>

#include "backend/sandbox/child.h"
#include "fs/cli/cli.h"
#include "fs/cli/cli_mount.h"

int main(int argc, char **argv)
{
	int status;

	/* The sandbox is this program again; it must come to nothing else. */
	status = sandbox_child_main(argc, argv);
	if (status >= 0)
		return status;
	/* Only for the width of characters: numbers are never printed for a locale. */
	setlocale(LC_CTYPE, "");
	for (const struct cli_command *const *c = cli_commands; argc > 1 && *c; c++) {
		if (!strcmp(argv[1], (*c)->name))
			return cli_run(*c, argc - 1, argv + 1);
	}
	return cli_mount(argc, argv);
}
