/* SPDX-License-Identifier: MIT */
/* sample.c - one allocation in many is remembered, at no cost to the others.
 *
 * Job      Say which allocations are samples, so that every byte that is allocated has the same chance
 *          to choose its object.
 * How      The bytes of each class on each CPU are a line, on which marks stand at random distances,
 *          half to one and a half intervals. An object that a mark falls on is a sample, and stands
 *          for an interval of bytes. Where the next mark is, is known when a CPU takes a word of
 *          slots: the slots from the marked one on are hidden. So the marked one is asked for on the
 *          slow path, and the fast path knows nothing.
 * Bias     Slots that the CPU frees into its word are taken again before the hidden ones, and are
 *          counted when the word is used up: a mark that they would have carried is carried by the
 *          object that comes to the slow path next. So all bytes are counted, but of loops that take
 *          and free on one CPU some are laid to the charge of the wrong line.
 * Hidden   slots are not free, but remote: freed, and the owner has not seen it yet. So they are in use for
 *          nobody, and who frees one is told. They are shown when the CPU comes to the slow path or
 *          gives the span up, before it looks for slots that are remote in earnest. Statistics, which
 *          take remote slots for counted, know of them.
 * Large    objects of an interval or more are all samples, and stand for themselves.
 * Locks    samples(77), mheap(80), below.   Context: interrupts off, the CPU's own cache.
 * Go       runtime/malloc.go nextSample. Go counts bytes down on the fast path. */
#include "mm/sample.h"

#include <tern/observe.h>

#include "arch/arch.h"
#include "lib/assert.h"
#include "lib/bits.h"
#include "lib/trace.h"
#include "mm/heap.h"
#include "mm/sample_table.h"

#define DEFAULT_INTERVAL KiB(512)
#define MIN_INTERVAL     64u

_Atomic uint64_t tern_sample_interval;

static uint64_t interval(void)
{
	return atomic_load_explicit(&tern_sample_interval, memory_order_relaxed);
}

static uint64_t next_random(struct tern_sampler *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random >> 11;
}

/* --- which ----------------------------------------------------------------------------------- */

static struct tern_sampler *make_sampler(struct tern_mcache *c)
{
	struct tern_sampler *m = tern_mheap_lasting(&tern_heap.pages, sizeof(*m));

	if (m) {
		m->random = (arch_ticks() ^ (uintptr_t)m) * 0x9e3779b97f4a7c15ull | 1;
		/* release: with statistics, which look at it */
		__atomic_store_n(&c->sampler, m, __ATOMIC_RELEASE);
	}
	return m;
}

/* What was taken before a class begins does not count. r: the interval, as it was read once: another CPU
 * may turn it to 0. */
static struct tern_sample_class *class_of(struct tern_mcache *c, size_t spc, uint64_t r)
{
	struct tern_sampler *m = c->sampler ? c->sampler : make_sampler(c);
	struct tern_sample_class *k = m ? &m->of[spc] : NULL;

	if (k && !k->begun) {
		k->begun = true;
		k->left = (int64_t)(next_random(m) % r);
	}
	return k;
}

/* How many marks fall on the next `size` bytes. */
static uint64_t marks_on(struct tern_sampler *m, struct tern_sample_class *k, uint64_t size,
			 uint64_t r)
{
	uint64_t n = k->left < 0 ? (uint64_t)-k->left / r : 0;

	k->left += (int64_t)(n * r);
	for (; k->left < (int64_t)size; n++)
		k->left += (int64_t)(r / 2 + next_random(m) % r);
	return n;
}

/* --- hiding ---------------------------------------------------------------------------------- */

static void hide_all_but(struct tern_sample_class *k, _Atomic uint64_t *word, uint64_t keep)
{
	uint64_t free = atomic_load_explicit(word, memory_order_relaxed), rest = free;

	for (; keep && rest; keep--)
		rest &= rest - 1;
	if (!rest)
		return;
	k->word = container_of(word, struct tern_span_word, free);
	atomic_store_explicit(&k->hidden, rest, memory_order_relaxed);
	atomic_fetch_or_explicit(&k->word->remote, rest, memory_order_relaxed);
	atomic_store_explicit(word, free & ~rest, memory_order_relaxed);
}

