# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Sourced by demo.sh and test.sh: Debian packages, and whether FUSE is there.

build_packages="gcc libc6-dev meson ninja-build pkg-config libfuse3-dev fuse3
	libcurl4-openssl-dev libcjson-dev libssl-dev liblmdb-dev libpng-dev libjpeg-dev
	libutf8proc-dev libseccomp-dev libavcodec-dev libavformat-dev libavutil-dev
	libswscale-dev"

# The distribution's name for libcrypto etc. is not ours to guess: elsewhere than on
# Debian, say what is needed and go on with what is there.
install_packages()
{
	local missing="" package as_root=""

	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This is not Debian or Ubuntu (no apt-get). Install the equivalents of:"
		echo "  " $*
		echo "Going on with what is there."
		return 0
	fi
	for package in "$@"; do
		is_installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	echo "Installing:$missing"
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "These packages are missing and there is no sudo. As root, run:"
			echo "  apt-get install --no-install-recommends$missing"
			return 1
		fi
		as_root=sudo
	fi
	# A stale or empty package list is the usual reason for the first try to fail.
	apt_install "$as_root" $missing >/dev/null 2>&1 && return 0
	$as_root apt-get update -q && apt_install "$as_root" $missing
}

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_install()
{
	local as_root=$1

	shift
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yq \
		--no-install-recommends "$@"
}

# Prints why nothing can be mounted here, or nothing.
why_no_fuse()
{
	if [ ! -e /dev/fuse ] && [ "$(id -u)" -eq 0 ]; then
		modprobe fuse 2>/dev/null
	fi
	if [ ! -e /dev/fuse ]; then
		echo "/dev/fuse is not there: load the kernel module (modprobe fuse), or start" \
			"the container with --device /dev/fuse --cap-add SYS_ADMIN"
	elif ! (exec 3<>/dev/fuse) 2>/dev/null; then
		echo "/dev/fuse may not be opened here: $(ls -l /dev/fuse)"
	elif ! command -v fusermount3 >/dev/null; then
		echo "fusermount3 is not installed (Debian package fuse3)"
	fi
}
