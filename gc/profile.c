/* SPDX-License-Identifier: MIT */
/* profile.c - the heap profile in pprof's format.
 *
 * Job      Write samples as a message of profile.proto, field by field, so that nothing has to be kept:
 *          a return address is its own location's and function's id, and strings are numbered as
 *          they are written.
 * Below    mm/sample_table.c (the samples), out.c.
 * Values   A sample stands for bytes; objects are bytes by the size of one.
 * Context  threads. */
#include <tern/observe.h>

#include "gc/out.h"
#include "lib/string.h"
#include "mm/heap.h"

/* Fields of messages in profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING_TABLE = 6,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
	VALUE_TYPE_TYPE = 1,
	VALUE_TYPE_UNIT = 2,
	SAMPLE_LOCATION_ID = 1,
	SAMPLE_VALUE = 2,
	SAMPLE_LABEL = 3,
	LABEL_KEY = 1,
	LABEL_STR = 2,
	LABEL_NUM = 3,
	LABEL_NUM_UNIT = 4,
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_LIMIT = 3,
	MAPPING_OFFSET = 4,
	MAPPING_FILENAME = 5,
	MAPPING_HAS_FUNCTIONS = 7,
	LOCATION_ID = 1,
	LOCATION_MAPPING_ID = 2,
	LOCATION_ADDRESS = 3,
	LOCATION_LINE = 4,
	LINE_FUNCTION_ID = 1,
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
};

/* The strings that come first, by their numbers. */
enum string {
	STRING_NONE,
	STRING_ALLOC_OBJECTS,
	STRING_ALLOC_SPACE,
	STRING_INUSE_OBJECTS,
	STRING_INUSE_SPACE,
	STRING_COUNT,
	STRING_BYTES,
	STRING_SPACE,
	STRING_KIND,
	STRING_MANUAL,
	STRING_COLLECTED,
	STRING_PATH,
	STRINGS,
};

static const char *const strings[STRINGS] = {
	[STRING_NONE] = "",
	[STRING_ALLOC_OBJECTS] = "alloc_objects",
	[STRING_ALLOC_SPACE] = "alloc_space",
	[STRING_INUSE_OBJECTS] = "inuse_objects",
	[STRING_INUSE_SPACE] = "inuse_space",
	[STRING_COUNT] = "count",
	[STRING_BYTES] = "bytes",
	[STRING_SPACE] = "space",
	[STRING_KIND] = "kind",
	[STRING_MANUAL] = "manual",
	[STRING_COLLECTED] = "collected",
};

/* --- messages -------------------------------------------------------------------------------- */

/* Those that stand within others are made here first, as their lengths come before them. */
struct message {
	unsigned n;
	uint8_t bytes[232];
};

enum { VARINT = 0, LENGTH = 2 };

static void put_varint(struct message *m, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		m->bytes[m->n++] = (uint8_t)(value | 0x80);
	m->bytes[m->n++] = (uint8_t)value;
}

static void put_number(struct message *m, unsigned field, uint64_t value)
{
	if (!value)
		return;
	put_varint(m, field << 3 | VARINT);
	put_varint(m, value);
}

static void put_message(struct message *m, unsigned field, const struct message *inner)
{
	put_varint(m, field << 3 | LENGTH);
	put_varint(m, inner->n);
	memcpy(m->bytes + m->n, inner->bytes, inner->n);
	m->n += inner->n;
}

struct profile {
	struct tern_out out;
	const struct tern_profile_image *image;
	uint64_t nstrings;
};

static void write_field(struct profile *p, unsigned field, const void *bytes, size_t n)
{
	struct message head = { 0 };

	put_varint(&head, field << 3 | LENGTH);
	put_varint(&head, n);
	tern_out_bytes(&p->out, head.bytes, head.n);
	tern_out_bytes(&p->out, bytes, n);
}

static void write_message(struct profile *p, unsigned field, const struct message *m)
{
	write_field(p, field, m->bytes, m->n);
}

static void write_number(struct profile *p, unsigned field, uint64_t value)
{
	struct message m = { 0 };

	put_number(&m, field, value);
	tern_out_bytes(&p->out, m.bytes, m.n);
}

/* Returns its number. */
static uint64_t write_string(struct profile *p, const char *text)
{
	write_field(p, PROFILE_STRING_TABLE, text, tern_str_len(text));
	return p->nstrings++;
}

/* --- the profile ----------------------------------------------------------------------------- */

static struct message value_type(enum string type, enum string unit)
{
	struct message m = { 0 };

	put_number(&m, VALUE_TYPE_TYPE, type);
	put_number(&m, VALUE_TYPE_UNIT, unit);
	return m;
}

