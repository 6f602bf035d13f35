// SPDX-License-Identifier: GPL-2.0
/*
 * Numbering for the encoders: a hash table that only grows and remembers the order of insertion.
 *
 * Belongs to one encoder call at a time, so that it needs no lock. Keys are borrowed: they must
 * outlive the numbers. Memory comes from kvmalloc(); process context.
 */
#include <linux/bits.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "base/compat.h"
#include "export/encode_numbers.h"

#define KSPAN_NUMBERS_MIN_SLOTS	256
#define KSPAN_NUMBERS_MAX_SLOTS	BIT(24)

static u32 hash_key(const struct kspan_numbers *numbers, const void *key, unsigned long addr)
{
	unsigned long words[2] = { (unsigned long)key, addr };

	if (numbers->strings)
		return jhash(key, strlen(key), 0);
	return jhash2((const u32 *)words, sizeof(words) / 4, 0);
}

static bool same_key(const struct kspan_numbers *numbers, const struct kspan_numbered *entry,
		     const void *key, unsigned long addr, u32 hash)
{
	if (entry->hash != hash)
		return false;
	if (numbers->strings)
		return !strcmp(entry->key, key);
	return entry->key == key && entry->addr == addr;
}

static bool grow_numbers(struct kspan_numbers *numbers)
{
	u32 nr_slots = max_t(u32, numbers->nr_slots * 2, KSPAN_NUMBERS_MIN_SLOTS);
	struct kspan_numbered *entries;
	u32 *slots;
	u32 i, slot;

	if (nr_slots > KSPAN_NUMBERS_MAX_SLOTS)
		return false;
	entries = kvmalloc_array(nr_slots / 2, sizeof(*entries), GFP_KERNEL | __GFP_NOWARN);
	slots = kvcalloc(nr_slots, sizeof(*slots), GFP_KERNEL | __GFP_NOWARN);
	if (!entries || !slots) {
		kvfree(entries);
		kvfree(slots);
		return false;
	}

	if (numbers->nr)
		memcpy(entries, numbers->entries, numbers->nr * sizeof(*entries));
	for (i = 0; i < numbers->nr; i++) {
		slot = entries[i].hash & (nr_slots - 1);
		while (slots[slot])
			slot = (slot + 1) & (nr_slots - 1);
		slots[slot] = i + 1;
	}

	kvfree(numbers->entries);
	kvfree(numbers->slots);
	numbers->entries = entries;
	numbers->slots = slots;
	numbers->nr_slots = nr_slots;
	return true;
}

/**
 * kspan_number() - the number of a key, given to it now if it has none
 * @numbers: the numbers
 * @key: a string, or any pointer
 * @addr: distinguishes equal pointers; ignored for strings
 *
 * Context: process context; may sleep.
 * Return: the number, from 1 up in order of first use; 0 when there is no memory.
 */
u32 kspan_number(struct kspan_numbers *numbers, const void *key, unsigned long addr)
{
	u32 hash = hash_key(numbers, key, addr);
	u32 slot, number;

	if (numbers->nr == numbers->nr_slots / 2 && !grow_numbers(numbers))
		return 0;

	for (slot = hash & (numbers->nr_slots - 1); ; slot = (slot + 1) & (numbers->nr_slots - 1)) {
		number = numbers->slots[slot];
		if (!number)
			break;
		if (same_key(numbers, &numbers->entries[number - 1], key, addr, hash))
			return number;
	}

	numbers->entries[numbers->nr] = (struct kspan_numbered){ key, addr, hash };
	numbers->slots[slot] = ++numbers->nr;
	return numbers->nr;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_number);

/**
 * kspan_numbers_free() - release the memory of numbers, empty or not
 * @numbers: the numbers
 *
 * Context: process context.
 */
void kspan_numbers_free(struct kspan_numbers *numbers)
{
	kvfree(numbers->entries);
	kvfree(numbers->slots);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_numbers_free);
