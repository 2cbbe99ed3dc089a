// SPDX-License-Identifier: MIT
/* Each request by a child of this very program, and children that misbehave. */
#include "backend/sandbox/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/media/decode_picture.h"
#include "backend/sandbox/child.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"
#include "tests/backend/quality/golden.h"
#include "tests/backend/sandbox/rogue.h"

#define LONG_MS 60000
#define SHORT_MS 300

struct medium {
	const struct buf *bytes;
	int fails; /* errno that reading gives, 0 none */
};

static int read_medium(void *user, uint64_t off, void *buf, size_t len, struct err *err)
{
	const struct medium *m = user;

	if (m->fails)
		return err_set(err, m->fails, "the store is damaged");
	CHECK(off <= m->bytes->len && len <= m->bytes->len - off);
	memcpy(buf, m->bytes->data + off, len);
	return 0;
}

static int measure_with(const char *exe, const struct buf *bytes, int timeout_ms,
	const atomic_bool *stop, struct quality *ret, struct err *err)
{
	struct medium m = {.bytes = bytes};
	const struct sandbox_source src = {
		.type = MEDIA_PNG, .size = bytes->len, .read = read_medium, .user = &m};

	return sandbox_measure(exe, &src, timeout_ms, stop, ret, err);
}

static int measure(const struct buf *bytes, struct quality *ret, struct err *err)
{
	return measure_with(SANDBOX_EXE, bytes, LONG_MS, NULL, ret, err);
}

static void golden_set_through_the_process(void)
{
	scoped_json cJSON *golden = golden_scores();

	for (const cJSON *want = golden->child; want; want = want->next) {
		scoped(buf_finish) struct buf bytes = {0};
		struct quality q;
		struct err err = {0};
		bool is_video = str_ends(want->string, ".mp4");

		golden_read(&bytes, want->string);
		if (measure(&bytes, &q, &err) < 0) {
			CHECK(false);
			printf("# %s: %s\n", want->string, err.why);
			continue;
		}
		golden_check(&q, want);
		CHECK_INT(q.size_bytes, bytes.len);
		CHECK_INT(q.kind, is_video ? QUALITY_VIDEO : QUALITY_PICTURE);
		if (!is_video)
			continue;
		golden_near_member(want, "black_ratio", q.black_ratio);
		CHECK_INT(q.sampled_frames, json_int(want, "sampled_frames", -1));
		CHECK(fabs(q.fps - json_num(want, "fps", 0)) < 1e-6);
		CHECK(fabs(q.duration_s - json_num(want, "duration_s", 0)) < 0.01);
		CHECK_INT(q.has_audio, strstr(want->string, "audio") != NULL);
		CHECK(strstr(q.video_codec, "h264") || want->string[0] != 'h' ||
			strstr(q.video_codec, "hevc"));
	}
}

static void damaged_files_are_told(void)
{
	static const char *const names[] = {
		"rgb.png", "420_odd.jpg", "h264_audio.mp4", "progressive.jpg"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(buf_finish) struct buf bytes = {0};
		struct quality q;
		struct err err = {0};

		golden_read(&bytes, names[i]);
		bytes.len /= 2;
		CHECK_INT(measure(&bytes, &q, &err), -EPROTO);
		if (!CHECK(str_starts(err.why, "not decodable: ")))
			printf("# %s: %s\n", names[i], err.why);
		bytes.len = 12;
		CHECK_INT(measure(&bytes, &q, &err), -EPROTO);
		bytes.len = 0;
		CHECK_INT(measure(&bytes, &q, &err), -EPROTO);
	}
}

static char rogue_dir[] = "/tmp/test_sandbox_XXXXXX";

static int measure_by(
	const char *name, int timeout_ms, const atomic_bool *stop, struct err *err)
{
	scoped(buf_finish) struct buf bytes = {0};
	char path[128], self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct quality q;
	int r;

	self[n < 0 ? 0 : n] = 0;
	snprintf(path, sizeof(path), "%s/%s", rogue_dir, name);
	CHECK_INT(symlink(self, path), 0);
	golden_read(&bytes, "rgb.png");
	r = measure_with(path, &bytes, timeout_ms, stop, &q, err);
	unlink(path);
	return r;
}

