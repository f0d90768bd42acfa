#!/bin/sh
# SPDX-License-Identifier: MIT
# reproducible.sh - the same sources give the same bytes, wherever they lie and wherever they are
# built: this tree, and a copy of it at a path of another length, with an O= beside it.
. tests/ktap.sh

copy=$O/somewhere/else/entirely
copy_tree "$copy"

# both ARCH LLVM GOALS FILE...
both() {
  settings="BUILD=release ARCH=$1 LLVM=$2"
  dir=$1-release
  goals=$3
  [ "$2" = 0 ] || dir=$dir-llvm
  shift 3
  # shellcheck disable=SC2086
  check "$dir: builds" make -s -j2 $settings O="$BUILT" $goals
  # shellcheck disable=SC2086
  check "$dir: builds elsewhere" make -s -j2 -C "$copy" $settings O="$O/out" $goals
  for file in "$@"; do
    check "$dir: $file is the same" cmp "$BUILT/$dir/$file" "$O/out/$dir/$file"
  done
}

both x86_64 0 "lib image" libtern.a monitor.elf
both aarch64 0 "lib image" libtern.a monitor.elf monitor.img
both x86_64 1 lib libtern.a
finish
