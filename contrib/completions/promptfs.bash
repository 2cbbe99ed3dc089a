# SPDX-License-Identifier: MIT
# Completion for bash. Options come from promptfs --help, so they are never out of date.

_promptfs_options() {
	promptfs --help 2>/dev/null | sed -n '/^options/,$s/^  \([a-z_]*=\).*/\1/p'
}

_promptfs_flags() {
	promptfs "$@" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u
}

_promptfs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local commands="status fetch quote models verify pin prune unknown settle" command=""

	[[ $COMP_CWORD -gt 1 && " $commands " == *" ${COMP_WORDS[1]} "* ]] &&
		command=${COMP_WORDS[1]}
	compopt -o filenames 2>/dev/null
	if [[ $prev == -o || $prev == --option ]]; then
		local before=""
		[[ $cur == *,* ]] && before=${cur%,*},
		compopt -o nospace +o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "$(_promptfs_options)" -- \
			"${cur##*,}")
	elif [[ $cur == -* ]]; then
		compopt +o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W "$(_promptfs_flags $command)" -- "$cur")
	elif [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur"; compgen -d -- "$cur")
	elif [[ $command == fetch || $command == quote || $command == pin ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	fi
}
complete -F _promptfs promptfs
