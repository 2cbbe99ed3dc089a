// SPDX-License-Identifier: MIT
/* promptfs models: the catalogue as a table or as JSON; no store is opened. One
 * thread. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "backend/model/catalogue.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli/cli.h"

static const char help[] =
	"usage: promptfs models [--json] [-o OPT[,OPT...]]\n"
	"The catalogue: what can be asked for and what it costs. "
	"Needs no mount and no store.\n"
	"\n"
	"  -j, --json         everything the catalogue says\n"
	"  -o, --option=OPT   options as for a mount, such as catalog=FILE\n"
	"  -h, --help         this text\n";

struct models_args {
	bool json;
};

static void format_price(const struct model_row *row, struct buf *out)
{
	const char *unit = row_is_timed(row) ? "s" : "picture";
	char a[MONEY_TEXT], b[MONEY_TEXT];

	if (!row->price.is_known) {
		buf_adds(out, "not known");
	} else if (row->price.n_classes) {
		money_format(row->price.classes[0].udollars, a);
		buf_addf(out, "%s / %s", a, unit);
		if (row->price.n_classes > 1)
			buf_addf(out, " (%s)", row->price.classes[0].size_class);
	} else {
		money_format(row->price.in_udollars, a);
		money_format(row->price.out_udollars, b);
		buf_addf(out, "%s in, %s out / M tokens", a, b);
	}
}

static void print_table(const struct catalogue *c)
{
	printf("%-30s %-8s %-34s %s\n", "MODEL", "KIND", "PRICE IN USD", "RETIRED");
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct model_row *row = catalogue_at(c, i);
		scoped(buf_finish) struct buf price = {0};

		format_price(row, &price);
		printf("%-30s %-8s %-34s %s\n", row->name, model_kind_name(row->kind),
			price.data ? price.data : "", row->retired ? row->retired : "");
	}
}

static int print_json(const struct catalogue *c, struct err *err)
{
	scoped_json cJSON *all = cJSON_CreateObject();
	scoped(buf_finish) struct buf out = {0};

	for (size_t i = 0; all && i < catalogue_count(c); i++) {
		scoped(buf_finish) struct buf b = {0};
		const struct model_row *row = catalogue_at(c, i);
		cJSON *value;

		if (catalogue_row_json(c, row, &b) < 0)
			return err_oom(err);
		value = json_parse(b.data, b.len, err);
		if (!value)
			return err_wrap(err, -EIO, "%s", row->name);
		if (!cJSON_AddItemToObject(all, row->name, value)) {
			cJSON_Delete(value);
			return err_oom(err);
		}
	}
	if (!all || json_print(&out, all) < 0)
		return err_oom(err);
	fputs(out.data, stdout);
	return 0;
}

static int show_models(const struct cli_options *o, bool json, struct err *err)
{
	scoped(config_finish) struct config config = {0};
	struct catalogue *c = NULL;
	int r = config_load(&config, o->text, o->n, err);

	if (r == 0)
		r = catalogue_new(&c, err);
	if (r == 0 && config.catalog)
		r = catalogue_merge_file(c, config.catalog, err);
	if (r == 0 && json)
		r = print_json(c, err);
	else if (r == 0)
		print_table(c);
	catalogue_free(c);
	return r;
}

static int run_models(struct cli_call *c)
{
	const struct models_args *a = c->args;
	struct err err = {0};

	return show_models(&c->o, a->json, &err) < 0 ? cli_fail(&err) : EXIT_OK;
}

static int take_option(void *args, int letter, const char *value, struct err *err)
{
	struct models_args *a = args;

	a->json = true;
	return 0;
}

static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};

const struct cli_command cli_models = {
	.name = "models",
	.summary = "the catalogue: models and prices",
	.help = help,
	.words = CLI_NOTHING,
	.options = options,
	.args_size = sizeof(struct models_args),
	.take_option = take_option,
	.run = run_models,
};
