/* SPDX-License-Identifier: MIT */
/* written.h - where tests have things written to that a kernel would send somewhere. */
#ifndef TESTS_UNIT_WRITTEN_H
#define TESTS_UNIT_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>

struct written {
	char *bytes;
	size_t n, size;
	size_t refuse_at; /* say no from that byte on; 0: never */
};

/* Room for `size` bytes, from pages, or for less on a small machine; false if there is none. */
bool written_init(struct written *w, size_t size);
void written_free(struct written *w);
/* A tern_write; arg: a struct written. False when there is no room. */
bool written_add(void *arg, const void *bytes, size_t n);
/* How often a text occurs in it. */
unsigned written_count(const struct written *w, const char *text);

#endif
