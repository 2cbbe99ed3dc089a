// SPDX-License-Identifier: MIT
/* The control socket with a fake in place of the commands: connections, limits,
 * deferred answers, the end. */
#include "fs/control/control.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "fs/control/control_client.h"
#include "fs/control/control_command.h"
#include "fs/mount/who.h"
#include "tests/support/tap.h"

/* ---- fakes behind the real interfaces ---- */

static struct {
	void *deferred;
	const struct control_sink *sink;
	_Atomic bool was_stopped, is_blocking;
} fake;

void who_of(const struct promptfs *fs, pid_t tid, uid_t uid, struct engine_who *ret)
{
	*ret = (struct engine_who){.uid = uid, .program = "test"};
}

void engine_job(struct engine *e, const struct digest *key, struct job_brief *ret)
{
	*ret = (struct job_brief){.state = JOB_GENERATING, .permille = key->b[0]};
}

cJSON *control_answer(int64_t id, bool is_done)
{
	cJSON *o = cJSON_CreateObject();

	json_add_int(o, "id", id);
	if (is_done)
		cJSON_AddTrueToObject(o, "done");
	return o;
}

cJSON *control_failure(int64_t id, const struct err *err)
{
	cJSON *o = control_answer(id, true);

	cJSON_AddStringToObject(o, "error", err->why);
	cJSON_AddNumberToObject(o, "errno", err->code);
	return o;
}

static void wait_a_little(void)
{
	const struct timespec t = {.tv_nsec = 1000 * 1000};

	nanosleep(&t, NULL);
}

void control_command(const struct control_call *call)
{
	const char *name = json_str(call->request, "command", "");
	const struct digest key = {.b = {77}};
	cJSON *list;

	if (!strcmp(name, "defer")) {
		fake.sink = call->sink;
		fake.deferred = call->sink->defer(call->peer, call->id, &key);
		return;
	}
	if (!strcmp(name, "block")) {
		fake.is_blocking = true;
		while (!*call->stop)
			wait_a_little();
		fake.was_stopped = true;
		return;
	}
	if (!strcmp(name, "jobs")) {
		cJSON *o = control_answer(call->id, true);

		list = cJSON_AddArrayToObject(o, "jobs");
		call->sink->list_deferred(call->peer, list);
		call->sink->emit(call->peer, o);
		return;
	}
	for (int64_t i = 0; i < json_int(call->request, "lines", 0); i++)
		call->sink->emit(call->peer, control_answer(call->id, false));
	call->sink->emit(call->peer, control_answer(call->id, true));
}

/* ---- a server for each case ---- */

struct fixture {
	struct promptfs fs;
	struct config config;
	struct control *control;
	char dir[300];
	char top[40];
};

static void set_up(struct fixture *f, bool long_path)
{
	struct err err = {0};

	*f = (struct fixture){.top = "/tmp/promptfs-control-XXXXXX"};
	CHECK(mkdtemp(f->top) != NULL);
	snprintf(f->dir, sizeof(f->dir), "%s/", f->top);
	if (long_path)
		memset(f->dir + strlen(f->dir), 'x', 200);
	else
		strcat(f->dir, "s");
	CHECK_INT(mkdir(f->dir, 0700), 0);
	f->config.state = f->dir;
	f->fs.config = &f->config;
	f->control = control_start(&f->fs, &err);
	if (!CHECK(f->control != NULL))
		printf("# %s\n", err.why);
	fake.was_stopped = fake.is_blocking = false;
}

static void tear_down(struct fixture *f)
{
	control_stop(f->control);
	/* The socket is gone, so the directory is empty. */
	CHECK_INT(rmdir(f->dir), 0);
	CHECK_INT(rmdir(f->top), 0);
}

static void send_text(struct control_client *c, const char *json)
{
	scoped_json cJSON *o = cJSON_Parse(json);

	CHECK(o != NULL);
	CHECK_INT(control_send(c, o, NULL), 0);
}

static cJSON *receive(struct control_client *c)
{
	struct err err = {0};
	cJSON *o = NULL;

	if (!CHECK_INT(control_receive(c, 10000, &o, &err), 0))
		printf("# %s\n", err.why);
	return o;
}

static void answers(void)
{
	struct fixture f;
	struct control_client *c = NULL;
	struct stat st;
	char path[320];

	set_up(&f, false);
	snprintf(path, sizeof(path), "%s/control", f.dir);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	send_text(c, "{\"id\":5,\"command\":\"x\",\"lines\":50000}");
	for (int i = 0; i < 50000; i++) {
		scoped_json cJSON *o = receive(c);

		if (!o || json_int(o, "id", 0) != 5 || json_bool(o, "done", false)) {
			CHECK(!"an answer of its own");
			break;
		}
	}
	scoped_json cJSON *last = receive(c);
	CHECK(json_bool(last, "done", false));
	control_close(c);
	tear_down(&f);
}

static void refuses_rubbish(void)
{
	static const char *const rows[] = {"[1]", "{\"id\":-1,\"command\":\"x\"}",
		"{\"command\":\"x\"}", "{\"id\":\"1\",\"command\":\"x\"}", "7"};
	struct fixture f;
	struct control_client *c = NULL;

	set_up(&f, false);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		send_text(c, rows[i]);
		scoped_json cJSON *o = receive(c);
		CHECK_INT(json_int(o, "errno", 0), EINVAL);
		CHECK_INT(json_int(o, "id", -1), 0);
	}
	control_close(c);
	tear_down(&f);
}

