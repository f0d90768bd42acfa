#!/bin/sh
# SPDX-License-Identifier: MIT
# faults.sh - plant each fault of lib/fault.h in turn, until a schedule shows it; then that seed alone
# must show the same.
#
# usage: faults.sh SIM-FAULTS FIRST COUNT       COUNT: schedules for each, at most
# A line for each fault. The status is 1 if one was not found, or did not come again.
set -u
sim=$1 first=$2 count=$3
status=0
for fault in $("$sim" --faults); do
  said=$("$sim" --fault "$fault" "$first" "$count" | grep -a '^sim: ' | head -n 1)
  seed=$(echo "$said" | sed -n 's/^sim: SEED=\([0-9]*\) failed.*/\1/p')
  if [ -z "$seed" ]; then
    echo "$fault: not found; $said"
    status=1
  elif [ "$("$sim" --fault "$fault" "$seed" 1 | grep -a '^sim: ' | head -n 1)" != "$said" ]; then
    echo "$fault: found, but not again; $said"
    status=1
  else
    echo "$fault: found by schedule $((seed - first + 1)); ${said#sim: }"
  fi
done
exit $status
