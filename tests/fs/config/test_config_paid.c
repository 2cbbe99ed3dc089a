// SPDX-License-Identifier: MIT
/* The options of paid backends: what may be spent, whom to ask, and where each comes
 * from. */
#include "fs/config/config.h"

#include <errno.h>
#include <unistd.h>

#include "cache/base/mem.h"
#include "tests/support/tap.h"

static char home[] = "/tmp/promptfs-config-XXXXXX";

static const char *const variables[] = {"GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT",
	"GOOGLE_CLOUD_LOCATION", "GOOGLE_APPLICATION_CREDENTIALS",
	"GOOGLE_VERTEX_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "OPENAI_BASE_URL",
	"STORAGE_EMULATOR_HOST"};

static void set_home(void)
{
	static bool is_made;

	if (!is_made)
		is_made = CHECK(mkdtemp(home) != NULL);
	setenv("HOME", home, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_DATA_HOME");
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		unsetenv(variables[i]);
}

/* One -o string over the defaults; the rest of the process's settings are ours. */
static int load(struct config *c, const char *options, struct err *err)
{
	int r = config_load(c, &options, 1, err);

	if (r < 0)
		printf("# %s: %s\n", options, err->why);
	return r;
}

static void check_limit(const struct ledger_limit *l, enum ledger_period period,
	int64_t udollars, bool is_per_user, uint32_t uid)
{
	CHECK_INT(l->period, period);
	CHECK_INT(l->udollars, udollars);
	CHECK_INT(l->is_per_user, is_per_user);
	CHECK_INT(l->uid, uid);
}

static void defaults(void)
{
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(load(&c, "backend=vertex", &err), 0);
	CHECK_STR(c.backend, "vertex");
	CHECK_STR(c.project, NULL);
	CHECK_STR(c.location, NULL);
	CHECK_STR(c.credentials, NULL);
	CHECK_STR(c.token_command, NULL);
	CHECK_STR(c.bucket, NULL);
	CHECK_STR(c.endpoint, NULL);
	CHECK_STR(c.storage_endpoint, NULL);
	CHECK(!c.self_signed);
	CHECK_INT(c.retries, 2);
	CHECK_INT(c.max_cost_ud, 5000000);
	CHECK_INT((int64_t)c.spenders.n, 0);
	CHECK_INT((int64_t)c.budget_uid.n, 0);
	if (CHECK_INT((int64_t)c.budget.n, 1))
		check_limit(
			&c.budget.limit[0], LEDGER_DAY, 5000000, false, LEDGER_ANY_UID);
}

static void every_option(void)
{
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(load(&c,
			  "backend=vertex,project=my-project-1,bucket=my.bucket_1,"
			  "location=us-central1+europe-west4,credentials=~/key.json,"
			  "token_command=gcloud auth print\\, please,"
			  "endpoint=HTTPS://Example.COM:8443/Base/,"
			  "storage_endpoint=localhost:9023,self_signed,retries=0,"
			  "max_cost=0.25,spenders=root+4711",
			  &err),
		0);
	CHECK_STR(c.project, "my-project-1");
	CHECK_STR(c.bucket, "my.bucket_1");
	CHECK_STR(c.location, "us-central1+europe-west4");
	CHECK(c.credentials && strstr(c.credentials, home) == c.credentials);
	CHECK_STR(c.token_command, "gcloud auth print, please");
	CHECK_STR(c.endpoint, "https://example.com:8443/Base");
	CHECK_STR(c.storage_endpoint, "http://localhost:9023");
	CHECK(c.self_signed);
	CHECK_INT(c.retries, 0);
	CHECK_INT(c.max_cost_ud, 250000);
	if (CHECK_INT((int64_t)c.spenders.n, 2)) {
		CHECK_INT(c.spenders.uid[0], 0);
		CHECK_INT(c.spenders.uid[1], 4711);
	}
}

static void budgets(void)
{
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(load(&c,
			  "budget=5/day+50.5/month+100/total,"
			  "budget_uid=2+root:1.000001/month+4711:0/day,max_cost=none",
			  &err),
		0);
	CHECK_INT(c.max_cost_ud, -1);
	if (CHECK_INT((int64_t)c.budget.n, 3)) {
		check_limit(
			&c.budget.limit[0], LEDGER_DAY, 5000000, false, LEDGER_ANY_UID);
		check_limit(&c.budget.limit[1], LEDGER_MONTH, 50500000, false,
			LEDGER_ANY_UID);
		check_limit(&c.budget.limit[2], LEDGER_TOTAL, 100000000, false,
			LEDGER_ANY_UID);
	}
	if (CHECK_INT((int64_t)c.budget_uid.n, 3)) {
		check_limit(&c.budget_uid.limit[0], LEDGER_DAY, 2000000, true,
			LEDGER_ANY_UID);
		check_limit(&c.budget_uid.limit[1], LEDGER_MONTH, 1000001, true, 0);
		check_limit(&c.budget_uid.limit[2], LEDGER_DAY, 0, true, 4711);
	}
}

/* What the user sets takes the place of the default, also where it is less strict. */
static void own_budget_replaces_the_default(void)
{
	static const struct {
		const char *options;
		size_t n;
		enum ledger_period period;
	} rows[] = {
		{"budget=7", 1, LEDGER_DAY}, {"budget=50/month", 1, LEDGER_MONTH},
		{"budget=1/day,budget=2/total", 1, LEDGER_TOTAL},
		{"budget=off", 0, LEDGER_DAY}, {"budget=none", 0, LEDGER_DAY},
		{"budget=5/day+6/month,budget=off", 0, LEDGER_DAY},
		{"budget_uid=1/day", 1, LEDGER_DAY}, /* the default stands */
	};

	set_home();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_finish) struct config c = {0};
		struct err err = {0};

		CHECK_INT(load(&c, rows[i].options, &err), 0);
		if (CHECK_INT((int64_t)c.budget.n, (int64_t)rows[i].n) && c.budget.n)
			CHECK_INT(c.budget.limit[0].period, rows[i].period);
	}
}

