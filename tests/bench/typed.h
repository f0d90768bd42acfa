/* SPDX-License-Identifier: MIT */
/* typed.h - what the rows with p in their names allocate: two leading pointers, by descriptor. */
#ifndef TESTS_BENCH_TYPED_H
#define TESTS_BENCH_TYPED_H

#include <stdint.h>

#include <tern/type.h>

struct two_pointers {
	void *p[2];
};
struct two_pointers_of_64 {
	void *p[2];
	uint64_t rest[6];
};
TERN_TYPE(two_pointers, struct two_pointers, TERN_PTR_ARRAY(p));
TERN_TYPE(two_pointers_of_64, struct two_pointers_of_64, TERN_PTR_ARRAY(p));

#endif
