// SPDX-License-Identifier: MIT
/* Runs in a child of test_requests.c, instead of what child.c does. */
#include "tests/backend/sandbox/rogue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend/sandbox/confine.h"
#include "backend/sandbox/message.h"
#include "cache/base/mem.h"

static void say(const void *data, size_t len)
{
	if (write(PIPE_OUT, data, len) != (ssize_t)len)
		_exit(9);
}

static void say_message(uint32_t kind, uint32_t len, uint64_t off)
{
	const struct message msg = {.kind = kind, .len = len, .off = off};

	say(&msg, sizeof(msg));
}

static void say_failed(const char *sentence)
{
	say_message(MESSAGE_FAILED, (uint32_t)strlen(sentence), EPROTO);
	say(sentence, strlen(sentence));
}

static void crash(void)
{
	/* Sanitizers would turn the signal into an exit status. */
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void quit(void)
{
	_exit(7);
}

static void hang(void)
{
	for (;;)
		pause();
}

static void hang_closed(void)
{
	close(PIPE_IN);
	close(PIPE_OUT);
	hang();
}

static void deaf(void)
{
	for (;;)
		say_message(MESSAGE_READ, 100, 0);
}

static void garbage(void)
{
	char junk[4096];

	memset(junk, 0xa5, sizeof(junk));
	say(junk, sizeof(junk));
}

static void half_message(void)
{
	say("\1\0\0", 3);
}

static void read_nothing(void)
{
	say_message(MESSAGE_READ, 0, 0);
}

static void read_too_much(void)
{
	say_message(MESSAGE_READ, MESSAGE_MAX_READ + 1, 0);
}

/* The answer meets a pipe that nobody reads: SIGPIPE, if nothing is done about it. */
static void ask_and_leave(void)
{
	close(PIPE_IN);
	say_message(MESSAGE_READ, 100, 0);
	_exit(3);
}

static void read_beyond(void)
{
	say_message(MESSAGE_READ, 16, UINT64_MAX - 8);
}

static void read_other(void)
{
	const struct message msg = {.kind = MESSAGE_READ, .len = 16, .source = 1};

	say(&msg, sizeof(msg));
}

static void long_report(void)
{
	say_message(MESSAGE_RESULT, UINT32_MAX, 0);
}

static void bad_report(void)
{
	say_message(MESSAGE_RESULT, 5, 0);
	say("{\"a\"}", 5);
}

static void mad_report(void)
{
	static const char text[] =
		"{\"metrics_version\":1,\"file_size_kb\":1,\"width\":-7}";

	say_message(MESSAGE_RESULT, sizeof(text) - 1, 0);
	say(text, sizeof(text) - 1);
}

static void text_report(void)
{
	static const char text[] = "{\"metrics_version\":1,\"file_size_kb\":1,"
				   "\"characters\":1,\"words\":1}";

	say_message(MESSAGE_RESULT, sizeof(text) - 1, 0);
	say(text, sizeof(text) - 1);
}

static void output(void)
{
	say_message(MESSAGE_OUTPUT, 4, 0);
	say("abcd", 4);
}

static void long_output(void)
{
	say_message(MESSAGE_OUTPUT, MESSAGE_MAX_OUTPUT + 1, 0);
}

static void long_failure(void)
{
	say_message(MESSAGE_FAILED, MESSAGE_MAX_SENTENCE + 1, EPROTO);
}

static void odd_failure(void)
{
	say_message(MESSAGE_FAILED, 0, EDQUOT);
}

static void rude_failure(void)
{
	say_failed("a\nb\x1b[31m\xff");
}

static const char *check_surroundings(void)
{
	extern char **environ;

	for (int fd = PIPE_FDS; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return "a descriptor was inherited";
	if (environ[0])
		return "the environment is not empty";
	return NULL;
}

static const char *check_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_CORE, &l) == 0 || errno != EPERM)
		return "getrlimit is allowed";
	if (prctl(PR_GET_DUMPABLE) >= 0)
		return "prctl is allowed";
	return NULL;
}

static long refused_call(int i)
{
	char *none[] = {NULL};

	switch (i) {
	case 0:
		return open("/etc/passwd", O_RDONLY);
	case 1:
		return open("/dev/null", O_WRONLY);
	case 2:
		return socket(AF_INET, SOCK_STREAM, 0);
	case 3:
		return socket(AF_UNIX, SOCK_STREAM, 0);
	case 4:
		return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	case 5:
		return execve("/bin/true", none, none);
	case 6:
		return dup(PIPE_IN);
	case 7:
		return kill(getppid(), 0);
	case 8:
		return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
			       ? -1
			       : 0;
	case 9:
		return syscall(SYS_ptrace, 0, 0, 0, 0);
	case 10:
		return syscall(SYS_tgkill, 1, 1, 0);
	default:
		return fork();
	}
}

static void confined(void)
{
	const char *fault = check_surroundings();
	static char text[64];

	if (!fault && confine(CONFINE_CPU_S, NULL) < 0)
		fault = "confine() failed";
	for (int i = 0; i <= 11 && !fault; i++) {
		errno = 0;
		if (refused_call(i) >= 0 || errno != EPERM) {
			snprintf(text, sizeof(text), "call %d: errno %d", i, errno);
			fault = text;
		}
	}
	if (!fault)
		fault = check_limits();
	say_failed(fault ? fault : "all refused");
}

static const struct {
	const char *name;
	void (*run)(void);
} rogues[] = {
	{"crash", crash},
	{"quit", quit},
	{"hang", hang},
	{"hang_closed", hang_closed},
	{"deaf", deaf},
	{"garbage", garbage},
	{"half_message", half_message},
	{"read_nothing", read_nothing},
	{"read_too_much", read_too_much},
	{"ask_and_leave", ask_and_leave},
	{"read_beyond", read_beyond},
	{"read_other", read_other},
	{"long_report", long_report},
	{"bad_report", bad_report},
	{"mad_report", mad_report},
	{"text_report", text_report},
	{"output", output},
	{"long_output", long_output},
	{"long_failure", long_failure},
	{"odd_failure", odd_failure},
	{"rude_failure", rude_failure},
	{"confined", confined},
};

/* A child that ends before the question came is another matter: who asks gets EPIPE. */
static void hear_the_question(void)
{
	char question[sizeof(struct message_request) + sizeof(uint64_t)];
	size_t got = 0;
	ssize_t n = 1;

	while (got < sizeof(question) && n > 0) {
		n = read(PIPE_IN, question + got, sizeof(question) - got);
		got += n > 0 ? (size_t)n : 0;
	}
}

int rogue_main(int argc, char **argv)
{
	const char *name = argc ? strrchr(argv[0], '/') : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(rogues); i++)
		if (!strcmp(name + 1, rogues[i].name)) {
			hear_the_question();
			rogues[i].run();
			return 0;
		}
	return -1;
}
