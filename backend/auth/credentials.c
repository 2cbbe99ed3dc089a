// SPDX-License-Identifier: MIT
/* See credentials.h. */
#include "backend/auth/credentials.h"

#include <errno.h>
#include <string.h>

#include "backend/auth/jwt.h"
#include "backend/net/http.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

#define GOOGLE_TOKEN_URI "https://oauth2.googleapis.com/token"
#define METADATA_HOST "169.254.169.254"

static void wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

void credentials_finish(struct credentials *c)
{
	jwt_key_free(c->key);
	wipe(&c->client_secret);
	wipe(&c->refresh_token);
	wipe(&c->api_key);
	free(c->email);
	free(c->key_id);
	free(c->token_uri);
	free(c->project);
	free(c->quota_project);
	free(c->client_id);
	free(c->command);
	free(c->metadata_host);
	*c = (struct credentials){0};
}

/* A member that must be a non-empty string without control characters. */
static int take(
	const cJSON *o, const char *name, bool required, char **ret, struct err *err)
{
	const char *v = json_str(o, name, NULL);

	if (!v || !*v)
		return required ? err_set(err, EACCES, "\"%s\" is missing", name) : 0;
	if (strcmp(name, "private_key")) {
		for (const char *p = v; *p; p++) {
			if ((unsigned char)*p < 0x20)
				return err_set(
					err, EACCES, "\"%s\" is malformed", name);
		}
	}
	*ret = strdup(v);
	return *ret ? 0 : err_oom(err);
}

static int parse_account(const cJSON *o, struct credentials *c, struct err *err)
{
	const char *pem = json_str(o, "private_key", "");
	int r = take(o, "client_email", true, &c->email, err);

	c->kind = CREDENTIALS_SERVICE_ACCOUNT;
	if (r == 0)
		r = take(o, "private_key_id", false, &c->key_id, err);
	if (r == 0)
		r = take(o, "token_uri", false, &c->token_uri, err);
	if (r == 0)
		r = take(o, "project_id", false, &c->project, err);
	if (r == 0 && jwt_key_parse(pem, strlen(pem), &c->key, err) < 0)
		r = -(err ? (err->code = EACCES) : EACCES);
	return r;
}

static int parse_user(const cJSON *o, struct credentials *c, struct err *err)
{
	int r = take(o, "client_id", true, &c->client_id, err);

	c->kind = CREDENTIALS_USER;
	if (r == 0)
		r = take(o, "client_secret", true, &c->client_secret, err);
	if (r == 0)
		r = take(o, "refresh_token", true, &c->refresh_token, err);
	if (r == 0)
		r = take(o, "token_uri", false, &c->token_uri, err);
	return r;
}

static int parse_object(const cJSON *o, struct credentials *c, struct err *err)
{
	const char *type = json_str(o, "type", "");
	int r;

	if (!strcmp(type, "service_account"))
		r = parse_account(o, c, err);
	else if (!strcmp(type, "authorized_user"))
		r = parse_user(o, c, err);
	else
		r = err_set(err, EACCES,
			"credentials of type \"%.40s\" are not read here; use "
			"token_command=",
			type);
	if (r == 0)
		r = take(o, "quota_project_id", false, &c->quota_project, err);
	if (r == 0 && !c->token_uri) {
		c->token_uri = strdup(GOOGLE_TOKEN_URI);
		r = c->token_uri ? 0 : err_oom(err);
	}
	if (r == 0 && !http_is_secure_url(c->token_uri))
		r = err_set(err, EACCES, "\"token_uri\" is not an https address");
	return r;
}

/* cJSON frees its copies as they are. */
static void wipe_strings(cJSON *o)
{
	for (cJSON *m = o ? o->child : NULL; m; m = m->next) {
		if (cJSON_IsString(m))
			explicit_bzero(m->valuestring, strlen(m->valuestring));
	}
}

int credentials_parse(
	const char *text, size_t len, struct credentials *ret, struct err *err)
{
	scoped_json cJSON *o = json_parse(text, len, err);
	struct credentials c = {0};
	int r = o ? parse_object(o, &c, err) : -EACCES;

	wipe_strings(o);
	if (r < 0) {
		if (err && !o)
			err->code = EACCES;
		credentials_finish(&c);
		return r;
	}
	*ret = c;
	return 0;
}

static int from_file(const char *path, struct credentials *ret, struct err *err)
{
	struct buf b = {0};
	int r = buf_read_file(&b, path, CREDENTIALS_FILE_MAX, err);

	if (r == 0) {
		r = credentials_parse(b.data, b.len, ret, err);
		if (r < 0)
			err_wrap(err, r, "%s", path);
	}
	if (r < 0 && err)
		err->code = EACCES;
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_finish(&b);
	return r < 0 ? -EACCES : 0;
}

