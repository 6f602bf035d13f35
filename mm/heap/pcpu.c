// SPDX-License-Identifier: GPL-2.0
/*
 * The arrays of CPUs, apart from the fast path (pcpu.h): their size, refilling and flushing in
 * batches, and draining when a CPU goes away, a cache is destroyed or shrunk.
 *
 * A batch is copied into a magazine with the array busy and preemption off, and goes to the
 * node after both: on PREEMPT_RT the node's lock may sleep. Takes the cache list's mutex for CPUs
 * that are away and for all caches at once; otherwise no lock of its own.
 *
 * Memory for each CPU and cache: about 32 KiB of objects, at least four and at most 64, in the
 * array, as much again in the magazines of the CPU's node, and 16 bytes for each of them.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/stats.h"
#include "heap/cache.h"
#include "heap/pcpu.h"
#include "profile/sample.h"

DEFINE_STATIC_KEY_FALSE(kspan_numa);
DEFINE_STATIC_KEY_FALSE(kspan_alloc_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_alloc_more);
DEFINE_STATIC_KEY_FALSE(kspan_free_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_free_more);
static int hotplug_state;

#define SLOTS_MAX	64
static_assert(SLOTS_MAX * KSPAN_SLOT < BIT(16));

/* Of the bottom of each array: never that of an object in an array. */
static u8 no_state = KSPAN_STATE_FREE;

/* Slots for each CPU: about 32 KiB of objects, four to sixty-four of them. */
static unsigned int capacity(const struct kspan_cache *cache)
{
	if (!cache->slot_size || cache->slot_size > KSPAN_MAX_CLASS_SIZE ||
	    (cache->flags & (KSPAN_CHECK_FLAGS | KSPAN_BYPASS)))
		return 0;
	return clamp_t(unsigned int, SZ_32K / cache->slot_size, 4, SLOTS_MAX);
}

struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache)
{
	unsigned int cap = capacity(cache);
	struct kspan_pcpu __percpu *pcpu;
	struct kspan_pcpu *this;
	int cpu;

	cache->pcpu_limit = cap * KSPAN_SLOT;
	cache->batch = max(cap / 2, 1U);
	/* As much as the arrays of the node's CPUs hold, two batches each. */
	if (cap)
		cache->depot_max = 2 * DIV_ROUND_UP(num_possible_cpus(), num_online_nodes());
	pcpu = __alloc_percpu(struct_size(this, slot, cap), cache_line_size());
	if (!pcpu)
		return NULL;
	/* Slots that were emptied still point to objects, which may have leaked since. */
	kmemleak_free_percpu(pcpu);
	for_each_possible_cpu(cpu) {
		this = per_cpu_ptr(pcpu, cpu);
		kspan_stride_init(&this->stride);
		this->word = kspan_mark_of(cpu);
		this->bottom.state = &no_state;
	}
	return pcpu;
}

/* The arrays are empty, or what is in them is left to its fate. */
void kspan_pcpu_destroy(struct kspan_cache *cache)
{
	int cpu;

	if (!cache->pcpu)
		return;
	for_each_possible_cpu(cpu)
		kfree(per_cpu_ptr(cache->pcpu, cpu)->spare);
	free_percpu(cache->pcpu);
}

/*
 * Puts as many of @n slots of node @nid, whose state is @from, as fit into this CPU's array, from
 * the end; how many are left. All are when the caller has migrated to another node, or when the
 * last one is a stray.
 */
