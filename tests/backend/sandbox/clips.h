// SPDX-License-Identifier: MIT
#pragma once
/* Clips made by ffmpeg for the tests, and what ffprobe and ffmpeg see in a file.
 *
 * Ten boxes at the top of each frame spell a number in binary, lowest bit left, as in
 * contrib/cloud/clips.py, so that a test can tell which frames it sees. The sound is a
 * beep of 100 ms in the middle of each second. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/base/buf.h"
#include "cache/base/mem.h"
#include "tests/support/tap.h"

#define CLIP_W 320
#define CLIP_H 180
#define CLIP_MAX (64u << 20)
#define SOUND_RATE 48000

static char clip_dir[] = "/tmp/test_clips_XXXXXX";

struct clip_spec {
	const char *name;
	double seconds;
	int first; /* number of the first frame */
	int fps;   /* 0: 24 */
	bool has_sound;
	const char *encoder; /* NULL: as contrib/cloud has it */
	const char *filter;  /* more of it, or NULL */
	const char *sound;   /* more options of the sound, or NULL */
};

static inline void clip_path(char ret[static 256], const char *name)
{
	snprintf(ret, 256, "%s/%s.mp4", clip_dir, name);
}

/* Bails out: without its clips a test can say nothing. */
static inline void clip_make(const struct clip_spec *s)
{
	scoped(buf_finish) struct buf b = {0};
	int fps = s->fps ? s->fps : 24;

	buf_addf(&b,
		"ffmpeg -nostdin -y -v error -f lavfi -i "
		"testsrc=size=%dx%d:rate=%d:duration=%g:decimals=2 ",
		CLIP_W, CLIP_H, fps, s->seconds);
	if (s->has_sound)
		buf_addf(&b,
			"-f lavfi -i "
			"\"aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+0.5,1),0.1)'"
			":s=%d:d=%g\" -c:a aac -b:a 64k %s ",
			SOUND_RATE, s->seconds, s->sound ? s->sound : "");
	buf_addf(&b, "-vf \"drawbox=x=0:y=0:w=320:h=32:color=black:t=fill");
	for (int k = 0; k < 10; k++)
		buf_addf(&b,
			",drawbox=x=%d:y=0:w=32:h=32:color=white:t=fill:"
			"enable='eq(mod(floor((n+%d)/%d),2),1)'",
			32 * k, s->first, 1 << k);
	buf_addf(&b, "%s%s\" -pix_fmt yuv420p %s -threads 1 -f mp4 %s/%s.mp4",
		s->filter ? "," : "", s->filter ? s->filter : "",
		s->encoder ? s->encoder
			   : "-c:v libx264 -preset ultrafast -crf 34 -g 24 "
			     "-movflags +faststart",
		clip_dir, s->name);
	if (system(b.data) != 0) {
		printf("Bail out! ffmpeg failed: %s\n", b.data);
		exit(1);
	}
}

static inline void clip_read(struct buf *b, const char *name)
{
	char path[256];

	clip_path(path, name);
	if (buf_read_file(b, path, CLIP_MAX, NULL) < 0) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
}

static inline void clip_write(const struct buf *b, const char *name)
{
	char path[256];
	FILE *f;

	clip_path(path, name);
	f = fopen(path, "wb");
	if (!f || fwrite(b->data, 1, b->len, f) != b->len || fclose(f) != 0) {
		printf("Bail out! cannot write %s\n", path);
		exit(1);
	}
}

/* What a command says, whose "%s" is the path of the clip. */
static inline void clip_ask(struct buf *ret, const char *name, const char *fmt)
{
	scoped(buf_finish) struct buf command = {0};
	const char *at = strstr(fmt, "%s");
	char path[256];
	FILE *f;

	clip_path(path, name);
	buf_addf(&command, "%.*s%s%s", (int)(at - fmt), fmt, path, at + 2);
	f = popen(command.data, "r");
	if (f)
		CHECK_INT(buf_read_all(ret, fileno(f), CLIP_MAX, NULL), 0);
	if (!f || pclose(f) != 0) {
		CHECK(false);
		printf("# failed: %s\n", command.data);
	}
}

