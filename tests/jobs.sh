#!/bin/sh
# SPDX-License-Identifier: MIT
# jobs.sh - what is tested where: prints one job a line for tests/job.sh.
#
# usage: jobs.sh check|test|matrix
#   check   under a minute: hosted, and one boot of each machine
#   test    all kinds of job; of the boot matrix a subset in which every value and most pairs occur
#   matrix  the whole boot matrix
# A job is a kind and settings: suite arch=x86_64 build=debug smp=4. tests/job.sh knows the kinds.
set -eu

hosted() {
  echo "hosted build=debug san=asan"
  [ "$1" = check ] && return
  echo "hosted build=release"
  echo "hosted build=verify llvm=1 san=asan"
  echo "hosted build=debug llvm=1 san=tsan quick=1"
  echo "hosted build=debug san=asan mode=pages quick=1"
  echo "hosted build=debug san=asan mode=barrier spans=1 quick=1"
}

suites() {
  echo "suite arch=x86_64 build=release smp=2 mem=64M"
  echo "suite arch=aarch64 build=release smp=2 mem=64M gic=3"
  [ "$1" = check ] && return
  echo "suite arch=x86_64 build=release smp=1 mem=16M cpu=qemu64"
  echo "suite arch=aarch64 build=release smp=1 mem=16M gic=2 cpu=cortex-a53"
  # CPUs that take turns (tools/qemu.sh) are many times faster where there are more than the host has. In the
  # others here, and all in test-matrix, they run side by side.
  four="smp=4 mem=64M balloon=1 turns=1"
  eight="smp=8 mem=4G balloon=1 turns=1"
  checked="smp=2 mem=512M balloon=1 turns=1"
  echo "suite arch=x86_64 build=debug $four machine=microvm"
  echo "suite arch=aarch64 build=debug $four gic=3 cpu=max"
  echo "suite arch=x86_64 build=verify $checked machine=pc"
  echo "suite arch=aarch64 build=verify $checked gic=2 el=2"
  echo "suite arch=x86_64 build=release llvm=1 $eight"
  echo "suite arch=aarch64 build=release llvm=1 $eight gic=3"
  # With hardware's dirty bits and without: cpu=max has them.
  echo "suite arch=x86_64 build=release smp=2 mem=64M mode=pages quick=1"
  echo "suite arch=aarch64 build=release smp=2 mem=64M mode=pages quick=1"
  echo "suite arch=aarch64 build=release smp=2 mem=64M cpu=max mode=pages quick=1"
}

# Each line: memory, CPUs, and the variants of the two machines.
boots() {
  while read -r mem smp machine gic el; do
    echo "boot arch=x86_64 build=release mem=$mem smp=$smp machine=$machine"
    echo "boot arch=aarch64 build=release mem=$mem smp=$smp gic=$gic el=$el"
  done <<-EOF
	16M 8 q35 2 1
	16M 1 microvm 3 2
	64M 4 pc 3 2
	64M 2 microvm 2 2
	512M 1 pc 2 1
	512M 8 microvm 3 1
	4G 2 q35 3 1
	4G 4 microvm 2 2
	64G 8 q35 3 2
	64G 1 q35 2 1
	256G 2 q35 3 1
	128M 16 q35 3 1
	EOF
  echo "boot arch=x86_64 build=release llvm=1 mem=64M smp=2 machine=q35"
  echo "boot arch=aarch64 build=release llvm=1 mem=64M smp=2 gic=3 el=2"
  echo "boot arch=x86_64 build=release mem=256M smp=4 machine=q35 loader=grub"
}

matrix() {
  echo "suite arch=x86_64 build=debug smp=4 mem=64M machine=microvm balloon=1"
  echo "suite arch=aarch64 build=debug smp=4 mem=64M gic=3 cpu=max balloon=1"
  echo "hosted build=debug san=tsan"
  echo "hosted build=debug llvm=1 san=tsan"
  echo "hosted build=debug san=asan mode=pages"
  echo "suite arch=x86_64 build=debug smp=2 mem=64M mode=pages"
  echo "suite arch=aarch64 build=release smp=2 mem=64M mode=pages"
  echo "suite arch=aarch64 build=release smp=2 mem=64M cpu=max mode=pages"
  echo "suite arch=x86_64 build=verify smp=2 mem=512M machine=pc balloon=1"
  echo "suite arch=aarch64 build=verify smp=2 mem=512M gic=2 el=2 balloon=1"
  echo "suite arch=x86_64 build=release llvm=1 smp=8 mem=4G balloon=1"
  echo "suite arch=aarch64 build=release llvm=1 smp=8 mem=4G gic=3 balloon=1"
  for llvm in 0 1; do
    for mem in 16M 64M 512M 4G 64G; do
      for smp in 1 2 4 8; do
        for machine in q35 microvm pc; do
          echo "boot arch=x86_64 build=release llvm=$llvm mem=$mem smp=$smp machine=$machine"
        done
        for gic in 2 3; do
          for el in 1 2; do
            echo "boot arch=aarch64 build=release llvm=$llvm mem=$mem smp=$smp gic=$gic el=$el"
          done
        done
      done
    done
  done
  for smp in 1 2 4 8; do
    echo "boot arch=x86_64 build=release mem=512M smp=$smp machine=q35 loader=grub"
  done
}

faults() {
  echo "faults arch=x86_64 build=release"
  echo "faults arch=aarch64 build=release"
  common="null call-null write-text write-rodata exec-data unmapped stack growing-stack undefined breakpoint float \
    double-free interior-free foreign-free past-the-end stale-read"
  for kind in $common divide protection double nmi; do
    echo "fault arch=x86_64 build=release kind=$kind"
  done
  for kind in $common alignment; do
    echo "fault arch=aarch64 build=release kind=$kind"
  done
}

trees() {
  for change in none magic truncated size-huge no-memory no-cpus bad-token no-gic; do
    echo "tree arch=aarch64 build=release change=$change"
  done
}

scripts() {
  for script in tests/build/*.sh; do
    name=${script##*/}
    echo "script name=${name%.sh}"
  done
}

case ${1:-test} in
check)
  hosted check
  suites check
  ;;
test)
  # Long ones first: the last to end should not keep the other CPUs waiting.
  hosted all
  scripts
  suites all
  echo "bench arch=x86_64 build=release"
  echo "bench arch=aarch64 build=release"
  echo "session arch=x86_64 build=release"
  echo "session arch=aarch64 build=release"
  boots
  faults
  trees
  ;;
matrix) matrix ;;
*)
  echo "jobs.sh: want check, test or matrix" >&2
  exit 2
  ;;
esac
