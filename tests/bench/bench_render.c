// SPDX-License-Identifier: MIT
/* How fast the renderer is: ms per picture, frames per second of 1080p video. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "backend/render/render.h"
#include "cache/base/clk.h"
#include "cache/base/mem.h"

static int count(void *user, const void *data, size_t len, struct err *err)
{
	*(size_t *)user += len;
	return 0;
}

static int picture(const char *prompt, const char *style, int w, int h)
{
	struct render_spec s = {
		.prompt = prompt, .style = style, .width = w, .height = h};
	struct err err = {0};
	size_t len = 0;
	int64_t from = clk_mono_ms();
	int r = render_picture(&s, MEDIA_PNG, NULL, count, &len, &err);

	printf("picture %4dx%-4d %-12s %5lld ms %6zu KiB  %s%s\n", w, h, style,
		(long long)(clk_mono_ms() - from), len / 1024, prompt, err.why);
	return r;
}

static int video(const char *prompt, int w, int h, int seconds)
{
	struct render_spec s = {.prompt = prompt,
		.style = "",
		.width = w,
		.height = h,
		.fps = 24,
		.duration_ms = seconds * 1000};
	struct err err = {0};
	size_t len = 0;
	int64_t from = clk_mono_ms(), ms;
	scoped_fd int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int r = render_video(&s, fd, NULL, NULL, count, &len, &err);

	ms = clk_mono_ms() - from;
	printf("video   %4dx%-4d %d frames %5lld ms %6.1f fps %6zu KiB  %s%s\n", w, h,
		seconds * 24, (long long)ms, seconds * 24e3 / (double)(ms ? ms : 1),
		len / 1024, prompt, err.why);
	return r;
}

int main(void)
{
	static const char *const prompts[] = {"a red fox in snow",
		"ocean waves at sunset", "city skyline at night",
		"the sound of silence"};
	int r = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_SIZE(prompts); i++)
		r |= picture(prompts[i], "", 1024, 1024);
	r |= picture(prompts[0], "artistic", 1024, 1024);
	r |= picture(prompts[0], "sketch", 1024, 1024);
	r |= picture("mountain valley at sunrise", "", 5504, 3072);
	for (size_t i = 0; i < ARRAY_SIZE(prompts); i++)
		r |= video(prompts[i], 1920, 1080, 4);
	r |= video(prompts[0], 3840, 2160, 2);
	return r != 0;
}
