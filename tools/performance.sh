#!/bin/sh
# SPDX-License-Identifier: MIT
# performance.sh - the report of all figures. usage: performance.sh DIRECTORY DOCUMENT TARGETS
#
# DIRECTORY has what make bench, for each machine, and make bench-hosted left. Writes DOCUMENT, a .md, and
# beside it a picture for each table. Status 1, and nothing written, if a table is not there.
set -u

from=$1 document=$2 targets=$3
here=${0%/*}
new=$document.new
trap 'rm -f "$new"' EXIT

for table in x86_64:bench\ ARCH=x86_64 aarch64:bench\ ARCH=aarch64 hosted:bench-hosted; do
  [ -s "$from/bench-${table%%:*}.tsv" ] && continue
  echo "bench-report: no $from/bench-${table%%:*}.tsv; make ${table#*:} makes it" >&2
  exit 1
done

# table WHERE TITLE
table() {
  picture=${document%.md}-$1.svg
  printf '\n## %s\n\n![%s: how many times each target is missed](%s)\n\n' "$2" "$1" "${picture##*/}"
  awk -v where="$1" -v svg="$picture" -f "$here/performance.awk" "$targets" "$from/bench-$1.tsv"
}
shared() { # by the load before and after
  awk '/ CPUs, / { exit !($6 > $1 / 2) }' "$from/bench-hosted.tsv.about" &&
    printf '\nOther programs ran on the machine at the same time.\n'
}

{
  cat <<'END'
# Performance

Made by `make bench-report` from the tables of `make bench ARCH=x86_64`, `make bench ARCH=aarch64` and
`make bench-hosted`; [benchmarks](benchmarks.md) says what the rows are, and how far to trust them. Targets are
those of `tests/bench/targets.tsv`. In the pictures a bar to the left is a target that is met, a step to the
right is twice the target.
END
  table x86_64 "Guest, x86_64: instructions"
  table aarch64 "Guest, aarch64: instructions"
  table hosted "Hosted: time"
  printf '\nMeasured side by side, medians:\n\n'
  sed 's|/.*/||; s/^/- /' "$from/bench-hosted.tsv.about"
  shared
} >"$new"
mv "$new" "$document"
echo "$document"
