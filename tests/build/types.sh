#!/bin/sh
# SPDX-License-Identifier: MIT
# types.sh - TERN_TYPE() as a stranger's compiler sees it: strict C and C++, and fields that cannot be
# pointers, which it has to refuse.
. tests/ktap.sh

cat >"$O/good.c" <<'END_OF_C'
#include <tern/gc.h>
#include <tern/type.h>

struct inner {
	struct inner *next;
	long key;
};
struct outer {
	char flag;
	struct outer *left, *right;
	struct inner in;
	void *kids[7];
	struct inner two[2];
	uintptr_t tagged;
};
struct page {
	long n;
	void *slot[511];
};

TERN_TYPE(inner_type, struct inner, next);
TERN_TYPE(outer_type, struct outer, left, right, in.next, TERN_PTR_ARRAY(kids), two[1].next, tagged);
TERN_TYPE_WIDE(page_type, struct page, TERN_PTR_ARRAY(slot));
TERN_TYPE_NOSCAN(name_type, char[12]);

int main(void)
{
	TERN_TYPE(local_type, struct inner, next);

	return inner_type.mask[0] == 1 && local_type.ptrdata == 8 && outer_type.size == sizeof(struct outer) &&
			       outer_type.mask[0] == 0x14fee && page_type.mask[0] == ~1ul &&
			       page_type.mask[8] == 0 && page_type.mask[7] == ~0ul && name_type.ptrdata == 0 ?
		       0 :
		       1;
}
END_OF_C

compile() { "$@" -Wall -Wextra -Werror -Iinclude -c -o "$O/good.o" "$O/good.c"; }
# The constants are all there is to it: nothing of the library is called.
run() { "$@" -Iinclude -o "$O/good" "$O/good.c" && "$O/good"; }

for cc in gcc clang; do
  for std in c11 gnu11 c17; do
    check "$cc, $std: compiles without a warning" compile $cc -std=$std -Wpedantic -Wshadow
  done
  check "$cc: the masks are right" run $cc
done
for cxx in g++ clang++; do
  command -v $cxx >/dev/null || continue
  for std in c++11 c++20; do
    check "$cxx, $std: compiles without a warning" compile $cxx -x c++ -std=$std
  done
  check "$cxx: the masks are right" run $cxx -x c++
done

# refused WHY FIELDS...: of a struct with all that is wrong
refused() {
  why=$1
  cat >"$O/bad.c" <<-END_OF_C
	#include <tern/type.h>
	struct __attribute__((packed)) packed { char c; void *p; };
	struct __attribute__((aligned(64))) wide { void *p; };
	struct bad { int i, j; char text[16]; void *kids[3]; void *far[100]; void *farther[5000]; };
	$2;
	END_OF_C
  for cc in gcc clang; do
    check "$cc: refused: $2" contains "$($cc -std=c11 -Iinclude -c -o "$O/bad.o" "$O/bad.c" 2>&1)" "error:.*$why"
  done
}
refused 'not one pointer' 'TERN_TYPE(t, struct bad, i)'
refused 'not one pointer' 'TERN_TYPE(t, struct bad, kids[0], text)'
refused 'not one pointer' 'TERN_TYPE(t, struct bad, kids)'
refused 'not one pointer' 'TERN_TYPE(t, struct bad, TERN_PTR_ARRAY(text))'
refused 'not aligned to 8' 'TERN_TYPE(t, struct packed, p)'
refused 'need TERN_TYPE_WIDE' 'TERN_TYPE(t, struct bad, TERN_PTR_ARRAY(far))'
refused 'at most 32 KiB' 'TERN_TYPE_WIDE(t, struct bad, TERN_PTR_ARRAY(farther))'
refused 'aligned to 16 at most' 'TERN_TYPE(t, struct wide, p)'
refused 'no member' 'TERN_TYPE(t, struct bad, nothing)'
finish
