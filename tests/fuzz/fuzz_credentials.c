// SPDX-License-Identifier: MIT
/* A credentials file of anybody's: it is refused with a sentence, or has what its kind
 * needs. */
#include <assert.h>

#include "backend/auth/credentials.h"
#include "cache/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	scoped(credentials_finish) struct credentials c = {0};
	struct err err = {0};

	if (len > CREDENTIALS_FILE_MAX)
		return 0;
	if (credentials_parse((const char *)data, len, &c, &err) < 0) {
		assert(err.code && *err.why);
		return 0;
	}
	switch (c.kind) {
	case CREDENTIALS_SERVICE_ACCOUNT:
		assert(c.email && c.key && c.token_uri);
		break;
	case CREDENTIALS_USER:
		assert(c.client_id && c.client_secret && c.refresh_token);
		break;
	default:
		assert(!"a kind that no file names");
	}
	return 0;
}
