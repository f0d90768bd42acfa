#!/bin/sh
# SPDX-License-Identifier: MIT
# reproducible.sh - the same sources give the same bytes, wherever they lie and wherever they are
# built: two copies of the tree, at paths of different lengths, each with an O= of its own.
. tests/ktap.sh

one=$O/one two=$O/somewhere/else/entirely
copy_tree "$one"
mkdir -p "$two"
cp -R "$one/." "$two"

# both ARCH LLVM FILE...
both() {
  settings="BUILD=release ARCH=$1 LLVM=$2"
  dir=$1-release
  [ "$2" = 0 ] || dir=$dir-llvm
  shift 2
  # shellcheck disable=SC2086
  check "$dir: builds" make -s -j2 -C "$one" $settings O=build lib image
  # shellcheck disable=SC2086
  check "$dir: builds elsewhere" make -s -j2 -C "$two" $settings O="$O/out" lib image
  for file in "$@"; do
    check "$dir: $file is the same" cmp "$one/build/$dir/$file" "$O/out/$dir/$file"
  done
}

both x86_64 0 libtern.a monitor.elf
both aarch64 0 libtern.a monitor.elf monitor.img
both x86_64 1 libtern.a monitor.elf
finish