static const char *set_env(env_fn env, const char *name)
{
	const char *v = env(name);

	return v && *v ? v : NULL;
}

/* gcloud's file, if there is one. */
static int well_known(env_fn env, char **ret)
{
	scoped(buf_finish) struct buf b = {0};
	const char *dir = set_env(env, "CLOUDSDK_CONFIG"), *home = set_env(env, "HOME");
	int r = -ENOENT;

	if (dir)
		r = buf_adds(&b, dir);
	else if (home)
		r = buf_addf(&b, "%s/.config/gcloud", home);
	if (r == 0)
		r = buf_adds(&b, "/application_default_credentials.json");
	if (r == 0 && access(b.data, F_OK) < 0)
		r = -ENOENT;
	if (r == 0)
		*ret = buf_detach(&b);
	return r;
}

/* The variables with which Google's own libraries leave the metadata server out. */
static bool has_no_metadata(env_fn env)
{
	const char *check = set_env(env, "NO_GCE_CHECK");
	const char *detection = set_env(env, "METADATA_SERVER_DETECTION");

	return (check && !strcasecmp(check, "true")) ||
	       (detection && !strcmp(detection, "none"));
}

static int metadata(env_fn env, struct credentials *ret, struct err *err)
{
	const char *host = set_env(env, "GCE_METADATA_HOST");
	size_t n;

	if (has_no_metadata(env)) {
		ret->kind = CREDENTIALS_NONE;
		return 0;
	}
	if (!host)
		host = set_env(env, "GCE_METADATA_IP");
	if (!host)
		host = METADATA_HOST;
	if (str_starts(host, "http://"))
		host += strlen("http://");
	n = strcspn(host, "/");
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)host[i] <= 0x20 || strchr("@?#%\\", host[i]))
			return err_set(err, EACCES,
				"GCE_METADATA_HOST is not a host with a port");
	}
	ret->kind = CREDENTIALS_METADATA;
	ret->metadata_host = strndup(host, n);
	return ret->metadata_host ? 0 : err_oom(err);
}

/* Of a variable: blanks and line ends around it are a slip, inside it is no key. */
static int take_variable(
	const char *name, const char *value, char **ret, struct err *err)
{
	size_t n;

	value += strspn(value, " \t\r\n");
	for (n = strlen(value); n && strchr(" \t\r\n", value[n - 1]);)
		n--;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)value[i] <= 0x20 || (unsigned char)value[i] >= 0x7f)
			return err_set(err, EACCES, "%s is malformed", name);
	}
	if (!n)
		return err_set(err, EACCES, "%s is empty", name);
	free(*ret);
	*ret = strndup(value, n);
	return *ret ? 0 : err_oom(err);
}

int credentials_find_google(
	const struct credentials_hint *hint, struct credentials *ret, struct err *err)
{
	const char *path =
		hint->file ? hint->file
			   : set_env(hint->env, "GOOGLE_APPLICATION_CREDENTIALS");
	const char *quota = set_env(hint->env, "GOOGLE_CLOUD_QUOTA_PROJECT");
	scoped_free char *known = NULL;
	struct credentials c = {0};
	int r;

	if (hint->command) {
		c.kind = CREDENTIALS_COMMAND;
		c.command = strdup(hint->command);
		r = c.command ? 0 : err_oom(err);
	} else if (path) {
		r = from_file(path, &c, err);
	} else if (well_known(hint->env, &known) == 0) {
		r = from_file(known, &c, err);
	} else {
		r = metadata(hint->env, &c, err);
	}
	if (r == 0 && quota)
		r = take_variable(
			"GOOGLE_CLOUD_QUOTA_PROJECT", quota, &c.quota_project, err);
	if (r < 0) {
		credentials_finish(&c);
		return r;
	}
	c.is_self_signed =
		hint->is_self_signed && c.kind == CREDENTIALS_SERVICE_ACCOUNT;
	*ret = c;
	return 0;
}

int credentials_find_key(env_fn env, const char *const *names, size_t n,
	struct credentials *ret, struct err *err)
{
	scoped(buf_finish) struct buf all = {0};

	for (size_t i = 0; i < n; i++) {
		const char *v = set_env(env, names[i]);

		if (v) {
			char *key = NULL;
			int r = take_variable(names[i], v, &key, err);

			if (r == 0)
				*ret = (struct credentials){
					.kind = CREDENTIALS_KEY, .api_key = key};
			return r;
		}
		buf_addf(&all, "%s%s", i ? " or " : "", names[i]);
	}
	return err_set(err, EACCES, "no API key: set %s", all.data ? all.data : "");
}
