/* SPDX-License-Identifier: MIT */
/* watch.c - which pages of the heap were written to, in a process: by write protection.
 *
 * Job      Make watched pages read-only; a write faults, and the handler makes the page writable and
 *          notes that.
 * Owns     a record for each 64 MiB that was asked about: which of its pages are watched, and of them
 *          clean: not written to since. Records are found by address, without a lock, and stay.
 * Order    Who handles a fault makes the page writable first, and clean no more then; who watches a page
 *          makes it clean first, and read-only then. So if the page can be written to, it is not
 *          clean, or one of them is not done: and nobody is stopped in the middle of either. A page
 *          that is neither clean nor writable only faults once more.
 * Again    Two threads may fault on one page, and the second is late: it was writable, and may be watched
 *          no more. So who faults on a page that is not watched tries again, once for each change; if
 *          it then faults again, that is nobody's of ours.
 * Missing  The system itself writes to memory for a process, in read() say: on a watched page such a call
 *          fails. Nothing here does that with collected objects.
 * Locks    none.   Context: port.h; host_watch_fault() in the handler of a signal. */
#include "boot/host/watch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tern/port.h>

#include "boot/host/growing.h"
#include "lib/bits.h"

#define PIECE (64ul << 20)
#define PAGES (PIECE / TERN_WATCHED_PAGE)
/* As many as a heap in a process has. */
#define RECORDS 1024u

struct record {
	_Atomic uintptr_t start; /* [atomic: release by who makes it, acquire] 0: nobody's yet */
	_Atomic uint64_t watched[PAGES / 64], clean[PAGES / 64]; /* [atomic: seq_cst] */
};

static _Atomic(struct record *) records[RECORDS]; /* [atomic: release, acquire] */
static _Atomic uint64_t changes;                  /* [atomic: relaxed] of pages' protection */

static struct record *find(uintptr_t addr)
{
	uintptr_t start = align_down(addr, PIECE);

	for (unsigned n = 0, i = start / PIECE % RECORDS; n < RECORDS; n++, i = (i + 1) % RECORDS) {
		struct record *r = atomic_load_explicit(&records[i], memory_order_acquire);

		if (!r || r->start == start)
			return r;
	}
	return NULL;
}

static struct record *make(uintptr_t addr)
{
	uintptr_t start = align_down(addr, PIECE);
	struct record *r = find(addr);
	unsigned i = start / PIECE % RECORDS;

	if (r)
		return r;
	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r == MAP_FAILED)
		return NULL;
	r->start = start;
	for (unsigned n = 0; n < RECORDS; n++, i = (i + 1) % RECORDS)
		if (!atomic_load_explicit(&records[i], memory_order_relaxed)) {
			atomic_store_explicit(&records[i], r, memory_order_release);
			return r;
		}
	munmap(r, sizeof(*r));
	return NULL;
}

static bool protect(uintptr_t start, size_t npages, int how)
{
	atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed);
	return mprotect((void *)start, npages * TERN_WATCHED_PAGE, how) == 0;
}

/* The next run of bits that are set, from bit *first on; false if there is none. */
static bool next_run(const uint64_t *bits, size_t nbits, size_t *first, size_t *n)
{
	size_t i = *first;

	while (i < nbits && !(bits[i / 64] >> i % 64 & 1))
		i++;
	*first = i;
	while (i < nbits && bits[i / 64] >> i % 64 & 1)
		i++;
	*n = i - *first;
	return *n;
}

static void set(_Atomic uint64_t *word, uint64_t bits)
{
	atomic_fetch_or_explicit(word, bits, memory_order_seq_cst);
}

static void clear(_Atomic uint64_t *word, uint64_t bits)
{
	atomic_fetch_and_explicit(word, ~bits, memory_order_seq_cst);
}

static void clear_run(_Atomic uint64_t *words, size_t first, size_t n)
{
	for (size_t i = first; i < first + n; i++)
		clear(&words[i / 64], 1ull << i % 64);
}

