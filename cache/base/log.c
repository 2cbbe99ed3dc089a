// SPDX-License-Identifier: MIT
/* What cache/base/log.h says. Any thread; level and target are set at start. */
#include "cache/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cache/base/mem.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static _Atomic int current_level = LOG_LEVEL_INFO;
static atomic_bool use_syslog;

void log_set_level(enum log_level level)
{
	atomic_store(&current_level, (int)level);
}

int log_level_parse(const char *word, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (!strcmp(word, level_names[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_to_syslog(void)
{
	openlog("promptfs", LOG_PID, LOG_DAEMON);
	atomic_store(&use_syslog, true);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *tag, const char *fmt, ...)
{
	static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	char text[1024], line[1200];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	}
	if (atomic_load(&use_syslog)) {
		syslog(priorities[level], "%s: %s", tag, text);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = snprintf(line, sizeof(line), "%02d:%02d:%02d.%03d %s %s: %s\n", tm.tm_hour,
		tm.tm_min, tm.tm_sec, (int)(ts.tv_nsec / 1000000), level_names[level],
		tag, text);
	if (n > (int)sizeof(line) - 1)
		n = (int)sizeof(line) - 1;
	/* One write per line, so that lines of different threads do not mix. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
