// SPDX-License-Identifier: GPL-2.0
/*
 * Numbering for the encoders: a hash table that only grows and remembers the order of insertion.
 *
 * Belongs to one encoder call at a time, so that it needs no lock. Keys are borrowed: they must
 * outlive the table. Memory comes from kvmalloc(); process context.
 */
#include <linux/bits.h>
#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "base/compat.h"
#include "export/encode_numbers.h"

#define KSPAN_TABLE_MIN_SLOTS	256
#define KSPAN_TABLE_MAX_SLOTS	BIT(24)

static u32 kspan_table_hash(const struct kspan_table *table, const void *key, unsigned long addr)
{
	unsigned long words[2] = { (unsigned long)key, addr };

	if (table->strings)
		return jhash(key, strlen(key), 0);
	return jhash2((const u32 *)words, sizeof(words) / 4, 0);
}

static bool kspan_table_equal(const struct kspan_table *table,
			      const struct kspan_table_entry *entry,
			      const void *key, unsigned long addr, u32 hash)
{
	if (entry->hash != hash)
		return false;
	if (table->strings)
		return !strcmp(entry->key, key);
	return entry->key == key && entry->addr == addr;
}

static bool kspan_table_grow(struct kspan_table *table)
{
	u32 nr_slots = max_t(u32, table->nr_slots * 2, KSPAN_TABLE_MIN_SLOTS);
	struct kspan_table_entry *entries;
	u32 *slots;
	u32 i, slot;

	if (nr_slots > KSPAN_TABLE_MAX_SLOTS)
		return false;
	entries = kvmalloc_array(nr_slots / 2, sizeof(*entries), GFP_KERNEL | __GFP_NOWARN);
	slots = kvcalloc(nr_slots, sizeof(*slots), GFP_KERNEL | __GFP_NOWARN);
	if (!entries || !slots) {
		kvfree(entries);
		kvfree(slots);
		return false;
	}

	if (table->nr)
		memcpy(entries, table->entries, table->nr * sizeof(*entries));
	for (i = 0; i < table->nr; i++) {
		slot = entries[i].hash & (nr_slots - 1);
		while (slots[slot])
			slot = (slot + 1) & (nr_slots - 1);
		slots[slot] = i + 1;
	}

	kvfree(table->entries);
	kvfree(table->slots);
	table->entries = entries;
	table->slots = slots;
	table->nr_slots = nr_slots;
	return true;
}

/**
 * kspan_table_number() - the number of a key, given to it now if it has none
 * @table: the table
 * @key: a string, or any pointer
 * @addr: distinguishes equal pointers; ignored for strings
 *
 * Context: process context; may sleep.
 * Return: the number, from 1 up in order of first use; 0 when there is no memory.
 */
u32 kspan_table_number(struct kspan_table *table, const void *key, unsigned long addr)
{
	u32 hash = kspan_table_hash(table, key, addr);
	u32 slot, number;

	if (table->nr == table->nr_slots / 2 && !kspan_table_grow(table))
		return 0;

	for (slot = hash & (table->nr_slots - 1); ; slot = (slot + 1) & (table->nr_slots - 1)) {
		number = table->slots[slot];
		if (!number)
			break;
		if (kspan_table_equal(table, &table->entries[number - 1], key, addr, hash))
			return number;
	}

	table->entries[table->nr] = (struct kspan_table_entry){ key, addr, hash };
	table->slots[slot] = ++table->nr;
	return table->nr;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_table_number);

/**
 * kspan_table_free() - release the memory of a table, empty or not
 * @table: the table
 *
 * Context: process context.
 */
void kspan_table_free(struct kspan_table *table)
{
	kvfree(table->entries);
	kvfree(table->slots);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_table_free);
