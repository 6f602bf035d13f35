// SPDX-License-Identifier: GPL-2.0
/*
 * The table of buckets. Looking one up takes no lock: chains are walked under RCU. A stack that
 * is new gets a bucket that was allocated before the lock is taken; under the lock the chain is
 * searched again, and the spare is inserted or, if somebody was faster, dropped (the order of
 * lib/stackdepot.c). The counts of all buckets change under the same lock, so that a reader who
 * holds it sees allocations and frees that belong together.
 *
 * A reader who wants all of them at one moment does not hold it for as long as it takes to look
 * at each: he makes a cut. From then on whoever is about to change the counts of a bucket first
 * keeps what they were at the cut, and the reader comes by in many small steps and takes that. A
 * bucket that is evicted before he has come by is kept for him. A reset is a cut as well: at it the
 * cumulative counts are zero.
 *
 * A bucket stays until a reset finds it with nothing in use, or its room is wanted. When a module
 * leaves, or its init functions do, the buckets whose stacks touch it get their names while those
 * can still be read, and are taken out of their chains: other code may come to lie at the same
 * addresses.
 *
 * When the table is full, buckets with nothing in use are evicted for a new stack. First go those
 * whose module has left, the longest idle first, since their stacks cannot come again; then
 * others, wherever a hand that goes round comes upon one within a few steps. What is in use is
 * never evicted, so that a leak is seen however many stacks there were before it.
 *
 * Any context may evict, but names and labels are let go by a work item, after a grace period.
 *
 * Locks: kspan_bucket_lock, a leaf, with interrupts off; kspan_bucket_mutex outside it, process
 * context. Nothing is allocated, freed or printed under the spinlock, and it is never taken
 * with the special_lock of a span held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "base/stats.h"
#include "heap/span.h"
#include "profile/bucket.h"
#include "profile/label.h"
#include "profile/snapshot.h"
#include "profile/symbol.h"

/* Walks over the whole table; the lock guards chains and counts. */
DEFINE_MUTEX(kspan_bucket_mutex);
DEFINE_SPINLOCK(kspan_bucket_lock);
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_lock);
LIST_HEAD(kspan_buckets);
EXPORT_SYMBOL_FOR_TESTS(kspan_buckets);

static struct hlist_head *chains;
static unsigned int chains_mask;
static unsigned long nr_buckets kspan_in_table;
static size_t bucket_bytes kspan_in_table;
size_t kspan_bucket_bytes_max;
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_bytes_max);
static u64 start_ns;			/* of the cumulative counts; under kspan_bucket_mutex */

/* Buckets of text that has left, with nothing in use, the longest idle first; under the lock. */
static struct kspan_bucket *gone_first kspan_in_table;
static struct kspan_bucket **gone_end kspan_in_table = &gone_first;

/*
 * Places in the list of all: the next bucket to look at of the one that walks it under
 * kspan_bucket_mutex, and of the hand that looks for one to evict. Under the lock; whoever takes
 * a bucket out moves them on.
 */
static struct list_head *walk kspan_in_table = &kspan_buckets;
static struct list_head *hand kspan_in_table = &kspan_buckets;

/* The last cut, under the lock: its number, and whether it is that of a reset. */
static u32 last_cut kspan_in_table;
static bool cut_resets kspan_in_table;
/* One that is not, whose walk has not ended: what was evicted before that came by. Likewise. */
static bool cut_kept kspan_in_table;
static struct kspan_bucket *cut_missed kspan_in_table;

/* How many buckets the hand looks at for one new stack. */
#define HAND_STEPS	64

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

/* Nobody else knows it yet. */
static struct kspan_bucket *bucket_new(const struct kspan_stack *stack, u32 hash, u32 slot_size,
				       struct kspan_label *label, gfp_t gfp)
	kspan_not_checked
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
	bucket->gone = false;
	bucket->allocs = 0;
	bucket->carried = 0;
	bucket->live = 0;
	bucket->passed = 0;
	bucket->cut_allocs = 0;
	bucket->cut_carried = 0;
	bucket->cut_live = 0;
	bucket->told = 0;
	bucket->symbols = NULL;
	memcpy(bucket->frames, stack->frames, stack->nr_frames * sizeof(stack->frames[0]));
	return bucket;
}