static void misbehaviour_is_told(void)
{
	static const struct {
		const char *name;
		int want;
		const char *why;
	} rows[] = {
		{"crash", -EIO, "the decoder crashed (SIGSEGV)"},
		{"quit", -EIO, "exit status 7"},
		{"garbage", -EIO, "unknown message"},
		{"half_message", -EIO, "exit status 0"},
		{"read_nothing", -EIO, "outside the file"},
		{"read_too_much", -EIO, "outside the file"},
		{"read_beyond", -EIO, "outside the file"},
		{"read_other", -EIO, "a file that there is not"},
		{"ask_and_leave", -EIO, "exit status"},
		{"long_report", -EIO, "impossible length"},
		{"bad_report", -EIO, "malformed JSON"},
		{"mad_report", -EIO, "\"width\""},
		{"text_report", -EIO, "a text"},
		{"output", -EIO, "nobody asked for"},
		{"long_output", -EIO, "nobody asked for"},
		{"long_failure", -EIO, "unknown way"},
		{"odd_failure", -EIO, "unknown way"},
		{"rude_failure", -EPROTO, "a?b?[31m?"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};

		CHECK_INT(measure_by(rows[i].name, LONG_MS, NULL, &err), rows[i].want);
		if (!CHECK(strstr(err.why, rows[i].why)))
			printf("# %s: %s\n", rows[i].name, err.why);
		CHECK_INT(waitpid(-1, NULL, WNOHANG), -1); /* all reaped */
	}
}

static void the_child_can_do_nothing(void)
{
	struct err err = {0};

	setenv("SECRET", "hunter2", 1);
	CHECK_INT(measure_by("confined", LONG_MS, NULL, &err), -EPROTO);
	CHECK_STR(err.why, "all refused");
}

static void a_hanging_child_is_ended(void)
{
	static const struct {
		const char *name;
		int want, timeout_ms;
	} rows[] = {{"hang", -ETIMEDOUT, SHORT_MS}, {"deaf", -ETIMEDOUT, SHORT_MS},
		{"hang_closed", -EIO, LONG_MS}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = {0};

		if (!CHECK_INT(measure_by(rows[i].name, rows[i].timeout_ms, NULL, &err),
			    rows[i].want))
			printf("# %s: %s\n", rows[i].name, err.why);
		CHECK_INT(waitpid(-1, NULL, WNOHANG), -1);
	}
}

static void *set_soon(void *stop)
{
	usleep(20000);
	atomic_store((atomic_bool *)stop, true);
	return NULL;
}

static void stop_ends_it(void)
{
	atomic_bool stop = false;
	struct err err = {0};
	int64_t start = clk_mono_ms();
	pthread_t thread;

	CHECK_INT(pthread_create(&thread, NULL, set_soon, &stop), 0);
	CHECK_INT(measure_by("hang", LONG_MS, &stop, &err), -ECANCELED);
	pthread_join(thread, NULL);
	CHECK(clk_mono_ms() - start < LONG_MS / 2);
}

static void other_failures(void)
{
	scoped(buf_finish) struct buf bytes = {0};
	struct medium m = {.bytes = &bytes, .fails = EBADMSG};
	struct sandbox_source src = {.size = 100, .read = read_medium, .user = &m};
	struct quality q;
	struct err err = {0};

	CHECK_INT(
		sandbox_measure(SANDBOX_EXE, &src, LONG_MS, NULL, &q, &err), -EBADMSG);
	CHECK_STR(err.why, "the store is damaged");
	CHECK_INT(sandbox_measure("/nonexistent", &src, LONG_MS, NULL, &q, &err),
		-ENOENT);
	src.type = MEDIA_TEXT;
	CHECK_INT(sandbox_measure(SANDBOX_EXE, &src, LONG_MS, NULL, &q, &err), -EINVAL);
}

static int to_buf(void *user, const void *data, size_t len, struct err *err)
{
	return buf_add(user, data, len) < 0 ? err_oom(err) : 0;
}

static int refuse(void *user, const void *data, size_t len, struct err *err)
{
	return err_set(err, ENOSPC, "full");
}

