#!/bin/sh
# SPDX-License-Identifier: MIT
# qemu.sh - the one place that knows how QEMU is called.
#
# usage: qemu.sh KERNEL        KERNEL: an image that the Makefile made, or a .iso
# Settings come from the environment:
#   ARCH      x86_64 | aarch64
#   MEM SMP   512M, 2
#   MACHINE   x86_64: q35 | pc | microvm | any that QEMU knows; aarch64: virt | virt-7.0 ...
#   GIC EL    aarch64: 2 | 3; 1 | 2 (the exception level that the image is entered at)
#   CPU       QEMU's name of a CPU
#   CMDLINE   the kernel's command line (not for an ISO)
#   TIMEOUT   seconds until a guest counts as hung; 0 (default): interactive, no limit
#   TURNS     1: the emulated CPUs take turns on one thread of the host, instead of one thread each.
#             With more of them than the host has that is many times faster: who waits in a loop of
#             arch_relax() gives his turn away
#   ICOUNT    1: one instruction is one nanosecond, and two runs are the same
#   BALLOON   1: a virtio-balloon with free page reporting, by which the guest gives memory back
#   GDB       1: wait for a debugger on port 1234
#   PACKAGE   aarch64: bytes that go to RAM at 0x42000000, where the CPU starts; the image is loaded
#             too, but QEMU's own way of starting it is not used (tests/qemu/spoil_tree.c)
#   QEMU_ARGS more, split at blanks
# Status: 0 passed, 1 failed, 124 hung, 127 no QEMU. A guest passes if QEMU's own status says so
# and its last words are "tern: verdict pass".
set -u

kernel=$1
arch=${ARCH:-x86_64} mem=${MEM:-512M} smp=${SMP:-2} limit=${TIMEOUT:-0}

# As QEMU reads -m: a number, 1.5 too, of MiB or of what its letter says.
mebibytes() {
  echo "$1" | awk '{ u = toupper(substr($1, length($1)))
    n = $1 * (u == "T" ? 1048576 : u == "G" ? 1024 : u == "K" ? 1 / 1024 : 1)
    print int(n) }'
}

# More than half of what the host has is promised, but not set aside.
have=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo 2>/dev/null)
backend= memory="-m $mem"
mib=$(mebibytes "$mem")
if [ "$mib" -gt $((${have:-4096} / 2)) ]; then
  backend=,memory-backend=m
  memory="$memory -object memory-backend-ram,id=m,size=${mib}M,reserve=off"
fi

if [ "$arch" = x86_64 ]; then
  set -- -machine "${MACHINE:-q35}$backend" -cpu "${CPU:-max}" -vga none \
    -device isa-debug-exit,iobase=0x501,iosize=4
else
  # Settings may be meant for both machines: q35 is no name here.
  case ${MACHINE:-} in virt*) machine=$MACHINE ;; *) machine=virt ;; esac
  machine=$machine,gic-version=${GIC:-3}
  [ "${EL:-1}" = 2 ] && machine=$machine,virtualization=on
  set -- -machine "$machine$backend" -cpu "${CPU:-cortex-a72}" -semihosting
fi
# On microvm it gets the last of 24 places, which only AML would tell: the command line does.
balloon='' options=''
case ${BALLOON:-0}:$arch:${MACHINE:-} in
1:x86_64:microvm*) options="virtio_mmio.device=512@0xfeb02e00:47 " ;;
1:x86_64:*) balloon="-device virtio-balloon-pci,free-page-reporting=on" ;;
esac
[ "${BALLOON:-0}:$balloon" = 1: ] && balloon="-global virtio-mmio.force-legacy=false \
  -device virtio-balloon-device,free-page-reporting=on"
# shellcheck disable=SC2086
set -- "qemu-system-$arch" "$@" $memory -smp "$smp" -nic none -display none -no-reboot \
  $balloon ${QEMU_ARGS:-}
case $kernel:${PACKAGE:-} in
*:?*)
  set -- "$@" -device "loader,file=$kernel,addr=0x40200000,force-raw=on" \
    -device "loader,file=$PACKAGE,addr=0x42000000,force-raw=on" \
    -device loader,addr=0x42000000,cpu-num=0
  ;;
*.iso:) set -- "$@" -cdrom "$kernel" -boot d ;;
*) set -- "$@" -kernel "$kernel" -append "$options${CMDLINE:-}" ;;
esac
[ "${TURNS:-0}" = 1 ] && set -- "$@" -accel tcg,thread=single
[ "${ICOUNT:-0}" = 1 ] && set -- "$@" -icount shift=0,sleep=off -seed 1
[ "${GDB:-0}" = 1 ] && set -- "$@" -s -S

if ! command -v "qemu-system-$arch" >/dev/null 2>&1; then
  echo "qemu.sh: no qemu-system-$arch; tools/setup.sh installs it" >&2
  exit 127
fi

verdict() { # status of QEMU, log or nothing
  if [ "$arch" = x86_64 ]; then
    [ "$1" = 33 ] || return 1
  else
    [ "$1" = 0 ] || return 1
  fi
  [ -z "${2:-}" ] || [ "$(tail -n 1 "$2")" = "tern: verdict pass" ]
}

if [ "$limit" = 0 ]; then
  "$@" -serial mon:stdio
  status=$?
  # Leaving by ctrl-a x is no failure.
  [ $status = 0 ] || verdict $status
  exit
fi

log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.pid" "$log.status"' EXIT
# timeout has a process group of its own: whoever ends us would leave QEMU behind.
trap 'kill "$(cat "$log.pid")" 2>/dev/null; exit 1' HUP INT TERM
{
  timeout -k 5 "$limit" "$@" -serial stdio -monitor none </dev/null &
  echo $! >"$log.pid"
  wait $!
  echo $? >"$log.status"
} | tr -d '\r' | tee "$log" &
wait $!
status=$(cat "$log.status")
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
  echo "qemu.sh: hung: no end within $limit s"
  exit 124
fi
verdict "$status" "$log"
