#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh - find what the build and the tests need, and install what is missing where we may.
#
# usage: setup.sh [host] [x86_64] [aarch64] [gdb] [iso] [llvm]     what is going to be built or run
# Where there is neither root nor sudo without a password, or no package manager that we know,
# it prints the line to type, and fails. Says nothing when nothing is missing.
set -u

native=$(uname -m)
missing= packages=

# need COMMAND: packages for apt dnf pacman apk brew ("-": comes with another)
need() {
  command -v "$1" >/dev/null 2>&1 && return
  missing="$missing $1"
  case $manager in
  apt-get) p=$2 ;; dnf) p=$3 ;; pacman) p=$4 ;; apk) p=$5 ;; brew) p=$6 ;; *) p=$2 ;;
  esac
  [ "$p" = - ] || packages="$packages $p"
}

manager=
for m in apt-get dnf pacman apk brew; do
  command -v $m >/dev/null 2>&1 && { manager=$m; break; }
done

need_compiler() { # architecture
  if [ "$1" = "$native" ]; then
    need gcc "gcc libc6-dev" gcc gcc "gcc musl-dev" gcc
  elif [ "$1" = aarch64 ]; then
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu gcc-aarch64-linux-gnu \
      aarch64-linux-gnu-gcc gcc-aarch64-none-elf aarch64-elf-gcc
  else
    need x86_64-linux-gnu-gcc gcc-x86-64-linux-gnu gcc-x86_64-linux-gnu \
      - gcc-x86_64-none-elf x86_64-elf-gcc
  fi
}

for goal in "$@"; do
  case $goal in
  host)
    need gcc "gcc libc6-dev" "gcc libasan libubsan libtsan" gcc "gcc musl-dev" gcc
    ;;
  x86_64)
    need_compiler x86_64
    need qemu-system-x86_64 "qemu-system-x86 seabios" qemu-system-x86-core \
      qemu-system-x86 qemu-system-x86_64 qemu
    ;;
  aarch64)
    need_compiler aarch64
    need qemu-system-aarch64 qemu-system-arm qemu-system-aarch64-core \
      qemu-system-aarch64 qemu-system-aarch64 qemu
    ;;
  gdb)
    need gdb-multiarch gdb-multiarch gdb gdb gdb gdb
    ;;
  iso)
    need grub-mkrescue "grub-common grub-pc-bin" "grub2-tools-extra grub2-pc-modules" grub \
      "grub grub-bios" grub
    need xorriso xorriso xorriso libisoburn xorriso xorriso
    need mformat mtools mtools mtools mtools mtools
    ;;
  llvm)
    need clang clang clang clang clang llvm
    need ld.lld lld lld lld lld lld
    need llvm-objcopy llvm llvm llvm llvm llvm
    ;;
  *)
    echo "setup.sh: $goal: want host, x86_64, aarch64, gdb, iso or llvm" >&2
    exit 2
    ;;
  esac
done
[ -z "$missing" ] && exit 0

case $manager in
apt-get) install="apt-get install -y --no-install-recommends" ;;
dnf) install="dnf install -y" ;;
pacman) install="pacman -S --noconfirm --needed" ;;
apk) install="apk add" ;;
brew) install="brew install" ;;
*)
  echo "setup.sh: missing:$missing; no package manager that we know is here" >&2
  exit 1
  ;;
esac

root=
if [ "$manager" != brew ] && [ "$(id -u)" != 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "setup.sh: missing:$missing. Install it with:" >&2
    echo "  sudo $install$packages" >&2
    exit 1
  fi
  root="sudo -n"
fi
echo "setup.sh: missing:$missing; installing$packages" >&2
[ "$manager" = apt-get ] && $root apt-get update -qq >&2
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $root $install $packages >&2 || {
  echo "setup.sh: could not install. Type: sudo $install$packages" >&2
  exit 1
}
for c in $missing; do
  command -v "$c" >/dev/null 2>&1 || {
    echo "setup.sh: $c is still missing after$packages was installed" >&2
    exit 1
  }
done