static int convert(const char *name, enum media_type to, sandbox_sink_fn sink,
	struct buf *ret, struct err *err)
{
	scoped(buf_finish) struct buf bytes = {0};
	struct medium m = {.bytes = &bytes};
	struct sandbox_source src = {.read = read_medium, .user = &m};

	golden_read(&bytes, name);
	src.size = bytes.len;
	return sandbox_convert(SANDBOX_EXE, &src, to, LONG_MS, NULL, sink, ret, err);
}

static void converts_without_loss_to_png(void)
{
	static const char *const names[] = {
		"420_odd.jpg", "gray.jpg", "cmyk_adobe.jpg"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		scoped(buf_finish) struct buf in = {0}, out = {0};
		scoped(picture_finish) struct picture a = {0}, b = {0};
		struct err err = {0};

		CHECK_INT(convert(names[i], MEDIA_PNG, to_buf, &out, &err), 0);
		CHECK_INT(media_sniff(out.data, out.len), MEDIA_PNG);
		golden_read(&in, names[i]);
		CHECK_INT(decode_picture(in.data, in.len, &a, &err), 0);
		CHECK_INT(decode_picture(out.data, out.len, &b, &err), 0);
		CHECK(a.width == b.width && a.height == b.height && b.channels == 3);
		for (size_t k = 0; k < (size_t)b.width * b.height * 3; k++)
			if (b.px[k] != a.px[a.channels == 3 ? k : k / 3]) {
				CHECK(false);
				break;
			}
	}
}

static void converts_to_jpeg_and_fails_well(void)
{
	scoped(buf_finish) struct buf out = {0};
	struct err err = {0};

	CHECK_INT(convert("rgb.png", MEDIA_JPEG, to_buf, &out, &err), 0);
	CHECK_INT(media_sniff(out.data, out.len), MEDIA_JPEG);
	CHECK_INT(convert("rgb.png", MEDIA_JPEG, refuse, NULL, &err), -ENOSPC);
	CHECK_INT(convert("rgb.png", MEDIA_MP4, to_buf, &out, &err), -EINVAL);
	CHECK_INT(convert("h264_audio.mp4", MEDIA_PNG, to_buf, &out, &err), -EPROTO);
}

static void *measure_many(void *failures)
{
	scoped(buf_finish) struct buf bytes = {0};
	struct quality q;

	golden_read(&bytes, "rgb.png");
	for (int i = 0; i < 3; i++)
		if (measure(&bytes, &q, NULL) < 0)
			atomic_fetch_add((atomic_int *)failures, 1);
	return NULL;
}

static void several_at_once(void)
{
	pthread_t threads[4];
	atomic_int failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, measure_many, &failures);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(failures, 0);
}

static void only_the_word_makes_a_sandbox(void)
{
	char name[] = "x", word[] = "--media-worker", other[] = "-f";
	char *plain[] = {name, NULL}, *options[] = {name, other, NULL};
	char *more[] = {name, word, other, NULL};

	CHECK_INT(sandbox_child_main(1, plain), -1);
	CHECK_INT(sandbox_child_main(2, options), -1);
	CHECK_INT(sandbox_child_main(3, more), -1);
}

int main(int argc, char **argv)
{
	static const struct tap_case cases[] = {
		TAP_CASE(golden_set_through_the_process),
		TAP_CASE(damaged_files_are_told), TAP_CASE(misbehaviour_is_told),
		TAP_CASE(the_child_can_do_nothing), TAP_CASE(a_hanging_child_is_ended),
		TAP_CASE(stop_ends_it), TAP_CASE(other_failures),
		TAP_CASE(converts_without_loss_to_png),
		TAP_CASE(converts_to_jpeg_and_fails_well), TAP_CASE(several_at_once),
		TAP_CASE(only_the_word_makes_a_sandbox)};
	int r = rogue_main(argc, argv);

	if (r < 0)
		r = sandbox_child_main(argc, argv);
	if (r >= 0)
		return r;
	if (!mkdtemp(rogue_dir))
		return 1;
	r = tap_run_(cases, ARRAY_SIZE(cases));
	rmdir(rogue_dir);
	return r;
}
