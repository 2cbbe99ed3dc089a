// SPDX-License-Identifier: MIT
/* Frames into H.264 in MP4. The caller owns an encoder; one thread each. */
#include "backend/media/encode_video.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <pthread.h>
#include <unistd.h>

#include "cache/base/mem.h"

#define IO_BYTES 65536
#define COPY_BYTES (256 * 1024)
#define THREADS 2     /* part of the result: x264 decides by it */
#define KEY_SECONDS 2 /* at most this far to seek */

/* One position in the temporary file; the muxer's second pass reads and writes at once.
 */
struct file_pos {
	int fd;
	int64_t at;
	int *failed; /* errno of the first failure, kept for the sentence */
};

struct encode_video {
	AVCodecContext *codec;
	AVFormatContext *format;
	AVStream *stream;
	AVFrame *frame;
	AVPacket *packet;
	int64_t frames;
	int failed;
	struct file_pos out;
};

static int fail_av(struct encode_video *e, struct err *err, int r, const char *what)
{
	char text[AV_ERROR_MAX_STRING_SIZE];

	if (e && e->failed)
		return err_errno(err, e->failed, "the temporary file of a video");
	if (r == AVERROR(ENOMEM))
		return err_oom(err);
	av_strerror(r, text, sizeof(text));
	return err_set(err, EIO, "%s: %s", what, text);
}

static int on_write(void *opaque, uint8_t *data, int len)
{
	struct file_pos *f = opaque;

	for (int done = 0; done < len;) {
		ssize_t n = pwrite(f->fd, data + done, len - done, f->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			*f->failed = errno;
			return AVERROR(errno);
		}
		f->at += n;
		done += n;
	}
	return len;
}

static int on_read(void *opaque, uint8_t *data, int len)
{
	struct file_pos *f = opaque;
	ssize_t n;

	do
		n = pread(f->fd, data, len, f->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		*f->failed = errno;
		return AVERROR(errno);
	}
	f->at += n;
	return n > 0 ? (int)n : AVERROR_EOF;
}

static int64_t on_seek(void *opaque, int64_t offset, int whence)
{
	struct file_pos *f = opaque;

	switch (whence & ~AVSEEK_FORCE) {
	case SEEK_SET:
		f->at = offset;
		return f->at;
	case SEEK_CUR:
		f->at += offset;
		return f->at;
	case AVSEEK_SIZE:
		return lseek(f->fd, 0, SEEK_END);
	default:
		return AVERROR(EINVAL);
	}
}

static AVIOContext *io_new(struct file_pos *f, bool is_write)
{
	uint8_t *buf = av_malloc(IO_BYTES);
	AVIOContext *io = NULL;

	if (buf)
		io = avio_alloc_context(
			buf, IO_BYTES, is_write, f, on_read, on_write, on_seek);
	if (!io)
		av_free(buf);
	return io;
}

static void io_free(AVIOContext **io)
{
	if (*io)
		av_freep(&(*io)->buffer);
	avio_context_free(io);
}

/* Moving the index to the front makes the muxer open its own file again, by name. */
static int on_reopen(AVFormatContext *format, AVIOContext **ret, const char *url,
	int flags, AVDictionary **options)
{
	struct encode_video *e = format->opaque;
	struct file_pos *f = new0(struct file_pos);

	if (!f)
		return AVERROR(ENOMEM);
	*f = (struct file_pos){.fd = e->out.fd, .failed = &e->failed};
	*ret = io_new(f, false);
	if (!*ret) {
		free(f);
		return AVERROR(ENOMEM);
	}
	return 0;
}

static int on_reclose(AVFormatContext *format, AVIOContext *io)
{
	free(io->opaque);
	io_free(&io);
	return 0;
}

static void be_quiet(void)
{
	av_log_set_level(AV_LOG_FATAL);
}

/* FFmpeg logs to stderr by itself, and only for the whole process can it be told not
 * to: what goes wrong is in our error sentences. */
static void quieten(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, be_quiet);
}

static int open_codec(struct encode_video *e, int w, int h, int fps, struct err *err)
{
	const AVCodec *x264 = avcodec_find_encoder_by_name("libx264");
	AVCodecContext *c;
	int r;

	if (!x264)
		return err_set(err, EOPNOTSUPP,
			"FFmpeg's libavcodec on this machine has no libx264, so videos "
			"cannot be encoded; install a libavcodec that has it");
	c = e->codec = avcodec_alloc_context3(x264);
	if (!c)
		return err_oom(err);
	c->width = w;
	c->height = h;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){1, fps};
	c->framerate = (AVRational){fps, 1};
	c->sample_aspect_ratio = (AVRational){1, 1};
	c->gop_size = fps * KEY_SECONDS;
	c->thread_count = THREADS;
	c->color_range = AVCOL_RANGE_MPEG;
	c->color_primaries = AVCOL_PRI_BT709;
	c->color_trc = AVCOL_TRC_BT709;
	c->colorspace = AVCOL_SPC_BT709;
	c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
	av_opt_set(c->priv_data, "preset", "superfast", 0);
	av_opt_set(c->priv_data, "profile", "high", 0);
	av_opt_set_double(c->priv_data, "crf", 20, 0);
	/* Soft gradients fall into bands without more bits for flat blocks. */
	av_opt_set(c->priv_data, "x264-params", "aq-mode=1:aq-strength=1.2", 0);
	r = avcodec_open2(c, x264, NULL);
	return r < 0 ? fail_av(NULL, err, r, "starting libx264") : 0;
}

