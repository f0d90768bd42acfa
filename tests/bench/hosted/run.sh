#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - tern and its peers on the same workloads, side by side. usage: run.sh CHILD TABLE [PATTERN]
#
# Environment: ROUNDS (5); PEERS, those to run, each a name from below or NAME=FILE, a shared library;
# DIVISOR, for runs that are shorter than they ought to be.
# In each round each workload runs on each heap, one after another, in a process of its own; who
# comes first changes from round to round. PATTERN, an extended regular expression, chooses rows by
# name. TABLE gets rows NAME VALUE UNIT, tern's median, and NAME.vs.PEER RATIO ratio, the median of
# the rounds' ratios, separated by tabs. Status 1, and no TABLE, if a run failed.
set -u

child=$1 table=$2 pattern=${3:-.}
rounds=${ROUNDS:-5}
here=${0%/*}
new=$table.new
mkdir -p "$(dirname "$table")"
: >"$new.rows"
trap 'rm -f "$new" "$new.rows" "$new.run"' EXIT

case $rounds in
'' | *[!0-9]* | 0) echo "bench-hosted: ROUNDS=$rounds: want a number from 1" >&2 && exit 2 ;;
esac

# --- heaps: words NAME=FILE; the file of tern and of the C library is empty ----------------------
heaps=tern=
names() { for heap in $heaps; do echo "${heap%%=*}"; done; }
file_of() { # name
  for heap in $heaps; do
    [ "${heap%%=*}" != "$1" ] || echo "${heap#*=}"
  done
}

# on NAME ARGUMENT...: run a workload on a heap. Nothing of ours but the workload is preloaded.
on() {
  on=$1 file=$(file_of "$1")
  shift
  case $on in
  tern) timeout 300 "$child" tern "$@" ;;
  *) timeout 300 env LD_PRELOAD="$file" "$child" process "$@" ;;
  esac
}

# peer NAME FILE [OBJECT]: take part, if the malloc that a program gets is this one's
peer() {
  heaps="$heaps $1=$2"
  whose=$(on "$1" 2>/dev/null)
  if [ -n "$whose" ] && [ "${whose##*/}" = "${3:-${2##*/}}" ]; then
    echo "$1: $(readlink -f "$whose")"
  else
    heaps=${heaps% *}
    echo "bench-hosted: no $1 here"
  fi
}
library() { sh "$here/../../../tools/library.sh" "$@" || echo missing; }

version=$(on tern) || exit 1
echo "tern: $version"
for name in ${PEERS:-glibc jemalloc tcmalloc mimalloc}; do
  case $name in
  glibc) peer glibc '' libc.so.6 ;;
  jemalloc) peer jemalloc "$(library libjemalloc.so.2)" ;;
  tcmalloc) peer tcmalloc "$(library libtcmalloc_minimal.so.4)" ;;
  mimalloc) peer mimalloc "$(library libmimalloc.so.3 libmimalloc.so.2)" ;;
  *=*) peer "${name%%=*}" "${name#*=}" ;;
  *) echo "bench-hosted: PEERS: $name is neither a name I know nor NAME=FILE" >&2 && exit 2 ;;
  esac
done

# --- workloads: those that report a row which is asked for ---------------------------------------
workloads=$("$child" list | while read -r workload rows; do
  printf '%s\n' "$rows" | tr ' ' '\n' | grep -qE -- "$pattern" && echo "$workload"
done)
if [ -z "$workloads" ]; then
  echo "bench-hosted: no row matches $pattern" >&2
  exit 1
fi

# --- rounds ----------------------------------------------------------------------------------------
failed=
load() { cut -d' ' -f1 /proc/loadavg 2>/dev/null; }
echo "$(getconf _NPROCESSORS_ONLN) CPUs, $rounds rounds, load $(load)"
order=$(names)
round=1
while [ "$round" -le "$rounds" ]; do
  for workload in $workloads; do
    for name in $order; do
      if on "$name" "$workload" "${DIVISOR:-1}" >"$new.run" 2>&1; then
        sed "s/^/$round $name /" "$new.run" >>"$new.rows"
      else
        echo "bench-hosted: $workload failed on $name: $(tail -n 1 "$new.run")" >&2
        failed=1
      fi
    done
  done
  # shellcheck disable=SC2086
  set -- $order
  first=$1
  shift
  order="$* $first"
  round=$((round + 1))
done

# --- table -----------------------------------------------------------------------------------------
awk -v peers="$(names | grep -vx tern | tr '\n' ' ')" -v rounds="$rounds" -v pattern="$pattern" -v out="$new" \
  -f "$here/table.awk" "$new.rows"
echo "load $(load)"
[ -z "$failed" ] || exit 1
mv "$new" "$table"
