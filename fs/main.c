// SPDX-License-Identifier: MIT
#include <locale.h>
#include <string.h>

#include "backend/sandbox/child.h"
#include "cache/base/mem.h"
#include "fs/cli/cli_mount.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"status", cli_status},
	{"fetch", cli_fetch},
	{"quote", cli_quote},
	{"models", cli_models},
	{"verify", cli_verify},
	{"pin", cli_pin},
	{"prune", cli_prune},
	{"unknown", cli_unknown},
	{"settle", cli_settle},
};

int main(int argc, char **argv)
{
	int status;

	/* The sandbox is this program again; it must come to nothing else. */
	status = sandbox_child_main(argc, argv);
	if (status >= 0)
		return status;
	/* Only for the width of characters: numbers are never printed for a locale. */
	setlocale(LC_CTYPE, "");
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	return cli_mount(argc, argv);
}
