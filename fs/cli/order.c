// SPDX-License-Identifier: MIT
/* See order.h. */
#include "fs/cli/order.h"

#include <errno.h>
#include <string.h>

int order_parse(const char *text, bool *ret_by_value, struct err *err)
{
	*ret_by_value = !strcmp(text, "value");
	if (!*ret_by_value && strcmp(text, "given"))
		return err_set(
			err, EINVAL, "--order is given or value, not \"%s\"", text);
	return 0;
}

double order_value(const cJSON *answer)
{
	const cJSON *cost = cJSON_GetObjectItemCaseSensitive(answer, "cost");
	double usd = json_num(cost, "estimate_usd", 0);

	return json_num(answer, "quality", 0) / (usd > 0 ? usd : 1e-6);
}
