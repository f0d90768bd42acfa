/* SPDX-License-Identifier: MIT */
/* typed.c - what a type says: see typed.h and <tern/type.h>.
 *
 * Job      See whether a type is right; what to write into a map.   Not: allocating (malloc.c), nor
 *          going through pointers (gc/mark.c).
 * Owns     nothing.   Locks none.   Context: any.
 * Go       runtime/mbitmap.go. Go keeps a bit for each word at the span's end for objects up to 512
 *          bytes, and the type before those above. */
#include "mm/typed.h"

#include "lib/bits.h"

#define WORD sizeof(uint64_t)

static const uint64_t pointer_mask = 1;
const struct tern_type tern_pointer_type = { WORD, WORD, &pointer_mask, "pointer" };

static bool has_good_mask(const struct tern_type *type)
{
	size_t words = type->ptrdata / WORD;

	if (!type->mask || !is_aligned((uintptr_t)type->mask, WORD))
		return false;
	return words % 64 == 0 || type->mask[words / 64] >> words % 64 == 0;
}

enum tern_result tern_type_check(const struct tern_type *type)
{
	if (!type || !is_aligned((uintptr_t)type, WORD) || type->size - 1 >= PTRDIFF_MAX ||
	    type->ptrdata > type->size)
		return TERN_EINVAL;
	if (type->ptrdata &&
	    (!is_aligned(type->ptrdata | type->size, WORD) || !has_good_mask(type)))
		return TERN_EINVAL;
	return TERN_OK;
}

size_t tern_typed_map_size(unsigned c)
{
	if (c == 0)
		return WORD;
	return align_up(tern_sizeclass_nelems[c] * tern_typed_width(tern_sizeclass_size[c]), WORD);
}

uint64_t tern_typed_entry_of(const struct tern_type *type, size_t size, size_t elemsize)
{
	uint64_t mask = 0;

	if (elemsize > TERN_MASK16_MAX)
		return (uintptr_t)type;
	for (size_t at = 0; at < size; at += type->size)
		mask |= type->mask[0] << at / WORD;
	return mask;
}

void tern_typed_forget(struct tern_mspan *s, unsigned slot)
{
	tern_typed_set(s, slot,
		       s->elemsize > TERN_MASK16_MAX ? (uintptr_t)&tern_pointer_type
						     : (1ull << s->elemsize / WORD) - 1);
}
