#!/bin/sh
# SPDX-License-Identifier: MIT
# bench.sh - count a guest's instructions. usage: bench.sh IMAGE TABLE [PATTERN]
#
# Under -icount the guest's clock counts instructions, so two runs must say the same: each boot is
# made twice, and a difference is a failure. Rows "bench: NAME VALUE UNIT" of the console become
# "NAME VALUE UNIT" in the table, separated by tabs. Boots: three sizes of memory for boot.main; two
# CPUs for calls between them; 2 GiB and one CPU for all else.
set -u

image=$1 table=$2 pattern=${3:-}
mkdir -p "$(dirname "$table")"
new=$table.new
: >"$new"

rows() { # memory, CPUs, what to run, suffix for names
  MEM=$1 SMP=$2 ICOUNT=1 TIMEOUT=600 CMDLINE="loglevel=error -- bench $3" \
    tools/qemu.sh "$image" >"$new.log" || { cat "$new.log" >&2; return 1; }
  awk -v OFS='\t' -v suffix="$4" '$1 == "bench:" { print $2 suffix, $3, $4 }' "$new.log"
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

trap 'rm -f "$new" "$new.1" "$new.2" "$new.log"' EXIT
for mem in 64M 4G 64G; do run $mem 1 boot.main .$mem; done
run 2G 2 ipi.call ""
if [ -n "$pattern" ]; then
  awk -v p="$pattern" '$1 ~ p' "$new" >"$table"
else
  cp "$new" "$table"
fi
awk '{ printf "%-24s %12d %s\n", $1, $2, $3 }' "$table"