static bool fits(size_t size)
	kspan_must_hold(&kspan_bucket_lock)
{
	return bucket_bytes + size <= kspan_bucket_bytes_max;
}

/* Takes @bucket out of the table, whose reference is now the caller's. */
static void take_out(struct kspan_bucket *bucket)
	kspan_must_hold(&kspan_bucket_lock)
{
	lockdep_assert_held(&kspan_bucket_lock);
	if (!bucket->unhashed)
		hlist_del_rcu(&bucket->hash);
	bucket->unhashed = true;
	bucket_bytes -= size_of(bucket->nr_frames);
	nr_buckets--;
	if (walk == &bucket->all)
		walk = bucket->all.next;
	if (hand == &bucket->all)
		hand = bucket->all.next;
	list_del(&bucket->all);
}

/* @bucket, which is gone, has nothing in use. Nothing will be: it never matches again. */
static void push_gone(struct kspan_bucket *bucket)
	kspan_must_hold(&kspan_bucket_lock)
{
	lockdep_assert_held(&kspan_bucket_lock);
	bucket->next = NULL;
	*gone_end = bucket;
	gone_end = &bucket->next;
}

static struct kspan_bucket *pop_gone(void)
	kspan_must_hold(&kspan_bucket_lock)
{
	struct kspan_bucket *bucket = gone_first;

	lockdep_assert_held(&kspan_bucket_lock);
	if (!bucket)
		return NULL;
	gone_first = bucket->next;
	if (!gone_first)
		gone_end = &gone_first;
	return bucket;
}

/* The next bucket with nothing in use, if the hand comes upon one in *@steps. */
static struct kspan_bucket *next_idle(unsigned int *steps)
	kspan_must_hold(&kspan_bucket_lock)
{
	struct kspan_bucket *bucket;

	lockdep_assert_held(&kspan_bucket_lock);
	while (*steps) {
		--*steps;
		if (hand == &kspan_buckets) {
			hand = hand->next;
			continue;
		}
		bucket = list_entry(hand, struct kspan_bucket, all);
		hand = hand->next;
		if (!bucket->live)
			return bucket;
	}
	return NULL;
}

/* Keeps the counts of the last cut, before they change for the first time after it. */
static void bring_to_cut(struct kspan_bucket *bucket)
	kspan_must_hold(&kspan_bucket_lock)
{
	lockdep_assert_held(&kspan_bucket_lock);
	if (likely(bucket->cut == last_cut))
		return;
	bucket->cut = last_cut;
	bucket->cut_allocs = bucket->allocs;
	bucket->cut_carried = bucket->carried;
	bucket->cut_live = bucket->live;
	if (cut_resets) {
		bucket->allocs = 0;
		bucket->carried = 0;
	}
}

/* Has a walk that wants the counts of the last cut still to come to @bucket? Then it has them. */
static bool awaited(struct kspan_bucket *bucket)
	kspan_must_hold(&kspan_bucket_lock)
{
	if (likely(!cut_kept) || bucket->born == last_cut || bucket->passed == last_cut)
		return false;
	bring_to_cut(bucket);
	return true;
}

/* Makes room for @size bytes if that can be; the buckets that were evicted, by their next. */
static struct kspan_bucket *make_room(size_t size)
	kspan_must_hold(&kspan_bucket_lock)
{
	struct kspan_bucket *evicted = NULL, *bucket, **list;
	unsigned int steps = HAND_STEPS;

	while (!fits(size)) {
		bucket = pop_gone() ?: next_idle(&steps);
		if (!bucket)
			break;
		take_out(bucket);
		list = awaited(bucket) ? &cut_missed : &evicted;
		bucket->next = *list;
		*list = bucket;
	}
	return evicted;
}

/* Publishes @bucket, unless the table is full. */
static bool insert(struct kspan_bucket *bucket)
	kspan_must_hold(&kspan_bucket_lock)
{
	size_t size = size_of(bucket->nr_frames);

	lockdep_assert_held(&kspan_bucket_lock);
	if (!fits(size))
		return false;
	bucket_bytes += size;
	nr_buckets++;
	bucket->born = last_cut;
	bucket->cut = last_cut;
	refcount_inc(&bucket->label->refs);
	list_add_tail(&bucket->all, &kspan_buckets);
	hlist_add_head_rcu(&bucket->hash, &chains[bucket->hash_value & chains_mask]);
	return true;
}

