// SPDX-License-Identifier: MIT
/* Many at once, each with one thing after the other: opens of files that are not made
 * yet, or the same calls by curl alone. Prints the seconds in all, and the median and
 * the 99th percentile of one in microseconds.
 * usage: callers open THREADS N PREFIX	(PREFIX<i>/m/1.png)
 *        callers curl THREADS N URL */
#include <curl/curl.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *where;
static int total;
static atomic_int next_one, failed;
static int64_t *took_us;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static size_t swallow(char *p, size_t size, size_t n, void *user)
{
	(void)p, (void)user;
	return size * n;
}

static void *call(void *arg)
{
	CURL *e = curl_easy_init();
	int i;

	(void)arg;
	curl_easy_setopt(e, CURLOPT_URL, where);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 131072L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	while ((i = atomic_fetch_add(&next_one, 1)) < total) {
		char body[256];
		int64_t start = now_us();

		snprintf(body, sizeof(body),
			"{\"model\":\"m\",\"prompt\":\"bench number %d\",\"n\":1,"
			"\"response_format\":\"b64_json\",\"size\":\"1024x1024\"}",
			i);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
		failed += curl_easy_perform(e) != CURLE_OK;
		took_us[i] = now_us() - start;
	}
	curl_easy_cleanup(e);
	return NULL;
}

static void *open_one(void *arg)
{
	int i;

	(void)arg;
	while ((i = atomic_fetch_add(&next_one, 1)) < total) {
		char path[512];
		int64_t start;
		int fd;

		snprintf(path, sizeof(path), "%s%d/m/1.png", where, i);
		start = now_us();
		fd = open(path, O_RDONLY | O_CLOEXEC);
		took_us[i] = now_us() - start;
		failed += fd < 0;
		close(fd);
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int threads = argc > 4 ? atoi(argv[2]) : 0;
	pthread_t *t;
	int64_t start;

	if (threads < 1)
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	total = atoi(argv[3]);
	where = argv[4];
	took_us = calloc((size_t)total, sizeof(*took_us));
	t = calloc((size_t)threads, sizeof(*t));
	start = now_us();
	for (int i = 0; i < threads; i++)
		pthread_create(
			&t[i], NULL, strcmp(argv[1], "curl") ? open_one : call, NULL);
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	start = now_us() - start;
	qsort(took_us, (size_t)total, sizeof(*took_us), by_size);
	printf("%.6f %lld %lld\n", (double)start / 1e6, (long long)took_us[total / 2],
		(long long)took_us[total * 99 / 100]);
	return failed ? 1 : 0;
}