static void bad_options(void)
{
	static const struct {
		const char *option, *why; /* a part of the sentence */
	} rows[] = {
		{"budget", "budget needs a value: budget=5/day+50/month"},
		{"budget=", "budget needs an amount such as 5/day+50/month, or off"},
		{"budget=/day", "budget needs an amount"},
		{"budget=5/day+", "budget needs an amount"},
		{"budget=5/week", "budget: \"week\" is not day, month or total"},
		{"budget=5/", "budget: \"\" is not day, month or total"},
		{"budget=five", "budget: \"five\" is not an amount"},
		{"budget=-5", "budget: \"-5\" is not an amount"},
		{"budget=0.0000001", "budget: \"0.0000001\" is not an amount"},
		{"budget=1e3", "budget: \"1e3\" is not an amount"},
		{"budget=99999999999", "budget: the amount 99999999999 is too large"},
		{"budget=5/day+6/day", "budget names two limits per day"},
		{"budget=5+6/day", "budget names two limits per day"},
		{"budget=1000:5/day", "budget: \"1000:5\" is not an amount"},
		{"budget=5/day+off", "budget: \"off\" is not an amount"},
		{"budget_uid=:5/day", "budget_uid: there is no user \"\""},
		{"budget_uid=no-such-user:5",
			"budget_uid: there is no user \"no-such-user\""},
		{"budget_uid=1:2+1:3", "two limits per day of one user"},
		{"budget_uid=1/month+2/month", "budget_uid names two limits per month"},
		{"max_cost=", "max_cost needs an amount such as USD, or none"},
		{"max_cost=5/day", "max_cost: \"5/day\" is not an amount"},
		{"max_cost=lots", "max_cost: \"lots\" is not an amount"},
		{"retries=10", "retries must be between 0 and 9"},
		{"retries=-1", "retries must be a whole number"},
		{"spenders=no-such-user", "spenders: there is no user"},
		{"spenders=1++2", "spenders: there is no user \"\""},
		{"spenders=4294967295", "spenders: there is no user \"4294967295\""},
		{"self_signed=perhaps", "self_signed is on or off"},
		{"project=", "project must be a name such as my-project"},
		{"project=my project", "project must be a name such as my-project"},
		{"project=a/../b", "project must be a name"},
		{"location=us-central1+",
			"location must be a name such as us-central1"},
		{"location=a++b", "location must be a name"},
		{"location=US", "location must be a name"},
		{"bucket=gs://b", "bucket must be a name such as my-bucket"},
		{"token_command= ", "token_command must not be empty"},
		{"credentials=", "credentials needs a path"},
		{"endpoint=", "endpoint must begin with https:// or http://"},
		{"endpoint=localhost:8080", "endpoint must begin with https://"},
		{"endpoint=ftp://h", "endpoint must begin with https://"},
		{"endpoint=http://", "endpoint is no address"},
		{"endpoint=http://h:0/", "endpoint is no address"},
		{"endpoint=http://h:65536", "endpoint is no address"},
		{"endpoint=http://h:", "endpoint is no address"},
		{"endpoint=http://h?key=1", "endpoint is no address"},
		{"endpoint=http://h/a b", "endpoint is no address"},
		{"endpoint=http://[::1", "endpoint is no address"},
		{"storage_endpoint=ftp://h", "storage_endpoint must begin with"},
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

/* 2/day of each holds for user 7 as well, so 3/day for him would be a promise that is
 * not kept. */
static void a_users_limit_above_that_of_each(void)
{
	static const char *const lists[] = {"budget_uid=2/day+7:3/day"};
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_load(&c, lists, 1, &err), -EINVAL);
	CHECK(strstr(err.why, "budget_uid: the limit of user 7 per day") != NULL);
	CHECK_INT(load(&c, "budget_uid=2/day+7:3/month+8:2/day", &err), 0);
}

/* Somebody who pastes a key where it does not belong must not find it in a log. */
static void a_failure_does_not_repeat_an_address(void)
{
	static const char *const options[] = {"endpoint=https://me:sekret@host",
		"endpoint=https://host/?key=sekret", "endpoint=sekret",
		"storage_endpoint=sekret@host"};

	set_home();
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		scoped(config_finish) struct config c = {0};
		struct err err = {0};

		CHECK_INT(config_init(&c, NULL), 0);
		CHECK_INT(config_option(&c, options[i], &err), -EINVAL);
		CHECK(strstr(err.why, "sekret") == NULL);
	}
}

