// SPDX-License-Identifier: MIT
/* On the real loop and over real HTTP, against a small token server of our own. */
#include "backend/auth/token.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/auth/jwt.h"
#include "cache/base/clk.h"
#include "cache/base/json.h"
#include "cache/base/log.h"
#include "tests/support/on_loop.h"
#include "tests/support/rsa_key.h"
#include "tests/support/tap.h"
#include "tests/support/tiny_server.h"

#define WAIT_S 20
#define WAITERS 50
#define SECRET "hush-hush&=%+"

static struct tiny_server server;
static struct loop *loop;
static pthread_t loop_thread;
static struct pool *pool;
static struct http *http;
static char *pem;

/* How the server behaves. Set while nobody asks. */
static struct {
	atomic_int status, lifetime_s, skew_s, serial;
	_Atomic bool plain, rude,
		blank;   /* not JSON; no flavour; a token with a blank */
	char form[4096]; /* of the last request */
	char flavour[32];
} cloud;

/* ---- the server's side ---- */

static int64_t issued_at(const char *form)
{
	const char *jwt = strstr(form, "assertion="), *from, *to;
	char text[2048] = "";
	scoped_json cJSON *o = NULL;

	from = jwt ? strchr(jwt, '.') : NULL;
	to = from ? strchr(from + 1, '.') : NULL;
	if (!to)
		return 0;
	o = json_parse(text,
		test_base64url_decode(from + 1, (size_t)(to - from - 1), text), NULL);
	return json_int(o, "iat", 0);
}

static void answer(struct tiny_request *r, void *user)
{
	char headers[256] = "Metadata-Flavor: Google\r\n", body[256], date[64];
	time_t now = time(NULL) + cloud.skew_s;
	struct tm tm;

	snprintf(cloud.form, sizeof(cloud.form), "%s", r->body);
	tiny_header(r, "Metadata-Flavor", cloud.flavour, sizeof(cloud.flavour));
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	snprintf(headers, sizeof(headers), "%sDate: %s\r\n",
		cloud.rude ? "" : "Metadata-Flavor: Google\r\n", date);
	snprintf(body, sizeof(body),
		"{\"access_token\":\"t%d%s\",\"expires_in\":%d,\"token_type\":"
		"\"Bearer\"}",
		++cloud.serial, cloud.blank ? " x" : "", cloud.lifetime_s);
	if (cloud.plain)
		snprintf(body, sizeof(body), "<html>");
	if (cloud.status != 200)
		tiny_reply(r, cloud.status, headers,
			"{\"error\":\"invalid_grant\",\"error_description\":\"" SECRET
			"\"}");
	else if (cloud.skew_s && llabs(issued_at(r->body) - now) > 60)
		tiny_reply(r, 400, headers,
			"{\"error\":\"invalid_grant\",\"error_description\":\"Invalid "
			"JWT: reasonable timeframe\"}");
	else
		tiny_reply(r, 200, headers, body);
}

/* ---- ours ---- */

struct waiter {
	struct token_wait wait;
	sem_t ended;
	char bearer[64];
	bool has_bearer;
	atomic_int done;
	struct err err;
	struct token_source *free_it;
	struct token_wait *forget_it;
};

static struct token_source *source;
static struct waiter waiter[WAITERS];

static void on_token(struct token_wait *wait, const char *bearer, const struct err *err)
{
	struct waiter *w = container_of(wait, struct waiter, wait);

	CHECK(pthread_equal(pthread_self(), loop_thread));
	CHECK((bearer == NULL) == (err != NULL));
	w->done++;
	w->has_bearer = bearer != NULL;
	if (bearer)
		snprintf(w->bearer, sizeof(w->bearer), "%s", bearer);
	if (err)
		w->err = *err;
	if (w->forget_it)
		token_forget(source, w->forget_it);
	if (w->free_it) {
		token_source_free(w->free_it);
		source = NULL;
	}
	sem_post(&w->ended);
}

static void clear(size_t n)
{
	memset(waiter, 0, sizeof(waiter));
	for (size_t i = 0; i < n; i++) {
		sem_init(&waiter[i].ended, 0, 0);
		waiter[i].wait.done = on_token;
	}
}

static void get_all(void *arg)
{
	for (size_t i = 0; i < *(size_t *)arg; i++)
		token_get(source, &waiter[i].wait);
}

static void get(size_t n)
{
	on_loop(loop, get_all, &n);
	for (size_t i = 0; i < n; i++) {
		if (!CHECK(wait_sem(&waiter[i].ended, WAIT_S)))
			exit(1);
	}
}

static void make_source(void *arg)
{
	CHECK_INT(token_source_new(loop, http, pool, arg, &source, NULL), 0);
}

