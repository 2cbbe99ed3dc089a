// SPDX-License-Identifier: MIT
#pragma once
/* What can be said about a medium by looking at it: scores of decoded pixels and
 * counts of text. Pure functions, any thread, no I/O. Decoding is elsewhere.
 *
 * Sums are exact integers, so the scores are within a few ulp of what OpenCV
 * (Laplacian(gray, CV_64F).var()) and NumPy (mean(), std()) give for the same pixels.
 * The grade: sharpness > 1000: 3 points, > 500: 2, > 100: 1; brightness in [100, 200]:
 * 2, in [50, 250]: 1; contrast > 50: 2, > 25: 1. 6 points are A, 4 B, 2 C, else D. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUALITY_METRICS_VERSION 1
#define QUALITY_MAX_SIDE 16384  /* pixels; keeps every sum below within 64 bits */
#define QUALITY_CLIP_DARK 2     /* a gray sample <= this is clipped */
#define QUALITY_CLIP_BRIGHT 253 /* a gray sample >= this is clipped */
/* A frame whose brightness is below this is nearly black. */
#define QUALITY_BLACK_BELOW 10.0
#define QUALITY_CODEC_MAX 16  /* bytes with the NUL */
#define QUALITY_FINISH_MAX 32 /* bytes with the NUL */

enum quality_kind { QUALITY_PICTURE, QUALITY_VIDEO, QUALITY_TEXT };

struct quality {
	enum quality_kind kind;
	int metrics_version;
	uint64_t size_bytes; /* of the file */

	/* picture and video; for a video the scores are means over sampled frames */
	uint32_t width, height;
	double sharpness;  /* population variance of the Laplacian of gray, >= 0 */
	double brightness; /* mean of all samples, 0..255 */
	double contrast;   /* population standard deviation of all samples */
	double clipped_dark, clipped_bright; /* shares of the pixels, 0..1 */
	char grade;                          /* 'A'..'D'; 0 for text */

	/* video */
	double duration_s, fps; /* 0: the file does not tell */
	char video_codec[QUALITY_CODEC_MAX];
	double black_ratio; /* share of sampled frames that are nearly black, 0..1 */
	uint32_t sampled_frames;
	bool has_audio;

	/* text */
	uint64_t characters, words;
	char finish_reason[QUALITY_FINISH_MAX]; /* as the provider told; "" if not */
};

/* Scores of 8-bit samples, row by row without padding; 1 channel is gray, 3 are RGB.
 * Sets everything that pictures have but size_bytes, clears the rest.
 * -EINVAL: a side of 0 or above QUALITY_MAX_SIDE, or other channels. -ENOMEM. */
int quality_measure_picture(const uint8_t *px, uint32_t width, uint32_t height,
	int channels, struct quality *ret);

/* Counts code points, and words as runs between white space (Unicode's White_Space).
 * finish_reason may be NULL and is cut where it is too long. -EILSEQ: not UTF-8. */
int quality_measure_text(
	const char *text, size_t len, const char *finish_reason, struct quality *ret);

char quality_grade(double sharpness, double brightness, double contrast);
