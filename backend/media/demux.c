// SPDX-License-Identifier: MIT
/* An MP4 read on demand, checked to be whole, and the decoders allowed for it. Whoever
 * opened one owns it; one thread. */
#include "backend/media/demux.h"

#include <errno.h>
#include <string.h>

#define IO_BUFFER (256 << 10) /* bytes asked for at once */
#define BOXES_MAX 4096
#define CODECS "h264,hevc,mpeg4,libdav1d,av1,aac"

static int fault(int av, const char *what, struct err *err)
{
	char text[AV_ERROR_MAX_STRING_SIZE];

	if (av == AVERROR(ENOMEM))
		return err_oom(err);
	av_strerror(av, text, sizeof(text));
	return err_set(err, EPROTO, "not decodable: %s: %s", what, text);
}

int demux_fault(struct demux *d, int av, const char *what)
{
	if (d->io_error < 0)
		return d->io_error; /* its sentence is there already */
	return fault(av, what, d->err);
}

static int on_read(void *user, uint8_t *buf, int size)
{
	struct demux *d = user;
	uint64_t left = d->at < d->src->size ? d->src->size - d->at : 0;
	size_t n = (size_t)size < left ? (size_t)size : (size_t)left;

	if (n == 0)
		return AVERROR_EOF;
	d->io_error = d->src->read(d->src->user, d->at, buf, n, d->err);
	if (d->io_error < 0)
		return AVERROR(EIO);
	d->at += n;
	return (int)n;
}

static int64_t on_seek(void *user, int64_t offset, int whence)
{
	struct demux *d = user;
	int64_t base = 0;

	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE:
		return (int64_t)d->src->size;
	case SEEK_CUR:
		base = (int64_t)d->at;
		break;
	case SEEK_END:
		base = (int64_t)d->src->size;
		break;
	case SEEK_SET:
		break;
	default:
		return AVERROR(EINVAL);
	}
	if (__builtin_add_overflow(base, offset, &base) || base < 0)
		return AVERROR(EINVAL);
	d->at = (uint64_t)base;
	return base;
}

static int open_io(struct demux *d)
{
	uint8_t *buffer = av_malloc(IO_BUFFER);

	d->io = buffer ? avio_alloc_context(
				 buffer, IO_BUFFER, 0, d, on_read, NULL, on_seek)
		       : NULL;
	if (!d->io)
		av_free(buffer);
	return d->io ? 0 : err_oom(d->err);
}

static void choose_streams(struct demux *d, bool wants_audio)
{
	for (unsigned i = 0; i < d->format->nb_streams; i++) {
		AVStream *s = d->format->streams[i];
		enum AVMediaType type = s->codecpar->codec_type;

		s->discard = AVDISCARD_ALL;
		if (!d->video && type == AVMEDIA_TYPE_VIDEO &&
			!(s->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
			d->video = s;
			s->discard = AVDISCARD_DEFAULT;
		} else if (!d->audio && type == AVMEDIA_TYPE_AUDIO) {
			d->audio = s;
			if (wants_audio)
				s->discard = AVDISCARD_DEFAULT;
		}
	}
}

int demux_open(struct demux *d, const struct video_source *src, bool wants_audio,
	struct err *err)
{
	int r;

	*d = (struct demux){.src = src, .err = err};
	r = open_io(d);
	if (r < 0)
		return r;
	d->format = avformat_alloc_context();
	if (!d->format)
		return err_oom(err);
	d->format->pb = d->io;
	d->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOBUFFER;
	d->format->protocol_whitelist = av_strdup("");
	d->format->codec_whitelist = av_strdup(CODECS);
	if (!d->format->protocol_whitelist || !d->format->codec_whitelist)
		return err_oom(err);
	/* It frees the context where it fails. */
	r = avformat_open_input(&d->format, "", av_find_input_format("mov"), NULL);
	if (r < 0)
		return demux_fault(d, r, "MP4");
	choose_streams(d, wants_audio);
	if (!d->video)
		return err_set(err, EPROTO, "not decodable: no video track");
	return 0;
}

void demux_close(struct demux *d)
{
	avformat_close_input(&d->format);
	if (d->io)
		av_freep(&d->io->buffer);
	avio_context_free(&d->io);
	d->video = d->audio = NULL;
}

/* Do all samples that the index lists lie within the file? */
static bool has_all_samples(const struct demux *d, AVStream *s)
{
	int n = s ? avformat_index_get_entries_count(s) : 0;

	for (int i = 0; i < n; i++) {
		const AVIndexEntry *e = avformat_index_get_entry(s, i);

		if (e->pos < 0 || e->size < 0 || (uint64_t)e->pos > d->src->size ||
			(uint64_t)e->size > d->src->size - (uint64_t)e->pos)
			return false;
	}
	return true;
}

static uint64_t big_endian(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* The length of the box at `at`; 0: it cannot be read. One without a length goes to the
 * end of the file. */
static uint64_t box_length(struct demux *d, uint64_t at)
{
	uint64_t left = d->src->size - at, len;
	uint8_t head[16];
	size_t n = left < sizeof(head) ? (size_t)left : sizeof(head);

	if (n < 8)
		return 0;
	d->io_error = d->src->read(d->src->user, at, head, n, d->err);
	if (d->io_error < 0)
		return 0;
	len = big_endian(head, 4);
	if (len == 0)
		return left;
	if (len == 1)
		len = n == sizeof(head) ? big_endian(head + 8, 8) : 0;
	return len < 8 ? 0 : len;
}

/* libav takes a fragment that was cut off for the end. */
static bool has_whole_boxes(struct demux *d)
{
	uint64_t at = 0;

	for (int i = 0; i < BOXES_MAX && at < d->src->size; i++) {
		uint64_t len = box_length(d, at);

		if (len == 0 || len > d->src->size - at)
			return false;
		at += len;
	}
	return true;
}

int demux_check_whole(struct demux *d)
{
	if (has_all_samples(d, d->video) && has_all_samples(d, d->audio) &&
		has_whole_boxes(d))
		return 0;
	return d->io_error < 0 ? d->io_error
			       : err_set(d->err, EPROTO,
					 "not decodable: the file is cut short");
}

static const AVCodec *find_decoder(enum AVCodecID id)
{
	/* The native AV1 decoder needs hardware, so name the one that does not. */
	const AVCodec *codec =
		id == AV_CODEC_ID_AV1 ? avcodec_find_decoder_by_name("libdav1d") : NULL;

	return codec ? codec : avcodec_find_decoder(id);
}

int demux_decoder(const AVCodecParameters *par, AVRational time_base,
	AVCodecContext **ret, struct err *err)
{
	const AVCodec *codec = find_decoder(par->codec_id);
	AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;
	int r;

	if (!c)
		return err_set(err, EPROTO, "not decodable: no decoder for %s",
			avcodec_get_name(par->codec_id));
	r = avcodec_parameters_to_context(c, par);
	if (r >= 0) {
		c->codec_whitelist = av_strdup(CODECS);
		c->thread_count = 1;
		c->max_pixels = VIDEO_MAX_AREA;
		c->pkt_timebase = time_base;
		r = avcodec_open2(c, codec, NULL);
	}
	if (r < 0) {
		avcodec_free_context(&c);
		return fault(r, avcodec_get_name(par->codec_id), err);
	}
	*ret = c;
	return 0;
}
