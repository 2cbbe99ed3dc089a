// SPDX-License-Identifier: MIT
/* Over the socket, or as the holder of the store: see session.h. */
#include "fs/cli/session.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/base/log.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "cache/lock.h"
#include "fs/control/control.h"
#include "fs/mount/mount_table.h"
#include "fs/mount/state_dir.h"
#include "fs/serve/serve.h"

int cli_mount_of(const char *given, char **ret, struct err *err)
{
	scoped(mount_table_finish) struct mount_table t = {0};
	scoped_free char *real = realpath(given, NULL);
	int r;

	if (!real)
		return err_errno(err, errno, "%.150s", given);
	r = mount_table_read(&t, err);
	if (r < 0)
		return r;
	if (!mount_table_has(&t, real))
		return err_set(err, ENOENT, "%.150s is not a mounted promptfs", given);
	*ret = steal_ptr(real);
	return 0;
}

int cli_only_mount(char **ret, struct err *err)
{
	scoped(mount_table_finish) struct mount_table t = {0};
	int r = mount_table_read(&t, err);

	if (r < 0)
		return r;
	if (!t.n)
		return err_set(err, ENOENT, "no promptfs is mounted here");
	if (t.n > 1)
		return err_set(err, EINVAL,
			"%zu are mounted, name one of them: %.60s, %.60s%s", t.n,
			t.mountpoint[0], t.mountpoint[1], t.n > 2 ? ", ..." : "");
	*ret = strdup(t.mountpoint[0]);
	return *ret ? 0 : err_oom(err);
}

/* Nobody holds the store: we do, and serve the socket that we then connect to. */
static int open_own(struct session *s, struct err *err)
{
	int r;

	/* Nothing of this is the user's business unless it goes wrong. */
	log_set_level(LOG_LEVEL_ERROR);
	r = store_lock_take(s->config.state, 0, &s->lock, err);
	if (r < 0)
		return r;
	r = promptfs_open(&s->fs, &s->config, err);
	if (r < 0)
		return r;
	s->is_own = true;
	s->fs.control = control_start(&s->fs, err);
	if (!s->fs.control)
		return -err->code;
	return control_connect(s->config.state, &s->client, err);
}

/* Through whoever holds the store of the options, or by ourselves. */
static int open_named(struct session *s, struct err *err)
{
	int r = state_dir_check(&s->config.state, err);

	if (r < 0)
		return r;
	r = control_connect(s->config.state, &s->client, err);
	return r == -ENOENT ? open_own(s, err) : r;
}

int session_open(struct session *s, const struct cli_options *o, const char *mountpoint,
	bool must_exist, struct err *err)
{
	scoped_free char *state = NULL;
	struct stat st;
	int r;

	*s = (struct session){0};
	r = config_load(&s->config, o->text, o->n, err);
	if (r < 0)
		return r;
	if (mountpoint) {
		r = mount_state(mountpoint, &state, err);
		if (r == 0)
			r = control_connect(state, &s->client, err);
	} else if (stat(s->config.state, &st) < 0 && must_exist) {
		r = err_set(err, ENOENT, "there is no store at %s", s->config.state);
	} else {
		r = open_named(s, err);
	}
	if (r < 0)
		session_close(s);
	return r;
}

void session_close(struct session *s)
{
	control_close(s->client);
	if (s->is_own) {
		control_stop(s->fs.control);
		promptfs_close(&s->fs);
	}
	store_lock_release(s->lock);
	config_finish(&s->config);
	*s = (struct session){0};
}

cJSON *session_request(struct session *s, const char *command)
{
	cJSON *o = cJSON_CreateObject();

	if (!o)
		return NULL;
	if (!json_add_int(o, "id", ++s->last_id) ||
		!cJSON_AddStringToObject(o, "command", command)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

cJSON *session_path_request(struct session *s, const char *command, const char *path)
{
	cJSON *o = session_request(s, command);

	if (o && !cJSON_AddStringToObject(o, "path", path)) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}

int64_t session_usd(const cJSON *o, const char *name, int64_t fallback)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsNumber(m)
		       ? (int64_t)llround(m->valuedouble * (double)MONEY_DOLLAR)
		       : fallback;
}

int session_answer_error(const cJSON *answer, struct err *err)
{
	const char *why = json_str(answer, "error", NULL);
	int64_t code = json_int(answer, "errno", EIO);

	if (!why)
		return 0;
	return err_set(err, code > 0 && code < 4096 ? (int)code : EIO, "%s", why);
}

int session_call(struct session *s, cJSON *request, session_answer_fn fn, void *user,
	cJSON **ret, struct err *err)
{
	scoped_json cJSON *owned = request;
	int64_t id = s->last_id;
	int r = owned ? control_send(s->client, owned, err) : err_oom(err);

	while (r == 0) {
		scoped_json cJSON *answer = NULL;
		int64_t whose;

		r = control_receive(s->client, -1, &answer, err);
		if (r < 0)
			return r;
		whose = json_int(answer, "id", -1);
		/* Id 0 is what a peer says to us before any request. */
		if (whose && whose != id)
			continue;
		r = session_answer_error(answer, err);
		if (r < 0)
			return r;
		if (json_bool(answer, "done", false)) {
			if (ret)
				*ret = steal_ptr(answer);
			return 0;
		}
		if (fn)
			fn(user, answer);
	}
	return r;
}