static void write_types(struct profile *p)
{
	static const enum string types[][2] = {
		{ STRING_ALLOC_OBJECTS, STRING_COUNT },
		{ STRING_ALLOC_SPACE, STRING_BYTES },
		{ STRING_INUSE_OBJECTS, STRING_COUNT },
		{ STRING_INUSE_SPACE, STRING_BYTES },
	};
	struct message m = value_type(STRING_SPACE, STRING_BYTES);

	for (unsigned i = 0; i < STRINGS; i++)
		write_string(p,
			     i == STRING_PATH ? p->image->path ? p->image->path : "" : strings[i]);
	write_message(p, PROFILE_PERIOD_TYPE, &m);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		m = value_type(types[i][0], types[i][1]);
		write_message(p, PROFILE_SAMPLE_TYPE, &m);
	}
	write_number(p, PROFILE_PERIOD,
		     atomic_load_explicit(&tern_heap.samples.interval, memory_order_relaxed));
	write_number(p, PROFILE_DEFAULT_SAMPLE_TYPE, STRING_INUSE_SPACE);
}

static void write_mapping(struct profile *p)
{
	struct message m = { 0 };

	put_number(&m, MAPPING_ID, 1);
	put_number(&m, MAPPING_START, p->image->start);
	put_number(&m, MAPPING_LIMIT, p->image->limit ? p->image->limit : UINT64_MAX);
	put_number(&m, MAPPING_OFFSET, p->image->offset);
	put_number(&m, MAPPING_FILENAME, STRING_PATH);
	put_number(&m, MAPPING_HAS_FUNCTIONS, p->image->function != NULL);
	write_message(p, PROFILE_MAPPING, &m);
}

/* In the call, not behind it: that may be another line, or another function. */
static uintptr_t call_of(uintptr_t ret)
{
	return ret - 1;
}

static void write_place(void *arg, const struct tern_sample_place *place)
{
	uintptr_t addr = call_of(place->addr), offset;
	struct message location = { 0 }, line = { 0 }, function = { 0 };
	struct profile *p = arg;
	const char *name = p->image->function ? p->image->function(addr, &offset) : NULL;

	put_number(&location, LOCATION_ID, addr);
	put_number(&location, LOCATION_MAPPING_ID, 1);
	put_number(&location, LOCATION_ADDRESS, addr);
	if (name) {
		put_number(&function, FUNCTION_ID, addr);
		put_number(&function, FUNCTION_NAME, write_string(p, name));
		write_message(p, PROFILE_FUNCTION, &function);
		put_number(&line, LINE_FUNCTION_ID, addr);
		put_message(&location, LOCATION_LINE, &line);
	}
	write_message(p, PROFILE_LOCATION, &location);
}

static void put_labels(struct message *m, const struct tern_sample_site *s)
{
	struct message size = { 0 }, kind = { 0 };

	put_number(&size, LABEL_KEY, STRING_BYTES);
	put_number(&size, LABEL_NUM, s->size);
	put_number(&size, LABEL_NUM_UNIT, STRING_BYTES);
	put_message(m, SAMPLE_LABEL, &size);
	put_number(&kind, LABEL_KEY, STRING_KIND);
	put_number(&kind, LABEL_STR, s->manual ? STRING_MANUAL : STRING_COLLECTED);
	put_message(m, SAMPLE_LABEL, &kind);
}

static void write_site(void *arg, const struct tern_sample_site *s)
{
	uint64_t alloc = atomic_load_explicit(&s->alloc_bytes, memory_order_relaxed);
	uint64_t inuse = atomic_load_explicit(&s->inuse_bytes, memory_order_relaxed);
	const uint64_t values[] = { alloc / s->size, alloc, inuse / s->size, inuse };
	struct message m = { 0 };

	for (unsigned i = 0; i < TERN_TRACE_DEPTH && s->trace.ret[i]; i++)
		put_number(&m, SAMPLE_LOCATION_ID, call_of(s->trace.ret[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		put_varint(&m, SAMPLE_VALUE << 3 | VARINT);
		put_varint(&m, values[i]);
	}
	put_labels(&m, s);
	write_message(arg, PROFILE_SAMPLE, &m);
}

bool tern_profile_write(const struct tern_profile_image *image, tern_write *write, void *arg)
{
	static const struct tern_profile_image nothing;
	struct profile p = { .image = image ? image : &nothing };

	tern_out_init(&p.out, write, arg);
	write_types(&p);
	write_mapping(&p);
	tern_sample_sites(write_site, &p);
	tern_sample_places(write_place, &p);
	return tern_out_end(&p.out);
}

static void count_site(void *arg, const struct tern_sample_site *s)
{
	(void)s;
	++*(uint64_t *)arg;
}

void tern_profile_stats(struct tern_profile_stats *stats)
{
	*stats = (struct tern_profile_stats){
		.interval = atomic_load_explicit(&tern_sample_interval, memory_order_relaxed),
		.lost = tern_samples_lost(),
	};
	tern_sample_sites(count_site, &stats->sites);
}