static void ends_at_a_line_too_long(void)
{
	struct fixture f;
	struct control_client *c = NULL;
	scoped_free char *text = malloc(CONTROL_LINE_MAX + 100000);
	scoped_json cJSON *o = cJSON_CreateObject();
	cJSON *answer = NULL;
	struct err err = {0};

	set_up(&f, false);
	memset(text, 'x', CONTROL_LINE_MAX + 99999);
	text[CONTROL_LINE_MAX + 99999] = '\0';
	cJSON_AddStringToObject(o, "command", text);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	/* Whether the answer or the end comes first is the kernel's choice, also where
	 * the end was met while sending. */
	control_send(c, o, &err);
	if (control_receive(c, 10000, &answer, &err) < 0) {
		CHECK_INT(err.code, EPIPE);
		control_close(c);
		return tear_down(&f);
	}
	CHECK_INT(json_int(answer, "errno", 0), EINVAL);
	cJSON_Delete(answer);
	CHECK_INT(control_receive(c, 10000, &answer, &err), -EPIPE);
	control_close(c);
	tear_down(&f);
}

static void limits_connections(void)
{
	struct control_client *c[CONTROL_CONNECTIONS_MAX + 1] = {0};
	struct fixture f;

	set_up(&f, false);
	for (size_t i = 0; i <= CONTROL_CONNECTIONS_MAX; i++)
		CHECK_INT(control_connect(f.dir, &c[i], NULL), 0);
	scoped_json cJSON *o = receive(c[CONTROL_CONNECTIONS_MAX]);
	CHECK_INT(json_int(o, "errno", 0), EBUSY);
	for (size_t i = 0; i <= CONTROL_CONNECTIONS_MAX; i++)
		control_close(c[i]);
	tear_down(&f);
}

static void deferred_answer(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	set_up(&f, false);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	send_text(c, "{\"id\":1,\"command\":\"defer\"}");
	send_text(c, "{\"id\":2,\"command\":\"jobs\"}");
	scoped_json cJSON *jobs = receive(c);
	const cJSON *job = cJSON_GetArrayItem(cJSON_GetObjectItem(jobs, "jobs"), 0);
	CHECK_INT(json_int(job, "id", 0), 1);
	CHECK_INT(json_int(job, "permille", 0), 77);
	CHECK_STR(json_str(job, "state", NULL), "generating");
	fake.sink->deferred_done(fake.deferred, control_answer(1, true));
	scoped_json cJSON *o = receive(c);
	CHECK_INT(json_int(o, "id", 0), 1);
	control_close(c);
	tear_down(&f);
}

/* The engine completes what is left after the socket is closed. */
static void completion_after_the_end(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	set_up(&f, false);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	send_text(c, "{\"id\":1,\"command\":\"defer\"}");
	send_text(c, "{\"id\":2,\"command\":\"jobs\"}");
	scoped_json cJSON *jobs = receive(c);
	tear_down(&f);
	fake.sink->deferred_done(fake.deferred, control_answer(1, true));
	CHECK_INT(control_receive(c, 10000, &jobs, NULL), -EPIPE);
	control_close(c);
}

static void start_blocking(struct fixture *f, struct control_client **c)
{
	set_up(f, false);
	CHECK_INT(control_connect(f->dir, c, NULL), 0);
	send_text(*c, "{\"id\":1,\"command\":\"block\"}");
	while (!fake.is_blocking)
		wait_a_little();
}

static void hang_up_ends_a_long_command(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	start_blocking(&f, &c);
	control_close(c);
	while (!fake.was_stopped)
		wait_a_little();
	tear_down(&f);
}

static void stop_ends_a_long_command(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	start_blocking(&f, &c);
	tear_down(&f);
	CHECK(fake.was_stopped);
	control_close(c);
}

static void path_longer_than_an_address(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	set_up(&f, true);
	CHECK_INT(control_connect(f.dir, &c, NULL), 0);
	send_text(c, "{\"id\":1,\"command\":\"x\"}");
	scoped_json cJSON *o = receive(c);
	CHECK(json_bool(o, "done", false));
	control_close(c);
	tear_down(&f);
}

static void nobody_listens(void)
{
	struct control_client *c = NULL;
	struct fixture f;

	set_up(&f, false);
	control_stop(f.control);
	CHECK_INT(control_connect(f.dir, &c, NULL), -ENOENT);
	CHECK_INT(control_connect("/nonexistent", &c, NULL), -ENOENT);
	f.control = control_start(&f.fs, NULL);
	tear_down(&f);
}

TAP_MAIN(TAP_CASE(answers), TAP_CASE(refuses_rubbish),
	TAP_CASE(ends_at_a_line_too_long), TAP_CASE(limits_connections),
	TAP_CASE(deferred_answer), TAP_CASE(completion_after_the_end),
	TAP_CASE(hang_up_ends_a_long_command), TAP_CASE(stop_ends_a_long_command),
	TAP_CASE(path_longer_than_an_address), TAP_CASE(nobody_listens))
