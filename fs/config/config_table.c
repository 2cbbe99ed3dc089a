// SPDX-License-Identifier: MIT
/* The table itself: an option is a row. Constant; see config_table.h. */
#include "fs/config/config_table.h"

#include "cache/base/mem.h"

#define AT(member) offsetof(struct config, member)

/* Programs that walk or thumbnail whole trees: they must never spend. */
#define DENIED                                                                         \
	"updatedb+updatedb.mlocate+updatedb.plocate+updatedb.findutils"                \
	"+tracker-miner-fs-3+tracker-extract-3+localsearch-3+baloo_file"               \
	"+baloo_file_extractor+tumblerd+ffmpegthumbnailer+gdk-pixbuf-thumbnailer"      \
	"+totem-video-thumbnailer+evince-thumbnailer+clamscan+clamd+borg+restic"       \
	"+duplicity+rsnapshot"
#define BLOCKED "violence+explicit+harmful+illegal+nsfw+weapon+drug+hate+discrimination"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

const struct config_row config_rows[] = {
	{"backend", CONFIG_CHOICE, AT(backend), "local",
		.choices = "local vertex gemini openai", .argument = "NAME",
		.help = "who makes the media: local (the built-in renderer), vertex, "
			"gemini, openai"},
	{"state", CONFIG_PATH, AT(state), "promptfs", "XDG_DATA_HOME", ".local/share",
		.argument = "DIR", .help = "directory of the store"},
	{"config", CONFIG_PATH, AT(config), "promptfs/config.json", "XDG_CONFIG_HOME",
		".config", .is_command_line_only = true, .argument = "FILE",
		.help = "file with these options as JSON"},
	{"catalog", CONFIG_PATH, AT(catalog), .argument = "FILE",
		.help = "models and prices to add to the built-in catalogue, JSON"},
	{"project", CONFIG_TEXT, AT(project), .choices = LETTERS CAPITALS DIGITS "-_.:",
		.env = "vertex:GOOGLE_CLOUD_PROJECT vertex:GCLOUD_PROJECT",
		.argument = "my-project",
		.help = "vertex: the project that pays; else the key file's"},
	{"location", CONFIG_TEXT, AT(location), .choices = LETTERS DIGITS "-+",
		.env = "vertex:GOOGLE_CLOUD_LOCATION",
		.argument = "us-central1+europe-west4",
		.help = "vertex: regions, the next is tried where one is overloaded"},
	{"credentials", CONFIG_PATH, AT(credentials),
		.env = "vertex:GOOGLE_APPLICATION_CREDENTIALS", .argument = "FILE",
		.help = "vertex: key file, JSON; else gcloud's or the machine's own"},
	{"token_command", CONFIG_SECRET, AT(token_command), .argument = "COMMAND",
		.help = "vertex: shell command that prints an access token"},
	{"self_signed", CONFIG_SWITCH, AT(self_signed), "off", .argument = "on|off",
		.help = "vertex: a service account signs its own tokens"},
	{"bucket", CONFIG_TEXT, AT(bucket), .choices = LETTERS DIGITS "-_.",
		.argument = "my-bucket",
		.help = "vertex: where videos are put, so that none is lost"},
	{"endpoint", CONFIG_ADDRESS, AT(endpoint),
		.env = "vertex:GOOGLE_VERTEX_BASE_URL gemini:GOOGLE_GEMINI_BASE_URL "
		       "openai:OPENAI_BASE_URL",
		.argument = "URL", .help = "address of the service; else its own"},
	{"storage_endpoint", CONFIG_ADDRESS, AT(storage_endpoint),
		.env = "vertex:STORAGE_EMULATOR_HOST", .scheme_may_lack = true,
		.argument = "URL", .help = "vertex: address of Cloud Storage"},
	{"budget", CONFIG_BUDGET, AT(budget), "5/day", .argument = "5/day+50/month",
		.help = "USD that may be spent per day, month (UTC) or in total; off"},
	{"budget_uid", CONFIG_BUDGET_UID, AT(budget_uid),
		.argument = "2/day+alice:1/day",
		.help = "the same of each user, or of one"},
	{"max_cost", CONFIG_MONEY, AT(max_cost_ud), "5", .argument = "USD",
		.help = "most that one file may cost; none"},
	{"spenders", CONFIG_USERS, AT(spenders), .argument = "USER+USER...",
		.help = "with allow_other: who else may spend"},
	{"retries", CONFIG_COUNT, AT(retries), "2", .min = 0, .max = 9, .argument = "N",
		.help = "times a call that was not accepted is sent again"},
	{"max_concurrent", CONFIG_COUNT, AT(max_concurrent), "10", .min = 1,
		.max = 1000, .argument = "N", .help = "generations at the same time"},
	{"timeout", CONFIG_SECONDS, AT(timeout_s), "300", .min = 1, .max = 86400,
		.argument = "TIME", .help = "longest wait for one call"},
	{"stop_timeout", CONFIG_SECONDS, AT(stop_timeout_s), "15", .min = 0,
		.max = 3600, .argument = "TIME",
		.help = "wait for calls in flight when stopping"},
	{"latency", CONFIG_MILLIS, AT(latency_ms), "0", .min = 0, .max = 600000,
		.argument = "MS",
		.help = "the built-in renderer waits this long before it draws"},
	{"fallback", CONFIG_SWITCH, AT(fallback), "on", .argument = "on|off",
		.help = "a cheaper model may serve an overloaded one"},
	{"enhance", CONFIG_SWITCH, AT(enhance), "off", .argument = "on|off",
		.help = "treat every prompt as if enhance=on were given"},
	{"blocked_words", CONFIG_WORDS, AT(blocked_words), BLOCKED,
		.argument = "WORD+WORD...",
		.help = "prompts with one of these are refused"},
	{"deny_programs", CONFIG_WORDS, AT(deny_programs), DENIED,
		.argument = "NAME+NAME...",
		.help = "programs that never start a generation"},
	{"offline", CONFIG_SWITCH, AT(offline), "off", .argument = "on|off",
		.help = "no network: a backend that needs one serves what is stored"},
	{"log_level", CONFIG_CHOICE, AT(log_level), "info",
		.choices = "error warn info debug", .argument = "LEVEL",
		.help = "least important message to log: error, warn, info, debug"},
};
const size_t config_rows_n = ARRAY_SIZE(config_rows);
