#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh - refuse an #include that goes up. Calls go down:
#   boot, samples, tests -> gc -> mm -> lib -> arch
# Public headers include only freestanding ones and each other.
set -u
status=0

refuse() { # files, what they may not include, why
  found=$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" $1 /dev/null)
  [ -z "$found" ] && return
  printf '%s\n%s\n' "layers: $3:" "$found"
  status=1
}

list() { find "$@" -name '*.[chS]' 2>/dev/null | sort; }

refuse "$(list arch)" '"(lib|mm|gc|boot|tests|samples)/' "arch/ looks at nothing of ours"
refuse "$(list lib)" '"(mm|gc|boot|tests|samples)/' "lib/ looks only at arch/"
refuse "$(list mm)" '"(gc|boot|tests|samples)/' "mm/ looks only at lib/ and arch/"
refuse "$(list gc)" '"(boot|tests|samples)/' "gc/ looks only at mm/, lib/ and arch/"
refuse "$(list boot)" '"(mm|gc|tests|samples)/' "boot/ uses the heap through its public headers"
refuse "$(list lib mm gc)" '"arch/[a-z0-9_]+/' "arch/arch.h is the only header of arch/ for others"
refuse "$(list include)" '("|<(std(io|lib)|string|unistd|pthread))' \
  "public headers include freestanding ones only"
exit $status