unsigned int kspan_pcpu_put(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			    unsigned int n, u8 from)
{
	struct kspan_pcpu *pcpu;
	u32 limit;
	u64 word;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (kspan_word_alone(word) && nid == numa_mem_id()) {
		for (; n && (u32)word < limit; word += KSPAN_SLOT) {
			if (READ_ONCE(*slots[n - 1].state) != from)
				break;
			n--;
			WRITE_ONCE(*slots[n].state, (u8)word);
			pcpu->slot[kspan_word_count(word)] = slots[n];
		}
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return n;
}

/*
 * Counts an allocation in @word, which the caller is alone with: is it a sample, of *@weight? The
 * caller stores the word.
 */
static bool charge(const struct kspan_cache *cache, struct kspan_pcpu *pcpu, u64 *word,
		   u64 *weight)
{
	u32 budget;
	bool hit;

	if (*word >> 32) {
		*word -= KSPAN_WORD_BUDGET;
		return false;
	}
	hit = kspan_stride_next(&pcpu->stride, cache->slot_size, cache->flags & KSPAN_NO_PROFILE,
				&budget);
	*weight = pcpu->stride.weight;
	pcpu->allocs += budget + 1;
	*word = (u64)budget << 32 | (u32)*word;
	return hit;
}

/*
 * As kspan_pcpu_pop(), whatever the budget. If there is an object it has been counted, and
 * *@sampled says whether it is a sample, of *@weight. Strays on the way are reported.
 */
void *kspan_pcpu_pop_any(struct kspan_cache *cache, bool *sampled, u64 *weight)
{
	struct kspan_slot slot, stray;
	struct kspan_pcpu *pcpu;
	u64 word;

	do {
		slot.obj = NULL;
		stray.obj = NULL;
		preempt_disable();
		pcpu = this_cpu_ptr(cache->pcpu);
		word = kspan_pcpu_enter(cache->pcpu);
		if (kspan_word_alone(word) && kspan_word_count(word)) {
			word -= KSPAN_SLOT;
			slot = pcpu->slot[kspan_word_count(word)];
			if (likely(READ_ONCE(*slot.state) == (u8)word)) {
				WRITE_ONCE(*slot.state, KSPAN_STATE_ALLOCATED);
				*sampled = charge(cache, pcpu, &word, weight);
			} else {
				swap(slot, stray);
			}
			kspan_pcpu_store(cache->pcpu, word);
		} else {
			kspan_pcpu_leave(cache->pcpu);
		}
		preempt_enable();
		if (unlikely(stray.obj))
			kspan_node_stray(cache, &stray);
	} while (unlikely(stray.obj));
	return slot.obj;
}

/*
 * Counts an allocation of @slot_size bytes that no CPU's array counts: is it a sample, of
 * *@weight? Any context but NMI.
 */
bool kspan_pcpu_charge_alone(const struct kspan_cache *cache, size_t slot_size, u64 *weight)
{
	kspan_count(KSPAN_ALLOCS);
	return !(cache->flags & KSPAN_NO_PROFILE) && kspan_sample_due(slot_size) &&
	       kspan_sample_take(slot_size, weight);
}

/*
 * Counts an allocation on this CPU that did not come out of kspan_pcpu_pop(): is it a sample, of
 * *@weight? Any context but NMI.
 */
bool kspan_pcpu_charge(struct kspan_cache *cache, u64 *weight)
{
	bool counted, hit = false;
	u64 word;

	preempt_disable();
	word = kspan_pcpu_enter(cache->pcpu);
	counted = kspan_word_alone(word);
	if (counted) {
		hit = charge(cache, this_cpu_ptr(cache->pcpu), &word, weight);
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	/* An interrupt in the middle of the array is not counted there. */
	return counted ? hit : kspan_pcpu_charge_alone(cache, cache->slot_size, weight);
}

/* Moves up to @most of the oldest slots of @pcpu, which the caller is in alone, to @out. */
static unsigned int take_oldest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				unsigned int most)
{
	unsigned int count = kspan_word_count(*word), n = min(count, most);

	memcpy(out, pcpu->slot, n * sizeof(*out));
	memmove(pcpu->slot, pcpu->slot + n, (count - n) * sizeof(*out));
	*word -= n * KSPAN_SLOT;
	return n;
}

/* ---- Magazines ----------------------------------------------------------------------- */

/* Takes this CPU's spare magazine, if it has one and the array is not busy. */
static struct kspan_magazine *take_spare(struct kspan_cache *cache)
{
	struct kspan_magazine *spare = NULL;
	struct kspan_pcpu *pcpu;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (kspan_word_alone(kspan_pcpu_enter(cache->pcpu)))
		swap(spare, pcpu->spare);
	kspan_pcpu_leave(cache->pcpu);
	preempt_enable();
	return spare;
}

/* Leaves an empty magazine, if there is one, with this CPU for the next time. */
static void keep_spare(struct kspan_cache *cache, struct kspan_magazine *spare)
{
	struct kspan_pcpu *pcpu;

	if (!spare)
		return;
	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	if (kspan_word_alone(kspan_pcpu_enter(cache->pcpu)) && !pcpu->spare)
		swap(spare, pcpu->spare);
	kspan_pcpu_leave(cache->pcpu);
	preempt_enable();
	kfree(spare);
}

/* An object out of a magazine of node @nid, whose others go to this CPU's array; or NULL. */
void *kspan_pcpu_refill(struct kspan_cache *cache, int nid)
{
	struct kspan_magazine *spare, *full;
	unsigned int n = cache->batch - 1;
	void *obj = NULL;
	u8 from;

	if (!kspan_peek(cache->node[nid]->nr_magazines))
		return NULL;
	spare = take_spare(cache);
	/* The header that a stray points to: see retire.c. */
	rcu_read_lock();
	full = kspan_depot_get(cache, nid, spare);
	if (!full) {
		rcu_read_unlock();
		keep_spare(cache, spare);
		return NULL;
	}
	from = full->mark;
	if (likely(READ_ONCE(*full->slot[n].state) == from)) {
		obj = full->slot[n].obj;
		WRITE_ONCE(*full->slot[n].state, KSPAN_STATE_ALLOCATED);
	} else {
		kspan_node_stray(cache, &full->slot[n]);
	}
	n = kspan_pcpu_put(cache, nid, full->slot, n, from);
	rcu_read_unlock();
	if (n)
		kspan_node_give(cache, full->slot, n, from);
	keep_spare(cache, full);
	return obj;
}

static struct kspan_magazine *magazine_new(const struct kspan_cache *cache)
{
	struct kspan_magazine *mag;

	if (kspan_test_point(KSPAN_FAIL_MAGAZINE))
		return NULL;
	mag = kmalloc(struct_size(mag, slot, cache->batch), KSPAN_GFP_OPTIONAL);
	kmemleak_ignore(mag);	/* as the arrays */
	return mag;
}

/*
 * Moves the older half of this CPU's array, if it is full, to a magazine and that to the depot:
 * the recently freed ones are in the CPU's hardware cache. Without memory for a magazine
 * nothing happens.
 */
static void flush(struct kspan_cache *cache)
{
	struct kspan_magazine *mag = take_spare(cache);
	struct kspan_pcpu *pcpu;
	bool moved = false;
	u32 limit;
	u64 word;
	int nid;

	if (!mag)
		mag = magazine_new(cache);
	if (!mag)
		return;
	/* Whoever looks for strays sees them in the array, or a grace period later in the depot. */
	rcu_read_lock();
	preempt_disable();
	nid = numa_mem_id();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (limit && kspan_word_alone(word) && (u32)word >= limit) {
		take_oldest(pcpu, &word, mag->slot, cache->batch);
		mag->mark = (u8)word;
		kspan_pcpu_store(cache->pcpu, word);
		kspan_count(KSPAN_FLUSHES);
		moved = true;
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	if (moved)
		mag = kspan_depot_put(cache, nid, mag);
	rcu_read_unlock();
	keep_spare(cache, mag);
}

/*
 * Frees an object that the fast path did not take: its array is full, busy or has no room at
 * all, or its span is on another node.
 */
void kspan_pcpu_free_slow(struct kspan_cache *cache, const struct kspan_span *span, void *obj,
			  u8 *state)
{
	struct kspan_slot self = { .obj = obj, .state = state };
	u32 limit = READ_ONCE(cache->pcpu_limit);

	/* A look from afar: by the time it matters, the array is looked at again. */
	if (limit && (u32)raw_cpu_read(cache->pcpu->word) >= limit)
		flush(cache);
	if (!kspan_pcpu_push(cache, span, obj, state))
		kspan_node_give(cache, &self, 1, KSPAN_STATE_CACHED);
}

/*
 * Takes up to @n objects, now ALLOCATED, from this CPU's array, as many as its budget covers and
 * no stray comes before; how many, which is 0 where kspan_pcpu_pop() would fail.
 */
size_t kspan_pcpu_pop_bulk(struct kspan_cache *cache, size_t n, void **objs)
{
	struct kspan_slot *slot;
	u8 *state;
	size_t i;
	u64 word;

	preempt_disable();
	word = kspan_pcpu_enter(cache->pcpu);
	if (!kspan_word_alone(word)) {
		kspan_pcpu_leave(cache->pcpu);
		n = 0;
		goto out;
	}
	n = min3(n, (size_t)kspan_word_count(word), (size_t)(word >> 32));
	slot = &this_cpu_ptr(cache->pcpu)->slot[kspan_word_count(word) - n];
	for (i = n; i; i--) {
		state = slot[i - 1].state;
		/* As in kspan_pcpu_pop(): of several who free it, the last one counts. */
		if (unlikely(data_race(*state) != (u8)word))
			break;
		objs[i - 1] = slot[i - 1].obj;
		WRITE_ONCE(*state, KSPAN_STATE_ALLOCATED);
	}
	if (unlikely(i)) {
		n -= i;
		memmove(objs, objs + i, n * sizeof(*objs));
	}
	kspan_pcpu_store(cache->pcpu, word - n * (KSPAN_WORD_BUDGET + KSPAN_SLOT));
out:
	preempt_enable();
	return n;
}

/* ---- What is asked of other CPUs ------------------------------------------------------ */

/*
 * An array is its own CPU's. From another one only its word may be read: that tells whether there
 * is anything to ask for at all, and an array that is empty is left in peace. For the rest its
 * CPU is interrupted, for about a microsecond, which works whatever runs there. A task would not:
 * none gets a CPU that a real-time task never gives up, and whoever waited for it would never end.
 *
 * The CPU may be interrupted in the middle of the array in question. It is asked again then: it
 * is through in a few instructions. In an interrupt nobody else comes in between, since in NMI
 * nothing is allocated or freed; and nothing is done there that takes a lock, so that it is the
 * same on PREEMPT_RT.
 */

/* Ends a budget: what is left of it has not been allocated, and the next one begins anew. */
static void end_budget(struct kspan_pcpu *pcpu)
{
	WRITE_ONCE(pcpu->allocs, pcpu->allocs - (pcpu->word >> 32));
	pcpu->stride.epoch = 0;
	WRITE_ONCE(pcpu->word, (u32)pcpu->word);
}

/* What is taken out of one CPU's array at a time. */
struct kspan_taking {
	struct kspan_cache *cache;
	struct kspan_slot slots[KSPAN_BATCH_MAX];
	unsigned int n;
	u8 mark;			/* of the array */
	struct kspan_magazine *spare;
	bool busy;			/* somebody is inside, so nothing was done */
};

/* Nobody else comes to @pcpu meanwhile. */
static void take_some(struct kspan_taking *taking, struct kspan_pcpu *pcpu)
{
	u64 word = pcpu->word;

	taking->n = 0;
	taking->spare = NULL;
	taking->busy = !kspan_word_alone(word);
	if (taking->busy)
		return;
	taking->mark = (u8)word;
	taking->n = take_oldest(pcpu, &word, taking->slots, KSPAN_BATCH_MAX);
	WRITE_ONCE(pcpu->word, word);
	swap(taking->spare, pcpu->spare);
}

static void take_some_here(void *taking)
{
	take_some(taking, this_cpu_ptr(((struct kspan_taking *)taking)->cache->pcpu));
}

static void give_back(struct kspan_taking *taking)
{
	kfree(taking->spare);
	kspan_node_give(taking->cache, taking->slots, taking->n, taking->mark);
}

/*
 * Empties the array of @cpu, which is online and stays so. Where objects are freed meanwhile,
 * there may be some again.
 */
static void drain(struct kspan_cache *cache, int cpu)
{
	const u64 *word = &per_cpu_ptr(cache->pcpu, cpu)->word;
	struct kspan_taking taking = { .cache = cache };
	unsigned int times = DIV_ROUND_UP(SLOTS_MAX, KSPAN_BATCH_MAX);

	/* The mark alone: neither objects nor somebody who might be about to put one there. */
	while (times && (u32)READ_ONCE(*word) >= KSPAN_SLOT) {
		/* Whoever looks for strays sees them in the array, or waits until they are back. */
		rcu_read_lock();
		smp_call_function_single(cpu, take_some_here, &taking, 1);
		if (!taking.busy) {
			give_back(&taking);
			times--;
		}
		rcu_read_unlock();
		cond_resched();
	}
}

/* Empties the array of @cpu, which does not run. Process context. */
static void drain_dead(struct kspan_cache *cache, int cpu)
{
	struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);
	struct kspan_taking taking = { .cache = cache };

	end_budget(pcpu);
	do {
		/* As above. */
		rcu_read_lock();
		take_some(&taking, pcpu);
		give_back(&taking);
		rcu_read_unlock();
	} while (taking.n);
}

/*
 * Empties the arrays of all CPUs. Process context, with cpus_read_lock() held, so that those that
 * are away stay away; takes kspan_cache_mutex. A CPU that went after the cache left the list was
 * not seen to.
 */
void kspan_pcpu_drain(struct kspan_cache *cache)
{
	int cpu;

	/* Nobody is on those CPUs, but another task may be seeing to the same cache. */
	mutex_lock(&kspan_cache_mutex);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			drain_dead(cache, cpu);
	mutex_unlock(&kspan_cache_mutex);
	for_each_online_cpu(cpu)
		drain(cache, cpu);
}

/* So many caches are seen to in one interrupt, which bounds it to some microseconds. */
#define CACHES_AT_ONCE	32

struct kspan_ending {
	struct kspan_cache *first;
	bool busy;		/* somebody is inside an array, and may have an old budget */
};

/* In an interrupt of each CPU; whoever asks has kspan_cache_mutex, so the list holds still. */
static void end_budgets_here(void *data)
	kspan_not_checked
{
	struct kspan_ending *ending = data;
	struct kspan_cache *cache = ending->first;
	unsigned int left = CACHES_AT_ONCE;

	list_for_each_entry_from(cache, &kspan_caches, list) {
		struct kspan_pcpu *pcpu = this_cpu_ptr(cache->pcpu);

		if (!left--)
			break;
		if (!kspan_word_alone(pcpu->word))
			WRITE_ONCE(ending->busy, true);
		else if (pcpu->word >> 32)
			end_budget(pcpu);
	}
}

/*
 * The rate has changed: every array asks again before its next allocation. Process context, with
 * cpus_read_lock() held; takes kspan_cache_mutex.
 *
 * Every CPU is interrupted. Whether one has a budget cannot be told from another one while it may
 * be just about to get one; and a change of the rate is somebody's rare wish for the whole
 * machine, for which the static key has every CPU interrupted too.
 */
void kspan_pcpu_end_budgets(void)
{
	struct kspan_ending ending;
	struct kspan_cache *cache;
	unsigned int i = 0;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list) {
		if (i++ % CACHES_AT_ONCE)
			continue;
		ending.first = cache;
		do {
			ending.busy = false;
			on_each_cpu(end_budgets_here, &ending, 1);
			cond_resched();
		} while (ending.busy);
	}
	mutex_unlock(&kspan_cache_mutex);
}

