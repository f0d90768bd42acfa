#!/bin/sh
# SPDX-License-Identifier: MIT
# cover.sh - which branches the hosted tests take, by file. usage: cover.sh DIR
# DIR holds hosted-tests and objects built with --coverage. Tests themselves are not listed.
set -eu

find "$1" -name '*.gcda' -exec rm -f {} +
"$1/hosted-tests" >"$1/tests.log" || { cat "$1/tests.log"; exit 1; }
find "$1/lib" "$1/mm" "$1/gc" "$1/boot" "$1/samples" -name '*.gcda' 2>/dev/null | sort |
  while read -r data; do
    gcov -b -n -o "$(dirname "$data")" "$data" 2>/dev/null
  done | awk '
    /^File / { file = $2; gsub(/\x27/, "", file) }
    /^Lines executed/ { split($0, a, /[:% ]+/); lines[file] = a[3]; n_lines[file] = $NF }
    /^Taken at least once/ {
      split($0, a, /[:% ]+/)
      if (file !~ /^(lib|mm|gc|boot|samples)\/.*\.c$/) next
      taken = a[5]; n = $NF
      printf "%-28s branches %6.1f %% of %5d   lines %6.1f %% of %5d\n", file, taken, n, \
        lines[file], n_lines[file]
      all += n; sum += taken * n / 100
    }
    END { if (all) printf "%-28s branches %6.1f %% of %5d\n", "all", 100 * sum / all, all }'
