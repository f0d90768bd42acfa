#!/bin/sh
# SPDX-License-Identifier: MIT
# incremental.sh - a build makes again what changed, all of it, and nothing else. In a copy of the
# tree, which this script changes as a person would.
. tests/ktap.sh

tree=$O/tree
copy_tree "$tree"

# build WHAT SETTING...: what it made is in $made, a name a line. Not optimised: that takes longest, and none of
# it is run.
build() {
  what=$1
  shift
  if make -j4 -C "$tree" O=out ARCH=x86_64 EXTRA_CFLAGS=-O0 "$@" "$what" >"$O/build.log" 2>&1; then
    made=$(awk '$1 ~ /^[A-Z]+$/ && NF == 2 { print $2 }' "$O/build.log")
  else
    made="failed: $(cat "$O/build.log")"
  fi
}
made_only() { # expression: something was made, and all that was made matches
  contains "$made" "$1" && is_empty "$(printf '%s\n' "$made" | grep -vE -- "$1")"
}
symbol() { nm "$tree"/out/x86_64-release/libtern.a | grep -w "$1"; }
# Times of files may be as coarse as a second.
change() { sleep 1 && touch "$tree/$1"; }

build image
check "builds with -j4 from nothing" contains "$made" 'monitor\.elf$'
build image
check "and then makes nothing again" is_empty "$made"

change boot/mempicture.h
build image
check "a changed header makes again what includes it" contains "$made" 'boot/mempicture\.o$'
check "and nothing else" made_only 'boot/(mempicture|commands_memory)\.o$|monitor\.elf$'

change boot/x86_64/entry.S
build image
check "a changed assembler file is made again" made_only 'boot/x86_64/entry\.o$|monitor\.elf$'

change linker.ld
build image
check "a changed linker script links again" made_only 'monitor\.elf$'

build lib
build lib EXTRA_CPPFLAGS=-DANOTHER
check "a changed flag makes all again" contains "$made" 'lib/string\.o$'
build lib EXTRA_CPPFLAGS=-DANOTHER
check "and then nothing" is_empty "$made"
build lib
build lib BUILD=debug
check "another BUILD has a place of its own" contains "$made" 'x86_64-debug/lib/string\.o$'
build lib
check "and disturbs nothing" is_empty "$made"

cat >"$tree/lib/added.c" <<'END'
#include "lib/added.h"

int tern_added(void)
{
	return ADDED;
}
END
printf '#define ADDED 1\nint tern_added(void);\n' >"$tree/lib/added.h"
build lib
check "an added file is found" symbol tern_added
rm "$tree/lib/added.c" "$tree/lib/added.h"
build lib
check "a removed file is gone, and its header not missed" fails symbol tern_added

build image
check "an image after all that" fails contains "$made" failed
rm -f "$tree/out/x86_64-release/monitor.elf"
build image
check "a removed product is made again" made_only 'monitor\.elf$'

check "ARCH is checked" contains "$(make -C "$tree" ARCH=vax lib 2>&1)" 'ARCH=vax: want'
check "BUILD is checked" contains "$(make -C "$tree" BUILD=fast lib 2>&1)" 'BUILD=fast: want'
finish
