/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table that numbers things in the order in which they are first seen.
 *
 * profile.proto refers to strings, functions, mappings and locations by such numbers.
 */
#ifndef _KSPAN_ENCODE_NUMBERS_H
#define _KSPAN_ENCODE_NUMBERS_H

#include <linux/types.h>

/* What is numbered: an address or string, and one more word that tells equal ones apart. */
struct kspan_numbered {
	const void *key;
	unsigned long addr;
	u32 hash;
};

/**
 * struct kspan_numbers - numbers 1..nr for keys
 * @entries: in the order of their numbers; entries[0] has number 1
 * @slots: open addressing; numbers, 0 where empty
 * @nr: entries in use
 * @nr_slots: a power of two, at least twice @nr; also twice the size of @entries
 * @strings: compare what key points to, as a string, not the pointer
 *
 * Starts out all zero but for @strings.
 */
struct kspan_numbers {
	struct kspan_numbered *entries;
	u32 *slots;
	u32 nr;
	u32 nr_slots;
	bool strings;
};

u32 kspan_number(struct kspan_numbers *numbers, const void *key, unsigned long addr);
void kspan_numbers_free(struct kspan_numbers *numbers);

#endif /* _KSPAN_ENCODE_NUMBERS_H */