static void count_alloc(struct kspan_bucket *bucket, u64 weight)
	kspan_must_hold(&kspan_bucket_lock)
{
	bring_to_cut(bucket);
	bucket->allocs += weight;
	bucket->live += weight;
	/*
	 * What is in use is bounded by memory. What ever was is not: the fraction leaves room for
	 * as many objects as a busy machine allocates in hours.
	 */
	if (unlikely(bucket->allocs >> 63)) {
		bucket->carried += bucket->allocs >> KSPAN_WEIGHT_SHIFT;
		bucket->allocs &= KSPAN_WEIGHT_ONE - 1;
	}
}

static void count_free(struct kspan_bucket *bucket, u64 weight)
	kspan_must_hold(&kspan_bucket_lock)
{
	bring_to_cut(bucket);
	bucket->live -= weight;
	if (bucket->live)
		return;
	bucket->told = 0;
	if (unlikely(bucket->gone))
		push_gone(bucket);
}

/* ---- What has left the table --------------------------------------------------------- */

static void release_names(struct kspan_bucket *bucket)
{
	unsigned int i;

	if (bucket->symbols)
		for (i = 0; i < bucket->nr_frames; i++)
			kspan_symbol_put(bucket->symbols[i]);
	kfree(bucket->symbols);
	kspan_label_put(bucket->label);
}

static LLIST_HEAD(dead_buckets);

static void free_dead(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&dead_buckets);
	struct kspan_bucket *bucket, *next;

	llist_for_each_entry_safe(bucket, next, list, dead) {
		release_names(bucket);
		kfree(bucket);
		cond_resched();
	}
}

static DECLARE_WORK(kspan_bucket_work, free_dead);

static void after_grace_period(struct rcu_head *rcu)
{
	struct kspan_bucket *bucket = container_of(rcu, struct kspan_bucket, rcu);

	if (llist_add(&bucket->dead, &dead_buckets))
		queue_work(system_unbound_wq, &kspan_bucket_work);
}

/* As kspan_bucket_put(), in any context but NMI: what has to sleep is left to the worker. */
static void put_later(struct kspan_bucket *bucket)
{
	if (refcount_dec_and_test(&bucket->refs))
		call_rcu(&bucket->rcu, after_grace_period);
}

static void put_evicted(struct kspan_bucket *evicted)
{
	struct kspan_bucket *bucket;

	while ((bucket = evicted)) {
		evicted = bucket->next;
		kspan_count(KSPAN_BUCKETS_EVICTED);
		put_later(bucket);
	}
}

/* ---- Counting ------------------------------------------------------------------------ */

/*
 * Counts an allocation of @weight objects at @stack. Any context but NMI, no lock held; sleeps
 * only if @gfp lets it. The bucket, which stays until kspan_bucket_free() with the same weight;
 * NULL, and nothing counted, when there is no memory or the table is full.
 */
struct kspan_bucket *kspan_bucket_alloc(const struct kspan_stack *stack, u32 slot_size,
					struct kspan_label *label, u64 weight, gfp_t gfp)
{
	u32 hash = hash_of(stack, slot_size, label);
	struct kspan_bucket *bucket, *spare = NULL, *evicted = NULL;
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
	if (!bucket) {
		evicted = make_room(size_of(stack->nr_frames));
		if (insert(spare)) {
			bucket = spare;
			spare = NULL;
		}
	}
	if (bucket)
		count_alloc(bucket, weight);
	else
		full = true;
	kspan_unlock(&kspan_bucket_lock, flags);

