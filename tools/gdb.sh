#!/bin/sh
# SPDX-License-Identifier: MIT
# gdb.sh - boot an image halted, and a debugger on it. usage: gdb.sh IMAGE ELF
#
# QEMU runs in the background with its console in a file; the debugger's end is QEMU's end. Without
# a debugger that knows the machine, QEMU waits and the line to type is printed. Settings as for
# qemu.sh.
set -u

console=$(mktemp)
TIMEOUT=86400 GDB=1 tools/qemu.sh "$1" >"$console" 2>&1 &
guest=$!
trap 'kill $guest 2>/dev/null; rm -f "$console"' EXIT INT TERM
echo "console: tail -f $console"
for gdb in gdb-multiarch gdb; do
  command -v $gdb >/dev/null 2>&1 || continue
  $gdb -q -ex "target remote :1234" -ex "hbreak kernel_main" "$2"
  exit
done
echo "no gdb here; in another terminal: gdb -ex 'target remote :1234' $2"
wait $guest
