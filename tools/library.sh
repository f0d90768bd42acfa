#!/bin/sh
# SPDX-License-Identifier: MIT
# library.sh - where a shared library of this machine lies. usage: library.sh NAME...
#
# Prints the path of the first of the names that is here; status 1 if none is. Looks where
# distributions put them, and asks nobody: the loader will not tell a file that is missing from one
# that it cannot load into a running program.
set -u
for name in "$@"; do
  for dir in /usr/local/lib "/usr/lib/$(uname -m)-linux-gnu" /usr/lib64 /usr/lib "/lib/$(uname -m)-linux-gnu" /lib; do
    if [ -e "$dir/$name" ]; then
      echo "$dir/$name"
      exit 0
    fi
  done
done
exit 1
