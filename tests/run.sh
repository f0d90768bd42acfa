#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - build what the jobs need, run them side by side, report.
#
# usage: run.sh check|test|matrix      environment: O, MAKE, JOBS, ONLY, T, QUICK, SEED
# ONLY and T are extended regular expressions for jobs' lines. T selects the jobs it matches; if
# there is none, the tests that it matches (a name, or a pattern with *), hosted and in guests. A
# failing job says at once why, and is named again at the end, where tools/report.awk's verdict is
# the last line.
set -u

set=$1
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
mkdir -p "$O/test"
rm -f "$O"/test/*.ktap "$O"/test/*.log
list=$O/test/jobs
jobs_of() { sh tests/jobs.sh "$set" | grep -E -- "${ONLY:-.}" | grep -E -- "$1" >"$list"; }
if ! jobs_of "${T:-.}"; then
  TESTS=$T
  export TESTS
  jobs_of '^(hosted|suite) ' || echo "run.sh: no job is left"
fi

# What is built, each way of building that occurs once, before jobs run: they share the results. The
# libraries are for scripts.
builds=$(awk '{
  arch = "host"; build = "release"; llvm = 0; san = ""
  for (i = 2; i <= NF; i++) { split($i, s, "=")
    if (s[1] == "arch") arch = s[2]
    if (s[1] == "build") build = s[2]
    if (s[1] == "llvm") llvm = s[2]
    if (s[1] == "san") san = s[2] }
  if ($1 != "script") print "test-program ARCH=" arch " BUILD=" build " LLVM=" llvm (san ? " SAN=" san : "")
  else if (/name=(library|reproducible|hello)/) library = 1
} END {
  if (library) for (i = split("x86_64 aarch64 host", a, " "); i; i--)
    for (llvm = 0; llvm < 2; llvm++) print "lib ARCH=" a[i] " BUILD=release LLVM=" llvm
}' "$list" | sort -u)
failed=0
echo "$builds" | while read -r settings; do
  [ -z "$settings" ] && continue
  echo "build   $settings"
  # shellcheck disable=SC2086
  $MAKE -s -j"$jobs" O="$O" $settings >"$O/test/build.log" 2>&1 || {
    cat "$O/test/build.log"
    exit 1
  }
done || failed=1
$MAKE -s O="$O" test-tools || failed=1
if [ $failed = 1 ]; then
  echo "run.sh: the build failed"
  echo "0 passed, 1 failed"
  exit 1
fi

# job.sh names its files by its line; one that dies leaves an empty one behind, which is a failure.
results=$(tr " =" ".-" <"$list" | sed "s|.*|$O/test/&.ktap|")
# shellcheck disable=SC2086
[ -z "$results" ] || touch $results
xargs -P "$jobs" -L 1 sh tests/job.sh <"$list"

# shellcheck disable=SC2086
for ktap in $results; do
  grep -q '^not ok' "$ktap" || ! grep -q '^1\.\.' "$ktap" || continue
  echo "--- failed: ${ktap%.ktap}.log"
  grep '^not ok' "$ktap" || echo "no result"
done
echo "---"
# shellcheck disable=SC2086
awk -f tools/report.awk $results </dev/null
