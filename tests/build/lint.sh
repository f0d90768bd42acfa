#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh - tools/layers.sh passes the tree, and refuses each kind of include that goes up;
# make help names what there is.
. tests/ktap.sh

check "the tree keeps its layers" sh tools/layers.sh

tree=$O/tree
copy_tree "$tree"

# planted FILE INCLUDE: with this line added the file is refused, by name
planted() {
  mkdir -p "$tree/$(dirname "$1")"
  had=no
  [ ! -e "$tree/$1" ] || { had=yes && cp "$tree/$1" "$O/saved"; }
  echo "#include $2" >>"$tree/$1"
  said=$(cd "$tree" && sh tools/layers.sh)
  status=$?
  rm -f "$tree/$1"
  [ $had = no ] || cp "$O/saved" "$tree/$1"
  [ $status = 1 ] && contains "$said" "^$1:[0-9]+:"
}
mkdir -p "$tree/mm" "$tree/gc"
touch "$tree/mm/planted.h" "$tree/gc/planted.h"
check "arch/ may not look at lib/" planted arch/x86_64/cpu.h '"lib/log.h"'
check "lib/ may not look at mm/" planted lib/log.c '"mm/planted.h"'
check "lib/ may not look at boot/" planted lib/log.h '"boot/console.h"'
check "lib/ may not look into arch/x86_64" planted lib/log.c '"arch/x86_64/cpu.h"'
check "mm/ may not look at gc/" planted mm/planted.c '"gc/planted.h"'
check "gc/ may not look at boot/" planted gc/planted.c '"boot/thread.h"'
check "boot/ may not look at mm/" planted boot/frames.c '"mm/planted.h"'
check "boot/ may not look at samples/" planted boot/start.c '"samples/monitor/monitor.h"'
check "boot/ may not look into boot/x86_64" planted boot/start.c '"boot/x86_64/regs.h"'
check "boot/aarch64 may not look into boot/x86_64" planted boot/aarch64/gic.c '"boot/x86_64/regs.h"'
check "public headers may not look at lib/" planted include/tern/tern.h '"lib/log.h"'
check "a kernel may not look at libc" planted boot/start.c '<stdio.h>'
check "a name must start at the root" planted lib/log.c '"log.h"'

# make help, word by word: a target is "make NAME", or NAME where "make" stands before it.
named=$(make -s help | grep -oE '\bmake [a-z][a-z_.-]*' | awk '{ print $2 }' | sort -u)
rules=$(cat Makefile tests/fuzz/fuzz.mk tests/sim/sim.mk tests/models/models.mk tests/relacy/relacy.mk | sed -n 's/^\([a-z][a-z_. -]*\):\([^=].*\)\{0,1\}$/\1/p' | tr ' ' '\n' | sort -u)
hidden='force|help|test-program|test-tools|fuzz-build|bench-sizes'
check "make help names targets that exist" \
  is_empty "$(printf '%s\n' "$named" | grep -vxF -e "$rules")"
check "and all that a person may want" \
  is_empty "$(printf '%s\n' "$rules" | grep -vxF -e "$named" | grep -vxE "$hidden")"
finish
