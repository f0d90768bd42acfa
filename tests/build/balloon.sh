#!/bin/sh
# SPDX-License-Identifier: MIT
# balloon.sh - memory that a guest gives back leaves QEMU, and is there again when it is touched:
# seen from outside, by what QEMU has resident. Then devices that are missing, lack something, or
# stand where nobody expects them.
. tests/ktap.sh

SIZE=64  # MiB that the guest plays with
SLACK=8  # QEMU's own comings and goings meanwhile
PATIENCE=60

# Ended by its id if it is still there when we leave.
trap '[ -z "${qemu:-}" ] || kill "$qemu" 2>/dev/null' EXIT
trap 'exit 1' HUP INT TERM
# A guest that has ended hears nothing; its test says so.
trap '' PIPE

# A guest at its prompt: $qemu is its process, its console is descriptor 3 and $work/out.
start() { # BALLOON
  rm -f "$work/in" "$work/pid"
  mkfifo "$work/in"
  ARCH=$arch MACHINE=$machine MEM=256M SMP=2 BALLOON=$1 QEMU_ARGS="-pidfile $work/pid" \
    tools/qemu.sh "$image" <"$work/in" >"$work/out" 2>&1 &
  script=$!
  exec 3>"$work/in"
  seen=0
  wait_for '^tern> ' && qemu=$(cat "$work/pid")
}
heard() { tail -c "+$((seen + 1))" "$work/out" | tr -d '\r'; }
wait_for() { # REGEX
  tries=$((PATIENCE * 5))
  until heard | grep -qE -- "$1"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { heard; return 1; }
    sleep 0.2
  done
}
ask() { # LINE REGEX: the answer matches
  seen=$(wc -c <"$work/out")
  echo "$1" >&3
  wait_for "$2"
}
resident() { awk '/^VmRSS:/ { print int($2 / 1024) }' "/proc/$qemu/status"; }
leave() {
  echo power >&3
  exec 3>&-
  wait "$script"
  status=$?
  qemu=
  [ $status = 0 ]
}
differ() { # FROM TO MIN MAX
  echo "from $1 MiB to $2 MiB"
  [ $(($2 - $1)) -ge "$3" ] && [ $(($2 - $1)) -le "$4" ]
}
rises() { differ "$1" "$2" $((SIZE - SLACK)) $((SIZE + SLACK)); }
falls() { differ "$2" "$1" $((SIZE - SLACK)) $((SIZE + SLACK)); }
stays() { differ "$1" "$2" -$SLACK $SLACK; }

take() {
  ask "pages alloc ${SIZE}M" '^0x[0-9a-f]+$' || return
  place="$(heard | grep -E '^0x[0-9a-f]+$') ${SIZE}M"
}

with_device() {
  check "$id: starts" start 1
  check "$id: the device is in use" ask balloon '^balloon: in use'
  check "$id: takes $SIZE MiB" take
  r0=$(resident)
  check "$id: writes to them" ask "balloon touch $place" '^touched'
  r1=$(resident)
  check "$id: gives them back" ask "balloon release $place" '^released'
  r2=$(resident)
  check "$id: writes to them again" ask "balloon touch $place" '^touched'
  r3=$(resident)
  echo "# $id: QEMU has $r0, then $r1, then $r2, then $r3 MiB resident"
  check "$id: QEMU grows when they are touched" rises "$r0" "$r1"
  check "$id: and shrinks when they are released" falls "$r1" "$r2"
  check "$id: and grows when they are touched again" rises "$r2" "$r3"
  check "$id: it is counted" ask balloon "^released: $SIZE MiB in [1-9]"
  check "$id: leaves with pass" leave
}

without_device() {
  check "$id: starts without the device" start 0
  check "$id: there is none" ask balloon '^balloon: absent'
  check "$id: takes $SIZE MiB" take
  check "$id: writes to them" ask "balloon touch $place" '^touched'
  r1=$(resident)
  check "$id: release is refused" ask "balloon release $place" '^not released'
  check "$id: QEMU keeps them" stays "$r1" "$(resident)"
  check "$id: leaves with pass" leave
}

# says DESCRIPTION REGEX: a guest whose only command is balloon; the device comes by $args, options
says() {
  said=$(ARCH=$arch MACHINE=$machine MEM=64M SMP=1 TIMEOUT=$PATIENCE BALLOON=0 QEMU_ARGS=$args \
    CMDLINE="${options:-} -- balloon" tools/qemu.sh "$image" 2>&1)
  check "$id: $1" contains "$said" "$2"
  check "$id: and it passes" [ "$(printf '%s\n' "$said" | tail -n 1)" = "tern: verdict pass" ]
}

for arch in x86_64 aarch64; do
  work=$O/$arch
  mkdir -p "$work"
  check "$arch: builds" make -s -j2 "ARCH=$arch" BUILD=release "O=$work/build" image
  image=$work/build/$arch-release/monitor.elf machines="q35 pc microvm"
  [ "$arch" = x86_64 ] || image=${image%.elf}.img machines=virt
  for machine in $machines; do
    id=$arch-$machine
    with_device
  done
  without_device
done

mmio="-global virtio-mmio.force-legacy=false -device virtio-balloon-device,free-page-reporting=on"
args="-device virtio-balloon-device,free-page-reporting=on"
says "a device of version 1 is passed over" 'is not of version 2: passed over'
says "and is no device" '^balloon: absent'
args="-global virtio-mmio.force-legacy=false -device virtio-balloon-device"
says "one without reports is given up" '^balloon: given up'
says "and that is said" 'lacks a feature that is needed: given up'
args="$mmio -device virtio-rng-device -device virtio-rng-device"
says "others beside it are left alone" '^balloon: in use'

arch=x86_64 machine=q35 image=$O/x86_64/build/x86_64-release/monitor.elf id=x86_64-q35
balloon=virtio-balloon-pci,free-page-reporting=on
args="-device pcie-root-port,id=a,chassis=1 -device pcie-root-port,id=b,chassis=2 -device $balloon,bus=b"
says "behind a bridge it is found" '^balloon: in use'
args="-device virtio-rng-pci,multifunction=on,addr=5.0 -device $balloon,addr=5.1"
says "it may be a second function" '^balloon: in use'
args="-device $balloon,disable-legacy=on"
says "it may have the new id" '^balloon: in use'
args="-device $balloon,disable-modern=on,disable-legacy=off"
says "an old one has no registers for us" 'has no registers that can be used'
args="-object iothread,id=t -device $balloon,free-page-hint=on,iothread=t"
says "more queues do not confuse it" '^balloon: in use'
args="-device virtio-balloon-pci"
says "one without reports is given up" '^balloon: given up'
args='' options="virtio_mmio.device=4K@0x1000000:5 virtio_mmio.device=512@0xd0000000:6 virtio_mmio.device=7"
says "options that lead nowhere do no harm" '^balloon: absent'
machine=microvm id=x86_64-microvm args=$mmio
options="virtio_mmio.device=512@0xfeb00000:5 virtio_mmio.device=512@0xfeb02e00:6"
says "the right one of two options is used" '^balloon: in use, registers at 0xfeb02e00'
finish
