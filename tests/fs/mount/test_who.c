// SPDX-License-Identifier: MIT
#include "fs/mount/who.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "fs/mount/promptfs.h"
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

static struct config config;
static const struct promptfs fs = {.config = &config, .uid = 42};

static void names_the_program(void)
{
	struct engine_who who;
	char exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	who_of(&fs, getpid(), 42, &who);
	CHECK_STR(who.program, strrchr(exe, '/') + 1);
	CHECK_INT(who.uid, 42);
	CHECK_INT(who.pid, getpid());
}

static void no_process_no_name(void)
{
	struct engine_who who;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	who_of(&fs, child, 1, &who);
	CHECK_STR(who.program, "");
	CHECK(who_wants_stop(child));
}

static void *ask_from_a_thread(void *user)
{
	who_of(&fs, gettid(), 42, user);
	return NULL;
}

/* FUSE names the thread; the ledger wants the process. */
static void a_thread_is_its_process(void)
{
	struct engine_who who = {0};
	pthread_t t;

	CHECK_INT(pthread_create(&t, NULL, ask_from_a_thread, &who), 0);
	pthread_join(t, NULL);
	CHECK_INT(who.pid, getpid());
}

static void who_may_spend(void)
{
	static uint32_t named[] = {7, 1000};
	static const struct {
		uint32_t uid;
		bool alone, with_spenders;
	} rows[] = {{42, true, true}, {7, false, true}, {1000, false, true},
		{0, false, false}, {43, false, false}};
	struct engine_who who;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		config.spenders = (struct uid_list){0};
		who_of(&fs, getpid(), rows[i].uid, &who);
		CHECK_INT(who.may_spend, rows[i].alone);
		config.spenders = (struct uid_list){.uid = named, .n = 2};
		who_of(&fs, getpid(), rows[i].uid, &who);
		CHECK_INT(who.may_spend, rows[i].with_spenders);
		/* Also where /proc tells nothing. */
		who_of(&fs, 0, rows[i].uid, &who);
		CHECK_INT(who.may_spend, rows[i].with_spenders);
	}
	config.spenders = (struct uid_list){0};
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
	TAP_CASE(no_process_no_name), TAP_CASE(a_thread_is_its_process),
	TAP_CASE(who_may_spend), TAP_CASE(pending_alarm_is_not_a_stop))
