// SPDX-License-Identifier: MIT
/* Rows into PNG or JPEG. The caller owns an encoder; one thread each. */
#include "backend/media/encode_picture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it */
#include <jpeglib.h>
#include <png.h>
#include <string.h>

#include "cache/base/mem.h"

#define PNG_LEVEL 3 /* twice as fast as 6 for files 2 % larger */
#define JPEG_QUALITY 90
#define OUT_BYTES 65536

struct encode_picture {
	enum media_type type;
	int width, height, rows;
	encode_sink_fn sink;
	void *user;
	int r; /* the first failure; stays */
	struct err err;
	jmp_buf jump; /* both libraries report errors by leaving with longjmp */
	png_structp png;
	png_infop info;
	bool has_jpeg;
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr jpeg_err;
	struct jpeg_destination_mgr jpeg_dest;
	size_t out_len;
	uint8_t out[OUT_BYTES];
};

static int flush_out(struct encode_picture *e)
{
	if (e->r == 0 && e->out_len > 0) {
		e->r = e->sink(e->user, e->out, e->out_len, &e->err);
		if (e->r > 0)
			e->r = 0;
	}
	e->out_len = 0;
	return e->r;
}

static void on_png_error(png_structp png, png_const_charp text)
{
	struct encode_picture *e = png_get_error_ptr(png);

	if (e->r == 0)
		e->r = err_set(&e->err, EIO, "libpng: %s", text);
	longjmp(e->jump, 1);
}

static void on_png_warning(png_structp png, png_const_charp text)
{
}

static void on_png_write(png_structp png, png_bytep data, size_t len)
{
	struct encode_picture *e = png_get_io_ptr(png);

	while (len > 0) {
		size_t n = OUT_BYTES - e->out_len;

		if (n > len)
			n = len;
		memcpy(e->out + e->out_len, data, n);
		e->out_len += n;
		data += n;
		len -= n;
		if (e->out_len == OUT_BYTES && flush_out(e) < 0)
			longjmp(e->jump, 1);
	}
}

static void on_png_flush(png_structp png)
{
}

static void on_jpeg_error(j_common_ptr cinfo)
{
	struct encode_picture *e = cinfo->client_data;
	char text[JMSG_LENGTH_MAX];

	if (e->r == 0) {
		cinfo->err->format_message(cinfo, text);
		e->r = err_set(&e->err, EIO, "libjpeg: %s", text);
	}
	longjmp(e->jump, 1);
}

static void on_jpeg_message(j_common_ptr cinfo)
{
}

static void jpeg_dest_reset(struct encode_picture *e)
{
	e->jpeg_dest.next_output_byte = e->out;
	e->jpeg_dest.free_in_buffer = OUT_BYTES;
}

static void on_jpeg_start(j_compress_ptr cinfo)
{
	jpeg_dest_reset(cinfo->client_data);
}

static boolean on_jpeg_full(j_compress_ptr cinfo)
{
	struct encode_picture *e = cinfo->client_data;

	e->out_len = OUT_BYTES;
	if (flush_out(e) < 0)
		longjmp(e->jump, 1);
	jpeg_dest_reset(e);
	return TRUE;
}

static void on_jpeg_end(j_compress_ptr cinfo)
{
	struct encode_picture *e = cinfo->client_data;

	e->out_len = OUT_BYTES - e->jpeg_dest.free_in_buffer;
}

