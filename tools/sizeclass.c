/* SPDX-License-Identifier: MIT */
/* sizeclass.c - make mm/sizeclass_table.h (make tables): which sizes small objects are rounded up to.
 *
 * The rules, in the order in which they are applied:
 *   1  Sizes go up in steps of 8; of 16 from 32 on; of an eighth of the last power of two from
 *      128 on; of 256 from 2048 on; to 32 KiB. So rounding up wastes about an eighth at most,
 *      and objects of 16 bytes or more are aligned to 16 wherever that costs nothing.
 *   2  A span of a class is the shortest run of pages of which at most an eighth is left over.
 *   3  Of neighbours that take equal spans and fit equally often, only the largest stays.
 *   4  A size over 1024 grows, in steps of 128, as far as the same number still fits.
 * Division by a size is a multiplication: for every offset in a span, offset / size is
 * offset * magic >> 32, with magic = 2^32 / size rounded up, and offset is a multiple of size
 * exactly if the lower half of the product is less than magic. Checked here for all offsets.
 *
 * Runs on the build machine; its output is in the tree. Test: tests/build/tables.sh. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE        8192u
#define MAX_SMALL   32768u
#define MAX_CLASSES 256

/* Small request sizes look their class up in steps of 8 up to here, then of 128. */
#define FINE_LIMIT  1024u
#define FINE_STEP   8u
#define FINE_UNIT   4u /* TERN_FINE_UNIT */
#define COARSE_STEP 128u

struct sizeclass {
	unsigned size, pages;
};

static struct sizeclass classes[MAX_CLASSES];
static unsigned count = 1; /* class 0: large objects */

static unsigned step_after(unsigned size)
{
	unsigned power = 8;

	while (power * 2 <= size)
		power *= 2;
	if (power >= 2048)
		return 256;
	if (power >= 128)
		return power / 8;
	return power >= 32 ? 16 : 8;
}

static unsigned span_pages(unsigned size)
{
	unsigned pages = 1;

	while (pages * PAGE % size > pages * PAGE / 8)
		pages++;
	return pages;
}

static void choose(void)
{
	for (unsigned size = 8; size <= MAX_SMALL; size += step_after(size)) {
		struct sizeclass *last = &classes[count - 1];
		unsigned pages = span_pages(size);

		if (count > 1 && last->pages == pages &&
		    pages * PAGE / last->size == pages * PAGE / size)
			last->size = size;
		else
			classes[count++] = (struct sizeclass){ size, pages };
	}
}

static void grow(void)
{
	for (unsigned c = 1; c < count; c++) {
		unsigned bytes = classes[c].pages * PAGE;
		unsigned most = bytes / (bytes / classes[c].size) / COARSE_STEP * COARSE_STEP;

		if (classes[c].size > FINE_LIMIT && most > classes[c].size)
			classes[c].size = most;
	}
}

static uint32_t magic(unsigned size)
{
	return (uint32_t)(((1ull << 32) + size - 1) / size);
}

static bool divides(uint64_t offset, unsigned size)
{
	uint64_t product = offset * magic(size);

	return product >> 32 == offset / size &&
	       ((uint32_t)product < magic(size)) == (offset % size == 0);
}

static void check_magic(void)
{
	for (unsigned c = 1; c < count; c++) {
		unsigned size = classes[c].size;

		for (uint64_t offset = 0; offset < (uint64_t)classes[c].pages * PAGE; offset++) {
			if (divides(offset, size))
				continue;
			fprintf(stderr, "sizeclass: no magic divides %llu by %u\n",
				(unsigned long long)offset, size);
			exit(1);
		}
	}
}

static unsigned class_of(unsigned size)
{
	unsigned c = 1;

	while (classes[c].size < size)
		c++;
	return c;
}

static void print_array(const char *type, const char *name, unsigned n, unsigned (*value)(unsigned))
{
	printf("\nconst %s tern_%s[%u] = {", type, name, n);
	for (unsigned i = 0; i < n; i++)
		printf("%s%u,", i % 12 ? " " : "\n\t", value(i));
	printf("\n};\n");
}

static unsigned size_at(unsigned c)
{
	return classes[c].size;
}

static unsigned pages_at(unsigned c)
{
	return classes[c].pages;
}

static unsigned nelems_at(unsigned c)
{
	return c ? classes[c].pages * PAGE / classes[c].size : 0;
}

static unsigned magic_at(unsigned c)
{
	return c ? magic(classes[c].size) : 0;
}

static unsigned fine_at(unsigned i)
{
	return FINE_UNIT * class_of(i ? i * FINE_STEP : 1);
}

static unsigned coarse_at(unsigned i)
{
	return class_of(FINE_LIMIT + i * COARSE_STEP);
}

int main(void)
{
	choose();
	grow();
	check_magic();
	printf("/* SPDX-License-Identifier: MIT */\n"
	       "/* sizeclass_table.h - made by tools/sizeclass.c, which states the rules. */\n"
	       "/* clang-format off */\n"
	       "#ifndef MM_SIZECLASS_TABLE_H\n#define MM_SIZECLASS_TABLE_H\n\n"
	       "#include <stdint.h>\n\n"
	       "#define SIZECLASS_COUNT %u\n#define SIZECLASS_MAX_SIZE %u\n",
	       count, MAX_SMALL);
	print_array("uint16_t", "sizeclass_size", count, size_at);
	print_array("uint8_t", "sizeclass_pages", count, pages_at);
	print_array("uint16_t", "sizeclass_nelems", count, nelems_at);
	printf("\n/* 2^32 / size, rounded up */");
	print_array("uint32_t", "sizeclass_magic", count, magic_at);
	printf("\n/* class of size n, times %u: [(n + 7) / 8] up to 1024 */", FINE_UNIT);
	print_array("uint8_t", "sizeclass_fine", FINE_LIMIT / FINE_STEP + 1, fine_at);
	printf("\n/* class of size n: [(n - 1024 + 127) / 128] from there on */");
	print_array("uint8_t", "sizeclass_coarse", (MAX_SMALL - FINE_LIMIT) / COARSE_STEP + 1,
		    coarse_at);
	printf("\n#endif\n");
	return 0;
}
