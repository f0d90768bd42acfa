#!/bin/sh
# SPDX-License-Identifier: MIT
# hello.sh - samples/hello, built as a stranger builds it: from a copy outside of the tree, against
# what make install, from the O= of the tree, leaves in an empty prefix. For each machine and both
# toolchains; booted in QEMU. Figures (size.image.hello, mem.minimum) are comments here, and rows of
# hello-ARCH.tsv.
. tests/ktap.sh

# boot IMAGE MEM [LIMIT]: $said and $status
boot() {
  said=$(ARCH=$arch MEM=$2 SMP=1 EL=$el TIMEOUT=${3:-60} tools/qemu.sh "$1" 2>&1)
  status=$?
}
# ends_with pass|fail STATUS: the last line and the status say the same
ends_with() {
  echo "status $status, said: $said"
  [ "$(printf '%s\n' "$said" | tail -n 1)" = "tern: verdict $1" ] && [ "$status" = "$2" ]
}
greets() { contains "$said" '^hello: tern [0-9.]+ \(release\), 1024 KiB$'; }
# A memory that is filled twice holds as many blocks, and most of it is blocks.
fills_twice() {
  printf '%s\n' "$said" | awk '{ print }
    /^hello: [0-9]+ blocks, intact$/ { n[++rounds] = $2 }
    END { exit !(rounds == 2 && n[1] == n[2] && n[1] >= 100) }'
}
# Names of tern's that the kernel defines.
given() { nm "$work/plain/hello.o" | awk '$2 == "T" && $3 ~ /^tern_/ { print $3 }' | sort | xargs; }
figure() { # NAME VALUE UNIT
  echo "# $id: $1 $2 $3"
  [ "$llvm" = 1 ] || printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$O/hello-$arch.tsv"
}
at_most() { [ "$1" -le "$2" ] || { echo "$1 is more than $2"; false; }; }

# build NAME SETTING...: $work/NAME/hello.elf
build() {
  out=$work/$1
  shift
  mkdir -p "$out"
  PKG_CONFIG_PATH=$work/root/lib/pkgconfig make -s -C "$work/stranger" "ARCH=$arch" "CC=$cc" "O=$out" "$@"
}

# The least RAM, in steps of a quarter MiB, with which it and all above it pass. Only reported: a
# guest that has too little may hang, which is not waited for as long as elsewhere.
smallest_memory() {
  least=0
  for kib in 4096 3840 3584 3328 3072 2816 2560 2304 2048 1792 1536 1280 1024; do
    boot "$work/plain/hello.elf" ${kib}K 10
    [ $status = 0 ] || break
    least=$((kib * 1024))
  done
  figure mem.minimum $least bytes
}

el=1
for arch in x86_64 aarch64; do
  for llvm in 0 1; do
    id=$arch
    cc=gcc
    [ "$arch" = "$(uname -m)" ] || cc=$arch-linux-gnu-gcc
    [ $llvm = 0 ] || id=$arch-llvm cc="clang --target=$arch-elf"
    work=$O/$id
    mkdir -p "$work"
    settings="ARCH=$arch BUILD=release LLVM=$llvm O=$BUILT"
    cp -R samples/hello "$work/stranger"
    # shellcheck disable=SC2086
    check "$id: the library installs" make -s -j2 $settings install PREFIX="$work/root"
    check "$id: builds by pkg-config alone" build plain
    check "$id: gives a port of two functions" [ "$(given)" = "tern_port_panic tern_port_write" ]
    check "$id: asks for no more than the headers offer" is_empty \
      "$(grep -h '^ *# *include' "$work"/stranger/*.[cS] | grep -vE '<(tern/[a-z]+|std[a-z]+)\.h>')"
    size=$(wc -c <"$work/plain/hello.elf")
    figure size.image.hello "$size" bytes
    check "$id: the image has at most 128 KiB" at_most "$size" 131072
    for mem in 16M 4M; do
      boot "$work/plain/hello.elf" $mem
      check "$id: $mem: passes" ends_with pass 0
      check "$id: $mem: greets" greets
      check "$id: $mem: fills its memory twice" fills_twice
    done
    [ $arch = x86_64 ] || {
      el=2
      boot "$work/plain/hello.elf" 16M
      el=1
      check "$id: passes when it is entered at EL2" ends_with pass 0
    }

    # It can fail, and so can tern: a page is too little, and a block freed twice is no block.
    check "$id: builds with too little memory" build poor MEMORY=8192
    boot "$work/poor/hello.elf" 16M
    check "$id: too little memory fails" ends_with fail 1
    sed 's/\<tern_[a-z_]*free(.*);/& &/' samples/hello/hello.c >"$work/stranger/hello.c"
    check "$id: builds with a mistake" build wrong
    boot "$work/wrong/hello.elf" 16M
    check "$id: a block freed twice ends in the port's panic" contains "$said" 'tern: panic'
    check "$id: and that fails" ends_with fail 1

    # shellcheck disable=SC2086
    said=$(make -s $settings SAMPLE=hello MEM=16M TIMEOUT=60 boot 2>&1)
    status=$?
    check "$id: make boot SAMPLE=hello passes" ends_with pass 0
  done
  llvm=0 id=$arch work=$O/$arch
  smallest_memory
done
finish
