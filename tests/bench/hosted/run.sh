#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - tern and its peers on the same workloads, side by side. usage: run.sh CHILD TABLE [PATTERN]
#
# Environment: ROUNDS (5); PEERS, those to run, each a name from below or NAME=FILE, a shared library;
# GOCHILD, the workloads in Go; DIVISOR, for runs that are shorter than they ought to be.
# In each round each workload runs on each heap of its kind, one after another, in a process of its own;
# who comes first changes from round to round. PATTERN, an extended regular expression, chooses rows by
# name. TABLE gets rows NAME VALUE UNIT, tern's median, and NAME.vs.PEER RATIO ratio, the median of
# the rounds' ratios, separated by tabs; TABLE.about says who was measured. Status 1, and no TABLE, if a run
# failed.
set -u

child=$1 table=$2 pattern=${3:-.}
rounds=${ROUNDS:-5}
here=${0%/*}
new=$table.new
mkdir -p "$(dirname "$table")"
: >"$new.malloc"
: >"$new.collected"
trap 'rm -f "$new" "$new".*' EXIT

case $rounds in
'' | *[!0-9]* | 0) echo "bench-hosted: ROUNDS=$rounds: want a number from 1" >&2 && exit 2 ;;
esac

# --- heaps: words NAME=FILE; the file of tern and of the C library is empty ----------------------
mallocs=tern= collectors=tern=
names() { for heap in $1; do echo "${heap%%=*}"; done; }
file_of() { # name
  for heap in $mallocs $collectors; do
    [ "${heap%%=*}" != "$1" ] || echo "${heap#*=}"
  done
}

# on NAME ARGUMENT...: run a workload on a heap. Nothing of ours but the workload is preloaded.
on() {
  on=$1 file=$(file_of "$1")
  shift
  case $on in
  tern) timeout 300 "$child" tern "$@" ;;
  bdwgc) timeout 300 env LD_PRELOAD="$file" "$child" bdwgc "$@" ;;
  go) timeout 300 "$child" run "$file" "$@" ;;
  *) timeout 300 env LD_PRELOAD="$file" "$child" process "$@" ;;
  esac
}

# peer KIND NAME FILE [PATTERN]: take part, if what a program gets comes from this file, or matches that
peer() {
  was_mallocs=$mallocs was_collectors=$collectors
  case $1 in
  malloc) mallocs="$mallocs $2=$3" ;;
  collected) collectors="$collectors $2=$3" ;;
  esac
  whose=$(on "$2" 2>/dev/null)
  # shellcheck disable=SC2254
  case ${whose##*/} in
  ${4:-"${3##*/}"}) echo "$2: $(readlink -e "$whose" || echo "$whose")" ;;
  *)
    mallocs=$was_mallocs collectors=$was_collectors
    echo "bench-hosted: no $2 here"
    ;;
  esac
}
library() { sh "$here/../../../tools/library.sh" "$@" || echo missing; }
build_go() {
  mkdir -p "$(dirname "$GOCHILD")"
  GO111MODULE=off GOCACHE=$(realpath "$(dirname "$GOCHILD")")/go-cache go build -o "$GOCHILD" "$here"/go/*.go ||
    echo "bench-hosted: the workloads in Go cannot be built" >&2
}

find_heaps() {
  version=$(on tern) || exit 1
  echo "tern: $version"
  for name in ${PEERS:-glibc jemalloc tcmalloc mimalloc bdwgc go}; do
    case $name in
    glibc) peer malloc glibc '' libc.so.6 ;;
    jemalloc) peer malloc jemalloc "$(library libjemalloc.so.2)" ;;
    tcmalloc) peer malloc tcmalloc "$(library libtcmalloc_minimal.so.4)" ;;
    mimalloc) peer malloc mimalloc "$(library libmimalloc.so.3 libmimalloc.so.2)" ;;
    bdwgc) peer collected bdwgc "$(library libgc.so.1)" ;;
    go)
      ! command -v go >/dev/null 2>&1 || build_go
      peer collected go "${GOCHILD:-missing}" 'go[0-9]*'
      ;;
    *=*) peer malloc "${name%%=*}" "${name#*=}" ;;
    *) echo "bench-hosted: PEERS: $name is neither a name I know nor NAME=FILE" >&2 && exit 2 ;;
    esac
  done
}
find_heaps >"$new.about"
cat "$new.about"

# --- workloads, as KIND/NAME: those that report a row which is asked for ----------------------------
workloads=$("$child" list | while read -r kind workload rows; do
  printf '%s\n' "$rows" | tr ' ' '\n' | grep -qE -- "$pattern" && echo "$kind/$workload"
done)
if [ -z "$workloads" ]; then
  echo "bench-hosted: no row matches $pattern" >&2
  exit 1
fi

# --- rounds ----------------------------------------------------------------------------------------
failed=
load() { cut -d' ' -f1 /proc/loadavg 2>/dev/null; }

# in_order ROUND NAME...: the names, beginning with another one in each round
in_order() {
  turn=$(($1 % ($# - 1)))
  shift
  while [ "$turn" -gt 0 ]; do
    set -- "$@" "$1"
    shift
    turn=$((turn - 1))
  done
  echo "$@"
}

# measure ROUND KIND WORKLOAD NAME...
measure() {
  round=$1 kind=$2 workload=$3
  shift 3
  for name in $(in_order "$round" "$@"); do
    if on "$name" "$workload" "${DIVISOR:-1}" >"$new.run" 2>&1; then
      sed "s/^/$round $name /" "$new.run" >>"$new.$kind"
    else
      echo "bench-hosted: $workload failed on $name: $(tail -n 1 "$new.run")" >&2
      failed=1
    fi
  done
}

about="$(getconf _NPROCESSORS_ONLN) CPUs, $rounds rounds, load $(load)"
echo "$about"
round=1
while [ "$round" -le "$rounds" ]; do
  for workload in $workloads; do
    case $workload in
    malloc/*) heaps=$mallocs ;;
    *) heaps=$collectors ;;
    esac
    # shellcheck disable=SC2046
    measure "$round" "${workload%%/*}" "${workload#*/}" $(names "$heaps")
  done
  round=$((round + 1))
done

# --- tables: one for each kind ------------------------------------------------------------------------
# table KIND HEAPS
table() {
  awk -v peers="$(names "$2" | grep -vx tern | tr '\n' ' ')" -v rounds="$rounds" -v pattern="$pattern" \
    -v out="$new" -f "$here/table.awk" "$new.$1"
}
[ ! -s "$new.malloc" ] || table malloc "$mallocs"
[ ! -s "$new.collected" ] || table collected "$collectors"
echo "A ratio below 1: tern needs less; of scaling, speedup and rate, above 1: tern gains more."
echo "load $(load)"
[ -z "$failed" ] || exit 1
echo "$about to $(load)" >>"$new.about"
mv "$new.about" "$table.about"
mv "$new" "$table"
