// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "backend/model/catalogue.h"
#include "cache/base/json.h"
#include "cache/base/mem.h"
#include "cache/base/money.h"
#include "fs/cli/cli.h"

static const char help[] =
	"usage: promptfs models [--json] [-o OPT[,OPT...]]\n"
	"The catalogue: what can be asked for and what it costs. Needs no mount and no "
	"store.\n"
	"\n"
	"  -j, --json         everything the catalogue says\n"
	"  -o, --option=OPT   options as for a mount, such as catalog=FILE\n"
	"  -h, --help         this text\n";

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

static int models(const struct cli_options *o, bool json, struct err *err)
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

int cli_models(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
		{"option", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'}, {0}};
	struct cli_options o = {0};
	struct err err = {0};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "jo:h", longs, NULL)) >= 0) {
		if (c == 'h') {
			fputs(help, stdout);
			return EXIT_OK;
		}
		if (c == 'j')
			json = true;
		else if (c != 'o' || cli_options_add(&o, optarg, &err) < 0)
			return cli_usage(
				"models", "%s", err.code ? err.why : "bad usage");
	}
	if (optind < argc)
		return cli_usage("models", "no argument is expected");
	return models(&o, json, &err) < 0 ? cli_fail(&err) : EXIT_OK;
}