static int start_png(struct encode_picture *e)
{
	e->png = png_create_write_struct(
		PNG_LIBPNG_VER_STRING, e, on_png_error, on_png_warning);
	if (!e->png)
		return err_oom(&e->err);
	e->info = png_create_info_struct(e->png);
	if (!e->info)
		return err_oom(&e->err);
	if (setjmp(e->jump))
		return e->r;
	png_set_write_fn(e->png, e, on_png_write, on_png_flush);
	png_set_IHDR(e->png, e->info, e->width, e->height, 8, PNG_COLOR_TYPE_RGB,
		PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(e->png, PNG_LEVEL);
	png_set_filter(e->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB | PNG_FILTER_UP);
	png_set_sRGB(e->png, e->info, PNG_sRGB_INTENT_PERCEPTUAL);
	png_write_info(e->png, e->info);
	return 0;
}

static int start_jpeg(struct encode_picture *e)
{
	e->jpeg.err = jpeg_std_error(&e->jpeg_err);
	e->jpeg_err.error_exit = on_jpeg_error;
	e->jpeg_err.output_message = on_jpeg_message;
	e->jpeg.client_data = e;
	if (setjmp(e->jump))
		return e->r;
	jpeg_create_compress(&e->jpeg);
	e->has_jpeg = true;
	e->jpeg_dest.init_destination = on_jpeg_start;
	e->jpeg_dest.empty_output_buffer = on_jpeg_full;
	e->jpeg_dest.term_destination = on_jpeg_end;
	e->jpeg.dest = &e->jpeg_dest;
	e->jpeg.image_width = e->width;
	e->jpeg.image_height = e->height;
	e->jpeg.input_components = 3;
	e->jpeg.in_color_space = JCS_RGB;
	jpeg_set_defaults(&e->jpeg);
	jpeg_set_quality(&e->jpeg, JPEG_QUALITY, TRUE);
	e->jpeg.comp_info[0].h_samp_factor = 1;
	e->jpeg.comp_info[0].v_samp_factor = 1;
	jpeg_start_compress(&e->jpeg, TRUE);
	return 0;
}

static int fail(const struct encode_picture *e, struct err *err)
{
	if (err && e->r < 0) {
		*err = e->err;
		if (err->code == 0)
			return err_errno(err, -e->r, "writing the picture");
	}
	return e->r;
}

int encode_picture_new(enum media_type type, int width, int height, encode_sink_fn sink,
	void *user, struct encode_picture **ret, struct err *err)
{
	struct encode_picture *e;
	int r;

	if (type != MEDIA_PNG && type != MEDIA_JPEG)
		return err_set(err, EINVAL, "a picture is PNG or JPEG");
	if (width < 1 || height < 1 || width > ENCODE_PICTURE_SIDE_MAX ||
		height > ENCODE_PICTURE_SIDE_MAX)
		return err_set(
			err, EINVAL, "%dx%d is not a size of a picture", width, height);
	e = new0(struct encode_picture);
	if (!e)
		return err_oom(err);
	e->type = type;
	e->width = width;
	e->height = height;
	e->sink = sink;
	e->user = user;
	r = type == MEDIA_PNG ? start_png(e) : start_jpeg(e);
	if (r < 0) {
		e->r = r;
		r = fail(e, err);
		encode_picture_free(e);
		return r;
	}
	*ret = e;
	return 0;
}

int encode_picture_row(struct encode_picture *e, const uint8_t *rgb, struct err *err)
{
	JSAMPROW row = (JSAMPROW)rgb;

	if (e->r < 0)
		return fail(e, err);
	if (e->rows == e->height)
		return err_set(err, EINVAL, "more rows than the picture has");
	if (setjmp(e->jump))
		return fail(e, err);
	if (e->type == MEDIA_PNG)
		png_write_row(e->png, rgb);
	else
		jpeg_write_scanlines(&e->jpeg, &row, 1);
	e->rows++;
	return 0;
}

int encode_picture_end(struct encode_picture *e, struct err *err)
{
	if (e->r < 0)
		return fail(e, err);
	if (e->rows != e->height)
		return err_set(err, EINVAL, "only %d of %d rows were written", e->rows,
			e->height);
	if (setjmp(e->jump))
		return fail(e, err);
	if (e->type == MEDIA_PNG)
		png_write_end(e->png, NULL);
	else
		jpeg_finish_compress(&e->jpeg);
	flush_out(e);
	return fail(e, err);
}

void encode_picture_free(struct encode_picture *e)
{
	if (!e)
		return;
	if (e->png)
		png_destroy_write_struct(&e->png, &e->info);
	if (e->has_jpeg)
		jpeg_destroy_compress(&e->jpeg);
	free(e);
}
