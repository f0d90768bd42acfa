#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh - refuse an #include that goes up, and one that is not named from the root of the tree.
#
# usage: layers.sh        from the root. docs/design.md has the rule: calls go down,
#   boot, samples, tests -> gc -> mm -> lib -> arch
# and public headers include only freestanding ones and each other.
set -u
status=0

list() { find "$@" -name '*.[chS]' 2>/dev/null | sort; }
says() { # headline, lines
  [ -z "$2" ] && return
  printf 'layers: %s:\n%s\n' "$1" "$2"
  status=1
}

# refuse FILES EXPRESSION HEADLINE: none of the files includes what the expression matches
refuse() {
  # shellcheck disable=SC2086
  says "$3" "$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" $1 /dev/null)"
}

refuse "$(list arch)" '"(lib|mm|gc|boot|tests|samples)/' "arch/ looks at nothing of ours"
refuse "$(list lib)" '"(mm|gc|boot|tests|samples)/' "lib/ looks only at arch/"
refuse "$(list mm)" '"(gc|boot|tests|samples)/' "mm/ looks only at lib/ and arch/"
refuse "$(list gc)" '"(boot|tests|samples)/' "gc/ looks only at mm/, lib/ and arch/"
refuse "$(list boot)" '"(mm|gc|tests|samples)/' "boot/ uses the heap through its public headers"
refuse "$(list samples)" '"(mm|gc|tests/[^"]*/|boot/(x86_64|aarch64|host)/)' \
  "samples/ are programs of the guest kernel, and know of the tests tests/test.h"
refuse "$(list include)" '("|<(std(io|lib)|string|unistd|pthread))' \
  "public headers include freestanding ones only"

# Machines: a header of arch/ or boot/ chooses; nobody else looks into a machine's directory.
refuse "$(list lib mm gc boot samples tests)" '"arch/[a-z0-9_]+/' \
  "arch/arch.h is the only header of arch/ for others"
refuse "$(list boot/*.[ch] | grep -vxE 'boot/(cpu|pte)\.h')" '"boot/(x86_64|aarch64|host)/' \
  "boot/ looks into a machine's directory in boot/cpu.h and boot/pte.h only"
refuse "$(list boot/x86_64)" '"boot/(aarch64|host)/' "boot/x86_64 looks at no other machine"
refuse "$(list boot/aarch64)" '"boot/(x86_64|host)/' "boot/aarch64 looks at no other machine"

# What runs on machines has no C library; nor have the tests that run there as well. Programs of a
# process lie among them: boot/host, tests/bench/hosted.
# shellcheck disable=SC2046
says "only freestanding headers where there is no C library" "$(
  grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*<' $(list lib mm gc arch/x86_64 arch/aarch64 boot \
    samples tests/lib tests/unit tests/kernel tests/bench | grep -vE '^(boot/host|tests/bench/hosted)/') |
    grep -vE '<(tern/[a-z]+|std(arg|atomic|bool|def|int))\.h>'
)"

# shellcheck disable=SC2046
says "an include names its file from the root of the tree" "$(
  grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' $(list arch lib mm gc boot samples tests) |
    while IFS= read -r line; do
      file=${line#*\"}
      [ -e "${file%%\"*}" ] || echo "$line"
    done
)"
exit $status
