/* SPDX-License-Identifier: MIT */
/* test_list.c - random pushes and removals against an array of the same order. */
#include "lib/list.h"

#include "tests/test.h"

#define ITEMS 12

struct item {
	int before; /* so that the link is not the object's first member */
	struct list link;
};

static struct list head = LIST_INIT(head);
static struct item items[ITEMS];
static struct item *order[ITEMS]; /* what the list must hold */
static unsigned count;

static void start_over(void)
{
	list_init(&head);
	for (unsigned i = 0; i < ITEMS; i++)
		list_init(&items[i].link);
	count = 0;
}

static void insert_at(unsigned at, struct item *item)
{
	for (unsigned i = count++; i > at; i--)
		order[i] = order[i - 1];
	order[at] = item;
}

static void remove_at(unsigned at)
{
	for (count--; at < count; at++)
		order[at] = order[at + 1];
}

/* Both ways round, and by entry. */
static bool same(void)
{
	unsigned n = 0;

	list_for_each (l, &head) {
		if (n >= count || list_entry(l, struct item, link) != order[n])
			return false;
		n++;
	}
	for (struct list *l = head.prev; l != &head; l = l->prev)
		if (n == 0 || l != &order[--n]->link)
			return false;
	return n == 0 && list_empty(&head) == (count == 0);
}

static void insert_one(struct test *t, struct item *item)
{
	unsigned at;

	switch (test_random_below(t, 3)) {
	case 0:
		list_push_back(&head, &item->link);
		insert_at(count, item);
		break;
	case 1:
		list_push_front(&head, &item->link);
		insert_at(0, item);
		break;
	default:
		at = (unsigned)test_random_below(t, count + 1);
		list_insert_before(at < count ? &order[at]->link : &head, &item->link);
		insert_at(at, item);
	}
}

TEST(list, starts_empty)
{
	static struct list fresh = LIST_INIT(fresh);

	EXPECT(list_empty(&fresh));
	list_for_each (l, &fresh)
		EXPECT(l == NULL);
}

TEST(list, keeps_order_like_an_array)
{
	start_over();
	for (unsigned i = 0; i < 2000; i++) {
		struct item *item = &items[test_random_below(t, ITEMS)];
		unsigned at = 0;

		if (list_empty(&item->link)) {
			insert_one(t, item);
		} else {
			while (order[at] != item)
				at++;
			remove_at(at);
			list_remove(&item->link);
			EXPECT(list_empty(&item->link));
		}
		REQUIRE(same());
	}
}

TEST(list, entries_go_while_it_is_walked)
{
	unsigned seen = 0;

	start_over();
	for (unsigned i = 0; i < ITEMS; i++)
		list_push_back(&head, &items[i].link);
	list_for_each_safe (l, &head) {
		EXPECT(list_entry(l, struct item, link) == &items[seen]);
		if (seen++ % 2)
			list_remove(l);
	}
	EXPECT_EQ(seen, ITEMS);
	for (unsigned i = 0; i < ITEMS; i += 2)
		insert_at(count, &items[i]);
	EXPECT(same());
}