static void drop_source(void *arg)
{
	token_source_free(source);
	source = NULL;
}

static void refuse(void *arg)
{
	token_refused(source, arg);
}

/* How often the server was asked since `use`. */
static int before;

static int refreshes(void)
{
	return server.requests - before;
}

static void use(struct credentials *c)
{
	on_loop(loop, drop_source, NULL);
	cloud.status = 200;
	cloud.lifetime_s = 3600;
	cloud.serial = cloud.skew_s = 0;
	cloud.plain = cloud.rude = cloud.blank = false;
	before = server.requests;
	on_loop(loop, make_source, c);
}

static char *token_uri(void)
{
	char text[64];

	snprintf(text, sizeof(text), "http://127.0.0.1:%d/token", server.port);
	return strdup(text);
}

static void use_signed(bool is_self_signed)
{
	struct credentials c = {.kind = CREDENTIALS_SERVICE_ACCOUNT,
		.email = strdup("me@x"),
		.token_uri = token_uri(),
		.is_self_signed = is_self_signed};

	CHECK_INT(jwt_key_parse(pem, strlen(pem), &c.key, NULL), 0);
	use(&c);
}

static void use_account(void)
{
	use_signed(false);
}

static void use_user(void)
{
	struct credentials c = {.kind = CREDENTIALS_USER,
		.client_id = strdup("me"),
		.client_secret = strdup(SECRET),
		.refresh_token = strdup(SECRET),
		.token_uri = token_uri()};

	use(&c);
}

static void use_metadata(const char *host)
{
	struct credentials c = {
		.kind = CREDENTIALS_METADATA, .metadata_host = strdup(host)};

	use(&c);
}

/* A byte for each time that the command was run. */
static char ran_path[] = "/tmp/promptfs-ran-XXXXXX";

static int64_t runs(void)
{
	struct stat st = {0};

	return stat(ran_path, &st) == 0 ? st.st_size : -1;
}

static void use_command(const char *command)
{
	struct credentials c = {.kind = CREDENTIALS_COMMAND};

	CHECK(asprintf(&c.command, "printf x >>%s; %s", ran_path, command) > 0);
	CHECK_INT(truncate(ran_path, 0), 0);
	use(&c);
}

/* ---- cases ---- */

static void one_refresh_for_all_who_wait(void)
{
	use_account();
	clear(WAITERS);
	get(WAITERS);
	for (size_t i = 0; i < WAITERS; i++)
		CHECK_STR(waiter[i].bearer, "t1");
	CHECK_INT(refreshes(), 1);
	CHECK(strstr(cloud.form,
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"
		"assertion=ey"));
	clear(1);
	get(1);
	CHECK_STR(waiter[0].bearer, "t1");
	CHECK_INT(refreshes(), 1);
}

static void a_401_renews_once(void)
{
	use_account();
	clear(1);
	get(1);
	for (int i = 0; i < 5; i++)
		on_loop(loop, refuse, (void *)"t1");
	clear(WAITERS);
	get(WAITERS);
	CHECK_STR(waiter[0].bearer, "t2");
	CHECK_STR(waiter[WAITERS - 1].bearer, "t2");
	CHECK_INT(refreshes(), 2);
	on_loop(loop, refuse, (void *)"t1"); /* somebody late */
	clear(1);
	get(1);
	CHECK_STR(waiter[0].bearer, "t2");
	CHECK_INT(refreshes(), 2);
}

/* A token of one second: three quarters on it is renewed, and the old one still serves
 * unless it is about to end. */
static void refreshed_ahead_of_its_end(void)
{
	int64_t began;

	use_account();
	cloud.lifetime_s = 1;
	clear(1);
	get(1);
	began = clk_mono_ms();
	CHECK_STR(waiter[0].bearer, "t1");
	cloud.lifetime_s = 3600;
	while (clk_mono_ms() < began + 800)
		usleep(10000);
	clear(1);
	get(1);
	CHECK(!strcmp(waiter[0].bearer, "t1") || clk_mono_ms() > began + 860);
	for (int i = 0; i < 200 && strcmp(waiter[0].bearer, "t2"); i++) {
		clear(1);
		get(1);
	}
	CHECK_STR(waiter[0].bearer, "t2");
	CHECK_INT(refreshes(), 2);
}

static void the_old_one_serves_while_refreshes_fail(void)
{
	int64_t began;

	use_account();
	cloud.lifetime_s = 2;
	clear(1);
	get(1);
	began = clk_mono_ms();
	cloud.status = 500;
	while (clk_mono_ms() < began + 1550)
		usleep(10000);
	for (int i = 0; i < 5; i++) {
		clear(1);
		get(1);
		CHECK(waiter[0].has_bearer || clk_mono_ms() > began + 1700);
	}
	CHECK(refreshes() <= 2 || clk_mono_ms() > began + 1900);
	cloud.status = 200;
	while (clk_mono_ms() < began + 2050)
		usleep(10000);
	clear(1);
	get(1);
	CHECK(waiter[0].has_bearer && strcmp(waiter[0].bearer, "t1") != 0);
}

