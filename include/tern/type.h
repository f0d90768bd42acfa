/* SPDX-License-Identifier: MIT */
/* type.h - objects of which the collector knows where their pointers are.
 *
 *	struct node {
 *		long key;
 *		struct node *left, *right;
 *	};
 *	TERN_TYPE(node_type, struct node, left, right);
 *
 *	struct node *n = tern_new(&node_type);
 *
 * What lies in other words keeps nothing alive, whatever it looks like, and is not looked at. A word
 * that holds a pointer may hold NULL, a pointer to an object's inside, or anything that is no pointer.
 * docs/types.md has more examples. */
#ifndef TERN_TYPE_H
#define TERN_TYPE_H

#include <stddef.h>
#include <stdint.h>

#include <tern/tern.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Lives, with its mask, as long as objects of it do: as a constant, say. Made by the macros below, or by
 * whoever knows better, such as a compiler: then tern_type_check() says whether it is right. */
struct tern_type {
	size_t size;    /* bytes: what sizeof says */
	size_t ptrdata; /* bytes from the start to the end of the last pointer; 0: no pointers */
	const uint64_t
		*mask;    /* a bit for each 8 bytes of ptrdata, the lowest first: 1: a pointer */
	const char *name; /* for people; may be NULL */
};

/**
 * tern_new - a collected object of a type; all zero
 * tern_new_array - n of them in a row, which are one object
 *
 * As tern_alloc(), which see. NULL also if n * size is more than PTRDIFF_MAX, and for a type that
 * tern_type_check() refuses; of types up to 64 bytes only what would do harm is looked at. n = 0 gives
 * the address that all objects of size 0 share.
 */
void *tern_new(const struct tern_type *type) __attribute__((malloc));
void *tern_new_array(const struct tern_type *type, size_t n) __attribute__((malloc));
/**
 * tern_renew_array - another length for an array, which moves
 *
 * What both lengths share is kept, what is new is zero. NULL when there is no memory, and then the array
 * is as it was. p = NULL is tern_new_array(). Panics as tern_free() does. (tern_realloc() does not say
 * what the new bytes will hold: it makes a typed object one that is scanned as tern_alloc()'s are.)
 */
void *tern_renew_array(void *p, const struct tern_type *type, size_t n);
/* One word that holds a pointer: for arrays of them, say. */
extern const struct tern_type tern_pointer_type;
/**
 * tern_type_check - TERN_EINVAL unless all of a type fits together
 *
 * NULL; size 0 or more than PTRDIFF_MAX; ptrdata more than size; ptrdata or, if there are pointers, the
 * size, no multiple of 8; no mask; a bit behind ptrdata in the mask's last word; type or mask
 * not aligned. Costs O(1). Any context.
 */
enum tern_result tern_type_check(const struct tern_type *type);

#pragma GCC visibility pop

/**
 * TERN_TYPE - a type made of a struct's fields
 * @name: of the constant that is defined, as static
 * @T:    struct node, or another type
 * @...:  up to 32 fields that hold a pointer, or a word that may be one; TERN_PTR_ARRAY(field) is an
 *        array of them, and dots lead into structs within: inner.next, pair[0].first
 *
 * In a file or a function. Pointers lie in the first 512 bytes, or it is TERN_TYPE_WIDE, which takes
 * 512 bytes of constants and reaches up to 32 KiB. It is an error of the compiler if they do not, or if
 * a field does not have the size or place of a pointer.
 */
