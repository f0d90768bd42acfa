#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh - the layers, the format, and what the checkers that are installed say. Status 1 if any
# of them complains; a checker that is not here is named and left out.
set -u
status=0
files=$(find arch boot gc include lib mm samples tests tools -name '*.c' 2>/dev/null | sort)
headers=$(find arch boot gc include lib mm samples tests -name '*.h' 2>/dev/null | sort)
portable=$(echo "$files" | grep -E '^(lib|mm|gc|boot/[a-z0-9_]+\.c|samples)')

have() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "lint: no $1 here"
  return 1
}
step() { # name, command...
  name=$1
  shift
  if "$@"; then echo "lint: $name: clean"; else echo "lint: $name: complains"; status=1; fi
}

step layers sh tools/layers.sh
# shellcheck disable=SC2086
have clang-format && step clang-format clang-format --dry-run -Werror $files $headers
# shellcheck disable=SC2086
have cppcheck && step cppcheck cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
  --enable=warning,portability --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective \
  -D__x86_64__ -DTERN_CHECK_LEVEL=2 '-DTERN_BUILD="lint"' -I. -Iinclude $portable
# shellcheck disable=SC2086
have clang-tidy && step clang-tidy clang-tidy --quiet $portable -- -std=gnu11 -ffreestanding \
  -I. -Iinclude -DTERN_CHECK_LEVEL=2 '-DTERN_BUILD="lint"'
# shellcheck disable=SC2086
have sparse && step sparse sparse -Wno-decl -I. -Iinclude -std=gnu11 -DTERN_CHECK_LEVEL=2 \
  '-DTERN_BUILD="lint"' -D__x86_64__ $portable
exit $status
