// SPDX-License-Identifier: MIT
/* JPEG from memory to samples, in the confined process. Any thread, no globals. */
#include "backend/media/decode_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>

#include "cache/base/mem.h"

#define MAX_SCANS 500            /* a progressive file can ask for hours of work */
#define MAX_MEMORY (1500L << 20) /* bytes that libjpeg may hold */
#define CMYK 4

/* Everything that a longjmp must not lose is here, not in locals. */
struct jpeg_job {
	struct jpeg_decompress_struct c;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf jump;
	const uint8_t *data;
	size_t len;
	struct picture pic;
	uint8_t *line; /* one row of CMYK */
	struct err *err;
	int r;
};

_Noreturn static void fail(struct jpeg_job *job)
{
	char text[JMSG_LENGTH_MAX];

	job->errors.format_message((j_common_ptr)&job->c, text);
	if (job->errors.msg_code == JERR_OUT_OF_MEMORY)
		job->r = err_oom(job->err);
	else
		job->r = err_set(job->err, EPROTO, "not decodable: JPEG: %s", text);
	longjmp(job->jump, 1);
}

_Noreturn static void on_error(j_common_ptr c)
{
	fail(c->client_data);
}

/* libjpeg goes on with gray where data is missing; a part of a picture is no picture.
 * The warnings let through say nothing about the samples. */
static void on_message(j_common_ptr c, int level)
{
	if (level >= 0)
		return;
	switch (c->err->msg_code) {
	case JWRN_ADOBE_XFORM:
	case JWRN_JFIF_MAJOR:
	case JWRN_EXTRANEOUS_DATA:
		return;
	default:
		fail(c->client_data);
	}
}

static void on_progress(j_common_ptr c)
{
	struct jpeg_job *job = c->client_data;

	if (job->c.input_scan_number <= MAX_SCANS)
		return;
	job->r = err_set(
		job->err, EPROTO, "not decodable: JPEG: more than %d scans", MAX_SCANS);
	longjmp(job->jump, 1);
}

static int choose_colours(struct jpeg_decompress_struct *c)
{
	switch (c->num_components) {
	case 1:
		c->out_color_space = JCS_GRAYSCALE;
		return 1;
	case 3:
		c->out_color_space = JCS_RGB;
		return 3;
	case CMYK:
		c->out_color_space = JCS_CMYK; /* YCCK too is converted to it */
		return 3;
	default:
		return 0;
	}
}

/* Such files hold 255 - ink, with or without Adobe's marker; with the inks inverted,
 * R = C K / 255, rounded, and so on. */
static void rgb_of_cmyk(const uint8_t *in, uint8_t *out, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++, in += CMYK, out += 3)
		for (int i = 0; i < 3; i++)
			out[i] = (uint8_t)((in[i] * in[3] + 127) / 255);
}

static int prepare(struct jpeg_job *job)
{
	struct jpeg_decompress_struct *c = &job->c;
	int channels, r;

	jpeg_mem_src(c, job->data, (unsigned long)job->len);
	jpeg_read_header(c, TRUE);
	channels = choose_colours(c);
	if (!channels)
		return err_set(job->err, EPROTO,
			"not decodable: JPEG with %d components", c->num_components);
	r = picture_alloc(
		&job->pic, c->image_width, c->image_height, channels, job->err);
	if (r < 0)
		return r;
	job->line = new_array(uint8_t, (size_t)c->image_width * CMYK);
	if (!job->line)
		return err_oom(job->err);
	jpeg_start_decompress(c);
	return 0;
}

static void read_lines(struct jpeg_job *job)
{
	struct picture *p = &job->pic;
	size_t stride = (size_t)p->width * (size_t)p->channels;

	while (job->c.output_scanline < job->c.output_height) {
		uint8_t *row = p->px + job->c.output_scanline * stride;
		bool cmyk = job->c.out_color_space == JCS_CMYK;
		JSAMPROW to = cmyk ? job->line : row;

		/* The memory source never suspends: a line comes or it fails. */
		jpeg_read_scanlines(&job->c, &to, 1);
		if (cmyk)
			rgb_of_cmyk(job->line, row, p->width);
	}
	jpeg_finish_decompress(&job->c);
}

/* Its frame is what longjmp returns to, so it keeps nothing in locals. */
static void run(struct jpeg_job *job)
{
	if (setjmp(job->jump))
		return;
	jpeg_create_decompress(&job->c);
	job->c.client_data = job;
	job->c.progress = &job->progress;
	job->c.mem->max_memory_to_use = MAX_MEMORY;
	job->r = prepare(job);
	if (job->r == 0)
		read_lines(job);
}

int decode_jpeg(const void *data, size_t len, struct picture *ret, struct err *err)
{
	struct jpeg_job job = {.data = data, .len = len, .err = err};

	job.c.err = jpeg_std_error(&job.errors);
	job.errors.error_exit = on_error;
	job.errors.emit_message = on_message;
	job.progress.progress_monitor = on_progress;
	job.c.client_data = &job;
	run(&job);
	jpeg_destroy_decompress(&job.c);
	free(job.line);
	if (job.r < 0)
		picture_finish(&job.pic);
	else
		*ret = job.pic;
	return job.r;
}
