/* SPDX-License-Identifier: MIT */
/* graph.h - objects, what they lead to, and where all begins: for those who look at the heap in a
 * stopped world, one word after another. Marking proper has its own, faster way (mark.c). */
#ifndef GC_GRAPH_H
#define GC_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/observe.h>
#include <tern/type.h>

#include "mm/mspan.h"

/* An object in use, collected or not. */
struct tern_node {
	struct tern_mspan *span;
	unsigned slot;
	uintptr_t base;
	size_t size;
};

/* The object that an address lies in; any address at all. False if it lies in none. */
bool tern_node_at(uintptr_t addr, struct tern_node *n);
/* The slot that it lies in, in use or not. */
bool tern_node_around(uintptr_t addr, struct tern_node *n);
struct tern_node tern_node_of(struct tern_mspan *s, unsigned slot);
/* Each object, by the spans as the arenas have them. */
void tern_nodes_each(void (*fn)(void *arg, const struct tern_node *n), void *arg);
/* The same, a span at a time. */
void tern_spans_each(void (*fn)(void *arg, struct tern_mspan *s), void *arg);

/* `at` is the address of a word that may hold a pointer. */
typedef void tern_graph_word(void *arg, uintptr_t at);
/* What the memory at `at` holds, that may be anybody's. */
uintptr_t tern_graph_load(uintptr_t at);
/* Each word of an object that may; of an object that says where its pointers are, only those. */
void tern_node_words(const struct tern_node *n, tern_graph_word *fn, void *arg);

typedef void tern_graph_root(void *arg, const struct tern_root *r, const struct tern_type *type);
/* Each piece of memory where marking begins. sp: see tern_port_scan_stacks(). */
void tern_graph_roots(uintptr_t sp, tern_graph_root *fn, void *arg);
/* Besides: what is no object, but may hold pointers to manual ones. */
void tern_graph_runs(tern_graph_root *fn, void *arg);
/* Each word of a root that may hold a pointer. */
void tern_root_words(const struct tern_root *r, const struct tern_type *type, tern_graph_word *fn,
		     void *arg);

/* Mark bits as "seen", between cycles, when all is swept and so nothing is marked. False if it was. */
bool tern_node_see(const struct tern_node *n);
bool tern_node_is_seen(const struct tern_node *n);
void tern_nodes_forget(void);

#endif
