# SPDX-License-Identifier: MIT
# ktap.sh - what the scripts in tests/build share; read in with ".".
#
# A script is run from the root of the tree with O, a directory of its own, and BUILT, the O= of the
# tree, where tests/run.sh has made the release libraries. It calls check for each test and finish at
# the end, and leaves what it says to KTAP on its standard output. What a failing command printed
# follows as comments.
set -u

: "${O:?where to build}"
rm -rf "$O"
mkdir -p "$O"
O=$(cd "$O" && pwd)
# Its own, and not what a make that it starts takes for its O=.
dir=$O
unset O
O=$dir
mkdir -p "${BUILT:=build}"
BUILT=$(cd "$BUILT" && pwd)
# What `make test` was told is not for the makes that a script starts.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

ktap_count=0
echo "KTAP version 1"

# check DESCRIPTION COMMAND...
check() {
  what=$1
  shift
  ktap_count=$((ktap_count + 1))
  if "$@" >"$O/said" 2>&1; then
    echo "ok $ktap_count $what"
  else
    echo "not ok $ktap_count $what"
    sed 's/^/# /' "$O/said"
  fi
}

fails() { ! "$@"; }
is_empty() { [ -z "$1" ] || { echo "$1"; false; }; }
contains() { printf '%s\n' "$1" | grep -qE -- "$2" || { printf '%s\n' "$1"; false; }; }
finish() { echo "1..$ktap_count"; }

# copy_tree DIRECTORY: the sources, without what was built
copy_tree() {
  mkdir -p "$1"
  for part in Makefile linker.ld LICENSE .clang-format arch boot gc include lib mm samples tests tools; do
    [ ! -e "$part" ] || cp -R "$part" "$1/"
  done
}
