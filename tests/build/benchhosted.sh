#!/bin/sh
# SPDX-License-Identifier: MIT
# benchhosted.sh - make bench-hosted on short runs: its table has all rows in the form that is
# promised, a heap that is broken is found out, and what is missing is told.
. tests/ktap.sh

child=$O/build/host-release/bench-child
table=$O/build/bench-hosted.tsv

# measure SETTING...: what make bench-hosted says, in $said
measure() {
  rm -f "$table"
  said=$(make -s O="$O/build" ARCH=host BUILD=release LLVM=0 bench-hosted ROUNDS=1 DIVISOR=100 "$@" 2>&1)
}
rows() { cut -f1 "$table" | sort; }
wanted() { "$child" list | grep -E "^($1) " | cut -d' ' -f3- | tr ' ' '\n'; }

runs() { measure PEERS=glibc || { echo "$said"; false; }; }
check "runs all" runs
check "the table has each row, and the ratio to each peer" \
  [ "$(rows)" = "$({ wanted 'malloc|collected'; wanted malloc | sed 's/$/.vs.glibc/'; } | sort)" ]
# misformed: the lines that are not in the form
misformed() {
  awk -F '\t' '
    function unit(row) {
      if (row ~ /\.vs\./) return "ratio"
      if (row ~ /peak$/) return "MiB"
      if (row ~ /rate$/) return "MiB/s"
      if (row ~ /^(frag(\.collected)?|scaling.*|.*\.speedup)$/) return "times"
      if (row ~ /^latency.*\.(p999|max|stw|machine)$/) return "us"
      if (row ~ /^(trees|gcbench)|^mark\.[a-z]+(\.one)?$/) return "ms"
      return "ns"
    }
    NF != 3 || $2 !~ /^[0-9]+\.[0-9]+$/ || $2 + 0 <= 0 || $3 != unit($1) { print; bad++ }
    END { print bad + 0, "bad" }' "$table"
}
check "in one form" [ "$(misformed)" = "0 bad" ]
check "people see who was measured" contains "$said" '^glibc: /.*/libc'
check "and the medians with their ratios" contains "$said" '^batch +ns +[0-9.]+ +[0-9.]+ \( *[0-9.]+\) +[0-9]+$'

measure PEERS=glibc 'B=^micro.64.malloc$'
check "B chooses rows" [ "$(rows | tr '\n' ' ')" = "micro.64.malloc micro.64.malloc.vs.glibc " ]
measure PEERS=glibc B=nothing
check "B that chooses none is an error" contains "$said" 'no row matches nothing'
measure PEERS="glibc absent=$O/libabsent.so" B=batch
check "a peer that is missing is told, and the others run" \
  [ "$(echo "$said" | grep -c '^bench-hosted: no absent here$') $(rows | grep -c 'vs')" = "1 3" ]

# Those that collect: what is not installed is told, and what is here has all rows that it can have.
measure PEERS='bdwgc go' DIVISOR=1000 B='^(micro.64.typed|trees.18|mark.wide|churn|frag.coll|latency.op)'
collector_told() {
  if contains "$said" "^$1: "; then
    [ "$(rows | grep -c "\.vs\.$1\$")" -eq "$2" ]
  else
    contains "$said" "^bench-hosted: no $1 here\$"
  fi
}
check "bdwgc takes part in what collects, if it is here" collector_told bdwgc 15
check "so does Go" collector_told go 17

# A malloc for LD_PRELOAD that does one thing wrong from the 200th call on, so that the C library
# lives long enough. Memory is never given twice otherwise.
cat >"$O/faulty.c" <<'END'
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OVERLAP = 1, DIRTY, FORGET };

static _Alignas(16) unsigned char arena[512u << 20];
static _Atomic size_t used, calls;

static int wrong(int how)
{
	return how == FAULT && atomic_load(&calls) > 200;
}

/* The size lies before the object. */
void *malloc(size_t size)
{
	size_t whole = (size + 31) & ~(size_t)15;
	unsigned char *p;

	atomic_fetch_add(&calls, 1);
	p = arena + atomic_fetch_add(&used, wrong(OVERLAP) && size >= 64 ? whole / 32 * 16 : whole);
	if (p + whole > arena + sizeof(arena))
		return NULL;
	memcpy(p, &size, sizeof(size));
	if (wrong(DIRTY))
		p[16] = 1;
	return p + 16;
}

void free(void *p)
{
	(void)p;
}

void *calloc(size_t n, size_t size)
{
	return malloc(n * size);
}

void *realloc(void *p, size_t size)
{
	void *to = malloc(size);
	size_t old = 0;

	if (p)
		memcpy(&old, (unsigned char *)p - 16, sizeof(old));
	if (to && !wrong(FORGET))
		memcpy(to, p ? p : "", old < size ? old : size);
	return to;
}
END
# faulty FAULT ROWS: measure it
faulty() {
  lib=$O/libfaulty$1.so
  gcc -O1 -shared -fPIC -fno-builtin "-DFAULT=$1" -o "$lib" "$O/faulty.c" &&
    measure PEERS="glibc faulty=$lib" "B=$2"
}
# finds FAULT WORKLOAD TEXT: that fault in that workload, by that message; then there is no table
finds() {
  ! faulty "$1" "^$2\$" &&
    contains "$said" "$2 failed on faulty: .*$3" && contains "$said" "^$2 " && [ ! -e "$table" ]
}
check "a heap without a fault passes" faulty 0 '^(batch|grow|remote|trace|micro.64.calloc)$'
check "objects that overlap are found out" finds 1 batch 'was overwritten'
check "among threads as well" finds 1 remote 'was overwritten'
check "in the trace as well" finds 1 trace 'was overwritten'
check "memory that is not cleared is found out" finds 2 micro.64.calloc 'is not 0'
check "a realloc that forgets is found out" finds 3 grow 'changed word'
finish
