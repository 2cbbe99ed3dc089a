#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, and runs everything there is to run.
#   contrib/test.sh         what a user runs: one build, all tests, some minutes
#   contrib/test.sh --ci    compilers, sanitizers, analysers, fuzzers: up to 30 minutes
# The last line is "N passed, N failed", and ", N skipped" if any were.
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
. contrib/packages.sh

test_packages="python3 openssl rsync busybox ffmpeg imagemagick plocate perl attr procps"
ci_packages="clang clang-format clang-tidy libclang-rt-dev cppcheck git"
passed=0
failed=0
skipped=0

ci=no
case "${1-}" in
"") ;;
--ci) ci=yes ;;
*)
	sed -n '3,6s/^# //p' "$0"
	exit 2
	;;
esac

add()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# check NAME COMMAND...: one check, whose output is shown only if it fails.
check()
{
	local name=$1 out start=$SECONDS

	shift
	if out=$("$@" 2>&1); then
		add 1 0 0
		echo "== $name: passed ($((SECONDS - start)) s)"
	else
		add 0 1 0
		echo "== $name: FAILED ($((SECONDS - start)) s)"
		printf '%s\n' "$out" | tail -n 200
		return 1
	fi
}

# build DIR CC OPTIONS...
build()
{
	local dir=$1 cc=$2

	shift 2
	if [ -f "$dir/build.ninja" ]; then
		meson configure "$dir" "$@" || return 1
	else
		CC=$cc meson setup "$dir" "$@" || return 1
	fi
	ninja -C "$dir"
}

# tests DIR ARGUMENTS...: `meson test`, its cases added to ours.
tests()
{
	local dir=$1 start=$SECONDS lines

	shift
	rm -f "$dir"/meson-logs/testlog*.json
	meson test -C "$dir" --no-rebuild --print-errorlogs "$@" ||
		echo "== $dir: some tests failed"
	lines=$(python3 tests/support/tally.py "$dir"/meson-logs/testlog*.json) ||
		lines="0 1 0"
	printf '%s\n' "$lines" | sed '$d'
	# shellcheck disable=SC2046
	add $(printf '%s\n' "$lines" | tail -n 1)
	echo "== $dir: $((SECONDS - start)) s"
}

# build_and_test DIR CC "BUILD OPTIONS" TEST ARGUMENTS...
build_and_test()
{
	local dir=$1 cc=$2 options=$3

	shift 3
	# shellcheck disable=SC2086
	check "build $dir" build "$dir" "$cc" $options && tests "$dir" "$@"
}

sources()
{
	find cache backend fs tests -name '*.[ch]' | sort
}

tidy()
{
	find cache backend fs -name '*.c' | sort |
		xargs -n 4 -P "$(nproc)" nice -n 19 clang-tidy -p "$1" --quiet
}

formatted()
{
	sources | xargs clang-format --dry-run -Werror
}

# Neither analyser knows that scoped() frees; ASan's leak check does that part.
analysed()
{
	nice -n 19 cppcheck -q -j "$(nproc)" --enable=warning,portability --inline-suppr \
		--std=c11 --error-exitcode=1 --suppress=missingIncludeSystem \
		--suppress=varFuncNullUB --suppress=memleak \
		-D_GNU_SOURCE -I . \
		cache backend fs
}

# aside NAME COMMAND...: starts a check that takes what the tests leave of the machine;
# `await NAME` says how it went.
aside()
{
	local name=$1

	shift
	trap 'kill 0' INT # which what runs in the background does not hear
	"$@" >"build-ci-asan/$name.log" 2>&1 &
	asides[$name]=$!
}

await()
{
	local status=0

	wait "${asides[$1]}" || status=$?
	check "$1" said "build-ci-asan/$1.log" "$status"
}

said()
{
	cat "$1"
	return "$2"
}

# Three builds, each for what only it can tell. gcc: all tests, with the tests of the
# repository itself. clang with ASan and UBSan, built for libFuzzer: the product's tests
# and the fuzz targets; what clang warns of, and what clang-tidy reads. clang with TSan:
# what has threads.
ci_matrix()
{
	local -A asides

	export PROMPTFS_REQUIRE_FUSE=1
	export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
	export ASAN_OPTIONS=detect_stack_use_after_return=1
	# By itself it lets each process sleep for a second before it ends.
	export TSAN_OPTIONS=second_deadlock_stack=1:atexit_sleep_ms=20

	check clang-format formatted
	build_and_test build-ci-gcc gcc "--werror --buildtype=release"
	if check "build build-ci-asan" build build-ci-asan clang --werror -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false; then
		aside clang-tidy tidy build-ci-asan
		aside cppcheck analysed
		PROMPTFS_TEST_SLOW=4 PROMPTFS_TEST_KILLS=8 tests build-ci-asan \
			-t 4 --suite unit --suite fuzz --suite integration --no-suite crowd
		await clang-tidy
		await cppcheck
	fi
	# ThreadSanitizer wants memory where it expects it.
	PROMPTFS_TEST_SLOW=8 without_aslr build_and_test build-ci-tsan clang \
		"--werror -Db_sanitize=thread -Db_lundef=false" -t 8 --suite threads
}

without_aslr()
{
	local meson_wrapper

	meson_wrapper=$(command -v meson)
	meson()
	{
		setarch "$(uname -m)" -R "$meson_wrapper" "$@"
	}
	"$@"
	unset -f meson
}

# shellcheck disable=SC2086
install_packages $build_packages $test_packages $([ $ci = no ] || echo $ci_packages) ||
	exit 1
no_fuse=$(why_no_fuse)
if [ $ci = yes ]; then
	ci_matrix
else
	build_and_test build-test "${CC:-gcc}" --buildtype=release
fi

if [ -n "$no_fuse" ]; then
	echo "FUSE is not available, so nothing was mounted and the integration tests were" \
		"skipped: $no_fuse"
fi
echo
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
