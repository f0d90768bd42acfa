#!/bin/sh
# SPDX-License-Identifier: MIT
# simulation.sh - make sim: allocator and collector on virtual CPUs, by 20,000 seeds; the same seed
# does the same again; and each fault that is planted is found.
. tests/ktap.sh

seeds=20000
programs=$O/build/sim
first=${SEED:-1}

build() { make -s -j2 O="$O/build" sim SEEDS=0 && make -s -j2 O="$O/build" sim FAULT=no_shade SEEDS=0; }
check "builds" build
check "$seeds schedules from seed $first on, as released" "$programs/sim-release" "$first" $seeds
check "and every tenth of them with all checks" "$programs/sim-verify" --turn 0/10 "$first" $seeds

counts() { sed -n 's/^sim: .* schedules, \([0-9]* steps, [0-9]* switches\).*/\1/p'; }
# One after another in one program, and each in a program of its own.
together() { "$programs/sim-release" "$first" 20 | counts; }
apart() {
  for i in $(seq "$first" $((first + 19))); do "$programs/sim-release" "$i" 1; done | counts |
    awk '{ steps += $1; switches += $3 } END { print steps " steps, " switches " switches" }'
}
check "a seed by itself does what it does among others" [ "$(together)" = "$(apart)" ]

found=$(sh tests/sim/faults.sh "$programs/sim-faults" "$first" $seeds)
for fault in $("$programs/sim-faults" --faults); do
  check "finds $fault, and again by its seed" contains "$found" "^$fault: found by schedule"
done
finish
