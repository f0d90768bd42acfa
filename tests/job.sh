#!/bin/sh
# SPDX-License-Identifier: MIT
# job.sh - run one job of tests/jobs.sh; leaves NAME.log and NAME.ktap under $O/test.
#
# usage: job.sh KIND SETTING=VALUE...        environment: O, SEED
# Says one line when it is done. Its status is always 0: tools/report.awk judges the KTAP.
set -u

kind=$1
name=$(echo "$*" | tr ' =' '.-')
shift
arch=host build=release llvm=0 san= smp=2 mem=64M machine=q35 gic=3 el=1 cpu= balloon= loader= change= script= mode= spans= quick= turns=
for setting in "$@"; do
  case $setting in
  kind=*) fault=${setting#kind=} ;;
  name=*) script=${setting#name=} ;;
  *=*) eval "${setting%%=*}=\${setting#*=}" ;;
  esac
done

[ "$quick" = 1 ] && QUICK=1

out=$O/test
mkdir -p "$out"
log=$out/$name.log ktap=$out/$name.ktap
tag=; [ "$llvm" = 1 ] && tag=-llvm
dir=$O/$arch-$build$tag${san:+-$san}
ext=elf; [ "$arch" = aarch64 ] && ext=img
# A hang detector, not a speed target: the slowest of these takes a fifth of it when idle.
limit=${LIMIT:-900}

guest() { # command line; output on stdout
  ARCH=$arch MEM=$mem SMP=$smp MACHINE=$machine GIC=$gic EL=$el CPU=$cpu BALLOON=$balloon TURNS=$turns TIMEOUT=$limit \
    CMDLINE=$1 DTB=${dtb:-} tools/qemu.sh "${kernel:-$dir/monitor.$ext}" 2>&1
}

# Checks of one job: begin, then expect DESCRIPTION COMMAND..., then finish.
begin() { count=0; echo "KTAP version 1" >"$ktap"; }
expect() {
  what=$1
  shift
  count=$((count + 1))
  if "$@"; then echo "ok $count $what"; else echo "not ok $count $what"; fi >>"$ktap"
}
finish() { echo "1..$count" >>"$ktap"; }
says() { grep -aqE -- "$1" "$log"; }

# Why the job failed: the checks, what the log says before each, a sanitizer's first report, its end.
why() {
  grep -a '^not ok' "$ktap"
  grep -aE -B 6 '^not ok' "$log" | head -n 60
  grep -aE -m 1 -A 50 '(WARNING|ERROR|FATAL): [A-Za-z]*Sanitizer|runtime error:' "$log"
  echo "--- its last lines"
  tail -n 25 "$log"
  echo "---"
}

# The lines of the log that are KTAP. A log whose tests do not have what T asks for plans none.
take_ktap() {
  if grep -q '^no test matches' "$log"; then
    printf 'KTAP version 1\n1..0\n'
  else
    grep -aE '^(ok|not ok|1\.\.|KTAP|#)' "$log"
  fi >"$ktap"
}
# exit_status STATUS: one that no failed test explains is a failure of its own
exit_status() {
  [ "$1" = 0 ] || grep -qE '^(not ok|1\.\.0$)' "$ktap" || echo "not ok 0 exit status $1" >>"$ktap"
}

run_hosted() {
  TERN="${mode:+gc-mode=$mode }${spans:+gc-spans=$spans}" "$dir/hosted-tests" ${QUICK:+--quick} ${TESTS:+"$TESTS"} >"$log" 2>&1
  status=$?
  take_ktap
  exit_status $status
}

run_suite() {
  guest "guards ${mode:+gc-mode=$mode }${spans:+gc-spans=$spans }${QUICK:+quick }seed=${SEED:-$(date +%s)} -- test ${TESTS:-}" >"$log"
  status=$?
  take_ktap
  exit_status $status
}

in_mebibytes() { case $1 in *G) echo $((${1%G} * 1024)) ;; *M) echo "${1%M}" ;; esac; }

memory_is_told() {
  told=$(sed -n 's/^memory: \([0-9]*\) MiB usable.*/\1/p' "$log")
  asked=$(in_mebibytes "$mem")
  # Firmware and the image take at most this.
  [ -n "$told" ] && [ "$told" -le "$asked" ] && [ "$told" -ge $((asked - 6)) ]
}