static size_t word_of(uintptr_t start)
{
	return start % PIECE / TERN_WATCHED_PAGE / 64;
}

/* The process may have too many borders between pages of one kind and another. */
static void watch_run(struct record *r, size_t first, size_t n)
{
	uintptr_t start = r->start + first * TERN_WATCHED_PAGE;

	if (protect(start, n, PROT_READ))
		return;
	if (!protect(start, n, PROT_READ | PROT_WRITE))
		abort();
	clear_run(r->clean, first, n);
}

bool tern_port_watch_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	struct record *r = n ? make(start) : NULL;

	host_catch_faults();
	if (!r)
		return true;
	for (size_t i = 0; i < n; i++) {
		set(&r->watched[word_of(start) + i], bits[i]);
		bits[i] &= ~atomic_fetch_or_explicit(&r->clean[word_of(start) + i], bits[i],
						     memory_order_seq_cst);
	}
	for (size_t first = 0, len; next_run(bits, n * 64, &first, &len); first += len)
		watch_run(r, word_of(start) * 64 + first, len);
	return true;
}

void tern_port_written_pages(uintptr_t start, uint64_t *bits, size_t n)
{
	const struct record *r = find(start);

	for (size_t i = 0; r && i < n; i++)
		bits[i] &=
			~atomic_load_explicit(&r->clean[word_of(start) + i], memory_order_seq_cst);
}

static void unwatch_piece(struct record *r, size_t first_word, size_t nwords)
{
	uintptr_t start = r->start + first_word * 64 * TERN_WATCHED_PAGE;
	uint64_t bits[PAGES / 64];

	for (size_t i = 0; i < nwords; i++)
		bits[i] = atomic_load_explicit(&r->watched[first_word + i], memory_order_seq_cst);
	for (size_t first = 0, len; next_run(bits, nwords * 64, &first, &len); first += len)
		if (!protect(start + first * TERN_WATCHED_PAGE, len, PROT_READ | PROT_WRITE))
			abort();
	for (size_t i = 0; i < nwords; i++) {
		clear(&r->clean[first_word + i], bits[i]);
		clear(&r->watched[first_word + i], bits[i]);
	}
}

void tern_port_unwatch_pages(uintptr_t start, size_t size)
{
	uintptr_t end = start + size, next;

	for (; start < end; start = next) {
		struct record *r = find(start);

		next = align_down(start, PIECE) + PIECE;
		next = next < end ? next : end;
		if (r)
			unwatch_piece(r, word_of(start), (next - start) / TERN_WATCHED_PAGE / 64);
	}
}

void host_watch_forget(uintptr_t start, size_t size)
{
	for (uintptr_t page = start; page < start + size; page += TERN_WATCHED_PAGE) {
		struct record *r = find(page);
		size_t i = page % PIECE / TERN_WATCHED_PAGE;

		if (r) {
			clear_run(r->watched, i, 1);
			clear_run(r->clean, i, 1);
		}
	}
	atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed);
}

/* Something has changed since this thread came here for the same address. */
static bool is_news(uintptr_t addr)
{
	static _Thread_local uintptr_t last_addr;
	static _Thread_local uint64_t last_changes;
	uint64_t now = atomic_load_explicit(&changes, memory_order_relaxed) + 1;
	bool news = addr != last_addr || now != last_changes;

	last_addr = addr;
	last_changes = now;
	return news;
}

bool host_watch_fault(uintptr_t addr)
{
	struct record *r = find(addr);
	size_t i = addr % PIECE / TERN_WATCHED_PAGE;

	if (!r)
		return false;
	if (!(atomic_load_explicit(&r->watched[i / 64], memory_order_seq_cst) >> i % 64 & 1))
		return is_news(addr);
	if (!protect(align_down(addr, TERN_WATCHED_PAGE), 1, PROT_READ | PROT_WRITE))
		abort();
	clear_run(r->clean, i, 1);
	return true;
}
