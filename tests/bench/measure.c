// SPDX-License-Identifier: MIT
/* Times one access pattern and prints seconds; the work of bench_mount.py.
 * usage: measure read FILE | readall DIR | stat DIR ROUNDS
 *        measure park PROMPTS-DIR COUNT TAKES: that many opens of files not made
 *        yet, TAKES of each prompt, at once */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static char block[1 << 20];

static long read_at(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY);
	long total = 0;
	ssize_t n;

	if (fd < 0)
		exit(1);
	while ((n = read(fd, block, sizeof(block))) > 0)
		total += n;
	close(fd);
	return n < 0 ? -1 : total;
}

struct names {
	char **name;
	size_t n;
};

static struct names list(const char *path)
{
	DIR *d = opendir(path);
	struct names all = {0};
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		all.name = realloc(all.name, (all.n + 1) * sizeof(char *));
		all.name[all.n++] = strdup(e->d_name);
	}
	if (d)
		closedir(d);
	return all;
}

static size_t each(const char *path, struct names all, const char *what, int rounds)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY);
	struct stat st;
	size_t done = 0;

	for (int r = 0; r < rounds; r++) {
		for (size_t i = 0; i < all.n; i++, done++) {
			if (!strcmp(what, "readall") && read_at(dir, all.name[i]) < 0)
				exit(1);
			if (strcmp(what, "readall") &&
				fstatat(dir, all.name[i], &st, AT_SYMLINK_NOFOLLOW))
				exit(1);
		}
	}
	close(dir);
	return done;
}

struct park {
	const char *dir;
	int number, takes; /* of each prompt */
};

static void *park_main(void *user)
{
	struct park *p = user;
	char path[4096];

	snprintf(path, sizeof(path), "%s/parked open %d/imagen-3/%d.png", p->dir,
		p->number / p->takes, p->number % p->takes + 1);
	close(open(path, O_RDONLY));
	return NULL;
}

/* Prints a line when all threads run; returns when the mount has answered them. */
static int park(const char *dir, int count, int takes)
{
	pthread_t *threads = calloc((size_t)count, sizeof(*threads));
	struct park *all = calloc((size_t)count, sizeof(*all));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (int i = 0; i < count; i++) {
		all[i] = (struct park){dir, i, takes};
		if (pthread_create(&threads[i], &attr, park_main, &all[i]))
			return 1;
	}
	printf("parked\n");
	fflush(stdout);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";
	int rounds = argc > 3 ? atoi(argv[3]) : 1;
	struct names all = {0};
	size_t count = 1;
	double start;

	if (!strcmp(what, "park"))
		return park(path, rounds, argc > 4 ? atoi(argv[4]) : 1);
	if (!strcmp(what, "readall") || !strcmp(what, "stat"))
		all = list(path);
	start = now();
	if (!strcmp(what, "read"))
		count = (size_t)read_at(AT_FDCWD, path);
	else if (all.name)
		count = each(path, all, what, rounds);
	else
		return 2;
	printf("%.9f %zu\n", now() - start, count);
	return 0;
}
