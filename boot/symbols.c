/* SPDX-License-Identifier: MIT */
/* symbols.c - names of functions, for backtraces.
 *
 * tools/syms.awk makes the table from nm's output, sorted by address, with the end of the text
 * as its last entry. In the first link of an image there is none: symbol_table is weak. Pure
 * look-ups, any context. */
#include "boot/symbols.h"

#include <stddef.h>

#include "lib/compiler.h"
#include "lib/string.h"

struct symbol {
	uint64_t addr;
	uint32_t name; /* offset behind the last entry */
	uint32_t unused;
};

struct symbol_table {
	uint64_t count;
	struct symbol entry[];
};

extern const struct symbol_table symbol_table TERN_WEAK;

static const char *name_of(size_t i)
{
	return (const char *)&symbol_table.entry[symbol_table.count] + symbol_table.entry[i].name;
}

const char *symbol_at(uintptr_t addr, uintptr_t *offset)
{
	const struct symbol *e = symbol_table.entry;
	size_t low = 0, high;

	if (!&symbol_table || addr < e[0].addr || addr >= e[symbol_table.count - 1].addr)
		return NULL;
	/* e[low] <= addr < e[high] */
	for (high = symbol_table.count - 1; high - low > 1;) {
		size_t mid = low + (high - low) / 2;

		if (e[mid].addr <= addr)
			low = mid;
		else
			high = mid;
	}
	if (offset)
		*offset = addr - e[low].addr;
	return name_of(low);
}

uintptr_t symbol_find(const char *name)
{
	if (!&symbol_table)
		return 0;
	for (size_t i = 0; i + 1 < symbol_table.count; i++)
		if (tern_str_eq(name_of(i), name))
			return symbol_table.entry[i].addr;
	return 0;
}
