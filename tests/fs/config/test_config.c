// SPDX-License-Identifier: MIT
#include "fs/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

/* A home of our own: what the user has configured must not matter. */
static char home[] = "/tmp/promptfs-config-XXXXXX";

static const char *const variables[] = {"GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT",
	"GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS",
	"GOOGLE_VERTEX_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL",
	"STORAGE_EMULATOR_HOST"};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (CHECK(f != NULL)) {
		fputs(text, f);
		fclose(f);
	}
}

static void set_home(void)
{
	static bool is_made;

	if (!is_made)
		is_made = CHECK(mkdtemp(home) != NULL);
	setenv("HOME", home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	/* A shell that is set up for Google's tools must not change a test. */
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
}

static void defaults(void)
{
	scoped(config_finish) struct config c = {0};
	scoped(buf_finish) struct buf state = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_load(&c, NULL, 0, &err), 0);
	buf_addf(&state, "%s/.local/share/promptfs", home);
	CHECK_STR(c.state, state.data);
	CHECK_STR(c.backend, "local");
	CHECK_STR(c.log_level, "info");
	CHECK_STR(c.catalog, NULL);
	CHECK_STR(c.config, NULL);
	CHECK_STR(c.fuse_options, NULL);
	CHECK_INT(c.max_concurrent, 10);
	CHECK_INT(c.stop_timeout_s, 15);
	CHECK_INT(c.latency_ms, 0);
	CHECK(c.fallback && !c.enhance && !c.offline);
	CHECK_INT((int64_t)c.blocked_words.n, 9);
	CHECK_STR(c.blocked_words.word[5], "weapon");
	CHECK_INT((int64_t)c.deny_programs.n, 20);
}

static void environment_names_the_directories(void)
{
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	setenv("XDG_DATA_HOME", "/data", 1);
	CHECK_INT(config_load(&c, NULL, 0, &err), 0);
	CHECK_STR(c.state, "/data/promptfs");
	config_finish(&c);
	setenv("XDG_DATA_HOME", "relative", 1);
	CHECK_INT(config_load(&c, NULL, 0, &err), 0);
	CHECK(strstr(c.state, "/.local/share/promptfs") != NULL);
	unsetenv("XDG_DATA_HOME");
}

static void good_options(void)
{
	static const char *const lists[] = {
		"state=/s/,max_concurrent=3,timeout=2m,stop_timeout=0s",
		"latency=2s,offline,fallback=off,enhance=yes,log_level=debug",
		"blocked_words=a+b++c,deny_programs=,catalog=~/cat.json,timeout=7"};
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_load(&c, lists, ARRAY_SIZE(lists), &err), 0);
	CHECK_STR(c.state, "/s");
	CHECK_INT(c.max_concurrent, 3);
	CHECK_INT(c.timeout_s, 7); /* the last one counts */
	CHECK_INT(c.stop_timeout_s, 0);
	CHECK_INT(c.latency_ms, 2000);
	CHECK(c.offline && !c.fallback && c.enhance);
	CHECK_INT((int64_t)c.blocked_words.n, 3);
	CHECK_STR(c.blocked_words.word[2], "c");
	CHECK_INT((int64_t)c.deny_programs.n, 0);
	CHECK(strstr(c.catalog, "/cat.json") != NULL && c.catalog[0] == '/');
}

static void bad_options(void)
{
	static const struct {
		const char *option, *why; /* a part of the sentence */
	} rows[] = {
		{"backend=vertx", "backend \"vertx\" is unknown; choose one of: "
				  "local vertex gemini openai"},
		{"backend=", "choose one of: local"},
		{"backend=loca", "choose one of: local"},
		{"backend=local vertex", "choose one of: local"},
		{"log_level=loud", "choose one of: error warn info debug"},
		{"max_concurrent=0", "max_concurrent must be between 1 and 1000"},
		{"max_concurrent=1001", "between 1 and 1000"},
		{"max_concurrent=many", "max_concurrent must be a whole number"},
		{"max_concurrent=-1", "whole number"},
		{"max_concurrent", "max_concurrent needs a value"},
		{"timeout=5x", "timeout must be a time such as"},
		{"timeout=99999999999999999999", "timeout must be"},
		{"timeout=9999999999999999h", "between 1 and 86400 seconds"},
		{"latency=601s", "between 0 and 600000 ms"},
		{"offline=maybe", "offline is on or off"},
		{"state=", "state needs a path"},
		{"stat=/x", "unknown option \"stat\"; did you mean \"state\"?"},
		{"max_concurent=3", "did you mean \"max_concurrent\"?"},
		{"alow_other", "did you mean \"allow_other\"?"},
		{"xyzzyplugh=1", "unknown option \"xyzzyplugh\"; promptfs --help"},
		{"allow_other=1", "unknown option"},
		{"=1", "unknown option"},
		{"fsname", "unknown option"},
	};

	set_home();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_finish) struct config c = {0};
		struct err err = {0};

		CHECK_INT(config_init(&c, &err), 0);
		if (!CHECK_INT(config_option(&c, rows[i].option, &err), -EINVAL) ||
			!CHECK(strstr(err.why, rows[i].why) != NULL))
			printf("# %s: %s\n", rows[i].option, err.why);
	}
}

static void fuse_options_pass(void)
{
	static const char *const lists[] = {"noauto,user,_netdev,nofail,x-systemd."
					    "automount,X-a=b,defaults,comment=x",
		"allow_other,ro,noatime,nodev,nosuid,fsname=a\\,b\\\\c,auto_unmount,"
		"relatime"};
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_load(&c, lists, ARRAY_SIZE(lists), &err), 0);
	CHECK_STR(c.fuse_options,
		"allow_other,ro,noatime,nodev,nosuid,fsname=a\\,b\\\\c,auto_unmount");
}

