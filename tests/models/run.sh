#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - has Spin look at every state of the models, and at each model with a fault in it.
#
# usage: run.sh DIRECTORY [quick|full]      builds there; less, or more
# A model says in its comments what is run, with which words defined:
#   // check WORDS     the whole state space has no error
#   // long WORDS      the same, and takes a minute or two: not if quick
#   // full WORDS      the same, and takes much longer: only if full
#   // fault WORDS     Spin must find an error
# One line for each, then "N passed, N failed"; the status is 1 if any failed.
set -u

dir=$1
much=${2:-}
models=${0%/*}
passed=0 failed=0

for tool in spin "${CC:=cc}"; do
  command -v "$tool" >/dev/null 2>&1 || {
    echo "models: no $tool here: install it (Debian: apt-get install spin gcc)" >&2
    exit 2
  }
done
mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 2

# explore MODEL DEPTH WORDS: what the verifier says, in $dir/said
explore() {
  model=$(cd "$models" && pwd)/$1.pml depth=$2
  shift 2
  set -- $(for word; do echo "-D$word"; done)
  (cd "$dir" && rm -f pan.* && spin -a "$@" "$model" && "$CC" -w -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=16000 -o pan pan.c &&
    ./pan "-m$depth" -w22) >"$dir/said" 2>&1
}
# An error that is the model's, and not a limit of Spin's.
has_error() { grep -qE '^pan:1: (assertion violated|invalid end state)' "$dir/said"; }
is_whole() {
  grep -q 'errors: 0$' "$dir/said" && ! grep -qE 'Search not completed|max search depth too small' "$dir/said"
}

verdict() { # MODEL WHAT WORDS...
  name=$1 what=$2
  shift 2
  case $what in
  full) depth=40000000 ;;
  long) depth=10000000 ;;
  *) depth=2000000 ;;
  esac
  explore "$name" "$depth" "$@"
  states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$dir/said")
  if [ "$what" = fault ] && has_error; then
    set -- "$@" found: "$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' "$dir/said")"
    passed=$((passed + 1)) word=ok
  elif [ "$what" != fault ] && is_whole; then
    passed=$((passed + 1)) word=ok
  else
    failed=$((failed + 1)) word=FAILED
    cp "$dir/said" "$dir/failed-$name-$failed"
  fi
  printf '%-6s %-6s %-6s %9s states  %s\n' "$word" "$name" "$what" "${states:-no}" "$*"
}

for file in "$models"/*.pml; do
  name=${file##*/}
  sed -n 's,^// \(check\|long\|full\|fault\) ,\1 ,p' "$file" >"$dir/list"
  while read -r what words; do
    case $what.$much in long.quick | full. | full.quick) continue ;; esac
    # shellcheck disable=SC2086
    verdict "${name%.pml}" "$what" $words
  done <"$dir/list"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
