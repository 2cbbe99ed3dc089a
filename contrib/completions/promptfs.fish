# SPDX-License-Identifier: MIT
# Completion for fish. Mount options come from promptfs --help.

set -l commands status fetch quote models verify pin prune unknown settle
complete -c promptfs -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c promptfs -s o -l option -x -a "(promptfs --help 2>/dev/null | sed -n '/^options/,\$s/^  \([a-z_]*=\).*/\1/p')"
complete -c promptfs -s h -l help
complete -c promptfs -n "not __fish_seen_subcommand_from $commands" -s f -l foreground
complete -c promptfs -n "not __fish_seen_subcommand_from $commands" -s d -l debug
complete -c promptfs -n "not __fish_seen_subcommand_from $commands" -s V -l version
complete -c promptfs -n "__fish_seen_subcommand_from status" -s w -l watch
complete -c promptfs -n "__fish_seen_subcommand_from fetch" -s j -l jobs -x
complete -c promptfs -n "__fish_seen_subcommand_from fetch" -s n -l no-wait
complete -c promptfs -n "__fish_seen_subcommand_from fetch" -s r -l order -x -a "given value"
complete -c promptfs -n "__fish_seen_subcommand_from quote" -s r -l order -x -a "given value"
complete -c promptfs -n "__fish_seen_subcommand_from settle" -s p -l paid
complete -c promptfs -n "__fish_seen_subcommand_from settle" -s n -l not-paid
complete -c promptfs -n "__fish_seen_subcommand_from models" -s j -l json
complete -c promptfs -n "__fish_seen_subcommand_from pin" -s u -l undo
complete -c promptfs -n "__fish_seen_subcommand_from prune" -s a -l older-than -x
complete -c promptfs -n "__fish_seen_subcommand_from prune" -s m -l at-most -x
complete -c promptfs -n "__fish_seen_subcommand_from prune" -s n -l dry-run
complete -c promptfs -n "__fish_seen_subcommand_from prune" -s y -l yes
