// SPDX-License-Identifier: MIT
/* README.txt at the top of the mount. Any thread. */
#include "fs/virtual/vfile.h"

/* What a newcomer needs who has only this mount. */
int vf_readme(struct promptfs *fs, const struct place *p, struct buf *out)
{
	const char *m = fs->mountpoint;

	return buf_addf(out,
		"promptfs %s: every prompt is a path.\n"
		"\n"
		"Open a path and the media is there:\n"
		"\n"
		"  cp \"%s/prompts/a red fox in snow/imagen-3/1.png\" .\n"
		"  cp \"%s/videos/waves at night/veo-2/5s.mp4\" .\n"
		"\n"
		"Looking is free: "
		"only opening an exact name for reading generates, and\n"
		"each file is made once and kept. A listing shows only what exists.\n"
		"\n"
		"  prompts/<prompt>/<model>/[option/...]<take>.png or .jpg\n"
		"  videos/<prompt>/<model>/[option/...]<seconds>s.mp4\n"
		"  inputs/            your pictures and texts; @name is the text of\n"
		"                     inputs/name.txt as a prompt\n"
		"  models/            what there is: price, limits, source\n"
		"  .promptfs/         status, metrics, settings, the last errors\n"
		"\n"
		"In a prompt write %%2F for a slash. "
		"Models: ls %s/models; auto, best and\n"
		"cheap choose one. Options are directories such as aspect=16:9,\n"
		"style=cinematic, seed=7, res=1080p.\n"
		"\n"
		"Beside each file: <file>.cost, .quality, "
		".json, and .error, which says\n"
		"why the last open failed. rm makes the next open a new draw; the old\n"
		"one stays in .history.\n"
		"\n"
		"Backend: %s%s\n",
		PROMPTFS_VERSION, m, m, m, fs->config->backend,
		fs->backend == BACKEND_LOCAL
			? " (the built-in renderer: free, offline, not AI)"
			: ". Opening a file that is not made yet may spend "
			  "money:\n<file>.cost says how much, .cost at the top what is "
			  "left of the budget.");
}
