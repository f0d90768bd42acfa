#!/bin/sh
# SPDX-License-Identifier: MIT
# iso.sh - a CD that boots an image by GRUB and Multiboot2. usage: iso.sh IMAGE ISO [CMDLINE]
set -eu

mkrescue=grub-mkrescue
command -v $mkrescue >/dev/null 2>&1 || mkrescue=grub2-mkrescue
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/boot/grub"
cp "$1" "$tree/boot/tern"
# To GRUB these are words of its own language. Quotes it hands on with a backslash: leave them out.
cmdline=$(printf '%s' "${3:-}" | sed 's/[][;&|<>{}$"\\'"'"'#]/\\&/g')
cat >"$tree/boot/grub/grub.cfg" <<EOF
serial --unit=0 --speed=115200
terminal_output serial
set timeout=0
menuentry tern {
  multiboot2 /boot/tern $cmdline
  boot
}
EOF
$mkrescue -o "$2" "$tree" >"$tree/log" 2>&1 || {
  cat "$tree/log" >&2
  exit 1
}
