// SPDX-License-Identifier: MIT
/* Requests as the ledger keeps them. */
#include <errno.h>
#include <string.h>

#include "backend/request/request.h"
#include "cache/base/buf.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

static void reads_back_equal(void)
{
	scoped(request_finish) struct request r = {
		.tree = TREE_VIDEOS, .type = MEDIA_MP4, .take = 3, .seconds = 30};
	scoped(request_finish) struct request back = {0};
	scoped_json cJSON *o = cJSON_CreateObject(), *again = NULL;
	scoped(buf_finish) struct buf text = {0}, was = {0}, is = {0};

	prompt_from_text("a \"fox\"\n\xc3\xa9", 10, &r.prompt);
	strcpy(r.model, "veo-2");
	r.opt[OPT_RES] = strdup("720p");
	r.opt[OPT_NEGATIVE] = strdup("default,rain/snow");
	CHECK_INT(request_to_json(&r, o), 0);
	CHECK_INT(json_print_line(&text, o), 0);
	again = json_parse(text.data, text.len, NULL);
	CHECK_INT(request_from_json(again, &back), 0);
	CHECK_INT(request_path(&r, &was), 0);
	CHECK_INT(request_path(&back, &is), 0);
	CHECK_STR(is.data, was.data);
	CHECK_STR(back.prompt->text, r.prompt->text);
}

/* What a ledger of an earlier version holds. */
static void golden_lines(void)
{
	static const struct {
		struct request r;
		const char *line;
	} rows[] = {
		{{.type = MEDIA_PNG, .take = 1},
			"{\"options\":{\"seed\":\"7\"},\"video\":false,"
			"\"prompt\":\"a "
			"fox\",\"model\":\"m\",\"type\":\"png\",\"take\":1,\"seconds\":"
			"0}"},
		{{.type = MEDIA_JPEG, .take = 2},
			"{\"options\":{\"seed\":\"7\"},\"video\":false,"
			"\"prompt\":\"a "
			"fox\",\"model\":\"m\",\"type\":\"jpg\",\"take\":2,\"seconds\":"
			"0}"},
		{{.type = MEDIA_TEXT, .take = 999},
			"{\"options\":{\"seed\":\"7\"},\"video\":false,"
			"\"prompt\":\"a "
			"fox\",\"model\":\"m\",\"type\":\"txt\",\"take\":999,"
			"\"seconds\":0}"},
		{{.tree = TREE_VIDEOS, .type = MEDIA_MP4, .take = 3, .seconds = 30},
			"{\"options\":{\"seed\":\"7\"},\"video\":true,"
			"\"prompt\":\"a "
			"fox\",\"model\":\"m\",\"type\":\"mp4\",\"take\":3,\"seconds\":"
			"30}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped(request_finish) struct request r = rows[i].r, back = {0};
		scoped_json cJSON *o = cJSON_CreateObject(), *again = NULL;
		scoped(buf_finish) struct buf text = {0};

		CHECK_INT(prompt_from_text("a fox", 5, &r.prompt), 0);
		strcpy(r.model, "m");
		r.opt[OPT_SEED] = strdup("7");
		CHECK_INT(request_to_json(&r, o), 0);
		CHECK_INT(json_print_line(&text, o), 0);
		CHECK_STR(text.data, rows[i].line);
		again = json_parse(rows[i].line, strlen(rows[i].line), NULL);
		CHECK_INT(request_from_json(again, &back), 0);
		CHECK(back.tree == r.tree && back.type == r.type);
		CHECK(back.take == r.take && back.seconds == r.seconds);
	}
}

static void refuses_what_is_none(void)
{
	static const char *const rows[] = {
		"{}",
		"[]",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"gif\",\"take\":1,"
		"\"seconds\":0}",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"png\",\"take\":0,"
		"\"seconds\":0}",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"png\",\"take\":1000,"
		"\"seconds\":0}",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"png\",\"take\":1,"
		"\"seconds\":-1}",
		"{\"prompt\":\"  \",\"model\":\"m\",\"type\":\"png\",\"take\":1,"
		"\"seconds\":0}",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"png\",\"take\":1,"
		"\"seconds\":0,\"options\":{\"colour\":\"red\"}}",
		"{\"prompt\":\"a fox\",\"model\":\"m\",\"type\":\"png\",\"take\":1,"
		"\"seconds\":0,\"options\":{\"res\":7}}",
		"{\"prompt\":\"a fox\",\"model\":"
		"\"a-name-that-is-much-longer-than-any-name-of-a-model-in-any-"
		"catalogue-"
		"can-be\",\"type\":\"png\",\"take\":1,\"seconds\":0}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		scoped_json cJSON *o = json_parse(rows[i], strlen(rows[i]), NULL);
		struct request r = {.take = 77};

		if (!CHECK_INT(request_from_json(o, &r), -EBADMSG))
			printf("# row %zu\n", i);
		CHECK_INT(r.take, 77);
	}
}

TAP_MAIN(TAP_CASE(reads_back_equal), TAP_CASE(golden_lines),
	TAP_CASE(refuses_what_is_none))