static void secrets_are_not_shown(void)
{
	scoped(config_finish) struct config c = {0};
	scoped(buf_finish) struct buf text = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	struct err err = {0};

	set_home();
	CHECK_INT(load(&c, "backend=vertex,token_command=echo sekret", &err), 0);
	CHECK_INT(config_to_json(&c, o), 0);
	CHECK_INT(json_print(&text, o), 0);
	CHECK(strstr(text.data, "sekret") == NULL);
	CHECK_STR(json_str(o, "token_command", NULL), "set");
	CHECK_STR(json_str(o, "budget", NULL), "5/day");
	CHECK_STR(json_str(o, "budget_uid", NULL), "off");
	CHECK(strstr(text.data, "\"max_cost\": 5,") != NULL);
}

static void environment(void)
{
	static const struct {
		const char *backend, *name, *value;
		size_t member;
		const char *want;
	} rows[] = {
#define AT(member) offsetof(struct config, member)
		{"vertex", "GOOGLE_CLOUD_PROJECT", "p1", AT(project), "p1"},
		{"vertex", "GCLOUD_PROJECT", "p2", AT(project), "p2"},
		{"vertex", "GOOGLE_CLOUD_LOCATION", "global", AT(location), "global"},
		{"vertex", "GOOGLE_APPLICATION_CREDENTIALS", "/k.json", AT(credentials),
			"/k.json"},
		{"vertex", "GOOGLE_VERTEX_BASE_URL", "http://127.0.0.1:1", AT(endpoint),
			"http://127.0.0.1:1"},
		{"gemini", "GOOGLE_GEMINI_BASE_URL", "http://g", AT(endpoint),
			"http://g"},
		{"openai", "OPENAI_BASE_URL", "http://o/v1", AT(endpoint),
			"http://o/v1"},
		{"vertex", "STORAGE_EMULATOR_HOST", "localhost:9023",
			AT(storage_endpoint), "http://localhost:9023"},
		{"vertex", "STORAGE_EMULATOR_HOST", "https://s", AT(storage_endpoint),
			"https://s"},
		/* Empty is unset, and what belongs to another backend is not read. */
		{"vertex", "GOOGLE_CLOUD_PROJECT", "", AT(project), NULL},
		{"vertex", "OPENAI_BASE_URL", "http://o/v1", AT(endpoint), NULL},
		{"openai", "GOOGLE_VERTEX_BASE_URL", "http://v", AT(endpoint), NULL},
		{"gemini", "GOOGLE_CLOUD_PROJECT", "p1", AT(project), NULL},
		{"local", "GOOGLE_VERTEX_BASE_URL", "rubbish", AT(endpoint), NULL},
#undef AT
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(config_finish) struct config c = {0};
		scoped(buf_finish) struct buf b = {0};
		struct err err = {0};

		set_home();
		setenv(rows[i].name, rows[i].value, 1);
		buf_addf(&b, "backend=%s", rows[i].backend);
		CHECK_INT(load(&c, b.data, &err), 0);
		CHECK_STR(*(char **)((char *)&c + rows[i].member), rows[i].want);
	}
	set_home();
}

