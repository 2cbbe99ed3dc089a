// SPDX-License-Identifier: MIT
/* Stands in for libFuzzer: runs the target once for every file given, and for every
 * file in every directory given. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/base/buf.h"

#define REPLAY_MAX_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay_file(const char *path)
{
	struct buf b = {0};
	struct err err = {0};
	int r = buf_read_file(&b, path, REPLAY_MAX_BYTES, &err);

	if (r == 0)
		LLVMFuzzerTestOneInput((const uint8_t *)(b.data ? b.data : ""), b.len);
	else
		fprintf(stderr, "%s\n", err.why);
	buf_finish(&b);
	return r < 0 ? -1 : 1;
}

static int replay_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)) && n >= 0) {
		char name[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		n = replay_file(name) < 0 ? -1 : n + 1;
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	int sum = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int n = -1;

		if (stat(argv[i], &st) == 0)
			n = S_ISDIR(st.st_mode) ? replay_dir(argv[i])
						: replay_file(argv[i]);
		if (n < 0) {
			fprintf(stderr, "cannot replay %s\n", argv[i]);
			return 1;
		}
		sum += n;
	}
	printf("%d inputs replayed\n", sum);
	return sum ? 0 : 1;
}
