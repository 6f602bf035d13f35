// SPDX-License-Identifier: GPL-2.0
/*
 * Tables of buckets, one for each heap that is watched. Looking one up takes no lock: chains are
 * walked under RCU. A stack that is new gets a bucket that was allocated before the lock is taken;
 * under the lock the chain is searched again, and the spare is inserted or, if somebody was faster,
 * dropped (the order of lib/stackdepot.c). The counts of all buckets change under the same lock, so
 * that a reader who holds it sees allocations and frees that belong together.
 *
 * A bucket stays until a reset finds it with nothing in use. When a module leaves, or its init
 * functions do, the buckets whose stacks touch it get their names while those can still be
 * read, and are taken out of their chains: other code may come to lie at the same addresses.
 *
 * Locks: the table's lock, a leaf, with interrupts off; kspan_bucket_mutex outside it, process
 * context. Nothing is allocated, freed or printed under the spinlock, and it is never taken
 * with the special_lock of a span held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "bucket.h"
#include "compat.h"
#include "hooks.h"
#include "label.h"
#include "lock.h"
#include "sample.h"
#include "snapshot.h"
#include "span.h"
#include "symbol.h"

/* Walks over the whole table; the lock guards chains and counts. */
DEFINE_MUTEX(kspan_bucket_mutex);

/* Tables in use; changed under the mutex. */
static struct kspan_bucket_table *tables[3];