static void relative_credentials_start_here(void)
{
	scoped(config_finish) struct config c = {0};
	scoped_free char *cwd = getcwd(NULL, 0);
	scoped(buf_finish) struct buf want = {0};
	struct err err = {0};

	set_home();
	setenv("GOOGLE_APPLICATION_CREDENTIALS", "key.json", 1);
	buf_addf(&want, "%s/key.json", cwd);
	CHECK_INT(load(&c, "backend=vertex", &err), 0);
	CHECK_STR(c.credentials, want.data);
	set_home();
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (CHECK(f != NULL)) {
		fputs(text, f);
		fclose(f);
	}
}

/* Command line, then environment, then file, then default. */
static void precedence(void)
{
	scoped(buf_finish) struct buf path = {0};
	scoped(buf_finish) struct buf option = {0};
	const char *lists[2] = {NULL, "project=from-line"};
	struct err err = {0};
	struct config c;

	set_home();
	buf_addf(&path, "%s/c.json", home);
	buf_addf(&option, "config=%s", path.data);
	lists[0] = option.data;
	write_file(path.data, "{\"backend\": \"vertex\", \"project\": \"from-file\","
			      " \"location\": \"file1\", \"bucket\": \"b1\"}");
	CHECK_INT(config_load(&c, lists, 1, &err), 0);
	CHECK_STR(c.backend, "vertex");
	CHECK_STR(c.project, "from-file");
	config_finish(&c);
	setenv("GCLOUD_PROJECT", "from-old-name", 1);
	CHECK_INT(config_load(&c, lists, 1, &err), 0);
	CHECK_STR(c.project, "from-old-name");
	config_finish(&c);
	setenv("GOOGLE_CLOUD_PROJECT", "from-env", 1);
	CHECK_INT(config_load(&c, lists, 1, &err), 0);
	CHECK_STR(c.project, "from-env");
	CHECK_STR(c.location, "file1");
	config_finish(&c);
	CHECK_INT(config_load(&c, lists, 2, &err), 0);
	CHECK_STR(c.project, "from-line");
	config_finish(&c);
	/* The line's backend decides which variables are read. */
	lists[1] = "backend=gemini";
	CHECK_INT(config_load(&c, lists, 2, &err), 0);
	CHECK_STR(c.backend, "gemini");
	CHECK_STR(c.project, "from-file");
	config_finish(&c);
	unlink(path.data);
	set_home();
}

static void a_bad_variable_is_named(void)
{
	static const char *const lists[] = {"backend=vertex"};
	struct config c;
	struct err err = {0};

	set_home();
	setenv("GOOGLE_CLOUD_LOCATION", "no where", 1);
	CHECK_INT(config_load(&c, lists, 1, &err), -EINVAL);
	CHECK(strstr(err.why, "GOOGLE_CLOUD_LOCATION") && strstr(err.why, "location"));
	set_home();
}

static void file(void)
{
	static const char text[] =
		"{\"backend\": \"openai\", \"budget\": 0.1, \"max_cost\": 2,"
		" \"budget_uid\": \"1/day+0:1/total\", \"spenders\": [\"root\", 4711],"
		" \"self_signed\": true, \"retries\": 9, \"endpoint\": \"http://h\","
		" \"token_command\": \"echo a+b, c\"}";
	scoped(config_finish) struct config c = {0};
	struct err err = {0};

	set_home();
	CHECK_INT(config_init(&c, &err), 0);
	CHECK_INT(config_json(&c, text, strlen(text), &err), 0);
	CHECK_STR(c.backend, "openai");
	if (CHECK_INT((int64_t)c.budget.n, 1))
		check_limit(
			&c.budget.limit[0], LEDGER_DAY, 100000, false, LEDGER_ANY_UID);
	CHECK_INT(c.max_cost_ud, 2000000);
	CHECK_INT((int64_t)c.budget_uid.n, 2);
	if (CHECK_INT((int64_t)c.spenders.n, 2))
		CHECK_INT(c.spenders.uid[1], 4711);
	CHECK(c.self_signed);
	CHECK_INT(c.retries, 9);
	CHECK_STR(c.token_command, "echo a+b, c");
}

