// SPDX-License-Identifier: MIT
/* Frames of another size or format, made fit for the output. */
#include <errno.h>
#include <libswscale/swscale.h>
#include <string.h>

#include "backend/media/join_internal.h"

void join_fitter_finish(struct join_fitter *t)
{
	sws_freeContext(t->scaler);
	av_frame_free(&t->frame);
}

static void blacken(AVFrame *f)
{
	for (int y = 0; y < f->height; y++)
		memset(f->data[0] + (ptrdiff_t)y * f->linesize[0], 16,
			(size_t)f->width);
	for (int i = 1; i <= 2; i++)
		for (int y = 0; y < f->height / 2; y++)
			memset(f->data[i] + (ptrdiff_t)y * f->linesize[i], 128,
				(size_t)f->width / 2);
}

static int new_fitted(struct join_fitter *t, const AVFrame *like, struct err *err)
{
	av_frame_free(&t->frame);
	t->frame = av_frame_alloc();
	if (!t->frame)
		return err_oom(err);
	t->frame->format = AV_PIX_FMT_YUV420P;
	t->frame->width = t->width;
	t->frame->height = t->height;
	t->frame->color_range = AVCOL_RANGE_MPEG;
	t->frame->color_primaries = like->color_primaries;
	t->frame->color_trc = like->color_trc;
	t->frame->colorspace = like->colorspace == AVCOL_SPC_RGB ? AVCOL_SPC_UNSPECIFIED
								 : like->colorspace;
	t->frame->sample_aspect_ratio = like->sample_aspect_ratio;
	if (av_frame_get_buffer(t->frame, 0) < 0)
		return err_oom(err);
	blacken(t->frame);
	return 0;
}

int join_fit(struct join_fitter *t, const AVFrame *f, struct err *err)
{
	int w = t->width, h = t->height, x, y, r;
	uint8_t *to[4] = {0};

	if ((int64_t)f->width * h > (int64_t)f->height * w)
		h = FFMAX((int)av_rescale(f->height, w, f->width) & ~1, 2);
	else
		w = FFMAX((int)av_rescale(f->width, h, f->height) & ~1, 2);
	/* A pixel of rounding is no border. */
	if (t->width - w <= 2 && t->height - h <= 2) {
		w = t->width;
		h = t->height;
	}
	x = (t->width - w) / 4 * 2;
	y = (t->height - h) / 4 * 2;
	t->scaler = sws_getCachedContext(t->scaler, f->width, f->height, f->format, w,
		h, AV_PIX_FMT_YUV420P, SWS_BICUBIC, NULL, NULL, NULL);
	if (!t->scaler)
		return err_set(err, EPROTO, "not decodable: unusual pixel format");
	r = new_fitted(t, f, err);
	if (r < 0)
		return r;
	to[0] = t->frame->data[0] + (ptrdiff_t)y * t->frame->linesize[0] + x;
	for (int i = 1; i <= 2; i++)
		to[i] = t->frame->data[i] + (ptrdiff_t)(y / 2) * t->frame->linesize[i] +
			x / 2;
	r = sws_scale(t->scaler, (const uint8_t *const *)f->data, f->linesize, 0,
		f->height, to, t->frame->linesize);
	return r < 0 ? err_set(err, EPROTO, "not decodable: conversion failed") : 0;
}