void tern_sample_show_slots(struct tern_sample_class *k)
{
	uint64_t hidden = atomic_load_explicit(&k->hidden, memory_order_relaxed);
	uint64_t free = atomic_load_explicit(&k->word->free, memory_order_relaxed);

	atomic_store_explicit(&k->word->free, free | hidden, memory_order_relaxed);
	atomic_fetch_and_explicit(&k->word->remote, ~hidden, memory_order_relaxed);
	atomic_store_explicit(&k->hidden, 0, memory_order_relaxed);
}

/* --- taking ---------------------------------------------------------------------------------- */

uint64_t tern_sample_refilled(struct tern_mcache *c, size_t spc)
{
	uint64_t r = interval(), size, n;
	struct tern_sample_class *k;

	k = r ? class_of(c, spc, r) : NULL;
	if (!k)
		return 0;
	size = c->slots[spc].span->elemsize;
	n = marks_on(c->sampler, k, size, r);
	hide_all_but(k, c->slots[spc].word, (uint64_t)k->left / size);
	return n * r;
}

uint64_t tern_sample_large(struct tern_mcache *c, enum tern_kind kind, size_t size)
{
	/* A kind's class 0 stands for large objects; of those without pointers it is taken. */
	size_t spc = tern_spanclass_of(kind == TERN_KIND_NOSCAN ? TERN_KIND_SCAN : kind, 0);
	struct tern_sample_class *k;
	uint64_t r = interval(), n;

	if (!r || size >= r)
		return r ? size : 0;
	k = class_of(c, spc, r);
	if (!k)
		return 0;
	n = marks_on(c->sampler, k, size, r);
	k->left -= (int64_t)size;
	return n * r;
}

TERN_NOINLINE void tern_sample_add(struct tern_mcache *c, struct tern_mspan *s, uintptr_t addr,
				   uint64_t bytes)
{
	struct tern_trace trace = tern_trace_from(__builtin_frame_address(0));

	if (tern_sample_table_add(&trace, s, addr, bytes) && c->hot == s)
		c->hot = tern_mcache_none.hot;
}

/* --- the end --------------------------------------------------------------------------------- */

static bool is_at(const struct tern_mspan *s, uintptr_t addr, uintptr_t freed)
{
	(void)s;
	return addr == freed;
}

void tern_sample_freed(struct tern_mspan *s, uintptr_t addr)
{
	/* Crumbs live as long as their block. */
	if (s->spc != TERN_SPANCLASS_TINY || s->magic == 0)
		tern_sample_table_end(s, is_at, addr);
}

static bool is_dead(const struct tern_mspan *s, uintptr_t addr, uintptr_t arg)
{
	unsigned slot = tern_mspan_slot(s, addr);

	(void)arg;
	return !(atomic_load_explicit(&s->word[slot / 64].mark, memory_order_relaxed) >> slot % 64 &
		 1);
}

void tern_sample_swept(struct tern_mspan *s)
{
	tern_sample_table_end(s, is_dead, 0);
}

/* --- the public calls ------------------------------------------------------------------------ */

enum tern_result tern_profile_start(size_t bytes)
{
	uint64_t r = bytes ? bytes : DEFAULT_INTERVAL;

	if (r < MIN_INTERVAL || r > UINT32_MAX)
		return TERN_EINVAL;
	if (!tern_sample_table_make())
		return TERN_ENOMEM;
	atomic_store_explicit(&tern_heap.samples.interval, r, memory_order_relaxed);
	atomic_store_explicit(&tern_sample_interval, r, memory_order_relaxed);
	return TERN_OK;
}

void tern_profile_stop(void)
{
	atomic_store_explicit(&tern_sample_interval, 0, memory_order_relaxed);
}
