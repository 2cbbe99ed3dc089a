// SPDX-License-Identifier: MIT
/* Hears the request, gives everything else up, does it and ends. */
#include "backend/sandbox/child.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "backend/media/decode_video.h"
#include "backend/sandbox/channel.h"
#include "backend/sandbox/confine.h"
#include "backend/sandbox/message.h"
#include "backend/sandbox/task.h"

#define EXIT_LOST 1 /* nobody to answer to */
#define EXIT_USAGE 2
/* Larger blocks go back when they are freed: encoders come and go, and what they leave
 * between them grew by 6 MB each. */
#define LARGE_BLOCK (1 << 20)

/* What the protocol has a word for. */
static uint64_t failure_code(int r)
{
	return r == -EPROTO || r == -ENOMEM || r == -EOPNOTSUPP ? (uint64_t)-r : EIO;
}

static int read_media(const struct message_request *request, struct medium *media)
{
	for (uint32_t i = 0; i < request->sources; i++) {
		media[i].number = i;
		if (channel_read(&media[i].size, sizeof(media[i].size)) < 0)
			return -EIO;
	}
	return 0;
}

static int serve(void)
{
	static struct medium media[MESSAGE_MAX_SOURCES];
	struct message_request request;
	const struct task *task;
	struct err err = {0};
	int r;

	/* What the parent says may be trusted; media come later. */
	if (channel_read(&request, sizeof(request)) < 0)
		return EXIT_LOST;
	task = task_of(request.task);
	if (request.version != MESSAGE_VERSION || !task || request.sources < 1 ||
		request.sources > MESSAGE_MAX_SOURCES)
		return EXIT_LOST;
	r = confine(task->cpu_s, &err);
	if (read_media(&request, media) < 0)
		return EXIT_LOST;
	if (r < 0)
		err_wrap(&err, r, "the decoder is not confined");
	else
		r = task->run(&request, media, &err);
	if (r < 0) {
		size_t len = strnlen(err.why, MESSAGE_MAX_SENTENCE);

		if (channel_send(MESSAGE_FAILED, failure_code(r), err.why, len) < 0)
			return EXIT_LOST;
	}
	return 0;
}

int sandbox_child_main(int argc, char **argv)
{
	struct stat in, out;

	if (argc != 2 || strcmp(argv[1], SANDBOX_WORD) != 0)
		return -1;
	if (fstat(PIPE_IN, &in) < 0 || fstat(PIPE_OUT, &out) < 0 ||
		!S_ISFIFO(in.st_mode) || !S_ISFIFO(out.st_mode))
		return EXIT_USAGE;
	prctl(PR_SET_NAME, "media-worker");
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	decode_video_hush();
	return serve();
}
