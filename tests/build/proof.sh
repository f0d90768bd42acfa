#!/bin/sh
# SPDX-License-Identifier: MIT
# proof.sh - make models and make relacy, where Spin and Relacy are installed; where they are not, the
# targets say so and fail.
. tests/ktap.sh

without() { # what make prints without any program but its own
  make -s O="$O/none" "$@" 2>&1
  echo "status $?"
}

if command -v spin >/dev/null 2>&1; then
  check "every state of the smaller models, and every fault in them" make -s O="$O/build" models MUCH=quick
else
  check "make models says that there is no Spin # SKIP no spin here" contains "$(without models)" "no spin here"
fi
if echo | c++ -E -include relacy/relacy.hpp -x c++ - >/dev/null 2>&1; then
  check "protocols without a lock under C11, as they are and weakened" \
    make -s -j2 O="$O/build" relacy ITERATIONS=20000
else
  check "make relacy says that there is no Relacy # SKIP no relacy-dev here" contains "$(without relacy)" "no relacy/relacy.hpp here"
fi
finish
