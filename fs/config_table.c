// SPDX-License-Identifier: MIT
#include "fs/config_table.h"

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

const struct config_row config_rows[] = {
	{"backend", CONFIG_CHOICE, AT(backend), "local", .choices = "local",
		.argument = "NAME",
		.help = "who makes the media: local, the built-in renderer"},
	{"state", CONFIG_PATH, AT(state), "promptfs", "XDG_DATA_HOME", ".local/share",
		.argument = "DIR", .help = "directory of the store"},
	{"config", CONFIG_PATH, AT(config), "promptfs/config.json", "XDG_CONFIG_HOME",
		".config", .is_command_line_only = true, .argument = "FILE",
		.help = "file with these options as JSON"},
	{"catalog", CONFIG_PATH, AT(catalog), .argument = "FILE",
		.help = "models and prices to add to the built-in catalogue, JSON"},
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
