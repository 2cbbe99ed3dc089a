// SPDX-License-Identifier: MIT
/* Prompts from names and texts, and back into names. Pure. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/request/request.h"
#include "backend/request/spell.h"
#include "cache/base/mem.h"
#include "cache/base/str.h"

/* What desktops and tools probe for; design: names that are never prompts. */
static const char *const reserved[] = {
	"autorun",
	"autorun.inf",
	"autorun.exe",
	"autorun.sh",
	"desktop.ini",
	"Thumbs.db",
	"HEAD",
	"BDMV",
	"BDAV",
	"AUDIO_TS",
	"HVDVD_TS",
	"DCIM",
	"MPEG2",
	"mpegav",
	"PICTURES",
	"system",
	"ostree",
	"var",
	"lost+found",
};

/* And every name that starts so. */
static const char video_ts[] = "VIDEO_TS";

bool prompt_name_is_reserved(const char *name, size_t len)
{
	if (len > 0 && name[0] == '.')
		return true;
	if (len >= sizeof(video_ts) - 1 &&
		!memcmp(name, video_ts, sizeof(video_ts) - 1))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (strlen(reserved[i]) == len && !memcmp(reserved[i], name, len))
			return true;
	}
	return false;
}

int prompt_from_text(const char *text, size_t len, struct prompt **ret)
{
	scoped(buf_finish) struct buf b = {0};
	struct prompt *p;
	int r;

	if (len > REQUEST_PROMPT_MAX)
		return -ENAMETOOLONG;
	r = spell_normalise(&b, text, len, true);
	if (r < 0)
		return r;
	if (b.len == 0)
		return -ENOENT;
	/* NFC of a few characters is longer than what was written. */
	if (b.len > REQUEST_PROMPT_MAX)
		return -ENAMETOOLONG;
	p = malloc(sizeof(*p) + b.len + 1);
	if (!p)
		return -ENOMEM;
	atomic_init(&p->refs, 1);
	p->len = b.len;
	memcpy(p->text, b.data, b.len + 1);
	digest_of(&p->id, p->text, p->len);
	(void)str_utf8_count(p->text, p->len, &p->codepoints);
	*ret = p;
	return 0;
}

int prompt_from_name(const char *name, size_t len, struct prompt **ret)
{
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (len > SPELL_PATH_MAX)
		return -ENAMETOOLONG;
	r = spell_decode(&b, name, len);
	return r < 0 ? r : prompt_from_text(b.data ? b.data : "", b.len, ret);
}

struct prompt *prompt_ref(struct prompt *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void prompt_unref(struct prompt *p)
{
	if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
		free(p);
}

static int spell_by_hash(const struct prompt *p, struct buf *ret)
{
	char hex[DIGEST_HEX];

	digest_hex(&p->id, hex);
	return buf_addf(ret, "@%.16s", hex);
}

/* A reserved name reads as a prompt once its dot is an escape; without one, by hash. */
static int spell_reserved(const struct prompt *p, struct buf *ret)
{
	const char *dot = strchr(p->text, '.');
	int r;

	if (!dot || str_starts(p->text, video_ts))
		return spell_by_hash(p, ret);
	r = buf_add(ret, p->text, (size_t)(dot - p->text));
	return r < 0 ? r : buf_addf(ret, "%%2E%s", dot + 1);
}

int prompt_spelling(const struct prompt *p, struct buf *ret)
{
	scoped(buf_finish) struct buf b = {0};
	int r;

	if (p->len > SPELL_NAME_MAX)
		return spell_by_hash(p, ret);
	r = spell_encode(&b, p->text, p->len, true);
	if (r == 0 && prompt_name_is_reserved(b.data, b.len)) {
		buf_clear(&b);
		r = spell_reserved(p, &b);
	}
	if (r < 0)
		return r;
	if (b.len > SPELL_NAME_MAX)
		return spell_by_hash(p, ret);
	return buf_add(ret, b.data, b.len);
}