run_boot() {
  if [ "$loader" = grub ]; then
    kernel=$out/$name.iso
    tools/iso.sh "$dir/monitor.elf" "$kernel" "-- report" >"$log.iso" 2>&1
  fi
  guest "-- report" >"$log"
  status=$?
  begin
  expect "exits with pass" [ $status = 0 ]
  expect "tells the memory: $mem" memory_is_told
  expect "starts $smp CPUs" says "^cpus: $smp online of $smp"
  [ "$loader" = grub ] && expect "came by Multiboot2" says '^loader: Multiboot2'
  [ "$el" = 2 ] && expect "entered at EL2" says 'entered at EL2'
  finish
}

run_fault() {
  guest "guards -- fault $fault" >"$log"
  status=$?
  begin
  case $fault in
  *-free) expect_panic ;;
  *) expect_fault ;;
  esac
  finish
}

# Misuse of a call, which the library finds: no exception, so no registers.
expect_panic() {
  expect "fails" [ $status = 1 ]
  expect "says what is wrong, in numbers" says "^tern: panic: $(panic_words)"
  expect "reports where" says "^tern: fault on CPU [0-9]+ in thread 0 \"main\": panic"
  expect "names who called" says '#[0-9] +0x[0-9a-f]+ run_fault\+'
  expect "ends with the verdict" [ "$(tail -n 1 "$log")" = "tern: verdict fail" ]
}

panic_words() {
  case $fault in
  double-free) echo 'tern_free: double free of 0x[0-9a-f]+, an object of 48 in the span at 0x[0-9a-f]+$' ;;
  interior-free) echo 'tern_free: 0x[0-9a-f]+ lies 16 bytes inside the object of 48 at 0x[0-9a-f]+$' ;;
  foreign-free) echo 'tern_free: 0x[0-9a-f]+ is not in an object$' ;;
  *) echo 'no words for this kind' ;;
  esac
}

expect_fault() {
  expect "fails" [ $status = 1 ]
  expect "reports the kind" says "tern: fault on CPU [0-9]+ in thread 0 \"main\": $(fault_words)"
  expect "says what lies there" says "$(fault_place)"
  expect "shows registers" says '(rflags|pstate)='
  expect "names the function" says "$(fault_function)"
  # Which is a leaf: on aarch64 it has no frame.
  if [ "$fault" = null ]; then
    expect "names who called it" says '#1 +0x[0-9a-f]+ run_fault\+'
  fi
  expect "ends with the verdict" [ "$(tail -n 1 "$log")" = "tern: verdict fail" ]
}

# Where the call itself went wrong its caller counts.
fault_function() {
  case $fault in
  call-null | exec-data) echo '#1 +0x[0-9a-f]+ run_fault\+' ;;
  stack | growing-stack) echo '#0 +0x[0-9a-f]+ recurse' ;;
  nmi) echo '#[01] +0x[0-9a-f]+ apic_send\+' ;;
  *) echo "#0 +0x[0-9a-f]+ provoke_$(echo "$fault" | tr - _)\\+" ;;
  esac
}

