// SPDX-License-Identifier: MIT
#include "backend/auth/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "tests/support/rsa_key.h"
#include "tests/support/tap.h"

#define SECRET "hush-hush"

static char dir[] = "/tmp/test_credentials.XXXXXX";
static char *pem;

/* What the fake environment holds: pairs, NULL at the end. */
static const char *vars[16];

static const char *fake_env(const char *name)
{
	for (size_t i = 0; vars[i]; i += 2) {
		if (!strcmp(vars[i], name))
			return vars[i + 1];
	}
	return NULL;
}

static void set_vars(const char *const *pairs)
{
	size_t i = 0;

	for (; pairs[i]; i++)
		vars[i] = pairs[i];
	vars[i] = NULL;
}
#define VARS(...) set_vars((const char *const[]){__VA_ARGS__, NULL})

static const char *path_of(const char *name)
{
	static char path[4][256];
	static int n;

	n = (n + 1) % 4;
	snprintf(path[n], sizeof(path[n]), "%s/%s", dir, name);
	return path[n];
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(path_of(name), "w");

	fputs(text, f);
	fclose(f);
}

static char *account(const char *more)
{
	scoped_json cJSON *o = cJSON_Parse(more);
	struct buf b = {0};

	cJSON_AddStringToObject(o, "type", "service_account");
	if (!cJSON_HasObjectItem(o, "private_key"))
		cJSON_AddStringToObject(o, "private_key", pem);
	CHECK_INT(json_print(&b, o), 0);
	return buf_detach(&b);
}

#define USER                                                                           \
	"{\"type\":\"authorized_user\",\"client_id\":\"me\",\"client_secret\":"        \
	"\"" SECRET "\",\"refresh_token\":\"" SECRET                                   \
	"\",\"quota_project_id\":\"q-file\"}"

static int find(const char *file, struct credentials *c, struct err *err)
{
	struct credentials_hint hint = {.file = file, .env = fake_env};

	*err = (struct err){0};
	return credentials_find_google(&hint, c, err);
}

static void begin(void)
{
	EVP_PKEY *key = test_rsa_key();
	scoped_free char *text = NULL;

	pem = test_pem_of(key, NULL);
	EVP_PKEY_free(key);
	CHECK(mkdtemp(dir));
	text = account("{\"client_email\":\"me@x\",\"private_key_id\":\"k1\","
		       "\"project_id\":\"p1\"}");
	write_file("account.json", text);
	write_file("user.json", USER);
	mkdir(path_of("gcloud"), 0700);
	write_file("gcloud/application_default_credentials.json", USER);
	mkdir(path_of(".config"), 0700);
	mkdir(path_of(".config/gcloud"), 0700);
	write_file(".config/gcloud/application_default_credentials.json", USER);
}

static void the_search_order_of_google(void)
{
	scoped(credentials_finish) struct credentials hint = {0}, var = {0},
						      config = {0}, home = {0},
						      meta = {0}, none = {0};
	struct err err;

	VARS("GOOGLE_APPLICATION_CREDENTIALS", path_of("user.json"), "HOME", dir,
		"CLOUDSDK_CONFIG", path_of("gcloud"));
	CHECK_INT(find(path_of("account.json"), &hint, &err), 0);
	CHECK_INT(hint.kind, CREDENTIALS_SERVICE_ACCOUNT);
	CHECK_STR(hint.email, "me@x");
	CHECK_STR(hint.key_id, "k1");
	CHECK_STR(hint.project, "p1");
	CHECK_STR(hint.token_uri, "https://oauth2.googleapis.com/token");
	CHECK(hint.key != NULL);
	CHECK_INT(find(NULL, &var, &err), 0);
	CHECK_INT(var.kind, CREDENTIALS_USER);
	CHECK_STR(var.quota_project, "q-file");

	VARS("CLOUDSDK_CONFIG", path_of("gcloud"), "GOOGLE_CLOUD_QUOTA_PROJECT",
		"q-var\n");
	CHECK_INT(find(NULL, &config, &err), 0);
	CHECK_INT(config.kind, CREDENTIALS_USER);
	CHECK_STR(config.quota_project, "q-var");
	VARS("HOME", dir);
	CHECK_INT(find(NULL, &home, &err), 0);
	CHECK_INT(home.kind, CREDENTIALS_USER);
	VARS("HOME", "/nonexistent");
	CHECK_INT(find(NULL, &meta, &err), 0);
	CHECK_INT(meta.kind, CREDENTIALS_METADATA);
	CHECK_STR(meta.metadata_host, "169.254.169.254");
	VARS("NO_GCE_CHECK", "True");
	CHECK_INT(find(NULL, &none, &err), 0);
	CHECK_INT(none.kind, CREDENTIALS_NONE);
}

static void set_and_unreadable_is_an_error(void)
{
	static const char *const names[] = {"missing.json", "gcloud"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct credentials c = {0};
		struct err err;

		VARS("GOOGLE_APPLICATION_CREDENTIALS", path_of(names[i]), "HOME", dir);
		CHECK_INT(find(NULL, &c, &err), -EACCES);
		CHECK_INT(err.code, EACCES);
		CHECK(strstr(err.why, names[i]));
		CHECK_INT(c.kind, CREDENTIALS_NONE);
	}
}

