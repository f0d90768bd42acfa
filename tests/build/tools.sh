#!/bin/sh
# SPDX-License-Identifier: MIT
# tools.sh - the tools that judge are judged: verdicts of tools/qemu.sh with a stand-in for QEMU,
# counts of tools/report.awk, what tools/setup.sh does where it may not install, and whether a
# checker that tools/lint.sh runs can fail.
. tests/ktap.sh

bin=$O/bin
mkdir -p "$bin"

# says TEXT STATUS: what the stand-in prints and exits with
says() {
  for machine in x86_64 aarch64; do
    printf '#!/bin/sh\nprintf "%s"\nexit %s\n' "$1" "$2" >"$bin/qemu-system-$machine"
    chmod +x "$bin/qemu-system-$machine"
  done
}
# verdict ARCH STATUS: tools/qemu.sh ends with it
verdict() {
  PATH=$bin:$PATH ARCH=$1 MEM=64M TIMEOUT=5 tools/qemu.sh kernel
  status=$?
  [ $status = "$2" ] || { echo "status $status"; false; }
}

says 'tern: verdict pass\n' 33
check "x86_64: 33 and the words pass" verdict x86_64 0
says 'tern: verdict fail\n' 35
check "x86_64: 35 fails" verdict x86_64 1
says 'tern: verdict pass\n' 0
check "x86_64: a machine that only went off has not passed" verdict x86_64 1
check "aarch64: 0 and the words pass" verdict aarch64 0
says '' 0
check "aarch64: 0 without the words fails" verdict aarch64 1
says 'tern: verdict fail\n' 0
check "aarch64: 0 against the words fails" verdict aarch64 1
says 'tern: verdict pass\nand more\n' 33
check "the words must come last" verdict x86_64 1
says 'tern: verdict pass\n' 1
check "aarch64: 1 against the words fails" verdict aarch64 1
for machine in x86_64 aarch64; do
  printf '#!/bin/sh\necho alive\nexec sleep 60\n' >"$bin/qemu-system-$machine"
done
hang() { PATH=$bin:$PATH ARCH=x86_64 TIMEOUT=1 tools/qemu.sh kernel; [ $? = 124 ]; }
check "a guest that hangs is ended, and told from one that fails" hang

# memory MEM: what QEMU is asked for
for machine in x86_64 aarch64; do
  printf '#!/bin/sh\necho "$*"\nexit 0\n' >"$bin/qemu-system-$machine"
done
asked() { PATH=$bin:$PATH ARCH=$1 MEM=$2 TIMEOUT=5 tools/qemu.sh kernel; }
check "little memory is set aside" fails contains "$(asked x86_64 16M)" reserve=off
for amount in 4096G 4T 4194304M 4194304 4096g; do
  check "MEM=$amount is promised, not set aside" contains "$(asked x86_64 $amount)" \
    'memory-backend=m.* -m .*reserve=off'
done
check "aarch64 has the same" contains "$(asked aarch64 256G)" 'virt,.*memory-backend=m.*reserve=off'

# report TEXT...: files to the last line of a report
report() {
  rm -f "$O"/r*.ktap
  n=0
  for text in "$@"; do
    n=$((n + 1))
    # shellcheck disable=SC2059
    printf "$text" >"$O/r$n.ktap"
  done
  awk -f tools/report.awk "$O"/r*.ktap | tail -n 1
}
good='KTAP version 1\n1..2\nok 1 a\nok 2 b\n'
check "report: tests are added up" [ "$(report "$good" "$good")" = "4 passed, 0 failed" ]
check "report: a failed test" [ "$(report '1..2\nok 1 a\nnot ok 2 b\n')" = "1 passed, 1 failed" ]
check "report: skipped ones are told apart" \
  [ "$(report '1..2\nok 1 a\nok 2 b # SKIP no clock\n')" = "1 passed, 0 failed, 1 skipped" ]
check "report: a plan that was not kept" [ "$(report '1..3\nok 1 a\nok 2 b\n')" = "2 passed, 1 failed" ]
check "report: no plan" [ "$(report 'ok 1 a\n')" = "1 passed, 1 failed" ]
check "report: an empty file among others" [ "$(report "$good" '' "$good")" = "4 passed, 1 failed" ]
check "report: the last file empty" [ "$(report "$good" '')" = "2 passed, 1 failed" ]
check "report: nothing at all" [ "$(report '1..0\n')" = "0 passed, 1 failed" ]

# A machine without compilers, QEMU, root and sudo: only these are on its path.
poor=$O/poor
mkdir -p "$poor"
for tool in sh uname id cat apt-get; do
  printf '#!%s\n' "$(command -v sh)" >"$poor/$tool"
  chmod +x "$poor/$tool"
done
echo 'echo x86_64' >>"$poor/uname"
echo 'echo 1000' >>"$poor/id"
shell=$(command -v sh)
told=$(PATH=$poor "$shell" tools/setup.sh x86_64 2>&1)
check "setup: where it may not install it fails" [ $? != 0 ]
check "setup: and prints the line to type" \
  contains "$told" 'sudo apt-get install -y .*gcc.* qemu-system-x86'
check "setup: says nothing when nothing is missing" is_empty "$(tools/setup.sh x86_64 2>&1)"
finish
