// SPDX-License-Identifier: MIT
/* PNG from memory to samples, in the confined process. Any thread, no globals. */
#include "backend/media/decode_internal.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "cache/base/mem.h"

#define MAX_CHUNK (8u << 20) /* bytes of one ancillary chunk, inflated */
#define MAX_CHUNKS 1000      /* ancillary chunks kept */

/* Everything that a longjmp must not lose is here, not in locals. */
struct png_job {
	const uint8_t *data;
	size_t len, at;
	png_structp png;
	png_infop info;
	struct picture pic;
	png_bytep *rows;
	struct err *err;
	int r; /* set where we, not libpng, found the fault */
};

static void on_error(png_structp png, png_const_charp message)
{
	struct png_job *job = png_get_error_ptr(png);

	job->r = err_set(job->err, EPROTO, "not decodable: PNG: %s", message);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
	struct png_job *job = png_get_io_ptr(png);

	if (n > job->len - job->at)
		png_error(png, "the file is cut short");
	memcpy(to, job->data + job->at, n);
	job->at += n;
}

/* Chunks that are compressed or large and say nothing about the samples. */
static void skip_chunks(png_structp png)
{
	static const png_byte names[] = "iCCP\0iTXt\0tEXt\0zTXt\0eXIf\0sPLT\0hIST";

	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
	png_set_keep_unknown_chunks(
		png, PNG_HANDLE_CHUNK_NEVER, names, (int)(sizeof(names) / 5));
}

static void set_limits(png_structp png)
{
	png_set_user_limits(png, PICTURE_MAX_SIDE, PICTURE_MAX_SIDE);
	png_set_chunk_malloc_max(png, MAX_CHUNK);
	png_set_chunk_cache_max(png, MAX_CHUNKS);
	skip_chunks(png);
}

/* Down to one or three 8-bit samples; returns how many. */
static int set_transforms(png_structp png, png_infop info)
{
	int type = png_get_color_type(png, info);

	png_set_strip_16(png);
	if (type == PNG_COLOR_TYPE_PALETTE)
		png_set_palette_to_rgb(png);
	else if (!(type & PNG_COLOR_MASK_COLOR) && png_get_bit_depth(png, info) < 8)
		png_set_expand_gray_1_2_4_to_8(png);
	png_set_strip_alpha(png);
	png_set_interlace_handling(png);
	png_read_update_info(png, info);
	return type & PNG_COLOR_MASK_COLOR ? 3 : 1;
}

static void prepare(struct png_job *job)
{
	uint32_t width, height;
	size_t stride;
	int channels;

	png_set_read_fn(job->png, job, read_bytes);
	set_limits(job->png);
	png_read_info(job->png, job->info);
	width = png_get_image_width(job->png, job->info);
	height = png_get_image_height(job->png, job->info);
	channels = set_transforms(job->png, job->info);
	stride = (size_t)width * (size_t)channels;
	if (png_get_rowbytes(job->png, job->info) != stride)
		png_error(job->png, "unexpected row size");
	job->r = picture_alloc(&job->pic, width, height, channels, job->err);
	if (job->r < 0)
		return;
	job->rows = new_array(png_bytep, height);
	if (!job->rows) {
		job->r = err_oom(job->err);
		return;
	}
	for (uint32_t y = 0; y < height; y++)
		job->rows[y] = job->pic.px + y * stride;
}

/* Its frame is what longjmp returns to, so it keeps nothing in locals. */
static void run(struct png_job *job)
{
	if (setjmp(png_jmpbuf(job->png)))
		return;
	prepare(job);
	if (job->r < 0)
		return;
	png_read_image(job->png, job->rows);
	png_read_end(job->png, NULL);
}

int decode_png(const void *data, size_t len, struct picture *ret, struct err *err)
{
	struct png_job job = {.data = data, .len = len, .err = err};

	job.png = png_create_read_struct(
		PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
	job.info = job.png ? png_create_info_struct(job.png) : NULL;
	if (job.info)
		run(&job);
	else
		job.r = err_oom(err);
	png_destroy_read_struct(&job.png, &job.info, NULL);
	free(job.rows);
	if (job.r < 0)
		picture_finish(&job.pic);
	else
		*ret = job.pic;
	return job.r;
}