static void *heap_new(struct kspan_bucket_table *table, size_t size, gfp_t gfp)
{
	return kmalloc(size, (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
}

static void heap_drop(struct kspan_bucket_table *table, void *bucket)
{
	kfree(bucket);
}

struct kspan_bucket_table kspan_heap = {
	.rate = &kspan_rate,
	.new = heap_new,
	.drop = heap_drop,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_heap);

/* A few instructions a frame, as every sample pays for them. */
static u32 hash_of(const struct kspan_stack *stack, u32 slot_size, const struct kspan_label *label)
{
	u64 hash = (unsigned long)label + slot_size;
	unsigned int i;

	for (i = 0; i < stack->nr_frames; i++)
		hash = (rol64(hash, 5) ^ stack->frames[i]) * GOLDEN_RATIO_64;
	return hash >> 32;
}

/* Under rcu_read_lock() or the lock. */
static struct kspan_bucket *find(struct kspan_bucket_table *table, const struct kspan_stack *stack,
				 u32 hash, u32 slot_size, const struct kspan_label *label)
{
	struct kspan_bucket *bucket;

	hlist_for_each_entry_rcu(bucket, &table->chains[hash & table->chains_mask], hash,
				 lockdep_is_held(&table->lock)) {
		if (bucket->hash_value == hash && bucket->slot_size == slot_size &&
		    bucket->label == label && bucket->nr_frames == stack->nr_frames &&
		    !memcmp(bucket->frames, stack->frames,
			    stack->nr_frames * sizeof(stack->frames[0])))
			return bucket;
	}
	return NULL;
}

static size_t size_of(unsigned int nr_frames)
{
	return struct_size((struct kspan_bucket *)0, frames, nr_frames);
}

static struct kspan_bucket *bucket_new(struct kspan_bucket_table *table,
				       const struct kspan_stack *stack, u32 hash, u32 slot_size,
				       struct kspan_label *label, gfp_t gfp)
{
	struct kspan_bucket *bucket;

	if (kspan_test_point(KSPAN_FAIL_BUCKET))
		return NULL;
	bucket = table->new(table, size_of(stack->nr_frames), gfp);
	if (!bucket)
		return NULL;
	INIT_HLIST_NODE(&bucket->hash);
	refcount_set(&bucket->refs, 1);
	bucket->table = table;
	bucket->hash_value = hash;
	bucket->slot_size = slot_size;
	bucket->label = label;
	bucket->nr_frames = stack->nr_frames;
	bucket->unhashed = false;
	bucket->allocs = 0;
	bucket->live = 0;
	bucket->peak.live = 0;
	memset(bucket->lifetimes, 0, sizeof(bucket->lifetimes));
	bucket->oldest = ktime_get_mono_fast_ns();
	bucket->symbols = NULL;
	memcpy(bucket->frames, stack->frames, stack->nr_frames * sizeof(stack->frames[0]));
	return bucket;
}

/* Publishes @bucket, unless the table is full. */
static bool insert(struct kspan_bucket *bucket)
{
	struct kspan_bucket_table *table = bucket->table;
	size_t size = size_of(bucket->nr_frames);

	lockdep_assert_held(&table->lock);
	if (table->bytes + size > table->bytes_max)
		return false;
	table->bytes += size;
	table->nr++;
	bucket->peak.epoch = table->peak.epoch;
	refcount_inc(&bucket->label->refs);
	list_add_tail(&bucket->all, &table->all);
	hlist_add_head_rcu(&bucket->hash, &table->chains[bucket->hash_value & table->chains_mask]);
	return true;
}

static u64 bytes_of(const struct kspan_bucket *bucket, u64 weight)
{
	return mul_u64_u64_shr(weight, bucket->slot_size, KSPAN_WEIGHT_SHIFT);
}

static void count_alloc(struct kspan_bucket *bucket, u64 weight)
{
	struct kspan_peak *peak = &bucket->table->peak;

	lockdep_assert_held(&bucket->table->lock);
	kspan_peak_keep(peak, &bucket->peak, bucket->live);
	bucket->allocs += weight;
	bucket->live += weight;
	kspan_peak_grow(peak, bytes_of(bucket, weight));
}

static void count_free(struct kspan_bucket *bucket, u64 weight)
{
	lockdep_assert_held(&bucket->table->lock);
	kspan_peak_keep(&bucket->table->peak, &bucket->peak, bucket->live);
	bucket->live -= weight;
	kspan_peak_shrink(&bucket->table->peak, bytes_of(bucket, weight));
}

/*
 * Counts an allocation of @weight objects at @stack. Any context but NMI, no lock held; sleeps
 * only if @gfp lets it. The bucket, which stays until kspan_bucket_free() with the same weight;
 * NULL, and nothing counted, when there is no memory or the table is full.
 */
struct kspan_bucket *kspan_bucket_alloc(struct kspan_bucket_table *table,
					const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
{
	u32 hash = hash_of(stack, slot_size, label);
	struct kspan_bucket *bucket, *spare = NULL;
	unsigned long flags;
	bool full = false;

	rcu_read_lock();
	bucket = find(table, stack, hash, slot_size, label);
	if (bucket) {
		kspan_test_point(KSPAN_AT_FOUND);
		kspan_raw_lock(&table->lock, flags);
		/* Unhashed since it was found: no better than not found. */
		if (bucket->unhashed)
			bucket = NULL;
		else
			count_alloc(bucket, weight);
		kspan_raw_unlock(&table->lock, flags);
	}
	rcu_read_unlock();
	if (bucket)
		return bucket;

	spare = bucket_new(table, stack, hash, slot_size, label, gfp);
	if (!spare)
		return NULL;

	kspan_raw_lock(&table->lock, flags);
	bucket = find(table, stack, hash, slot_size, label);
	if (!bucket && insert(spare)) {
		bucket = spare;
		spare = NULL;
	}
	if (bucket)
		count_alloc(bucket, weight);
	else
		full = true;
	kspan_raw_unlock(&table->lock, flags);

	if (spare)
		table->drop(table, spare);
	/* The tap may stand where printing would wait for itself. */
	if (full && table == &kspan_heap)
		pr_warn_once("the table of call stacks is full: new stacks are not sampled, see samples_dropped in stats and the parameter max_profile_bytes\n");
	return bucket;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_alloc);

/* Takes @weight objects out again. Any context but NMI, no lock held. */
void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight)
{
	unsigned long flags;

	kspan_raw_lock(&bucket->table->lock, flags);
	count_free(bucket, weight);
	kspan_raw_unlock(&bucket->table->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_free);

static void count_lifetime(struct kspan_bucket *bucket, u64 weight, u64 age_ns)
{
	u64 *bin = &bucket->lifetimes[kspan_lifetime_bin(age_ns)];

	lockdep_assert_held(&bucket->table->lock);
	WRITE_ONCE(*bin, *bin + weight);
}

/* The same for objects that were in use for @age_ns nanoseconds. */
void kspan_bucket_free_aged(struct kspan_bucket *bucket, u64 weight, u64 age_ns)
{
	unsigned long flags;

	kspan_raw_lock(&bucket->table->lock, flags);
	count_free(bucket, weight);
	count_lifetime(bucket, weight, age_ns);
	kspan_raw_unlock(&bucket->table->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_free_aged);

/*
 * As if they had never been allocated. What a reset has forgotten of them since is not taken out
 * once more.
 */
void kspan_bucket_undo(struct kspan_bucket *bucket, u64 weight)
{
	unsigned long flags;

	kspan_raw_lock(&bucket->table->lock, flags);
	count_free(bucket, weight);
	bucket->allocs -= min(bucket->allocs, weight);
	kspan_raw_unlock(&bucket->table->lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_undo);

void kspan_bucket_put(struct kspan_bucket *bucket)
{
	unsigned int i;

	if (!refcount_dec_and_test(&bucket->refs))
		return;
	if (bucket->symbols)
		for (i = 0; i < bucket->nr_frames; i++)
			kspan_symbol_put(bucket->symbols[i]);
	kfree(bucket->symbols);
	kspan_label_put(bucket->label);
	/* Somebody may be walking the chain that it was in. */
	kfree_rcu(bucket, rcu);
}

int kspan_bucket_resolve(struct kspan_bucket *bucket)
{
	const struct kspan_symbol **symbols;
	unsigned int i;

	lockdep_assert_held(&kspan_bucket_mutex);
	if (bucket->symbols)
		return 0;
	symbols = kmalloc_array(bucket->nr_frames, sizeof(*symbols), GFP_KERNEL);
	if (!symbols)
		return -ENOMEM;
	for (i = 0; i < bucket->nr_frames; i++) {
		symbols[i] = kspan_symbol_get(bucket->frames[i]);
		if (!symbols[i])
			goto fail;
	}
	bucket->symbols = symbols;
	return 0;
fail:
	while (i--)
		kspan_symbol_put(symbols[i]);
	kfree(symbols);
	return -ENOMEM;
}

static void clear_lifetimes(struct kspan_bucket *bucket)
{
	int i;

	for (i = 0; i < KSPAN_NR_LIFETIMES; i++)
		WRITE_ONCE(bucket->lifetimes[i], 0);
}

/*
 * Zeroes the cumulative counts; buckets that have nothing in use go to @unused. The peak is the
 * present then, in which they have no part.
 */
static void reset_all(struct kspan_bucket_table *table, struct list_head *unused)
{
	struct kspan_bucket *bucket, *next;

	lockdep_assert_held(&table->lock);
	kspan_peak_now(&table->peak);
	list_for_each_entry_safe(bucket, next, &table->all, all) {
		bucket->allocs = 0;
		clear_lifetimes(bucket);
		if (bucket->live)
			continue;
		if (!bucket->unhashed)
			hlist_del_rcu(&bucket->hash);
		bucket->unhashed = true;
		table->bytes -= size_of(bucket->nr_frames);
		table->nr--;
		list_move(&bucket->all, unused);
	}
}

/* Zeroes the cumulative counts, and drops the buckets that have nothing in use. */
void kspan_profile_reset(struct kspan_bucket_table *table)
{
	struct kspan_bucket *bucket, *next;
	unsigned long flags;
	LIST_HEAD(unused);

	mutex_lock(&kspan_bucket_mutex);
	kspan_raw_lock(&table->lock, flags);
	reset_all(table, &unused);
	kspan_raw_unlock(&table->lock, flags);
	table->start_ns = ktime_get_ns();
	mutex_unlock(&kspan_bucket_mutex);

	list_for_each_entry_safe(bucket, next, &unused, all)
		kspan_bucket_put(bucket);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_reset);

u64 kspan_profile_start_ns(const struct kspan_bucket_table *table)
{
	return READ_ONCE(table->start_ns);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_start_ns);

unsigned long kspan_bucket_count(const struct kspan_bucket_table *table)
{
	return READ_ONCE(table->nr);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_count);

/* Bytes of the table: chains and buckets, without their names. */
size_t kspan_bucket_bytes(const struct kspan_bucket_table *table)
{
	return READ_ONCE(table->bytes) + (table->chains_mask + 1) * sizeof(*table->chains);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_bytes);

static bool stack_touches(const struct kspan_bucket *bucket, const struct module *mod,
			  bool (*within)(unsigned long addr, const struct module *mod))
{
	unsigned int i;

	for (i = 0; i < bucket->nr_frames; i++)
		if (within(bucket->frames[i], mod))
			return true;
	return false;
}

static bool in_module(unsigned long addr, const struct module *mod)
{
	return within_module(addr, mod);
}

static bool in_module_init(unsigned long addr, const struct module *mod)
{
	return within_module_init(addr, mod);
}

/*
 * The part of @mod that @within says goes away: see the head of this file. Buckets are only
 * removed under the mutex, so that the walk may drop the lock between two.
 */
static void text_leaves(struct kspan_bucket_table *table, const struct module *mod,
			bool (*within)(unsigned long addr, const struct module *mod))
{
	struct kspan_bucket *bucket;
	unsigned long flags;
	bool end;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_raw_lock(&table->lock, flags);
	bucket = list_first_entry(&table->all, struct kspan_bucket, all);
	end = list_entry_is_head(bucket, &table->all, all);
	kspan_raw_unlock(&table->lock, flags);
	while (!end) {
		bool touches = !bucket->unhashed && stack_touches(bucket, mod, within);

		if (touches && kspan_bucket_resolve(bucket))
			pr_warn("no memory for the names of %s: its stacks will show addresses\n",
				mod->name);
		kspan_raw_lock(&table->lock, flags);
		if (touches) {
			hlist_del_rcu(&bucket->hash);
			bucket->unhashed = true;
		}
		bucket = list_next_entry(bucket, all);
		end = list_entry_is_head(bucket, &table->all, all);
		kspan_raw_unlock(&table->lock, flags);
		cond_resched();
	}
}

static int module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	int i;

	/* Text comes and goes: what is known of the one may not be true of the other. */
	kspan_stack_forget();
	if (action != MODULE_STATE_LIVE && action != MODULE_STATE_GOING)
		return NOTIFY_OK;
	mutex_lock(&kspan_bucket_mutex);
	for (i = 0; i < ARRAY_SIZE(tables) && tables[i]; i++)
		/* The init functions of a module go as soon as it is live. */
		text_leaves(tables[i], data,
			    action == MODULE_STATE_LIVE ? in_module_init : in_module);
	mutex_unlock(&kspan_bucket_mutex);
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = { .notifier_call = module_event };

/*
 * A table of at most @max_bytes of buckets, empty; its lock is ready. Process context; 0 or an
 * errno.
 */
int kspan_bucket_table_init(struct kspan_bucket_table *table, unsigned long max_bytes)
{
	unsigned long nr = roundup_pow_of_two(clamp(max_bytes / 1024, 256UL, 65536UL));
	int err = 0, i;

	table->chains = kvcalloc(nr, sizeof(*table->chains), GFP_KERNEL);
	if (!table->chains)
		return -ENOMEM;
	INIT_LIST_HEAD(&table->all);
	table->chains_mask = nr - 1;
	table->nr = 0;
	table->bytes = 0;
	table->bytes_max = max_bytes;
	table->peak = (struct kspan_peak) { .at = jiffies };
	table->start_ns = ktime_get_ns();

	for (i = 0; tables[i]; i++)
		;
	if (!i)
		err = register_module_notifier(&module_notifier);
	if (err) {
		kvfree(table->chains);
		return err;
	}
	mutex_lock(&kspan_bucket_mutex);
	tables[i] = table;
	mutex_unlock(&kspan_bucket_mutex);
	return 0;
}

/* The table that was made last, after the last of its samples has been released. */
void kspan_bucket_table_exit(struct kspan_bucket_table *table)
{
	struct kspan_bucket *bucket, *next;
	int i;

	for (i = 0; tables[i] != table; i++)
		;
	mutex_lock(&kspan_bucket_mutex);
	tables[i] = NULL;
	mutex_unlock(&kspan_bucket_mutex);
	if (!i)
		unregister_module_notifier(&module_notifier);
	list_for_each_entry_safe(bucket, next, &table->all, all)
		kspan_bucket_put(bucket);
	kvfree(table->chains);
}