static void command_line_goes_before_file(void)
{
	scoped(buf_finish) struct buf path = {0};
	scoped(buf_finish) struct buf option = {0};
	scoped(config_finish) struct config c = {0};
	const char *lists[2];
	struct err err = {0};

	set_home();
	buf_addf(&path, "%s/c.json", home);
	buf_addf(&option, "config=%s", path.data);
	write_file(path.data, "{\"max_concurrent\": 4, \"latency\": \"1s\","
			      " \"blocked_words\": [\"x y\"], \"state\": \"/file\"}");
	lists[0] = "max_concurrent=5";
	lists[1] = option.data;
	CHECK_INT(config_load(&c, lists, 2, &err), 0);
	CHECK_INT(c.max_concurrent, 5);
	CHECK_INT(c.latency_ms, 1000);
	CHECK_STR(c.state, "/file");
	CHECK_STR(c.config, path.data);
	CHECK_INT((int64_t)c.blocked_words.n, 1);
	CHECK_STR(c.blocked_words.word[0], "x y");
	unlink(path.data);
}

static void default_file(void)
{
	scoped(buf_finish) struct buf path = {0};
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	setenv("XDG_CONFIG_HOME", home, 1);
	buf_addf(&path, "%s/promptfs", home);
	mkdir(path.data, 0700);
	buf_adds(&path, "/config.json");
	write_file(path.data, "{\"timeout\": 44}");
	CHECK_INT(config_load(&c, NULL, 0, &err), 0);
	CHECK_INT(c.timeout_s, 44);
	CHECK_STR(c.config, path.data);
	write_file(path.data, "{\"timeuot\": 44}");
	config_finish(&c);
	CHECK_INT(config_load(&c, NULL, 0, &err), -EINVAL);
	/* The sentence names file and key. */
	CHECK(strstr(err.why, path.data) && strstr(err.why, "\"timeuot\"") &&
		strstr(err.why, "\"timeout\""));
	unlink(path.data);
	unsetenv("XDG_CONFIG_HOME");
}

static void missing_file(void)
{
	static const char *const lists[] = {"config=/nonexistent/promptfs.json"};
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_load(&c, lists, 1, &err), -ENOENT);
	CHECK(strstr(err.why, "/nonexistent/promptfs.json") != NULL);
}

static void bad_files(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", "malformed JSON"},
		{"{\"state\": \"/a\"", "malformed JSON"},
		{"[]", "must be one JSON object"},
		{"{\"stat\": \"/a\"}", "unknown key \"stat\"; did you mean \"state\"?"},
		{"{\"allow_other\": true}", "unknown key \"allow_other\""},
		{"{\"config\": \"/a\"}", "belongs on the command line"},
		{"{\"state\": 1}", "state must be a string"},
		{"{\"state\": \"rel\"}", "state must be an absolute path"},
		{"{\"state\": \"/a\", \"state\": \"/b\"}", "\"state\" is there twice"},
		{"{\"max_concurrent\": \"4\"}",
			"max_concurrent must be a whole number"},
		{"{\"max_concurrent\": 4.5}", "max_concurrent must be a whole number"},
		{"{\"max_concurrent\": 1e30}", "max_concurrent must be a whole number"},
		{"{\"max_concurrent\": -4}", "max_concurrent must be a whole number"},
		{"{\"timeout\": true}", "timeout must be a time"},
		{"{\"offline\": \"on\"}", "offline must be true or false"},
		{"{\"blocked_words\": \"a+b\"}",
			"blocked_words must be an array of words"},
		{"{\"blocked_words\": [1]}", "blocked_words must be an array of words"},
		{"{\"backend\": \"azure\"}", "backend \"azure\" is unknown"},
		{"{} x", "followed by other text"},
	};

	set_home();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_finish) struct config c = {0};
		struct err err = {0};

		CHECK_INT(config_init(&c, &err), 0);
		if (!CHECK_INT(
			    config_json(&c, rows[i].text, strlen(rows[i].text), &err),
			    -EINVAL) ||
			!CHECK(strstr(err.why, rows[i].why) != NULL))
			printf("# %s: %s\n", rows[i].text, err.why);
	}
}

static void shown_as_json_and_help(void)
{
	scoped(config_finish) struct config c = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	scoped(buf_finish) struct buf help = {0};
	const cJSON *m;

	set_home();
	CHECK_INT(config_init(&c, NULL), 0);
	CHECK_INT(config_to_json(&c, o), 0);
	CHECK_STR(json_str(o, "backend", NULL), "local");
	CHECK(json_str(o, "state", NULL) != NULL);
	CHECK_INT(config_help(&help), 0);
	cJSON_ArrayForEach(m, o)
	{
		scoped(buf_finish) struct buf name = {0};

		buf_addf(&name, "  %s=", m->string);
		CHECK(strstr(help.data, name.data) != NULL);
	}
	rmdir(home);
}

TAP_MAIN(TAP_CASE(defaults), TAP_CASE(environment_names_the_directories),
	TAP_CASE(good_options), TAP_CASE(bad_options), TAP_CASE(fuse_options_pass),
	TAP_CASE(command_line_goes_before_file), TAP_CASE(default_file),
	TAP_CASE(missing_file), TAP_CASE(bad_files), TAP_CASE(shown_as_json_and_help))