static int open_muxer(struct encode_video *e, struct err *err)
{
	AVDictionary *options = NULL;
	int r;

	r = avformat_alloc_output_context2(&e->format, NULL, "mp4", NULL);
	if (r < 0)
		return fail_av(NULL, err, r, "starting the MP4 muxer");
	e->format->opaque = e;
	e->format->flags |= AVFMT_FLAG_BITEXACT;
	e->format->io_open = on_reopen;
	e->format->io_close2 = on_reclose;
	e->format->pb = io_new(&e->out, true);
	e->stream = avformat_new_stream(e->format, NULL);
	if (!e->format->pb || !e->stream)
		return err_oom(err);
	r = avcodec_parameters_from_context(e->stream->codecpar, e->codec);
	if (r < 0)
		return fail_av(NULL, err, r, "describing the video");
	e->stream->time_base = e->codec->time_base;
	e->stream->avg_frame_rate = e->codec->framerate;
	av_dict_set(&options, "movflags", "+faststart", 0);
	r = avformat_write_header(e->format, &options);
	av_dict_free(&options);
	if (r < 0)
		return fail_av(e, err, r, "starting the MP4 file");
	return 0;
}

static int open_frame(struct encode_video *e, struct err *err)
{
	int r;

	e->frame = av_frame_alloc();
	e->packet = av_packet_alloc();
	if (!e->frame || !e->packet)
		return err_oom(err);
	e->frame->format = e->codec->pix_fmt;
	e->frame->width = e->codec->width;
	e->frame->height = e->codec->height;
	r = av_frame_get_buffer(e->frame, 0);
	return r < 0 ? fail_av(NULL, err, r, "a frame") : 0;
}

int encode_video_new(int width, int height, int fps, int tmp_fd,
	struct encode_video **ret, struct err *err)
{
	struct encode_video *e;
	int r;

	if (width < 2 || height < 2 || width > ENCODE_VIDEO_SIDE_MAX ||
		height > ENCODE_VIDEO_SIDE_MAX || width % 2 || height % 2)
		return err_set(err, EINVAL,
			"%dx%d is not a size of a video: even sides up to %d", width,
			height, ENCODE_VIDEO_SIDE_MAX);
	if (fps < 1 || fps > ENCODE_VIDEO_FPS_MAX)
		return err_set(
			err, EINVAL, "%d frames per second are not possible", fps);
	quieten();
	e = new0(struct encode_video);
	if (!e)
		return err_oom(err);
	e->out = (struct file_pos){.fd = tmp_fd, .failed = &e->failed};
	r = open_codec(e, width, height, fps, err);
	if (r == 0)
		r = open_muxer(e, err);
	if (r == 0)
		r = open_frame(e, err);
	if (r < 0) {
		encode_video_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

int encode_video_get(struct encode_video *e, struct encode_frame *ret, struct err *err)
{
	/* A new buffer while x264 still holds the last one. */
	int r = av_frame_make_writable(e->frame);

	if (r < 0)
		return fail_av(e, err, r, "a frame");
	for (int i = 0; i < 3; i++) {
		ret->plane[i] = e->frame->data[i];
		ret->stride[i] = e->frame->linesize[i];
	}
	return 0;
}

static int take_packets(struct encode_video *e, struct err *err)
{
	for (;;) {
		int r = avcodec_receive_packet(e->codec, e->packet);

		if (r == AVERROR(EAGAIN) || r == AVERROR_EOF)
			return 0;
		if (r < 0)
			return fail_av(e, err, r, "encoding the video");
		e->packet->stream_index = e->stream->index;
		e->packet->duration = 1;
		av_packet_rescale_ts(
			e->packet, e->codec->time_base, e->stream->time_base);
		r = av_interleaved_write_frame(e->format, e->packet);
		if (r < 0 || e->failed)
			return fail_av(e, err, r, "writing the video");
	}
}

int encode_video_put(struct encode_video *e, struct err *err)
{
	int r;

	e->frame->pts = e->frames++;
	r = avcodec_send_frame(e->codec, e->frame);
	if (r < 0)
		return fail_av(e, err, r, "encoding the video");
	return take_packets(e, err);
}

static int copy_out(
	struct encode_video *e, encode_sink_fn sink, void *user, struct err *err)
{
	struct file_pos in = {.fd = e->out.fd, .failed = &e->failed};
	scoped_free uint8_t *data = malloc(COPY_BYTES);
	int n, r;

	if (!data)
		return err_oom(err);
	while ((n = on_read(&in, data, COPY_BYTES)) > 0) {
		r = sink(user, data, n, err);
		if (r < 0)
			return r;
	}
	return n == AVERROR_EOF ? 0 : fail_av(e, err, n, "reading the video");
}

int encode_video_end(
	struct encode_video *e, encode_sink_fn sink, void *user, struct err *err)
{
	int r = avcodec_send_frame(e->codec, NULL);

	if (r < 0)
		return fail_av(e, err, r, "finishing the video");
	r = take_packets(e, err);
	if (r < 0)
		return r;
	r = av_write_trailer(e->format);
	if (r < 0 || e->failed)
		return fail_av(e, err, r, "finishing the MP4 file");
	avio_flush(e->format->pb);
	if (e->failed)
		return fail_av(e, err, 0, "finishing the MP4 file");
	return copy_out(e, sink, user, err);
}

void encode_video_free(struct encode_video *e)
{
	if (!e)
		return;
	av_packet_free(&e->packet);
	av_frame_free(&e->frame);
	avcodec_free_context(&e->codec);
	if (e->format) {
		io_free(&e->format->pb);
		avformat_free_context(e->format);
	}
	free(e);
}
