#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, mounts, makes a picture and a video from prompts.
#   contrib/demo.sh [--no-keep] [DIRECTORY]
# The mount stays at DIRECTORY (~/promptfs-demo unless given); --no-keep unmounts at the end.
# Running it again is fine: what was made is there already.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
. contrib/packages.sh

keep=yes
dir=${HOME:-/tmp}/promptfs-demo
for arg in "$@"; do
	case $arg in
	--no-keep) keep=no ;;
	-*)
		sed -n '3,6s/^# //p' contrib/demo.sh
		exit 2
		;;
	*) dir=$arg ;;
	esac
done

say()
{
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Shows a command as it could be typed, then runs it.
try()
{
	printf '$ %s' "$1"
	printf ' "%s"' "${@:2}"
	printf '\n'
	"$@"
}

is_mounted()
{
	# A dead mount cannot be looked into, so ask the mount table.
	grep -qF " $mnt " /proc/self/mountinfo
}

# The quality is measured after the file is handed out.
measured()
{
	for _ in $(seq 40); do
		grep -q quality_grade "$1" && return
		sleep 0.5
	done
}

show()
{
	say "$1"
	try cp "$2" "$out/"
	try cat "$2.cost"
	measured "$2.quality"
	try cat "$2.quality"
}

say "1. What is needed"
# shellcheck disable=SC2086
install_packages $build_packages
no_fuse=$(why_no_fuse)
if [ -n "$no_fuse" ]; then
	echo "promptfs cannot mount here: $no_fuse" >&2
	exit 1
fi
echo "Everything is installed, and FUSE is there."

say "2. Building"
[ -f build/build.ninja ] || meson setup build --buildtype=release >/dev/null
ninja -C build fs/promptfs | tail -n 1
promptfs=$PWD/build/fs/promptfs

say "3. Mounting"
mkdir -p "$dir" 2>/dev/null || fusermount3 -uz "$dir"
mnt=$(readlink -f "$dir")
out=$mnt-files
mkdir -p "$out"
if is_mounted && ! ls "$mnt/prompts" >/dev/null 2>&1; then
	fusermount3 -uz "$mnt" # left by a process that was killed
fi
if is_mounted; then
	echo "$mnt is mounted already."
else
	state=${XDG_DATA_HOME:-${HOME:-/tmp}/.local/share}/promptfs-demo
	"$promptfs" -o "state=$state" "$mnt"
	echo "promptfs is mounted at $mnt; what it makes is kept in $state."
fi

show "4. A picture: opening the path draws it" \
	"$mnt/prompts/a red fox in snow at sunset/imagen-3/aspect=16:9/1.png"
show "5. A video" \
	"$mnt/videos/waves on a beach under a full moon/veo-2/res=720p/4s.mp4"
say "6. What exists now"
(cd "$mnt" && find prompts videos -type f)

say "Done"
echo "The copies:  $out/1.png and $out/4s.mp4 (any viewer or browser shows them)"
if [ $keep = no ]; then
	fusermount3 -u "$mnt"
	echo "Unmounted $mnt."
	exit 0
fi
cat <<TXT
The mount:   $mnt is still running. Make a path of your own and open it, for example
             cp "$mnt/prompts/a castle above the clouds/imagen-3/style=anime/1.png" castle.png
             Read more in $mnt/README.txt
To unmount:  fusermount3 -u "$mnt"
TXT
