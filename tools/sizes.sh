#!/bin/sh
# SPDX-License-Identifier: MIT
# sizes.sh - append how large the library's code is to a table of figures.
#
# usage: sizes.sh TABLE PATTERN OBJECT...      PATTERN: rows by name, as an extended regular expression
# size.text.mm: the allocator without a collector; size.text.lib: all that libtern.a has. Code and
# constants, in bytes. SIZE: the program that tells.
set -eu

table=$1 pattern=${2:-.}
shift 2

${SIZE:-size} "$@" | awk -v OFS='\t' -v pattern="$pattern" '
  NR > 1 { all += $1 }
  NR > 1 && $NF !~ /\/gc\// { mm += $1 }
  function row(name, value) {
    if (name ~ pattern)
      print name, value, "bytes"
  }
  END { row("size.text.mm", mm); row("size.text.lib", all) }' | tee -a "$table" |
  awk '{ printf "%-24s %12d %s\n", $1, $2, $3 }'