/* Allocations that the arrays have counted; exact when nobody allocates. */
unsigned long kspan_pcpu_allocs(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);

		sum += READ_ONCE(pcpu->allocs) - (READ_ONCE(pcpu->word) >> 32);
	}
	return sum;
}

/* Objects in the arrays of all CPUs; exact when nobody allocates or frees. */
unsigned long kspan_pcpu_cached(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += kspan_word_count(READ_ONCE(per_cpu_ptr(cache->pcpu, cpu)->word));
	return sum;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pcpu_cached);

static int cpu_starts(unsigned int cpu)
{
	kspan_sample_cpu_starts(cpu);
	return 0;
}

/* Runs on another CPU, after the last instruction of @cpu. */
static int cpu_is_dead(unsigned int cpu)
{
	struct kspan_cache *cache;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		drain_dead(cache, cpu);
	mutex_unlock(&kspan_cache_mutex);
	return 0;
}

int kspan_pcpu_init(void)
{
	int state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "mm/kspan:dead", cpu_starts,
					      cpu_is_dead);

	if (state < 0)
		return state;
	hotplug_state = state;
	if (nr_online_nodes > 1)
		static_branch_enable(&kspan_numa);
	/* Counted, as for the tracepoints: decided at boot, so never taken back. */
	if (want_init_on_alloc(0))
		static_branch_inc(&kspan_alloc_more);
	if (want_init_on_free())
		static_branch_inc(&kspan_free_more);
	return 0;
}

void kspan_pcpu_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}
