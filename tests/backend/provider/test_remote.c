// SPDX-License-Identifier: MIT
/* What a configuration allows, and what a service can be asked for. */
#include "backend/provider/remote.h"

#include "tests/backend/provider/remote_case.h"

static void configurations(void)
{
	static const struct {
		struct remote_config c;
		const char *says; /* NULL: it is one */
	} cases[] = {
		{{.backend = BACKEND_VERTEX}, NULL},
		{{.backend = BACKEND_GEMINI}, NULL},
		{{.backend = BACKEND_OPENAI}, NULL},
		{{.backend = BACKEND_LOCAL}, "network"},
		{{.backend = BACKEND_OPENAI, .endpoint = "http://127.0.0.1:8080/v1"},
			NULL},
		{{.backend = BACKEND_OPENAI, .endpoint = "http://[::1]:8080"}, NULL},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://gpu.lan/v1/"}, NULL},
		{{.backend = BACKEND_OPENAI, .endpoint = ""}, NULL},
		{{.backend = BACKEND_OPENAI, .endpoint = "http://gpu.lan/v1"}, "clear"},
		{{.backend = BACKEND_OPENAI, .endpoint = "http://localhost@evil.org"},
			"address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://u:secret@x.org"},
			"address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "ftp://x.org"}, "address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "gpu:8080"}, "address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://"}, "clear"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://x.org/?key=1"},
			"address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://x.org/#a"},
			"address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://x.org\r\nX: y"},
			"address"},
		{{.backend = BACKEND_OPENAI, .endpoint = "https://x.org/\xc3\xa9"},
			"address"},
		{{.backend = BACKEND_VERTEX, .storage_endpoint = "http://x.org"},
			"Cloud Storage"},
		{{.backend = BACKEND_VERTEX,
			 .storage_endpoint = "http://localhost:4443"},
			NULL},
		{{.backend = BACKEND_VERTEX, .project = "example.com:p-1"}, NULL},
		{{.backend = BACKEND_VERTEX, .project = "p/../q"}, "project"},
		{{.backend = BACKEND_VERTEX, .project = "p q"}, "project"},
		{{.backend = BACKEND_VERTEX, .user_project = "p\r\nX: y"},
			"quota project"},
		{{.backend = BACKEND_VERTEX, .location = "us-central1+europe-west4"},
			NULL},
		{{.backend = BACKEND_VERTEX, .location = "us-central1+"}, "regions"},
		{{.backend = BACKEND_VERTEX, .location = "+us"}, "regions"},
		{{.backend = BACKEND_VERTEX, .location = "us,eu"}, "regions"},
		{{.backend = BACKEND_VERTEX, .location = "evil.org/"}, "regions"},
		{{.backend = BACKEND_VERTEX,
			 .location = "a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q"},
			"more than 16"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = NULL;
		struct err err = {0};
		int e = remote_new(&cases[i].c, &r, &err);

		if (!cases[i].says)
			CHECK(e == 0 && r && !*err.why);
		else if (!CHECK(e == -EINVAL && !r && strstr(err.why, cases[i].says)))
			printf("# case %zu: %d %s\n", i, e, err.why);
		CHECK(!strstr(err.why, "secret"));
		remote_free(r);
	}
	remote_free(NULL);
}

static void facts(void)
{
	static const char *const names[] = {"vertex", "gemini", "openai"};

	for (int b = BACKEND_VERTEX; b <= BACKEND_OPENAI; b++) {
		struct remote *r = test_remote_of((enum backend_id)b);

		CHECK_STR(remote_name(r), names[b - BACKEND_VERTEX]);
		remote_free(r);
	}
}

static void regions(void)
{
	struct remote *two =
		test_remote((struct remote_config){.backend = BACKEND_VERTEX,
			.project = "p",
			.location = "us-central1+europe-west4"});
	struct remote *one = test_vertex(), *none = test_remote_of(BACKEND_GEMINI);
	struct wire_fixture f;

	remote_fixture(&f, "imagen-3", "1.png", "");
	CHECK_INT(remote_regions(two, f.job.row), 2);
	CHECK_STR(remote_region(two, f.job.row, 0), "us-central1");
	CHECK_STR(remote_region(two, f.job.row, 1), "europe-west4");
	CHECK_STR(remote_region(two, f.job.row, 2), "us-central1");
	CHECK_INT(remote_regions(one, f.job.row), 1);
	CHECK_STR(remote_region(one, f.job.row, 0), "us-central1");
	CHECK_INT(remote_regions(none, f.job.row), 1);
	CHECK_STR(remote_region(none, f.job.row, 0), "");
	/* Some models are in one region only. */
	f.job.row = catalogue_find(f.catalogue, "gemini-3-pro-image");
	CHECK_INT(remote_regions(two, f.job.row), 1);
	CHECK_STR(remote_region(two, f.job.row, 1), "global");
	CHECK_STR(remote_region(none, f.job.row, 0), "");
	wire_fixture_finish(&f);
	remote_free(one);
	remote_free(two);
	remote_free(none);
}

