#!/bin/sh
# SPDX-License-Identifier: MIT
# stress.sh - the collector's tests in one guest after another, for as long as asked.
#
# usage: stress.sh MINUTES        environment: O, SEED
# Every guest has another machine, number of CPUs, memory and mode; in all of them a second, simple
# mark checks every cycle. A line says what it was, and is how to have it again; the last one says how
# long guests ran. A guest that fails leaves its log, and the status is 1.
set -u

until=$(($(date +%s) + $1 * 60))
seed=${SEED:-$(date +%s)}
out=$O/stress
commands=
for group in gc weak finalizer cleanup ephemeron pin barrier dirty pool userarena userarena_cycles malloc_cpus oom; do
  commands="$commands;test $group"
done
mkdir -p "$out"

# One of the words behind N, by its remainder.
pick() {
  shift $(($1 % ($# - 1) + 1))
  echo "$1"
}

guest() { # seed; the settings go round at different paces, so that all pairs come
  arch=$(pick "$1" x86_64 aarch64) mode=$(pick $(($1 / 2)) stw barrier pages)
  smp=$(pick $(($1 / 6)) 1 2 3 4 8) mem=$(pick $(($1 / 30)) 64M 32M 256M 128M)
  spans=$(pick $(($1 / 3)) 0 1 0)
  cpu=max ext=elf
  [ "$arch" = aarch64 ] && ext=img cpu=$(pick $(($1 / 6)) cortex-a72 max)
  log=$out/$1.log start=$(date +%s)
  ARCH=$arch MEM=$mem SMP=$smp CPU=$cpu TIMEOUT=1800 \
    CMDLINE="gc gc-check gc-mode=$mode gc-spans=$spans seed=$1 -- ${commands#;}" \
    tools/qemu.sh "$O/$arch-release/monitor.$ext" >"$log" 2>&1
  status=$?
  took=$(($(date +%s) - start)) total=$((total + took)) guests=$((guests + 1))
  what="$arch cpu=$cpu smp=$smp mem=$mem mode=$mode spans=$spans seed=$1"
  if [ $status = 0 ]; then
    echo "ok $what: $(grep -ac '^ok ' "$log") tests, $took s"
    rm -f "$log"
  else
    failed=$((failed + 1))
    echo "not ok $what: status $status, $log"
    grep -aE '^(not ok|panic)' "$log"
  fi
}

total=0 guests=0 failed=0
while [ "$(date +%s)" -lt "$until" ]; do
  guest "$seed"
  seed=$((seed + 1))
done
echo "stress: $guests guests, $((total / 60)) min $((total % 60)) s, $failed failed"
[ $failed = 0 ]