#define TERN_TYPE(name, T, ...)                                                                    \
	TERN_TYPE_FIELDS_(name, T, 1, __VA_ARGS__)                                                 \
	static const uint64_t name##_mask[1] = { TERN_TYPE_WORD_(0, T, __VA_ARGS__) };             \
	TERN_TYPE_CONSTANT_(name, T, sizeof(union name##_fields), name##_mask)
#define TERN_TYPE_WIDE(name, T, ...)                                                               \
	TERN_TYPE_FIELDS_(name, T, 64, __VA_ARGS__)                                                \
	static const uint64_t name##_mask[64] = { TERN_TYPE_64_WORDS_(T, __VA_ARGS__) };           \
	TERN_TYPE_CONSTANT_(name, T, sizeof(union name##_fields), name##_mask)
/**
 * TERN_TYPE_NOSCAN - a type without pointers
 */
#define TERN_TYPE_NOSCAN(name, T) TERN_TYPE_CONSTANT_(name, T, 0, NULL)
#define TERN_PTR_ARRAY(field)     (field)

/* --- how that works ---------------------------------------------------------------------- */

#ifdef __cplusplus
#define TERN_TYPE_ASSERT_ static_assert
#else
#define TERN_TYPE_ASSERT_ _Static_assert
#endif

#define TERN_TYPE_CONSTANT_(name, T, ptrdata, mask)                                                \
	TERN_TYPE_ASSERT_(__alignof__(T) <= 16, #T ": objects are aligned to 16 at most");         \
	static const struct tern_type name                                                         \
		__attribute__((unused)) = { sizeof(T), ptrdata, mask, #T }

/* A union is as long as its longest member: each is as long as from the start to the end of a field. */
#define TERN_TYPE_FIELDS_(name, T, nwords, ...)                                                    \
	TERN_TYPE_EACH_(TERN_TYPE_CHECK_, T, 0, __VA_ARGS__)                                       \
	union name##_fields {                                                                      \
		TERN_TYPE_EACH_(TERN_TYPE_END_, T, 0, __VA_ARGS__)                                 \
	};                                                                                         \
	TERN_TYPE_ASSERT_(sizeof(union name##_fields) <= 512 * (nwords),                           \
			  #T ": pointers beyond 512 bytes need TERN_TYPE_WIDE, at most 32 KiB");
#define TERN_TYPE_END_(T, unused, i, field)                                                        \
	char end##i[TERN_TYPE_FIRST_(T, field) * 8 + TERN_TYPE_SIZE_(T, TERN_TYPE_BARE_(field))];
#define TERN_TYPE_CHECK_(T, unused, i, field)                                                      \
	TERN_TYPE_ASSERT_(TERN_TYPE_SIZE_(T, TERN_TYPE_ELEMENT_(field)) == 8,                      \
			  #T ", " #field ": not one pointer; an array is TERN_PTR_ARRAY(field)");  \
	TERN_TYPE_ASSERT_(offsetof(T, TERN_TYPE_BARE_(field)) % 8 == 0,                            \
			  #T ", " #field ": not aligned to 8");

/* The bits of a field in the mask's word k: those below its end that are not below its start. */
#define TERN_TYPE_BITS_(T, k, i, field)                                                            \
	| (TERN_TYPE_BELOW_(TERN_TYPE_FIRST_(T, field) +                                           \
			    TERN_TYPE_SIZE_(T, TERN_TYPE_BARE_(field)) / 8 - (k)*64) &             \
	   ~TERN_TYPE_BELOW_(TERN_TYPE_FIRST_(T, field) - (k)*64))
#define TERN_TYPE_BELOW_(n)                                                                        \
	((n) <= 0 ? (uint64_t)0 : (n) >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << ((n)&63)) - 1)
#define TERN_TYPE_FIRST_(T, field) ((ptrdiff_t)offsetof(T, TERN_TYPE_BARE_(field)) / 8)
#define TERN_TYPE_SIZE_(T, field)  ((ptrdiff_t)sizeof(__typeof__(((T *)0)->field)))

#define TERN_TYPE_WORD_(k, T, ...) 0 TERN_TYPE_EACH_(TERN_TYPE_BITS_, T, k, __VA_ARGS__)
#define TERN_TYPE_8_WORDS_(k, T, ...)                                                              \
	TERN_TYPE_WORD_((k), T, __VA_ARGS__), TERN_TYPE_WORD_((k) + 1, T, __VA_ARGS__),            \
		TERN_TYPE_WORD_((k) + 2, T, __VA_ARGS__),                                          \
		TERN_TYPE_WORD_((k) + 3, T, __VA_ARGS__),                                          \
		TERN_TYPE_WORD_((k) + 4, T, __VA_ARGS__),                                          \
		TERN_TYPE_WORD_((k) + 5, T, __VA_ARGS__),                                          \
		TERN_TYPE_WORD_((k) + 6, T, __VA_ARGS__), TERN_TYPE_WORD_((k) + 7, T, __VA_ARGS__)
#define TERN_TYPE_64_WORDS_(T, ...)                                                                \
	TERN_TYPE_8_WORDS_(0, T, __VA_ARGS__), TERN_TYPE_8_WORDS_(8, T, __VA_ARGS__),              \
		TERN_TYPE_8_WORDS_(16, T, __VA_ARGS__), TERN_TYPE_8_WORDS_(24, T, __VA_ARGS__),    \
		TERN_TYPE_8_WORDS_(32, T, __VA_ARGS__), TERN_TYPE_8_WORDS_(40, T, __VA_ARGS__),    \
		TERN_TYPE_8_WORDS_(48, T, __VA_ARGS__), TERN_TYPE_8_WORDS_(56, T, __VA_ARGS__)

/* TERN_PTR_ARRAY(f) comes as (f), and all else without brackets around it. */
#define TERN_TYPE_BARE_(field)        TERN_TYPE_PICK_(TERN_TYPE_BARE_, field)
#define TERN_TYPE_BARE_0(field)       field
#define TERN_TYPE_BARE_1(field)       TERN_TYPE_STRIP_ field
#define TERN_TYPE_ELEMENT_(field)     TERN_TYPE_PICK_(TERN_TYPE_ELEMENT_, field)
#define TERN_TYPE_ELEMENT_0(field)    field
#define TERN_TYPE_ELEMENT_1(field)    TERN_TYPE_STRIP_ field[0]
#define TERN_TYPE_STRIP_(field)       field
#define TERN_TYPE_PICK_(what, field)  TERN_TYPE_PASTE_(what, TERN_TYPE_IS_ARRAY_(field))(field)
#define TERN_TYPE_PASTE_(a, b)        TERN_TYPE_PASTE__(a, b)
#define TERN_TYPE_PASTE__(a, b)       a##b
#define TERN_TYPE_IS_ARRAY_(field)    TERN_TYPE_SECOND_(TERN_TYPE_PROBE_ field, 0, 0)
#define TERN_TYPE_PROBE_(field)       0, 1
#define TERN_TYPE_SECOND_(...)        TERN_TYPE_SECOND__(__VA_ARGS__)
#define TERN_TYPE_SECOND__(a, b, ...) b

/* m(a, b, i, field) for each field, i counting down to 1. */
#define TERN_TYPE_EACH_(m, a, b, ...)                                                              \
	TERN_TYPE_PASTE_(TERN_TYPE_EACH_, TERN_TYPE_COUNT_(__VA_ARGS__))(m, a, b, __VA_ARGS__)
#define TERN_TYPE_COUNT_(...)                                                                      \
	TERN_TYPE_COUNT__(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, \
			  17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define TERN_TYPE_COUNT__(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16,   \
			  f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30,    \
			  f31, f32, n, ...)                                                        \
	n
#define TERN_TYPE_EACH_1(m, a, b, f)       m(a, b, 1, f)
#define TERN_TYPE_EACH_2(m, a, b, f, ...)  m(a, b, 2, f) TERN_TYPE_EACH_1(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_3(m, a, b, f, ...)  m(a, b, 3, f) TERN_TYPE_EACH_2(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_4(m, a, b, f, ...)  m(a, b, 4, f) TERN_TYPE_EACH_3(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_5(m, a, b, f, ...)  m(a, b, 5, f) TERN_TYPE_EACH_4(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_6(m, a, b, f, ...)  m(a, b, 6, f) TERN_TYPE_EACH_5(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_7(m, a, b, f, ...)  m(a, b, 7, f) TERN_TYPE_EACH_6(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_8(m, a, b, f, ...)  m(a, b, 8, f) TERN_TYPE_EACH_7(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_9(m, a, b, f, ...)  m(a, b, 9, f) TERN_TYPE_EACH_8(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_10(m, a, b, f, ...) m(a, b, 10, f) TERN_TYPE_EACH_9(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_11(m, a, b, f, ...) m(a, b, 11, f) TERN_TYPE_EACH_10(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_12(m, a, b, f, ...) m(a, b, 12, f) TERN_TYPE_EACH_11(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_13(m, a, b, f, ...) m(a, b, 13, f) TERN_TYPE_EACH_12(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_14(m, a, b, f, ...) m(a, b, 14, f) TERN_TYPE_EACH_13(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_15(m, a, b, f, ...) m(a, b, 15, f) TERN_TYPE_EACH_14(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_16(m, a, b, f, ...) m(a, b, 16, f) TERN_TYPE_EACH_15(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_17(m, a, b, f, ...) m(a, b, 17, f) TERN_TYPE_EACH_16(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_18(m, a, b, f, ...) m(a, b, 18, f) TERN_TYPE_EACH_17(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_19(m, a, b, f, ...) m(a, b, 19, f) TERN_TYPE_EACH_18(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_20(m, a, b, f, ...) m(a, b, 20, f) TERN_TYPE_EACH_19(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_21(m, a, b, f, ...) m(a, b, 21, f) TERN_TYPE_EACH_20(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_22(m, a, b, f, ...) m(a, b, 22, f) TERN_TYPE_EACH_21(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_23(m, a, b, f, ...) m(a, b, 23, f) TERN_TYPE_EACH_22(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_24(m, a, b, f, ...) m(a, b, 24, f) TERN_TYPE_EACH_23(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_25(m, a, b, f, ...) m(a, b, 25, f) TERN_TYPE_EACH_24(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_26(m, a, b, f, ...) m(a, b, 26, f) TERN_TYPE_EACH_25(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_27(m, a, b, f, ...) m(a, b, 27, f) TERN_TYPE_EACH_26(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_28(m, a, b, f, ...) m(a, b, 28, f) TERN_TYPE_EACH_27(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_29(m, a, b, f, ...) m(a, b, 29, f) TERN_TYPE_EACH_28(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_30(m, a, b, f, ...) m(a, b, 30, f) TERN_TYPE_EACH_29(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_31(m, a, b, f, ...) m(a, b, 31, f) TERN_TYPE_EACH_30(m, a, b, __VA_ARGS__)
#define TERN_TYPE_EACH_32(m, a, b, f, ...) m(a, b, 32, f) TERN_TYPE_EACH_31(m, a, b, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