static void a_wrong_clock_is_cured_once(void)
{
	static const int skews[] = {7200, -7200};

	for (size_t i = 0; i < ARRAY_SIZE(skews); i++) {
		use_account();
		cloud.skew_s = skews[i];
		clear(3);
		get(3);
		CHECK(waiter[0].has_bearer && waiter[2].has_bearer);
		CHECK_INT(refreshes(), 2);
		on_loop(loop, refuse, waiter[0].bearer);
		clear(1);
		get(1); /* the difference is known by now */
		CHECK(waiter[0].has_bearer);
		CHECK_INT(refreshes(), 3);
	}
	use_account();
	cloud.skew_s = 7200;
	cloud.status = 400; /* not the clock's fault */
	clear(1);
	get(1);
	CHECK_INT(waiter[0].err.code, EACCES);
	CHECK_INT(refreshes(), 2);
}

static void refusals_and_faults(void)
{
	static const struct {
		int status;
		bool plain, blank;
		int lifetime_s, code;
		bool transient;
		const char *says;
	} cases[] = {
		{400, false, false, 1, EACCES, false, "log in again"},
		{401, false, false, 1, EACCES, false, "401 invalid_grant"},
		{403, false, false, 1, EACCES, false, "403"},
		{429, false, false, 1, ENETUNREACH, true, "429"},
		{503, false, false, 1, ENETUNREACH, true, "503"},
		{200, true, false, 1, EPROTO, false, "not JSON"},
		{200, false, true, 1, EPROTO, false, "no token"},
		{200, false, false, 0, EPROTO, false, "no token"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		use_user();
		cloud.status = cases[i].status;
		cloud.plain = cases[i].plain;
		cloud.blank = cases[i].blank;
		cloud.lifetime_s = cases[i].lifetime_s;
		clear(2);
		get(2);
		CHECK(!waiter[0].has_bearer && !waiter[1].has_bearer);
		CHECK_INT(waiter[1].err.code, cases[i].code);
		CHECK_INT(waiter[1].err.transient, cases[i].transient);
		if (!CHECK(strstr(waiter[1].err.why, cases[i].says)))
			printf("# %s\n", waiter[1].err.why);
		CHECK(!strstr(waiter[1].err.why, "hush"));
		CHECK_STR(cloud.form,
			"grant_type=refresh_token&client_id=me&client_secret=hush-hush"
			"%26%3D%25%2B&refresh_token=hush-hush%26%3D%25%2B");
	}
	cloud.status = 200;
	cloud.blank = false;
	cloud.lifetime_s = 60;
	clear(1);
	get(1); /* a failure is not kept */
	CHECK(waiter[0].has_bearer);
}

static void the_metadata_server(void)
{
	char host[64];

	snprintf(host, sizeof(host), "127.0.0.1:%d", server.port);
	use_metadata(host);
	clear(2);
	get(2);
	CHECK_STR(waiter[0].bearer, "t1");
	CHECK_STR(cloud.flavour, "Google");
	use_metadata(host);
	cloud.rude = true;
	clear(1);
	get(1);
	CHECK_INT(waiter[0].err.code, EACCES);
	use_metadata(host);
	cloud.status = 404;
	clear(1);
	get(1);
	CHECK_INT(waiter[0].err.code, EACCES);
	CHECK(strstr(waiter[0].err.why, "no service account"));
	use_metadata("127.0.0.1:1");
	clear(1);
	get(1);
	CHECK_INT(waiter[0].err.code, EACCES);
	CHECK(strstr(waiter[0].err.why, "GOOGLE_APPLICATION_CREDENTIALS"));
}

static void token_commands(void)
{
	static const struct {
		const char *command, *bearer;
		int code;
	} cases[] = {
		{"echo tok-1", "tok-1", 0},
		{"printf tok-2; exec >&-; true", "tok-2", 0},
		{"echo '{\"access_token\":\"tok-3\",\"expires_in\":600}'", "tok-3", 0},
		{"echo hush-hush; exit 3", "", EACCES},
		{"true", "", EACCES},
		{"kill -9 $$", "", EACCES},
		{"echo hush hush", "", EPROTO},
		{"echo '{\"token\":\"hush\"}'", "", EPROTO},
		{"yes hush", "", EACCES},
		{"/nonexistent/command 2>/dev/null", "", EACCES},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		use_command(cases[i].command);
		clear(3);
		get(3);
		CHECK_STR(waiter[2].bearer, cases[i].bearer);
		CHECK_INT(waiter[2].err.code, cases[i].code);
		CHECK(!strstr(waiter[2].err.why, "hush"));
		CHECK_INT(runs(), 1);
	}
}

static void what_needs_no_network(void)
{
	struct credentials key = {.kind = CREDENTIALS_KEY, .api_key = strdup("k-1")};
	struct credentials open = {.kind = CREDENTIALS_ANONYMOUS}, none = {0};
	int first = server.requests;

	use(&key);
	clear(2);
	get(2);
	CHECK_STR(waiter[1].bearer, "k-1");
	use(&open);
	clear(1);
	get(1);
	CHECK(waiter[0].has_bearer);
	CHECK_STR(waiter[0].bearer, "");
	use(&none);
	clear(1);
	get(1);
	CHECK_INT(waiter[0].err.code, EACCES);
	use_signed(true);
	clear(1);
	get(1);
	CHECK(!strncmp(waiter[0].bearer, "ey", 2));
	CHECK_INT(server.requests - first, 0);
}

static size_t two = 2, three = 3;

static void forget_first(void *arg)
{
	get_all(&three);
	token_forget(source, &waiter[0].wait);
}

static void forgetting(void)
{
	use_account();
	clear(3);
	waiter[1].forget_it = &waiter[2].wait;
	waiter[2].forget_it = &waiter[1].wait;
	on_loop(loop, forget_first, NULL);
	while (!waiter[1].done && !waiter[2].done)
		on_loop(loop, refuse, (void *)"none");
	on_loop(loop, refuse, (void *)"none");
	CHECK_INT(waiter[0].done, 0);
	CHECK_INT(waiter[1].done + waiter[2].done, 1);
}

static void get_and_free(void *arg)
{
	get_all(&two);
	drop_source(NULL);
}

static void freeing_at_any_time(void)
{
	use_account();
	clear(2);
	on_loop(loop, get_and_free, NULL); /* asked, not answered */
	CHECK_INT(waiter[0].done + waiter[1].done, 2);
	CHECK_INT(waiter[1].err.code, ECANCELED);

	use_account();
	clear(1);
	get(1);
	clear(2);
	on_loop(loop, get_and_free, NULL); /* answered, not told */
	CHECK_INT(waiter[0].done + waiter[1].done, 2);

	use_account();
	clear(2);
	waiter[0].free_it = waiter[1].free_it = source;
	get(2); /* inside `done` */
	CHECK(!source);
	CHECK_INT(waiter[0].done + waiter[1].done, 2);

	use_command("sleep 1000");
	clear(2);
	on_loop(loop, get_all, &two);
	usleep(50000);
	on_loop(loop, drop_source, NULL);
	CHECK_INT(waiter[0].err.code, ECANCELED);
}

static void make_http(void *arg)
{
	CHECK_INT(http_new(loop, 2000, &http, NULL), 0);
}

static void drop_http(void *arg)
{
	http_free(http);
}

static void begin(void)
{
	EVP_PKEY *key = test_rsa_key();

	unsetenv("http_proxy");
	log_set_level(LOG_LEVEL_ERROR);
	pem = test_pem_of(key, NULL);
	EVP_PKEY_free(key);
	cloud.status = 200;
	tiny_start(&server, answer, NULL);
	close(mkstemp(ran_path));
	CHECK_INT(loop_start(&loop, NULL), 0);
	loop_thread = loop_thread_of(loop);
	CHECK_INT(pool_start(loop, 2, &pool, NULL), 0);
	on_loop(loop, make_http, NULL);
}

static void end(void)
{
	int64_t began = clk_mono_ms();

	on_loop(loop, drop_source, NULL);
	on_loop(loop, drop_http, NULL);
	pool_stop(pool); /* the command above was killed */
	CHECK(clk_mono_ms() - began < 10000);
	loop_stop(loop);
	tiny_end(&server);
	unlink(ran_path);
	free(pem);
}

TAP_MAIN(TAP_CASE(begin), TAP_CASE(one_refresh_for_all_who_wait),
	TAP_CASE(a_401_renews_once), TAP_CASE(refreshed_ahead_of_its_end),
	TAP_CASE(the_old_one_serves_while_refreshes_fail),
	TAP_CASE(a_wrong_clock_is_cured_once), TAP_CASE(refusals_and_faults),
	TAP_CASE(the_metadata_server), TAP_CASE(token_commands),
	TAP_CASE(what_needs_no_network), TAP_CASE(forgetting),
	TAP_CASE(freeing_at_any_time), TAP_CASE(end))
