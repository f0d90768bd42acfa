#!/bin/sh
# SPDX-License-Identifier: MIT
# scenarios.sh - docs/scenarios.md names tests, faults and models that are there.
. tests/ktap.sh

words() { # DOCUMENT PATTERN: what it has in backquotes
  tr '`' '\n' <"$1" | grep -E "^($2)\$" | sort -u
}
test_exists() {
  grep -rqE "^TEST(_[A-Z]+)?\(${1%%.*}, ${1#*.}\)" tests/unit tests/kernel tests/host
}
named() { # DOCUMENT: what it names and nobody has
  for name in $(words "$1" '[a-z_]+\.[a-z0-9_]+'); do
    test_exists "$name" || echo "no test $name"
  done
  for name in $(words "$1" '[A-Z]+(_[A-Z]+)+'); do
    grep -qE "X\($name\)" lib/fault.h || echo "no fault $name"
  done
  for name in $(words "$1" '(models|relacy)/[a-z_]+\.[a-z]+'); do
    [ -f "tests/$name" ] || echo "no tests/$name"
  done
}
document=docs/scenarios.md
check "it names a lot" [ "$(words $document '[a-z_]+\.[a-z0-9_]+' | wc -l)" -ge 40 ]
check "all that it names is there" is_empty "$(named $document)"
sed 's/gc.roots_come_and_go/gc.roots_never_go/; s/NO_FLUSH/NO_FLASH/; s/sweep.pml/swoop.pml/' $document >"$O/spoiled.md"
check "what is not there is told" [ "$(named "$O/spoiled.md" | wc -l)" = 3 ]
finish