# Every kind that the kernel has is a job, and every job is of a kind that it has.
run_faults() {
  guest "-- fault list" >"$log"
  begin
  expect "every kind of fault has its job" [ "$(awk '/^  [a-z]/ { print $1 }' "$log" | sort)" = \
    "$(sh tests/jobs.sh test | sed -n "s/^fault arch=$arch .*kind=//p" | sort)" ]
  finish
}

run_bench() {
  tsv=$out/$name.tsv
  LONG=0 ARCH=$arch tools/bench.sh "$dir/monitor.$ext" "$tsv" >"$log" 2>&1
  status=$?
  begin
  expect "two runs give the same numbers" [ $status = 0 ]
  for row in boot.main.64M boot.main.4G boot.main.64G ipi.call; do
    expect "$row is measured" says "^$row +[0-9]+ instructions"
  done
  # More RAM may mean some entries more in the map, and no more than that.
  expect "boot does not grow with RAM" awk '$1 == "boot.main.64M" { small = $2 }
    $1 == "boot.main.4G" { middle = $2 } $1 == "boot.main.64G" { large = $2 }
    END { exit !(small > 0 && middle < small * 1.1 && large < small * 1.1) }' "$tsv"
  finish
}

fault_words() {
  case $fault in
  null | stale-read) echo 'page fault \(not mapped\), read' ;;
  call-null) echo 'page fault \(not mapped\), execute' ;;
  write-text | write-rodata) echo 'page fault \(not permitted\), write' ;;
  exec-data) echo 'page fault \(not permitted\), execute' ;;
  unmapped | stack | growing-stack | past-the-end) echo 'page fault \(not mapped\), write' ;;
  undefined) echo 'undefined instruction' ;;
  breakpoint) echo 'breakpoint' ;;
  float) echo 'floating point instruction' ;;
  divide) echo 'divide error' ;;
  protection) echo 'general protection fault' ;;
  double) echo 'double fault' ;;
  nmi) echo 'NMI' ;;
  alignment) echo 'alignment fault' ;;
  *) echo 'no words for this kind' ;;
  esac
}

fault_place() {
  case $fault in
  past-the-end) echo 'object +0 bytes past the end of the object of 48 bytes at 0x' ;;
  stale-read) echo 'object +8 bytes into what was, until it was freed, the object of 48 bytes at 0x' ;;
  null | call-null) echo 'address 0x0+: null page' ;;
  write-text) echo 'address 0x[0-9a-f]+: kernel text, read-only' ;;
  write-rodata | alignment) echo 'address 0x[0-9a-f]+: kernel constants, read-only' ;;
  exec-data) echo 'address 0x[0-9a-f]+: kernel data' ;;
  unmapped) echo 'address 0x[0-9a-f]+: nothing is there' ;;
  stack) echo "address 0x[0-9a-f]+: guard page of thread 0's stack" ;;
  growing-stack) echo 'address 0x[0-9a-f]+: guard page of a growing stack, 1048576 of 1048576 bytes' ;;
  *) echo 'pc +0x[0-9a-f]+: kernel text' ;;
  esac
}

# A device tree as QEMU makes it, spoiled in one place, in RAM with the code that hands it over.
make_tree() {
  ARCH=$arch MEM=$mem SMP=$smp GIC=$gic TIMEOUT=60 QEMU_ARGS="-machine dumpdtb=$log.dtb" \
    CMDLINE="-- report" tools/qemu.sh "$dir/monitor.img" >/dev/null 2>&1
  [ -s "$log.dtb" ] && "$O/tools/spoil-tree" "$change" "$log.dtb" "$log.package"
}

run_tree() {
  begin
  expect "a tree to spoil" make_tree
  ARCH=$arch MEM=$mem SMP=$smp GIC=$gic TIMEOUT=$limit PACKAGE=$log.package \
    tools/qemu.sh "$dir/monitor.img" >"$log" 2>&1
  status=$?
  if [ "$change" = none ]; then
    expect "passes" [ $status = 0 ]
  else
    expect "fails, and does not hang" [ $status = 1 ]
    expect "one clear line" says '^tern: cannot boot: .*[a-z]'
    expect "ends with the verdict" [ "$(tail -n 1 "$log")" = "tern: verdict fail" ]
  fi
  finish
}

run_session() {
  ARCH=$arch MEM=$mem SMP=$smp "$O/tools/session" tests/qemu/monitor.session "$arch" \
    tools/qemu.sh "$dir/monitor.$ext" >"$log" 2>&1
  grep -aE '^(ok|not ok|1\.\.|KTAP)' "$log" >"$ktap"
}

run_script() {
  BUILT=$O O=$O/test/$name sh "tests/build/$script.sh" >"$log" 2>&1
  grep -aE '^(ok|not ok|1\.\.|KTAP)' "$log" >"$ktap"
}

began=$(date +%s)
: >"$ktap"
: >"$log"
"run_$kind"
took=$(($(date +%s) - began))
if grep -q '^not ok' "$ktap" || ! grep -q '^1\.\.' "$ktap"; then
  echo "FAILED  $name, $took s (see $log)"
  why
else
  echo "passed  $name, $took s"
fi
exit 0
