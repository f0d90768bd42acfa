#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh - count a guest's instructions. usage: bench.sh IMAGE TABLE [PATTERN]
#
# Under -icount the guest's clock counts instructions, so two runs must say the same: each boot is
# made twice, and a difference is a failure. Rows "bench: NAME VALUE UNIT" of the console become
# "NAME VALUE UNIT" in the table, separated by tabs. Boots: three sizes of memory for boot.main;
# two CPUs for what goes between them; one that has not used the heap for heap.init; one each for the
# collector and for a program that allocates beside it; one CPU and 2 GiB for all else. PATTERN, an awk
# expression, chooses rows by their names. LONG=0 leaves out programs that run for billions of
# instructions.
set -u

image=$1 table=$2 pattern=${3:-.}
mkdir -p "$(dirname "$table")"
new=$table.new
: >"$new"
trap 'rm -f "$new" "$new.1" "$new.2" "$new.log"' EXIT

# rows MEM SMP BENCHMARK SUFFIX [OPTIONS]: the chosen rows; all but boot.main if no benchmark is named
rows() {
  MEM=$1 SMP=$2 ICOUNT=1 TIMEOUT=600 CMDLINE="loglevel=error ${5:-} -- bench $3" \
    tools/qemu.sh "$image" >"$new.log" || { cat "$new.log" >&2; return 1; }
  awk -v OFS='\t' -v only="$3" -v suffix="$4" -v pattern="$pattern" '
    $1 == "bench:" && ($2 suffix) ~ pattern && (only != "" || $2 !~ /^(boot.main|heap.init)$/) {
      print $2 suffix, $3, $4
    }' "$new.log"
}

run() {
  rows "$@" >"$new.1" && rows "$@" >"$new.2" || exit 1
  cmp -s "$new.1" "$new.2" || {
    echo "bench.sh: two runs differ:" >&2
    diff "$new.1" "$new.2" >&2
    exit 1
  }
  cat "$new.1" >>"$new"
}

for mem in 64M 4G 64G; do
  ! echo "boot.main.$mem" | grep -qE -- "$pattern" || run $mem 1 boot.main .$mem
done
run 2G 2 ipi ""
run 2G 2 remote ""
run 2G 1 heap ""
run 2G 1 gc ""
run 2G 1 "" ""
if [ "${LONG:-1}" = 1 ]; then
  run 2G 1 trees ""
  run 2G 1 concurrent "" "gc-mode=barrier gc-watched-roots"
  run 2G 1 concurrent .stw
  run 2G 1 concurrent .pages gc-mode=pages
  run 2G 1 trees .barrier gc-mode=barrier
  run 2G 1 trees .pages gc-mode=pages
fi
if ! [ -s "$new" ]; then
  echo "bench.sh: no row matches $pattern" >&2
  exit 1
fi
sort -u "$new" >"$table"
awk '{ printf "%-24s %12s %s\n", $1, $2, $3 }' "$table"
