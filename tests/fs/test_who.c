// SPDX-License-Identifier: MIT
#include "fs/who.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/support/tap.h"

#define BIT(sig) (1ULL << ((sig)-1))

static void decides_by_masks(void)
{
	static const struct {
		unsigned long long pending, caught, ignored;
		bool stop;
	} cases[] = {
		{0, 0, 0, false},
		{BIT(SIGINT), 0, 0, true},
		{BIT(SIGINT), BIT(SIGINT), 0, true},
		{BIT(SIGINT), 0, BIT(SIGINT), false},
		{BIT(SIGTERM), BIT(SIGTERM), 0, true},
		{BIT(SIGHUP), 0, BIT(SIGHUP), false},
		{BIT(SIGKILL), 0, ~0ULL, true},
		{BIT(SIGALRM), BIT(SIGALRM), 0, false},
		{BIT(SIGALRM), 0, 0, true},
		{BIT(SIGUSR1), 0, 0, true},
		{BIT(SIGUSR1), 0, BIT(SIGUSR1), false},
		{BIT(SIGCHLD), 0, 0, false},
		{BIT(SIGURG), 0, 0, false},
		{BIT(SIGWINCH), 0, 0, false},
		{BIT(SIGTSTP), 0, 0, false},
		{BIT(SIGALRM) | BIT(SIGINT), BIT(SIGALRM), 0, true},
		{BIT(40), 0, 0, true}, /* real-time signals end a program */
		{BIT(40), BIT(40), 0, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool stop = signals_mean_stop(
			cases[i].pending, cases[i].caught, cases[i].ignored);

		if (!CHECK(stop == cases[i].stop))
			printf("# in case %zu\n", i);
	}
}

static void names_the_program(void)
{
	struct engine_who who;
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	who_of(getpid(), 42, &who);
	CHECK_STR(who.program, strrchr(exe, '/') + 1);
	CHECK_INT(who.uid, 42);
}

static void no_process_no_name(void)
{
	struct engine_who who;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	who_of(child, 1, &who);
	CHECK_STR(who.program, "");
	CHECK(who_wants_stop(child));
}

static void pending_alarm_is_not_a_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGCHLD);
	CHECK(!who_wants_stop(getpid()));
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGTERM);
	CHECK(who_wants_stop(getpid()));
}

TAP_MAIN(TAP_CASE(decides_by_masks), TAP_CASE(names_the_program),
	TAP_CASE(no_process_no_name), TAP_CASE(pending_alarm_is_not_a_stop))