static void bad_files(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"{\"budget\": true}", "budget must be a number or a string such as"},
		{"{\"budget\": null}", "budget must be a number or a string such as"},
		{"{\"budget\": [\"5/day\"]}", "budget must be a number or a string"},
		{"{\"budget\": -1}", "budget must be an amount in USD"},
		{"{\"budget\": 1e30}", "budget must be an amount in USD"},
		{"{\"budget\": 0.0000005}", "budget has more than six decimals"},
		{"{\"max_cost\": 0.1234567}", "max_cost has more than six decimals"},
		{"{\"max_cost\": \"5/day\"}", "max_cost: \"5/day\" is not an amount"},
		{"{\"budget_uid\": 5}", "budget_uid must be a string"},
		{"{\"spenders\": \"root\"}", "spenders must be an array of users"},
		{"{\"spenders\": [1.5]}", "spenders must be an array of users"},
		{"{\"spenders\": [\"a+b\"]}", "spenders must be an array of users"},
		{"{\"spenders\": [4294967295]}", "spenders: there is no user"},
		{"{\"spenders\": [-1]}", "spenders must be an array of users"},
		{"{\"project\": 5}", "project must be a string"},
		{"{\"credentials\": \"rel\"}", "credentials must be an absolute path"},
		{"{\"self_signed\": \"on\"}", "self_signed must be true or false"},
		{"{\"retries\": \"2\"}", "retries must be a whole number"},
		{"{\"endpoint\": 1}", "endpoint must be a string"},
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

/* What config.json shows can be written into the file again. */
static void shown_is_read_again(void)
{
	scoped(config_finish) struct config a = {0};
	scoped(config_finish) struct config b = {0};
	scoped(buf_finish) struct buf text = {0};
	scoped(buf_finish) struct buf again = {0};
	scoped_json cJSON *o = cJSON_CreateObject();
	scoped_json cJSON *p = cJSON_CreateObject();
	struct err err = {0};

	set_home();
	CHECK_INT(load(&a,
			  "budget=1/day+2.5/month,budget_uid=1+0:0.5/total,"
			  "max_cost=none,spenders=3+4,retries=1",
			  &err),
		0);
	CHECK_INT(config_to_json(&a, o), 0);
	for (cJSON *m = o->child, *next; m; m = next) {
		next = m->next;
		if (cJSON_IsNull(m))
			cJSON_Delete(cJSON_DetachItemViaPointer(o, m));
	}
	CHECK_INT(json_print(&text, o), 0);
	CHECK_INT(config_init(&b, &err), 0);
	if (!CHECK_INT(config_json(&b, text.data, text.len, &err), 0))
		printf("# %s\n", err.why);
	CHECK_INT(config_to_json(&b, p), 0);
	for (cJSON *m = p->child, *next; m; m = next) {
		next = m->next;
		if (cJSON_IsNull(m))
			cJSON_Delete(cJSON_DetachItemViaPointer(p, m));
	}
	CHECK_INT(json_print(&again, p), 0);
	CHECK_STR(again.data, text.data);
}

static void origins(void)
{
	static const struct {
		const char *endpoint, *want;
	} rows[] = {
		{"https://api.openai.com", "https://api.openai.com"},
		{"https://api.openai.com/v1", "https://api.openai.com"},
		{"https://api.openai.com:443/v1", "https://api.openai.com"},
		{"http://127.0.0.1:80", "http://127.0.0.1"},
		{"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080"},
		{"http://h:443", "http://h:443"},
		{"http://[::1]:8080/x", "http://[::1]:8080"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(buf_finish) struct buf b = {0};

		CHECK_INT(config_origin(rows[i].endpoint, &b), 0);
		CHECK_STR(b.data, rows[i].want);
	}
	rmdir(home);
}

TAP_MAIN(TAP_CASE(defaults), TAP_CASE(every_option), TAP_CASE(budgets),
	TAP_CASE(own_budget_replaces_the_default), TAP_CASE(bad_options),
	TAP_CASE(a_users_limit_above_that_of_each),
	TAP_CASE(a_failure_does_not_repeat_an_address), TAP_CASE(secrets_are_not_shown),
	TAP_CASE(environment), TAP_CASE(relative_credentials_start_here),
	TAP_CASE(precedence), TAP_CASE(a_bad_variable_is_named), TAP_CASE(file),
	TAP_CASE(bad_files), TAP_CASE(shown_is_read_again), TAP_CASE(origins))