static void takes(void)
{
	static const struct {
		enum backend_id backend;
		const char *model;
		uint32_t max;
	} cases[] = {
		{BACKEND_VERTEX, "imagen-3", 4},
		{BACKEND_GEMINI, "imagen-4", 4},
		{BACKEND_VERTEX, "veo-3.1", 4},
		{BACKEND_GEMINI, "veo-3.1", 1},
		{BACKEND_VERTEX, "gemini-3-pro-image", 1},
		{BACKEND_VERTEX, "gemini-3.8-flash", 1},
		{BACKEND_OPENAI, "sd", 4},
		{BACKEND_OPENAI, "dear", 1},
		{BACKEND_OPENAI, "llama", 1},
		{BACKEND_VERTEX, "lonely", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote_of(cases[i].backend);
		struct wire_fixture f;
		struct model_row row;

		remote_fixture(&f, cases[i].model, "1.png", "");
		CHECK_INT(remote_takes_max(r, f.job.row), cases[i].max);
		row = *f.job.row;
		row.option[OPT_COUNT].max = 1e9;
		CHECK_INT(remote_takes_max(r, &row),
			row.option[OPT_COUNT].is_taken && cases[i].max > 1
				? WIRE_MEDIA_MAX
				: 1);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

static void what_cannot_be(void)
{
	static const struct {
		enum backend_id backend;
		const char *model, *file, *options;
		int e;
		const char *says;
	} cases[] = {
		{BACKEND_VERTEX, "imagen-3", "1.png", "", 0, NULL},
		{BACKEND_VERTEX, "gemini-3.8-flash", "1.txt", "image=a", 0, NULL},
		{BACKEND_VERTEX, "veo-3.1", "8s.mp4", "image=a last=b audio=off", 0,
			NULL},
		{BACKEND_GEMINI, "veo-3.1", "8s.mp4", "audio=on", 0, NULL},
		{BACKEND_OPENAI, "sd", "1.png", "", 0, NULL},
		{BACKEND_OPENAI, "llama", "1.txt", "", 0, NULL},
		{BACKEND_GEMINI, "imagen-2", "1.png", "", -ENOENT,
			"use gemini-nano-banana-2.1"},
		{BACKEND_GEMINI, "lonely", "1.png", "", -EOPNOTSUPP, "lonely"},
		{BACKEND_OPENAI, "imagen-3", "1.png", "", -EOPNOTSUPP, "catalog="},
		{BACKEND_OPENAI, "odd", "1.png", "", -EOPNOTSUPP, "odd"},
		{BACKEND_VERTEX, "sd", "1.png", "", -EOPNOTSUPP, "sd"},
		{BACKEND_VERTEX, "imagen-3", "8s.mp4", "", -EOPNOTSUPP,
			"picture model"},
		{BACKEND_VERTEX, "imagen-3", "1.txt", "", -EOPNOTSUPP, "picture model"},
		{BACKEND_VERTEX, "veo-3.1", "1.png", "", -EOPNOTSUPP, "video model"},
		{BACKEND_GEMINI, "gemini-3.8-flash", "1.png", "", -EOPNOTSUPP,
			"text model"},
		{BACKEND_VERTEX, "imagen-3", "1.png", "image=a", -EOPNOTSUPP, "image="},
		{BACKEND_OPENAI, "sd", "1.png", "image=a", -EOPNOTSUPP, "image="},
		{BACKEND_VERTEX, "gemini-3-pro-image", "1.png", "last=a", -EOPNOTSUPP,
			"last="},
		{BACKEND_VERTEX, "gemini-3.8-flash", "1.txt",
			"image=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p", 0, NULL},
		{BACKEND_VERTEX, "gemini-3.8-flash", "1.txt",
			"image=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", -EOPNOTSUPP,
			"at most 16"},
		{BACKEND_GEMINI, "veo-3.1", "8s.mp4", "audio=off", -EOPNOTSUPP,
			"audio=off"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct remote *r = test_remote_of(cases[i].backend);
		struct remote_call call = {0};
		struct wire_fixture f;
		struct err err = {0};
		bool ok;

		remote_fixture(&f, cases[i].model, cases[i].file, cases[i].options);
		ok = CHECK_INT(remote_can_make(r, f.job.row, &f.req, &err), cases[i].e);
		ok &= CHECK(cases[i].says ? strstr(err.why, cases[i].says) != NULL
					  : !*err.why);
		/* Nor is a call made of it. */
		ok &= CHECK_INT(remote_make(r, &f.job, 0, &call, NULL), cases[i].e);
		ok &= CHECK((call.url.len > 0) == (cases[i].e == 0));
		if (!ok)
			printf("# %s: %s\n", cases[i].model, err.why);
		remote_call_finish(&call);
		wire_fixture_finish(&f);
		remote_free(r);
	}
}

TAP_MAIN(TAP_CASE(configurations), TAP_CASE(facts), TAP_CASE(regions), TAP_CASE(takes),
	TAP_CASE(what_cannot_be))
