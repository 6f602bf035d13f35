// SPDX-License-Identifier: GPL-2.0
/*
 * The table of buckets. Looking one up takes no lock: chains are walked under RCU. A stack that
 * is new gets a bucket that was allocated before the lock is taken; under the lock the chain is
 * searched again, and the spare is inserted or, if somebody was faster, dropped (the order of
 * lib/stackdepot.c). The counts of all buckets change under the same lock, so that a reader who
 * holds it sees allocations and frees that belong together.
 *
 * A bucket stays until a reset finds it with nothing in use. When a module leaves, or its init
 * functions do, the buckets whose stacks touch it get their names while those can still be
 * read, and are taken out of their chains: other code may come to lie at the same addresses.
 *
 * Locks: kspan_bucket_lock, a leaf, with interrupts off; kspan_bucket_mutex outside it, process
 * context. Nothing is allocated, freed or printed under the spinlock, and it is never taken
 * with the special_lock of a span held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/log2.h>
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
#include "snapshot.h"
#include "span.h"
#include "symbol.h"

/* Walks over the whole table; the lock guards chains and counts. */
DEFINE_MUTEX(kspan_bucket_mutex);
DEFINE_SPINLOCK(kspan_bucket_lock);
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_lock);
LIST_HEAD(kspan_buckets);
EXPORT_SYMBOL_FOR_TESTS(kspan_buckets);

