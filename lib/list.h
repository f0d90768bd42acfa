/* SPDX-License-Identifier: MIT */
/* list.h - doubly linked list whose links lie inside the objects.
 *
 * A list is a ring through a head; an object that is on no list has a link that points to
 * itself. Locks: the owner's. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <stdbool.h>

#include "lib/compiler.h"

struct list {
	struct list *next, *prev;
};

/* clang-format off */
#define LIST_INIT(head) { &(head), &(head) }
/* clang-format on */

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_insert_before(struct list *at, struct list *l)
{
	l->next = at;
	l->prev = at->prev;
	at->prev->next = l;
	at->prev = l;
}

static inline void list_push_back(struct list *head, struct list *l)
{
	list_insert_before(head, l);
}

static inline void list_push_front(struct list *head, struct list *l)
{
	list_insert_before(head->next, l);
}

static inline void list_remove(struct list *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	list_init(l);
}

#define list_entry(link, type, member) container_of(link, type, member)

#define list_for_each(pos, head)                                                                   \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

/* The entry may be removed in the body. */
#define list_for_each_safe(pos, head)                                                              \
	for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);              \
	     pos = pos##_next, pos##_next = pos->next)

#endif
