#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh - the layers, the format, and what the checkers that are installed say.
#
# usage: lint.sh [STEP...]      layers format cppcheck tidy sparse; all of them without a word
# Status 1 if any complains. A checker that is not here is named and left out. Each runs for each
# machine on what is compiled for it, but for the faults on purpose (provoke.c).
set -u

status=0
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
list() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }
portable=$(list lib mm gc samples | grep '\.c$'; list boot | grep -E '^boot/[a-z0-9_]+\.c$')
export common='-DTERN_CHECK_LEVEL=2 -DTERN_BUILD="lint" -I. -Iinclude'

sources_of() { # machine
  printf '%s\n' "$portable" | grep -v '^boot/provoke\.c$'
  list "boot/$1" "arch/$1" | grep '\.c$' | grep -v provoke
}
have() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "lint: no $1 here"
  return 1
}
# each COMMAND: on standard input's files, side by side, a few at a time; prints what it says
each() { xargs -n 8 -P "$jobs" sh -c "$1" sh; }
# verdict NAME OUTPUT
verdict() {
  if [ -z "$2" ]; then
    echo "lint: $1: clean"
  else
    printf '%s\nlint: %s: complains\n' "$2" "$1"
    status=1
  fi
}

step_layers() { verdict layers "$(sh tools/layers.sh)"; }

step_format() {
  have clang-format || return
  # The style is written for clang-format 14; a later one may see small things otherwise.
  verdict format "$(list arch boot gc include lib mm samples tests tools |
    xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | cut -d: -f1 | uniq -c)"
}

step_cppcheck() {
  have cppcheck || return
  for machine in x86_64 aarch64; do
    export machine
    verdict "cppcheck, $machine" "$(sources_of $machine | xargs cppcheck --quiet -j "$jobs" --std=c11 \
      --inline-suppr --enable=warning,portability --suppressions-list=tools/cppcheck.txt \
      "-D__${machine}__" -DTERN_CHECK_LEVEL=2 '-DTERN_BUILD="lint"' -I. -Iinclude 2>&1)"
  done
}

step_tidy() {
  have clang-tidy || return
  for machine in x86_64 aarch64; do
    export machine
    # shellcheck disable=SC2016
    verdict "clang-tidy, $machine" "$(sources_of $machine | each '
      clang-tidy --quiet "$@" -- "--target=$machine-elf" -std=gnu11 -ffreestanding $common 2>&1 |
        grep -vE "^[0-9]+ warnings? generated|^Suppressed|^Use -header-filter"')"
  done
}

# Each file by itself: several at once are one program to sparse, and weak functions collide. It
# takes an array without a size at the end of an object for an empty one.
step_sparse() {
  have sparse || return
  for machine in x86_64 aarch64; do
    export machine
    # shellcheck disable=SC2016
    verdict "sparse, $machine" "$(sources_of $machine | each '
      for file; do
        sparse -Wno-decl -Itools/sparse "-D_Atomic(t)=t" "-D__${machine}__" -std=gnu11 $common "$file" 2>&1
      done' | grep -v "past the end of 'symbol_table'")"
  done
}

[ $# -gt 0 ] || set -- layers format cppcheck tidy sparse
for step in "$@"; do
  "step_$step"
done
exit $status
