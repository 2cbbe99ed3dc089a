// SPDX-License-Identifier: MIT
/* The calls that a remote makes, and where credentials go. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/remote_case.h"

static void calls(void)
{
	static const struct {
		struct remote_config c;
		const char *model, *file, *url;
		uint32_t region;
		enum remote_auth auth;
		const char *user_project, *body; /* body: a part of it */
	} cases[] = {
		{{.backend = BACKEND_VERTEX, .project = "p"}, "imagen-3", "1.png",
			"https://us-central1-aiplatform.googleapis.com/v1/projects/p/"
			"locations/us-central1" R "imagen-3.0-generate-001:predict",
			0, AUTH_BEARER, NULL, "\"sampleCount\":1"},
		{{.backend = BACKEND_VERTEX,
			 .project = "p",
			 .location = "us-central1+europe-west4",
			 .user_project = "q"},
			"imagen-2", "1.png",
			"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/"
			"locations/europe-west4" R "imagegeneration@006:predict",
			1, AUTH_BEARER, "q", "\"sampleCount\":1"},
		{{.backend = BACKEND_VERTEX, .project = "p", .location = "eu"},
			"veo-3.1", "8s.mp4",
			"https://aiplatform.eu.rep.googleapis.com/v1/projects/p/"
			"locations/"
			"eu" R "veo-3.1-generate-001:predictLongRunning",
			0, AUTH_BEARER, NULL, "\"storageUri\":\"gs://b/p/\""},
		{{.backend = BACKEND_VERTEX, .project = "p", .location = "us+eu"},
			"gemini-3-pro-image", "1.png",
			"https://aiplatform.googleapis.com/v1/projects/p/locations/"
			"global" R "gemini-3-pro-image:generateContent",
			1, AUTH_BEARER, NULL, "\"imageOutputOptions\""},
		{{.backend = BACKEND_VERTEX,
			 .project = "p",
			 .location = "global",
			 .endpoint = "http://127.0.0.1:9/x/",
			 .is_anonymous = true},
			"gemini-3.8-flash", "1.txt",
			"http://127.0.0.1:9/x/v1/projects/p/locations/global" R
			"gemini-3.8-flash:generateContent",
			0, AUTH_NONE, NULL, "\"contents\""},
		{{.backend = BACKEND_GEMINI}, "veo-3.1", "8s.mp4",
			"https://generativelanguage.googleapis.com/v1beta/models/"
			"veo-3.1-generate-preview:predictLongRunning",
			0, AUTH_GOOGLE_KEY, NULL, "\"durationSeconds\":8"},
		{{.backend = BACKEND_GEMINI,
			 .endpoint = "http://localhost:9",
			 .user_project = "q"},
			"gemini-3-pro-image", "1.png",
			"http://localhost:9/v1beta/models/"
			"gemini-3-pro-image:generateContent",
			3, AUTH_GOOGLE_KEY, NULL, "\"imageConfig\""},
		{{.backend = BACKEND_OPENAI}, "dear", "1.png",
			"https://api.openai.com/v1/images/generations", 0, AUTH_BEARER,
			NULL, "\"model\":\"dear\""},
		{{.backend = BACKEND_OPENAI,
			 .endpoint = "http://127.0.0.1:8080/",
			 .is_anonymous = true},
			"sd", "1.png", "http://127.0.0.1:8080/v1/images/generations", 0,
			AUTH_NONE, NULL, "\"model\":\"sd-v1-5\""},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://gpu.lan/v1"}, "llama",
			"1.txt", "https://gpu.lan/v1/chat/completions", 0, AUTH_BEARER,
			NULL, "\"messages\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote(cases[i].c);
		struct remote_call call = {0};
		struct wire_fixture f;
		bool is_vertex = cases[i].c.backend == BACKEND_VERTEX;

		remote_fixture(&f, cases[i].model, cases[i].file, "");
		f.job.storage_uri = "gs://b/p/";
		f.job.backend = is_vertex
					? BACKEND_GEMINI
					: BACKEND_VERTEX; /* the remote knows better */
		CHECK_INT(remote_make(r, &f.job, cases[i].region, &call, NULL), 0);
		CHECK_STR(call.method, "POST");
		CHECK_STR(call.url.data, cases[i].url);
		CHECK_INT(call.auth, cases[i].auth);
		CHECK(call.is_paid && !call.is_media);
		CHECK(call.response_max >= (1u << 20) &&
			call.response_max < UINT64_C(1) << 31);
		if (cases[i].user_project)
			CHECK_STR(call.user_project, cases[i].user_project);
		else
			CHECK(!call.user_project);
		if (!CHECK(call.body.data && strstr(call.body.data, cases[i].body)))
			printf("# %s\n", call.body.data);
		CHECK(is_vertex || !strstr(call.body.data, "gs://"));
		remote_call_finish(&call);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

static void room_for_answers(void)
{
	struct remote *r = test_vertex();
	struct remote_call pictures = {0}, start = {0}, poll = {0};
	struct wire_fixture f;

	remote_fixture(&f, "imagen-4", "1.png", "size=2K count=4");
	f.job.n_takes = 4;
	CHECK_INT(remote_make(r, &f.job, 0, &pictures, NULL), 0);
	CHECK(pictures.response_max >= UINT64_C(256) << 20);
	wire_fixture_finish(&f);
	remote_fixture(&f, "veo-3.1", "8s.mp4", "");
	CHECK_INT(remote_make(r, &f.job, 0, &start, NULL), 0);
	CHECK(start.response_max <= UINT64_C(16) << 20);
	CHECK_INT(remote_poll(r, f.job.row, OP, &poll, NULL), 0);
	CHECK(poll.response_max >= UINT64_C(1) << 30);
	wire_fixture_finish(&f);
	remote_call_finish(&pictures);
	remote_call_finish(&start);
	remote_call_finish(&poll);
	remote_free(r);
}

static void jobs_that_are_none(void)
{
	static const struct wire_input text = {MEDIA_TEXT, "words", 5},
				       empty = {MEDIA_PNG, "", 0},
				       good = {MEDIA_PNG, "\x89PNG", 4},
				       large = {MEDIA_PNG, "", (20 << 20) + 1};
	struct remote *r = test_vertex(), *nowhere;
	struct remote_call call = {0};
	struct wire_fixture f;
	struct err err = {0};

	remote_fixture(&f, "imagen-3", "1.png", "");
	f.job.n_takes = 0;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	f.job.n_takes = 5;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	CHECK(strstr(err.why, "at most 4"));
	f.job.n_takes = 1;
	nowhere = test_remote((struct remote_config){.backend = BACKEND_VERTEX});
	CHECK_INT(remote_make(nowhere, &f.job, 0, &call, &err), -EACCES);
	CHECK(strstr(err.why, "project"));
	remote_free(nowhere);
	wire_fixture_finish(&f);

	remote_fixture(&f, "veo-3.1", "8s.mp4", "image=a last=b");
	f.job.image = &good;
	f.job.n_images = 1;
	f.job.last = &text;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	f.job.image = &empty;
	f.job.last = NULL;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	CHECK(strstr(err.why, "image="));
	f.job.image = &large;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	CHECK(strstr(err.why, "20 MiB"));
	f.job.image = &good;
	f.job.seconds = 0;
	CHECK_INT(remote_make(r, &f.job, 0, &call, &err), -EINVAL);
	CHECK(!call.url.data && !call.body.data);
	wire_fixture_finish(&f);
	remote_free(r);
}

static void polling(void)
{
	static const struct {
		enum backend_id backend;
		const char *operation, *url, *body;
	} cases[] = {
		{BACKEND_VERTEX, OP,
			"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/"
			"locations/europe-west4" R
			"veo-2.0-generate-001:fetchPredictOperation",
			"{\"operationName\":\"" OP "\"}"},
		{BACKEND_GEMINI, "models/veo-3.1-generate-preview/operations/x1",
			"https://generativelanguage.googleapis.com/v1beta/models/"
			"veo-3.1-generate-preview/operations/x1",
			NULL},
		{BACKEND_GEMINI, OP, NULL, NULL},
		{BACKEND_VERTEX, "models/veo/operations/x1", NULL, NULL},
		{BACKEND_VERTEX, "models/veo/locations/us/operations/1", NULL, NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "veo:predict/operations/1",
			NULL, NULL},
		{BACKEND_VERTEX, "projects/p/locations/us.evil.org" R "v/operations/1",
			NULL, NULL},
		{BACKEND_VERTEX, "projects/p/locations/u@h" R "v/operations/1", NULL,
			NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "../v/operations/1", NULL,
			NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "v/operations/1?a=b", NULL,
			NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "v/operations/1#a", NULL,
			NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "v/operations/1\r\nX: y",
			NULL, NULL},
		{BACKEND_VERTEX, "projects/p/locations/us" R "v/operations/", NULL,
			NULL},
		{BACKEND_VERTEX, "https://evil.org/locations/us/operations/1", NULL,
			NULL},
		{BACKEND_VERTEX, "", NULL, NULL},
		{BACKEND_GEMINI, "models/../../operations/x1", NULL, NULL},
		{BACKEND_GEMINI, "models/v/operations/x1%2f", NULL, NULL},
		{BACKEND_OPENAI, "models/veo/operations/x1", NULL, NULL},
		{BACKEND_OPENAI, OP, NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote_of(cases[i].backend);
		struct remote_call call = {0};
		struct err err = {0};
		struct wire_fixture f;
		int e;

		remote_fixture(&f, "veo-3.1", "8s.mp4", "");
		e = remote_poll(r, f.job.row, cases[i].operation, &call, &err);

		CHECK_INT(e, cases[i].url ? 0 : -EINVAL);
		CHECK((*err.why != '\0') == (e < 0));
		if (e < 0) {
			CHECK(!call.url.data && !call.body.data);
		} else {
			CHECK_STR(call.url.data, cases[i].url);
			CHECK_STR(call.method, cases[i].body ? "POST" : "GET");
			if (cases[i].body)
				CHECK_STR(call.body.data, cases[i].body);
			else
				CHECK(!call.body.len);
			CHECK_INT(call.auth, cases[i].backend == BACKEND_VERTEX
						     ? AUTH_BEARER
						     : AUTH_GOOGLE_KEY);
			CHECK(!call.is_paid && !call.is_media);
		}
		remote_call_finish(&call);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

/* Whatever the name: who starts none has none. */
static void no_operations(void)
{
	static const struct {
		enum backend_id backend;
		const char *model, *says;
	} cases[] = {
		{BACKEND_OPENAI, "sd", "backend=openai has no operations"},
		{BACKEND_OPENAI, "veo-3.1", "backend=openai has no operations"},
		{BACKEND_VERTEX, "imagen-3", "backend=vertex has no operations"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote_of(cases[i].backend);
		struct remote_call call = {0};
		struct err err = {0};
		struct wire_fixture f;

		remote_fixture(&f, cases[i].model, "1.png", "");
		CHECK_INT(remote_poll(r, f.job.row, OP, &call, &err), -EINVAL);
		CHECK_STR(err.why, cases[i].says);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

static void fetching(void)
{
#define DEV "https://generativelanguage.googleapis.com"
#define GCS "https://storage.googleapis.com/storage/v1/b/b/o/"
	static const struct remote_config
		v = {.backend = BACKEND_VERTEX, .project = "p", .user_project = "q"},
		vl = {.backend = BACKEND_VERTEX,
			.endpoint = "http://127.0.0.1:9",
			.storage_endpoint = "http://127.0.0.1:9/"},
		g = {.backend = BACKEND_GEMINI},
		gl = {.backend = BACKEND_GEMINI, .endpoint = "http://127.0.0.1:9/x"},
		o = {.backend = BACKEND_OPENAI, .endpoint = "https://gpu.lan:8443/v1"};
	static const struct {
		const struct remote_config *c;
		const char *uri, *url; /* url NULL: refused */
		enum remote_auth auth;
	} cases[] = {
		{&v, "gs://b/a/sample 0.mp4", GCS "a%2Fsample%200.mp4?alt=media",
			AUTH_BEARER},
		{&v, "gs://b/\xc3\xa9+%2F?#", GCS "%C3%A9%2B%252F%3F%23?alt=media",
			AUTH_BEARER},
		{&vl, "gs://b/a", "http://127.0.0.1:9/storage/v1/b/b/o/a?alt=media",
			AUTH_BEARER},
		{&v, "https://cdn.example/x.png", "https://cdn.example/x.png",
			AUTH_NONE},
		{&v, "https://storage.googleapis.com/b/x",
			"https://storage.googleapis.com/b/x", AUTH_NONE},
		{&g, DEV "/v1beta/files/a:download?alt=media",
			DEV "/v1beta/files/a:download?alt=media", AUTH_GOOGLE_KEY},
		{&g, DEV ".evil.org/x", DEV ".evil.org/x", AUTH_NONE},
		{&g, DEV ":444/x", DEV ":444/x", AUTH_NONE},
		{&g, "https://evil.org/" DEV "/x", "https://evil.org/" DEV "/x",
			AUTH_NONE},
		{&gl, "http://127.0.0.1:9/v1beta/files/a:download",
			"http://127.0.0.1:9/v1beta/files/a:download", AUTH_GOOGLE_KEY},
		{&gl, "http://127.0.0.1:10/a", "http://127.0.0.1:10/a", AUTH_NONE},
		{&gl, "http://127.0.0.1:99/a", "http://127.0.0.1:99/a", AUTH_NONE},
		{&gl, DEV "/v1beta/files/a", DEV "/v1beta/files/a", AUTH_NONE},
		{&o, "https://gpu.lan:8443/generated/1.png",
			"https://gpu.lan:8443/generated/1.png", AUTH_BEARER},
		{&o, "https://gpu.lan/generated/1.png",
			"https://gpu.lan/generated/1.png", AUTH_NONE},
		/* An answer from elsewhere has no business on this machine. */
		{&g, "http://127.0.0.1:631/x", NULL, 0},
		{&v, "http://localhost/x", NULL, 0},
		{&o, "http://gpu.lan:8443/x", NULL, 0},
		{&g, DEV "@evil.org/x", NULL, 0},
		{&g,
			"https://evil.org\\@"
			"generativelanguage.googleapis.com/x",
			NULL, 0},
		{&g, "https://x.org/a b", NULL, 0},
		{&g, "https://x.org/a\r\nX: y", NULL, 0},
		{&g, "gs://b/a", NULL, 0},
		{&o, "gs://b/a", NULL, 0},
		{&v, "gs://b", NULL, 0},
		{&v, "gs://b/", NULL, 0},
		{&v, "gs://../a", NULL, 0},
		{&v, "gs://b?x/a", NULL, 0},
		{&v, "file:///etc/passwd", NULL, 0},
		{&v, "ftp://x/y", NULL, 0},
		{&v, "", NULL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote(*cases[i].c);
		struct remote_call call = {0};
		struct err err = {0};
		int e = remote_fetch(r, cases[i].uri, &call, &err);

		if (!CHECK_INT(e, cases[i].url ? 0 : -EINVAL))
			printf("# %s\n", cases[i].uri);
		CHECK((*err.why != '\0') == (e < 0));
		if (e == 0) {
			CHECK_STR(call.url.data, cases[i].url);
			if (!CHECK_INT(call.auth, cases[i].auth))
				printf("# %s\n", cases[i].uri);
			CHECK_STR(call.method, "GET");
			CHECK(!call.is_paid && call.is_media && !call.body.len);
			CHECK((call.user_project != NULL) ==
				(cases[i].c == &v && call.auth == AUTH_BEARER));
		}
		remote_call_finish(&call);
		remote_free(r);
	}
}

static void listing(void)
{
	struct remote *r = test_vertex(), *g = test_remote_of(BACKEND_GEMINI);
	struct remote_call call = {0};

	CHECK_INT(remote_list(r, "gs://b/pf/a b/", &call, NULL), 0);
	CHECK_STR(call.url.data,
		"https://storage.googleapis.com/storage/v1/b/b/o?prefix=pf%2Fa%20b%2F&"
		"maxResults=1000&fields=items(name,size),nextPageToken");
	CHECK_STR(call.method, "GET");
	CHECK_INT(call.auth, AUTH_BEARER);
	CHECK(!call.is_paid && !call.is_media && !call.body.len);
	remote_call_finish(&call);
	call = (struct remote_call){0};
	CHECK_INT(remote_list(r, "gs://b/", &call, NULL), -EINVAL);
	CHECK_INT(remote_list(r, "gs://b/no-folder", &call, NULL), -EINVAL);
	CHECK_INT(remote_list(r, "https://x/y/", &call, NULL), -EINVAL);
	CHECK_INT(remote_list(g, "gs://b/a/", &call, NULL), -EINVAL);
	CHECK(!call.url.data);
	remote_free(r);
	remote_free(g);
}

TAP_MAIN(TAP_CASE(calls), TAP_CASE(room_for_answers), TAP_CASE(jobs_that_are_none),
	TAP_CASE(polling), TAP_CASE(no_operations), TAP_CASE(fetching),
	TAP_CASE(listing))
