#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - runs the programs of tests/relacy: a line for each run, then "N passed, N failed".
#
# usage: run.sh ITERATIONS PROGRAM...      the status is 1 if any failed, or one ended in another way
set -u

iterations=$1
shift
{
  for program; do
    "$program" "$iterations"
    status=$?
    [ $status -lt 100 ] || echo "FAILED ${program##*/}: status $status"
  done
} | awk '
  { print; fflush() }
  /^ok / { passed++ }
  /^FAILED / { failed++ }
  END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }'