	kfree(spare);
	put_evicted(evicted);
	if (full)
		pr_warn_once("the table of call stacks is full of stacks that hold memory: new stacks are not sampled, see samples_dropped in stats and the parameter max_profile_bytes\n");
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
	if (!refcount_dec_and_test(&bucket->refs))
		return;
	release_names(bucket);
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

/* ---- Cuts ---------------------------------------------------------------------------- */

/* So many buckets in one hold of the lock. */
#define WALK_AT_ONCE	32

static void make_cut(bool resets)
	kspan_must_hold(&kspan_bucket_lock)
{
	lockdep_assert_held(&kspan_bucket_lock);
	last_cut++;
	cut_resets = resets;
	cut_kept = !resets;
}

unsigned long kspan_bucket_cut(unsigned long most)
{
	unsigned long flags, nr;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	nr = nr_buckets;
	if (nr <= most)
		make_cut(false);
	kspan_unlock(&kspan_bucket_lock, flags);
	return nr;
}

/* The cumulative counts are zero from here on. */
static void cut_to_reset(void)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	unsigned long flags;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	make_cut(true);
	/* All in the line have nothing in use, and the walk comes to them: see drop_unused(). */
	gone_first = NULL;
	gone_end = &gone_first;
	kspan_unlock(&kspan_bucket_lock, flags);
}

/*
 * The walks are inlined where they are used, so that what runs under the lock is known when this is
 * compiled: no callback does, and scripts/leaf-locks sees that.
 */

/* The next few; false at the end. */
static __always_inline bool walk_some(void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
	kspan_must_hold(&kspan_bucket_lock)
{
	struct kspan_bucket *bucket;
	unsigned int i;

	lockdep_assert_held(&kspan_bucket_lock);
	for (i = 0; i < WALK_AT_ONCE && walk != &kspan_buckets; i++) {
		bucket = list_entry(walk, struct kspan_bucket, all);
		walk = walk->next;
		bring_to_cut(bucket);
		bucket->passed = last_cut;
		/* One that came after the cut was not there. */
		if (bucket->born != last_cut)
			fn(bucket, arg);
	}
	return walk != &kspan_buckets;
}

/* What was evicted before the walk came by. It is in nobody's hands but these. */
static __always_inline void walk_missed(void (*fn)(struct kspan_bucket *bucket, void *arg),
					void *arg, struct kspan_bucket *first)
{
	struct kspan_bucket *bucket;
	unsigned long flags;

	for (bucket = first; bucket; bucket = bucket->next) {
		kspan_lock(&kspan_bucket_lock, flags);
		fn(bucket, arg);
		kspan_unlock(&kspan_bucket_lock, flags);
		cond_resched();
	}
	put_evicted(first);
}

/* Calls @fn for each bucket of the last cut, with the lock held for a few at a time. */
static __always_inline void walk_cut(void (*fn)(struct kspan_bucket *bucket, void *arg), void *arg)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	struct kspan_bucket *missed;
	unsigned long flags;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	walk = kspan_buckets.next;
	while (walk_some(fn, arg)) {
		kspan_unlock(&kspan_bucket_lock, flags);
		kspan_test_point(KSPAN_AT_WALK);
		cond_resched();
		kspan_lock(&kspan_bucket_lock, flags);
	}
	cut_kept = false;
	missed = cut_missed;
	cut_missed = NULL;
	kspan_unlock(&kspan_bucket_lock, flags);
	walk_missed(fn, arg, missed);
}

static void copy_bucket(struct kspan_bucket *bucket, void *arg)
	kspan_must_hold(&kspan_bucket_lock)
{
	struct kspan_bucket_copy **next = arg;

	lockdep_assert_held(&kspan_bucket_lock);
	*(*next)++ = (struct kspan_bucket_copy) {
		.bucket = bucket, .allocs = bucket->cut_allocs, .carried = bucket->cut_carried,
		.live = bucket->cut_live,
	};
	refcount_inc(&bucket->refs);
}

size_t kspan_bucket_copy_cut(struct kspan_bucket_copy *copies)
{
	struct kspan_bucket_copy *next = copies;

	walk_cut(copy_bucket, &next);
	return next - copies;
}

/*
 * A bucket that has nothing in use, nor had anything since the reset, goes to @unused; but not one
 * whose text has left and which has come to the line of those since. That is a list of the next.
 */
static void drop_unused(struct kspan_bucket *bucket, void *unused)
	kspan_must_hold(&kspan_bucket_lock)
{
	lockdep_assert_held(&kspan_bucket_lock);
	if (bucket->live || bucket->allocs || bucket->carried)
		return;
	if (bucket->gone && bucket->cut_live)
		return;
	take_out(bucket);
	list_add(&bucket->all, unused);
}