static struct hlist_head *chains;
static unsigned int chains_mask;
static unsigned long nr_buckets;	/* these three under kspan_bucket_lock */
static size_t bucket_bytes;
size_t kspan_bucket_bytes_max;
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_bytes_max);
static u64 start_ns;			/* of the cumulative counts; under kspan_bucket_mutex */

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
static struct kspan_bucket *find(const struct kspan_stack *stack, u32 hash, u32 slot_size,
				 const struct kspan_label *label)
{
	struct kspan_bucket *bucket;

	hlist_for_each_entry_rcu(bucket, &chains[hash & chains_mask], hash,
				 lockdep_is_held(&kspan_bucket_lock)) {
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

static struct kspan_bucket *bucket_new(const struct kspan_stack *stack, u32 hash, u32 slot_size,
				       struct kspan_label *label, gfp_t gfp)
{
	struct kspan_bucket *bucket;

	if (kspan_test_point(KSPAN_FAIL_BUCKET))
		return NULL;
	bucket = kmalloc(size_of(stack->nr_frames), (gfp & KSPAN_GFP_METADATA) | __GFP_NOWARN);
	if (!bucket)
		return NULL;
	INIT_HLIST_NODE(&bucket->hash);
	refcount_set(&bucket->refs, 1);
	bucket->hash_value = hash;
	bucket->slot_size = slot_size;
	bucket->label = label;
	bucket->nr_frames = stack->nr_frames;
	bucket->unhashed = false;
	bucket->allocs = 0;
	bucket->live = 0;
	bucket->symbols = NULL;
	memcpy(bucket->frames, stack->frames, stack->nr_frames * sizeof(stack->frames[0]));
	return bucket;
}

/* Publishes @bucket, unless the table is full. */
static bool insert(struct kspan_bucket *bucket)
{
	size_t size = size_of(bucket->nr_frames);

	lockdep_assert_held(&kspan_bucket_lock);
	if (bucket_bytes + size > kspan_bucket_bytes_max)
		return false;
	bucket_bytes += size;
	nr_buckets++;
	refcount_inc(&bucket->label->refs);
	list_add_tail(&bucket->all, &kspan_buckets);
	hlist_add_head_rcu(&bucket->hash, &chains[bucket->hash_value & chains_mask]);
	return true;
}

static void count_alloc(struct kspan_bucket *bucket, u64 weight)
{
	lockdep_assert_held(&kspan_bucket_lock);
	bucket->allocs += weight;
	bucket->live += weight;
}

static void count_free(struct kspan_bucket *bucket, u64 weight)
{
	lockdep_assert_held(&kspan_bucket_lock);
	bucket->live -= weight;
}

/*
 * Counts an allocation of @weight objects at @stack. Any context but NMI, no lock held; sleeps
 * only if @gfp lets it. The bucket, which stays until kspan_bucket_free() with the same weight;
 * NULL, and nothing counted, when there is no memory or the table is full.
 */
struct kspan_bucket *kspan_bucket_alloc(const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
{
	u32 hash = hash_of(stack, slot_size, label);
	struct kspan_bucket *bucket, *spare = NULL;
	unsigned long flags;
	bool full = false;

	rcu_read_lock();
	bucket = find(stack, hash, slot_size, label);
	if (bucket) {
		kspan_test_point(KSPAN_AT_FOUND);
		kspan_lock(&kspan_bucket_lock, flags);
		/* Unhashed since it was found: no better than not found. */
		if (bucket->unhashed)
			bucket = NULL;
		else
			count_alloc(bucket, weight);
		kspan_unlock(&kspan_bucket_lock, flags);
	}
	rcu_read_unlock();
	if (bucket)
		return bucket;

	spare = bucket_new(stack, hash, slot_size, label, gfp);
	if (!spare)
		return NULL;

	kspan_lock(&kspan_bucket_lock, flags);
	bucket = find(stack, hash, slot_size, label);
	if (!bucket && insert(spare)) {
		bucket = spare;
		spare = NULL;
	}
	if (bucket)
		count_alloc(bucket, weight);
	else
		full = true;
	kspan_unlock(&kspan_bucket_lock, flags);

	kfree(spare);
	if (full)
		pr_warn_once("the table of call stacks is full: new stacks are not sampled, see samples_dropped in stats and the parameter max_profile_bytes\n");
	return bucket;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_alloc);

/* Takes @weight objects out again. Any context but NMI, no lock held. */
void kspan_bucket_free(struct kspan_bucket *bucket, u64 weight)
{
	unsigned long flags;

	kspan_lock(&kspan_bucket_lock, flags);
	count_free(bucket, weight);
	kspan_unlock(&kspan_bucket_lock, flags);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_free);

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

/* Zeroes the cumulative counts; buckets that have nothing in use go to @unused. */
static void reset_all(struct list_head *unused)
{
	struct kspan_bucket *bucket, *next;

	lockdep_assert_held(&kspan_bucket_lock);
	list_for_each_entry_safe(bucket, next, &kspan_buckets, all) {
		bucket->allocs = 0;
		if (bucket->live)
			continue;
		if (!bucket->unhashed)
			hlist_del_rcu(&bucket->hash);
		bucket->unhashed = true;
		bucket_bytes -= size_of(bucket->nr_frames);
		nr_buckets--;
		list_move(&bucket->all, unused);
	}
}

/* Zeroes the cumulative counts, and drops the buckets that have nothing in use. */
void kspan_profile_reset(void)
{
	struct kspan_bucket *bucket, *next;
	unsigned long flags;
	LIST_HEAD(unused);

	mutex_lock(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	reset_all(&unused);
	kspan_unlock(&kspan_bucket_lock, flags);
	start_ns = ktime_get_ns();
	mutex_unlock(&kspan_bucket_mutex);

	list_for_each_entry_safe(bucket, next, &unused, all)
		kspan_bucket_put(bucket);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_reset);

u64 kspan_profile_start_ns(void)
{
	return READ_ONCE(start_ns);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_start_ns);

unsigned long kspan_bucket_count(void)
{
	return READ_ONCE(nr_buckets);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_count);

/* Bytes of the table: chains and buckets, without their names. */
size_t kspan_bucket_bytes(void)
{
	return READ_ONCE(bucket_bytes) + (chains_mask + 1) * sizeof(*chains);
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
static void text_leaves(const struct module *mod,
			bool (*within)(unsigned long addr, const struct module *mod))
{
	struct kspan_bucket *bucket;
	unsigned long flags;
	bool end;

	mutex_lock(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	bucket = list_first_entry(&kspan_buckets, struct kspan_bucket, all);
	end = list_entry_is_head(bucket, &kspan_buckets, all);
	kspan_unlock(&kspan_bucket_lock, flags);
	while (!end) {
		bool touches = !bucket->unhashed && stack_touches(bucket, mod, within);

		if (touches && kspan_bucket_resolve(bucket))
			pr_warn("no memory for the names of %s: its stacks will show addresses\n",
				mod->name);
		kspan_lock(&kspan_bucket_lock, flags);
		if (touches) {
			hlist_del_rcu(&bucket->hash);
			bucket->unhashed = true;
		}
		bucket = list_next_entry(bucket, all);
		end = list_entry_is_head(bucket, &kspan_buckets, all);
		kspan_unlock(&kspan_bucket_lock, flags);
		cond_resched();
	}
	mutex_unlock(&kspan_bucket_mutex);
}

static int module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	/* Text comes and goes: what is known of the one may not be true of the other. */
	kspan_stack_forget();
	/* The init functions of a module go as soon as it is live. */
	if (action == MODULE_STATE_LIVE)
		text_leaves(data, in_module_init);
	else if (action == MODULE_STATE_GOING)
		text_leaves(data, in_module);
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = { .notifier_call = module_event };

int kspan_bucket_init(unsigned long max_bytes)
{
	unsigned long nr = roundup_pow_of_two(clamp(max_bytes / 1024, 256UL, 65536UL));
	int err;

	chains = kvcalloc(nr, sizeof(*chains), GFP_KERNEL);
	if (!chains)
		return -ENOMEM;
	chains_mask = nr - 1;
	kspan_bucket_bytes_max = max_bytes;
	start_ns = ktime_get_ns();
	err = register_module_notifier(&module_notifier);
	if (err)
		kvfree(chains);
	return err;
}

/* After the last special has been released. */
void kspan_bucket_exit(void)
{
	struct kspan_bucket *bucket, *next;

	unregister_module_notifier(&module_notifier);
	list_for_each_entry_safe(bucket, next, &kspan_buckets, all)
		kspan_bucket_put(bucket);
	kvfree(chains);
}