struct clip_seen {
	int frames; /* that ffprobe decodes and shows */
	int listed; /* in the index */
	int width, height;
	double duration; /* of the file */
	char codec[16];
};

static inline struct clip_seen clip_probe(const char *name)
{
	scoped(buf_finish) struct buf b = {0};
	struct clip_seen s = {0};

	clip_ask(&b, name,
		"ffprobe -v error -count_frames -select_streams v -show_entries "
		"stream=codec_name,width,height,nb_frames,nb_read_frames:format="
		"duration "
		"-of compact=p=0:nk=1 %s | tr '|\\n' '  '");
	if (!b.data || sscanf(b.data, "%15s %d %d %d %d %lf", s.codec, &s.width,
			       &s.height, &s.listed, &s.frames, &s.duration) != 6)
		printf("# ffprobe says: %s\n", b.data ? b.data : "nothing");
	return s;
}

/* The pictures as 8-bit gray, in order of display. */
static inline void clip_gray(struct buf *ret, const char *name)
{
	clip_ask(ret, name,
		"ffmpeg -nostdin -v error -i %s -map 0:v -fps_mode passthrough "
		"-enc_time_base -1 -f rawvideo -pix_fmt gray -");
}

/* The number that a gray frame spells. */
static inline int clip_number(const char *gray, int width)
{
	int n = 0;

	for (int k = 0; k < 10; k++)
		n |= ((unsigned char)gray[16 * width + 32 * k + 16] > 127) << k;
	return n;
}

/* Frames that spell first, first + 1, ...; how many do. */
static inline int clip_count_up(const struct buf *gray, int first)
{
	size_t frame = (size_t)CLIP_W * CLIP_H;
	int n = 0;

	for (size_t at = 0; at + frame <= gray->len; at += frame, n++) {
		int number = clip_number(gray->data + at, CLIP_W);

		if (number != first + n) {
			printf("# frame %d spells %d, not %d\n", n, number, first + n);
			return n;
		}
	}
	return n;
}

/* When beeps begin, in seconds; at most `max`. */
static inline int clip_beeps(const char *name, double *ret, int max)
{
	scoped(buf_finish) struct buf b = {0};
	const int16_t *s;
	size_t quiet = SOUND_RATE;
	int n = 0;

	clip_ask(&b, name, "ffmpeg -nostdin -v error -i %s -map 0:a -ac 1 -f s16le -");
	s = (const int16_t *)(const void *)b.data;
	for (size_t i = 0; i < b.len / 2; i++) {
		if (abs(s[i]) < 3000) {
			quiet++;
			continue;
		}
		if (quiet > SOUND_RATE / 4 && n < max)
			ret[n++] = (double)i / SOUND_RATE;
		quiet = 0;
	}
	return n;
}

/* The largest distance between the beginnings of two packets of sound, in samples of
 * 1/48000 s; 0 without any. */
static inline int clip_sound_step(const char *name, int *ret_n)
{
	scoped(buf_finish) struct buf b = {0};
	long before = 0, step = 0;
	int n = 0;
	char *at;

	clip_ask(&b, name,
		"ffprobe -v error -select_streams a -show_entries packet=pts "
		"-of csv=p=0 %s | tr -d ,");
	for (at = b.data; at && *at; n++) {
		long pts = strtol(at, &at, 10);

		if (n && pts - before > step)
			step = pts - before;
		before = pts;
		at += strspn(at, "\n");
	}
	*ret_n = n;
	return (int)step;
}

static inline void clips_begin(void)
{
	if (system("ffmpeg -version >/dev/null 2>&1") != 0 ||
		system("ffprobe -version >/dev/null 2>&1") != 0) {
		printf("1..0 # SKIP ffmpeg and ffprobe are not installed\n");
		exit(77);
	}
	if (!mkdtemp(clip_dir))
		exit(1);
}

static inline void clips_end(void)
{
	scoped(buf_finish) struct buf b = {0};

	buf_addf(&b, "rm -rf %s", clip_dir);
	if (system(b.data) != 0)
		printf("# %s is left\n", clip_dir);
}