/* Zeroes the cumulative counts, and drops the buckets that have nothing in use. */
void kspan_profile_reset(void)
{
	struct kspan_bucket *bucket, *next;
	LIST_HEAD(unused);

	mutex_lock(&kspan_bucket_mutex);
	cut_to_reset();
	start_ns = ktime_get_ns();
	walk_cut(drop_unused, &unused);
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
	return kspan_peek(nr_buckets);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_count);

/* Bytes of the table: chains and buckets, without their names. */
size_t kspan_bucket_bytes(void)
{
	return kspan_peek(bucket_bytes) + (chains_mask + 1) * sizeof(*chains);
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

/* The next bucket of a walk, with a reference, and the walk moved on; NULL at its end. */
static struct kspan_bucket *walk_next(void)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	struct kspan_bucket *bucket = NULL;
	unsigned long flags;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	if (walk != &kspan_buckets) {
		bucket = list_entry(walk, struct kspan_bucket, all);
		refcount_inc(&bucket->refs);
		walk = walk->next;
	}
	kspan_unlock(&kspan_bucket_lock, flags);
	return bucket;
}

static void walk_begin(void)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	unsigned long flags;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	walk = kspan_buckets.next;
	kspan_unlock(&kspan_bucket_lock, flags);
}

/* The text of @bucket leaves: out of its chain, unless it was evicted meanwhile. */
static void mark_gone(struct kspan_bucket *bucket)
	kspan_must_hold_mutex(&kspan_bucket_mutex)
{
	unsigned long flags;

	lockdep_assert_held(&kspan_bucket_mutex);
	kspan_lock(&kspan_bucket_lock, flags);
	if (!bucket->unhashed) {
		hlist_del_rcu(&bucket->hash);
		bucket->unhashed = true;
		bucket->gone = true;
		if (!bucket->live)
			push_gone(bucket);
	}
	kspan_unlock(&kspan_bucket_lock, flags);
}

/* The part of @mod that @within says goes away: see the head of this file. */
static void text_leaves(const struct module *mod,
			bool (*within)(unsigned long addr, const struct module *mod))
{
	struct kspan_bucket *bucket;

	mutex_lock(&kspan_bucket_mutex);
	walk_begin();
	while ((bucket = walk_next())) {
		if (!bucket->gone && stack_touches(bucket, mod, within)) {
			if (kspan_bucket_resolve(bucket))
				pr_warn("no memory for the names of %s: its stacks will show addresses\n",
					mod->name);
			mark_gone(bucket);
		}
		put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&kspan_bucket_mutex);
}

/* What @bucket holds, and in *@untold what of it no report has told. */
static u64 live_of(const struct kspan_bucket *bucket, u64 *untold)
{
	unsigned long flags;
	u64 live;

	kspan_lock(&kspan_bucket_lock, flags);
	live = bucket->live;
	*untold = live - min(live, bucket->told);
	kspan_unlock(&kspan_bucket_lock, flags);
	return live;
}

static void tell(struct kspan_bucket *bucket)
{
	unsigned long flags;

	kspan_lock(&kspan_bucket_lock, flags);
	bucket->told = bucket->live;
	kspan_unlock(&kspan_bucket_lock, flags);
}

void kspan_bucket_walk(bool (*fn)(struct kspan_bucket *bucket, u64 untold, void *arg), void *arg)
{
	struct kspan_bucket *bucket;
	u64 untold;

	mutex_lock(&kspan_bucket_mutex);
	walk_begin();
	while ((bucket = walk_next())) {
		if (live_of(bucket, &untold) && fn(bucket, untold, arg))
			tell(bucket);
		put_later(bucket);
		cond_resched();
	}
	mutex_unlock(&kspan_bucket_mutex);
}

void kspan_bucket_module_event(unsigned long action, const struct module *mod)
{
	/* Text comes and goes: what is known of the one may not be true of the other. */
	kspan_stack_forget();
	/* The init functions of a module go as soon as it is live. */
	if (action == MODULE_STATE_LIVE)
		text_leaves(mod, in_module_init);
	else if (action == MODULE_STATE_GOING)
		text_leaves(mod, in_module);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_bucket_module_event);

static int module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	kspan_bucket_module_event(action, data);
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
	rcu_barrier();
	flush_work(&kspan_bucket_work);
	list_for_each_entry_safe(bucket, next, &kspan_buckets, all)
		kspan_bucket_put(bucket);
	kvfree(chains);
}