static void a_command_comes_first(void)
{
	struct credentials_hint hint = {
		.file = "/nonexistent", .command = "print-it", .env = fake_env};
	scoped(credentials_finish) struct credentials c = {0};

	VARS("HOME", dir);
	CHECK_INT(credentials_find_google(&hint, &c, NULL), 0);
	CHECK_INT(c.kind, CREDENTIALS_COMMAND);
	CHECK_STR(c.command, "print-it");
}

static void hosts_of_the_metadata_server(void)
{
	static const struct {
		const char *name, *value, *host;
	} cases[] = {
		{"GCE_METADATA_HOST", "127.0.0.1:99", "127.0.0.1:99"},
		{"GCE_METADATA_HOST", "http://meta/", "meta"},
		{"GCE_METADATA_IP", "10.0.0.1", "10.0.0.1"},
		{"GCE_METADATA_HOST", "a@b", NULL},
		{"GCE_METADATA_HOST", "a b", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scoped(credentials_finish) struct credentials c = {0};
		struct err err;

		VARS(cases[i].name, cases[i].value);
		CHECK_INT(find(NULL, &c, &err), cases[i].host ? 0 : -EACCES);
		CHECK_STR(c.metadata_host, cases[i].host);
	}
}

static void bad_files_are_told_without_their_secrets(void)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "JSON"},
		{"{\"private_key\":\"" SECRET, "JSON"},
		{"[]", "type"},
		{"{\"type\":\"authorized_user\",\"client_id\":\"a\"}", "client_secret"},
		{"{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":"
		 "\"" SECRET "\\r\\nX: y\",\"refresh_token\":\"" SECRET "\"}",
			"client_secret"},
		{"{\"type\":\"service_account\",\"client_email\":\"a\","
		 "\"private_key\":\"" SECRET "\"}",
			"private key"},
		{"{\"type\":\"service_account\",\"private_key\":\"" SECRET "\"}",
			"client_email"},
		{"{\"type\":\"external_account\",\"x\":\"" SECRET "\"}",
			"token_command"},
		{"{\"type\":\"impersonated_service_account\"}", "token_command"},
		{"{\"type\":\"authorized_user\",\"client_id\":\"a\",\"client_secret\":"
		 "\"" SECRET "\",\"refresh_token\":\"" SECRET "\",\"token_uri\":"
		 "\"http://localhost.example.org/\"}",
			"token_uri"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credentials c = {0};
		struct err err = {0};

		CHECK_INT(credentials_parse(
				  cases[i].text, strlen(cases[i].text), &c, &err),
			-EACCES);
		CHECK_INT(err.code, EACCES);
		CHECK(!strstr(err.why, SECRET));
		if (!CHECK(strstr(err.why, cases[i].says)))
			printf("# %s\n", err.why);
		write_file("bad.json", cases[i].text);
		CHECK_INT(find(path_of("bad.json"), &c, &err), -EACCES);
		CHECK(strstr(err.why, "bad.json") && !strstr(err.why, SECRET));
		CHECK_INT(c.kind, CREDENTIALS_NONE);
	}
}

static void api_keys(void)
{
	static const char *const names[] = {"GOOGLE_API_KEY", "GEMINI_API_KEY"};
	scoped(credentials_finish) struct credentials first = {0}, second = {0};
	struct credentials none = {0};
	struct err err = {0};

	VARS("GEMINI_API_KEY", "two", "GOOGLE_API_KEY", "one\n");
	CHECK_INT(credentials_find_key(fake_env, names, 2, &first, &err), 0);
	CHECK_INT(first.kind, CREDENTIALS_KEY);
	CHECK_STR(first.api_key, "one");
	VARS("GEMINI_API_KEY", "two", "GOOGLE_API_KEY", "");
	CHECK_INT(credentials_find_key(fake_env, names, 2, &second, &err), 0);
	CHECK_STR(second.api_key, "two");
	VARS("HOME", dir);
	CHECK_INT(credentials_find_key(fake_env, names, 2, &none, &err), -EACCES);
	CHECK(strstr(err.why, "GOOGLE_API_KEY or GEMINI_API_KEY"));
	VARS("GOOGLE_API_KEY", SECRET "\r\nX: y");
	CHECK_INT(credentials_find_key(fake_env, names, 2, &none, &err), -EACCES);
	CHECK(strstr(err.why, "GOOGLE_API_KEY") && !strstr(err.why, SECRET));
}

static void end(void)
{
	char command[256];

	free(pem);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	CHECK_INT(system(command), 0);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(the_search_order_of_google),
	TAP_CASE(set_and_unreadable_is_an_error), TAP_CASE(a_command_comes_first),
	TAP_CASE(hosts_of_the_metadata_server),
	TAP_CASE(bad_files_are_told_without_their_secrets), TAP_CASE(api_keys),
	TAP_CASE(end))
