#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh - find what the build and the tests need, and install what is missing where we may.
#
# usage: setup.sh GOAL...       what is going to be built or run:
#   host       programs of this machine           x86_64, aarch64   a machine's images, and QEMU
#   llvm       clang and its tools                sanitizers        clang's, for programs of this machine
#   iso, gdb   a CD that GRUB boots, a debugger   pkg-config        users of the installed library
#   peers      the heaps that tern is compared with
# Environment: LLVM=1 (no GNU compiler is wanted for images), CROSS_COMPILE (the one that is).
# Where there is neither root nor sudo without a password, or no package manager that we know, it
# prints the line to type, and fails. Says nothing when nothing is missing.
set -u

native=$(uname -m)
manager=
for m in apt-get dnf pacman apk brew; do
  command -v $m >/dev/null 2>&1 && { manager=$m; break; }
done

have() { command -v "$1" >/dev/null 2>&1; }

# missing WHAT APT DNF PACMAN APK BREW: note it, and the packages that bring it; "-" if there is none
missing() {
  missing="$missing $1"
  case $manager in
  dnf) p=$3 ;; pacman) p=$4 ;; apk) p=$5 ;; brew) p=$6 ;; *) p=$2 ;;
  esac
  [ "$p" = - ] || packages="$packages $p"
}
need() { have "$1" || missing "$@"; }
need_library() { # NAME WHAT APT...
  library=$1
  shift
  sh "${0%/*}/library.sh" "$library" >/dev/null || missing "$@"
}

cross_compiler() { # the name of one that is here
  for c in ${CROSS_COMPILE+"${CROSS_COMPILE}gcc"} "$1-linux-gnu-gcc" "$1-elf-gcc" "$1-none-elf-gcc"; do
    have "$c" && return
    [ -z "${CROSS_COMPILE:-}" ] || return 1
  done
  return 1
}

need_compiler() { # machine
  [ "${LLVM:-}" != 1 ] || return 0
  if [ "$1" = "$native" ]; then
    need "${CROSS_COMPILE:-}gcc" gcc gcc gcc gcc -
  elif [ "$1" = aarch64 ]; then
    cross_compiler aarch64 || missing "${CROSS_COMPILE:-aarch64-linux-gnu-}gcc" gcc-aarch64-linux-gnu \
      gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc gcc-aarch64-none-elf aarch64-elf-gcc
  else
    cross_compiler x86_64 || missing "${CROSS_COMPILE:-x86_64-linux-gnu-}gcc" gcc-x86-64-linux-gnu \
      gcc-x86_64-linux-gnu - - x86_64-elf-gcc
  fi
}

look() { # goals
  missing= packages=
  for goal in "$@"; do
    case $goal in
    host)
      need gcc gcc "gcc libasan libubsan libtsan" gcc gcc gcc
      [ "$native" = arm64 ] || [ -e /usr/include/stdio.h ] ||
        missing stdio.h libc6-dev glibc-devel glibc musl-dev -
      ;;
    x86_64)
      need_compiler x86_64
      need qemu-system-x86_64 "qemu-system-x86 seabios" qemu-system-x86-core qemu-system-x86 \
        qemu-system-x86_64 qemu
      ;;
    aarch64)
      need_compiler aarch64
      need qemu-system-aarch64 qemu-system-arm qemu-system-aarch64-core qemu-system-aarch64 \
        qemu-system-aarch64 qemu
      ;;
    gdb)
      have gdb-multiarch || need gdb gdb-multiarch gdb gdb gdb gdb
      ;;
    iso)
      have grub2-mkrescue || need grub-mkrescue "grub-common grub-pc-bin" \
        "grub2-tools-extra grub2-pc-modules" grub "grub grub-bios" -
      [ -d /usr/lib/grub/i386-pc ] || missing grub-i386-pc grub-pc-bin grub2-pc-modules grub grub-bios -
      need xorriso xorriso xorriso libisoburn xorriso xorriso
      need mformat mtools mtools mtools mtools mtools
      ;;
    llvm)
      need clang clang clang clang clang llvm
      need ld.lld lld lld lld lld lld
      need llvm-objcopy llvm llvm llvm llvm llvm
      ;;
    sanitizers)
      ls "$(clang -print-runtime-dir 2>/dev/null)"/*tsan* >/dev/null 2>&1 ||
        missing clang-sanitizers libclang-rt-dev compiler-rt compiler-rt compiler-rt -
      ;;
    pkg-config)
      need pkg-config pkg-config pkgconf-pkg-config pkgconf pkgconf pkgconf
      ;;
    peers)
      need_library libjemalloc.so.2 jemalloc libjemalloc2 jemalloc jemalloc jemalloc jemalloc
      need_library libtcmalloc_minimal.so.4 tcmalloc libtcmalloc-minimal4 gperftools-libs gperftools \
        gperftools gperftools
      sh "${0%/*}/library.sh" libmimalloc.so.3 >/dev/null ||
        need_library libmimalloc.so.2 mimalloc libmimalloc2.0 mimalloc mimalloc mimalloc2 mimalloc
      need_library libgc.so.1 bdwgc libgc1 gc gc gc bdw-gc
      need go golang-go golang go go go
      ;;
    *)
      echo "setup.sh: $goal: no such goal" >&2
      exit 2
      ;;
    esac
  done
}

look "$@"
[ -n "$missing" ] || exit 0

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
# What a person types is for the guest, not for the package manager.
[ "$manager" != apt-get ] || $root apt-get update -qq </dev/null >&2
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive $install $packages </dev/null >&2 || {
  echo "setup.sh: could not install. Type: sudo $install$packages" >&2
  exit 1
}
look "$@"
[ -z "$missing" ] || {
  echo "setup.sh: still missing after that:$missing" >&2
  exit 1
}
