// SPDX-License-Identifier: MIT
/* The child alone calls this, once, before it sees a foreign byte. */
#include "backend/sandbox/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cache/base/mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

static const char *const allowed[] = {
	/* the pipes */
	"read", "write", "close",
	/* memory */
	"brk", "munmap", "mremap", "madvise",
	/* locks, time and luck */
	"futex", "futex_time64", "sched_yield", "sched_getaffinity", "clock_gettime",
	"clock_gettime64", "gettimeofday", "getrandom", "sysinfo",
	/* signals and the end; abort() needs them */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"restart_syscall", "getpid", "gettid", "exit", "exit_group"};

static int limit(int what, uint64_t value, struct err *err)
{
	struct rlimit now;
	rlim_t v = (rlim_t)value;

	if (getrlimit(what, &now) < 0)
		return err_errno(err, errno, "cannot read a resource limit");
	if (v > now.rlim_max)
		v = now.rlim_max;
	now = (struct rlimit){.rlim_cur = v, .rlim_max = v};
	if (setrlimit(what, &now) < 0)
		return err_errno(err, errno, "cannot set a resource limit");
	return 0;
}

static int set_limits(uint32_t cpu_s, struct err *err)
{
	const struct {
		int what;
		uint64_t value;
	} limits[] = {
		{RLIMIT_CORE, 0},
		{RLIMIT_FSIZE, 0},
		{RLIMIT_NOFILE, 0}, /* for new ones; the pipes stay */
		{RLIMIT_NPROC, 0},
		{RLIMIT_CPU, cpu_s},
		{RLIMIT_AS, CONFINE_MEMORY},
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(limits) && r == 0; i++) {
		/* Sanitizers reserve terabytes of address space. */
		if (HAS_SANITIZER && limits[i].what == RLIMIT_AS)
			continue;
		r = limit(limits[i].what, limits[i].value, err);
	}
	return r;
}

/* A name that this machine's architecture does not have needs no rule. */
static int allow(scmp_filter_ctx filter, const char *name, unsigned n,
	const struct scmp_arg_cmp *cmp)
{
	int call = seccomp_syscall_resolve_name(name);

	if (call < 0)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, cmp);
}

static int add_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_executable =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp to_self =
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(allowed) && r == 0; i++)
		r = allow(filter, allowed[i], 0, NULL);
	if (r == 0)
		r = allow(filter, "mmap", 1, &not_executable);
	if (r == 0)
		r = allow(filter, "mmap2", 1, &not_executable);
	if (r == 0)
		r = allow(filter, "mprotect", 1, &not_executable);
	if (r == 0)
		r = allow(filter, "tgkill", 1, &to_self);
	return r;
}

static int set_filter(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return err_oom(err);
	r = add_rules(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? err_errno(err, -r, "cannot load the system call filter") : 0;
}

int confine(uint32_t cpu_s, struct err *err)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "cannot give up privileges");
	r = set_limits(cpu_s, err);
	return r < 0 ? r : set_filter(err);
}
