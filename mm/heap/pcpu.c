// SPDX-License-Identifier: GPL-2.0
/*
 * The arrays of CPUs, apart from the fast path (pcpu.h): their size, what the fast path gives up
 * because of the budget, and whole runs of objects at once. Takes no lock.
 *
 * Memory for each CPU and cache: about 32 KiB of objects, at least four and at most 64, in the
 * array, as much again in the magazines of the CPU's node, and 16 bytes for each of them.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/stats.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pcpu.h"
#include "heap/profile.h"

DEFINE_STATIC_KEY_FALSE(kspan_numa);
DEFINE_STATIC_KEY_FALSE(kspan_alloc_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_alloc_more);
DEFINE_STATIC_KEY_FALSE(kspan_free_more);
EXPORT_SYMBOL_FOR_TESTS(kspan_free_more);
DEFINE_STATIC_KEY_FALSE(kspan_free_asks);

/* Of the bottom of each array: never that of an object in an array. */
static u8 no_state = KSPAN_STATE_FREE;

/* Slots for each CPU: about 32 KiB of objects, four to sixty-four of them. */
static unsigned int capacity(const struct kspan_cache *cache)
{
	if (!cache->slot_size || cache->slot_size > KSPAN_MAX_CLASS_SIZE ||
	    (cache->flags & (KSPAN_CHECK_FLAGS | KSPAN_BYPASS)))
		return 0;
	return clamp_t(unsigned int, SZ_32K / cache->slot_size, 4, KSPAN_SLOTS_MAX);
}

struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache)
{
	struct kspan_cache_own *own = kspan_cache_own(cache);
	unsigned int cap = capacity(cache);
	struct kspan_pcpu __percpu *pcpu;
	struct kspan_pcpu *this;
	unsigned int cpus;
	int cpu;

	WRITE_ONCE(cache->pcpu_limit, cap * KSPAN_SLOT);
	own->batch = max(cap / 2, 1U);
	/*
	 * As much as the arrays of the node's CPUs hold, two batches each. Where the load asks for
	 * it, up to 32 times as much, but no more than 256 KiB for each of them.
	 */
	if (cap) {
		cpus = DIV_ROUND_UP(num_possible_cpus(), num_online_nodes());
		own->depot_max = 2 * cpus;
		own->depot_most = cpus * clamp_t(unsigned int,
						 SZ_256K / (own->batch * cache->slot_size), 2, 64);
	}
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
		kspan_magazines_free(per_cpu_ptr(cache->pcpu, cpu)->spare);
	free_percpu(cache->pcpu);
}

/* Slot @to becomes @slot, whose state should be @from and is @mark then; false if it is a stray. */
static __always_inline bool put_one(struct kspan_slot *to, const struct kspan_slot *slot, u8 from,
				    u8 mark)
{
	u8 *state = slot->state;

	/* As in kspan_pcpu_pop(): of several who free it, the last one counts. */
	if (unlikely(data_race(*state) != from))
		return false;
	WRITE_ONCE(*state, mark);
	to->obj = slot->obj;
	to->state = state;
	return true;
}

/*
 * Puts as many of @n slots of node @nid, whose state is @from, as fit into this CPU's array, from
 * the end; how many are left. All are when the caller has migrated to another node, or when the
 * last one is a stray.
 */
unsigned int kspan_pcpu_put(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			    unsigned int n, u8 from)
{
	struct kspan_slot *at = slots + n, *to, *end;
	struct kspan_pcpu *pcpu;
	unsigned int k;
	u32 limit;
	u64 word;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (likely(kspan_word_alone(word) && nid == numa_mem_id() && (u32)word < limit)) {
		to = &pcpu->slot[kspan_word_count(word)];
		end = to + min(n, limit / KSPAN_SLOT - kspan_word_count(word));
		for (; end - to >= KSPAN_AT_ONCE; to += KSPAN_AT_ONCE, at -= KSPAN_AT_ONCE) {
#pragma GCC unroll 16
			for (k = 0; k < KSPAN_AT_ONCE; k++)
				if (unlikely(!put_one(to + k, at - 1 - k, from, (u8)word)))
					goto stray;
		}
		for (k = 0; to + k < end; k++)
			if (unlikely(!put_one(to + k, at - 1 - k, from, (u8)word)))
				break;
stray:
		at -= k;
		kspan_pcpu_store(cache->pcpu, word + (slots + n - at) * KSPAN_SLOT);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return at - slots;
}

/*
 * The same with the objects of @span from @first to before @end, which are nobody's yet: none is a
 * stray. Where those begin that are left.
 */
unsigned int kspan_pcpu_put_new(struct kspan_cache *cache, struct kspan_span *span,
				unsigned int first, unsigned int end)
{
	void *obj = kspan_span_object(span, end);
	u8 *state = &span->state[end];
	struct kspan_slot *slot, *stop;
	struct kspan_pcpu *pcpu;
	u32 limit;
	u64 word;

	preempt_disable();
	pcpu = this_cpu_ptr(cache->pcpu);
	word = kspan_pcpu_enter(cache->pcpu);
	limit = READ_ONCE(cache->pcpu_limit);
	if (likely(kspan_word_alone(word) && span->nid == numa_mem_id() && (u32)word < limit)) {
		slot = &pcpu->slot[kspan_word_count(word)];
		stop = slot + min(end - first, limit / KSPAN_SLOT - kspan_word_count(word));
		word += (stop - slot) * KSPAN_SLOT;
		end -= stop - slot;
		for (; slot < stop; slot++) {
			WRITE_ONCE(*--state, (u8)word);
			obj -= span->slot_size;
			*slot = (struct kspan_slot) { .obj = obj, .state = state };
		}
		kspan_pcpu_store(cache->pcpu, word);
	} else {
		kspan_pcpu_leave(cache->pcpu);
	}
	preempt_enable();
	return end;
}

/*
 * Counts an allocation in @word, which the caller is alone with: is it a sample, of *@weight? The
 * caller stores the word.
 */
static __always_inline bool charge(const struct kspan_cache *cache, struct kspan_pcpu *pcpu,
				   u64 *word, u64 *weight)
{
	u32 budget;
	bool hit;

	if (*word >> 32) {
		*word -= KSPAN_WORD_BUDGET;
		return false;
	}
	hit = kspan_stride_next(&kspan_heap_profile, &pcpu->stride, cache->slot_size,
				cache->flags & KSPAN_NO_PROFILE, &budget);
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

/* No call of memmove(), for which registers would be saved. */
void kspan_pcpu_to_front(void **objs, size_t n, size_t left)
{
	size_t i;

	for (i = 0; i < n; i++)
		WRITE_ONCE(objs[i], objs[left + i]);
}

/* As kspan_pcpu_pop_all(), as many of any @n as there seem to be. */
size_t kspan_pcpu_pop_bulk(struct kspan_cache *cache, size_t n, void **objs)
{
	u64 word = raw_cpu_read(cache->pcpu->word);

	return kspan_pcpu_pop_all(cache, min3(n, (size_t)kspan_word_count(word), (size_t)(word >> 32)),
				  objs, 1);
}

/*
 * Counts an allocation of @slot_size bytes that no CPU's array counts: is it a sample, of
 * *@weight? Any context but NMI.
 */
bool kspan_pcpu_charge_alone(const struct kspan_cache *cache, size_t slot_size, u64 *weight)
{
	kspan_count(KSPAN_ALLOCS);
	return !(cache->flags & KSPAN_NO_PROFILE) &&
	       kspan_profile_due(kspan_heap_profile, slot_size) &&
	       kspan_profile_take(&kspan_heap_profile, slot_size, weight);
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

/*
 * Upwards, so that @to may overlap with what is behind it. The kernel's memmove() takes half a KiB
 * by the byte where string instructions are said to be fast.
 */
static __always_inline void copy_slots(struct kspan_slot *to, const struct kspan_slot *from,
				       unsigned int n)
{
#pragma GCC unroll 4
	for (; n; n--, to++, from++) {
		WRITE_ONCE(to->obj, from->obj);
		WRITE_ONCE(to->state, from->state);
	}
}

/* Moves up to @most of the newest slots of @pcpu, which the caller is in alone, to @out. */
unsigned int kspan_pcpu_take_newest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				    unsigned int most)
{
	unsigned int count = kspan_word_count(*word), n = min(count, most);

	copy_slots(out, pcpu->slot + count - n, n);
	*word -= n * KSPAN_SLOT;
	return n;
}

/* The same with the oldest. */
unsigned int kspan_pcpu_take_oldest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				    unsigned int most)
{
	unsigned int count = kspan_word_count(*word), n = min(count, most);

	copy_slots(out, pcpu->slot, n);
	copy_slots(pcpu->slot, pcpu->slot + n, count - n);
	*word -= n * KSPAN_SLOT;
	return n;
}

/* Allocations that the arrays have counted; exact when nobody allocates. */
unsigned long kspan_pcpu_allocs(struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kspan_pcpu *pcpu = per_cpu_ptr(cache->pcpu, cpu);

		/* Below zero for as long as it takes to find it spent. */
		sum += READ_ONCE(pcpu->allocs) - ((s64)READ_ONCE(pcpu->word) >> 32);
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

void kspan_pcpu_free_more(bool on)
{
	if (on) {
		static_branch_inc(&kspan_free_more);
		static_branch_inc(&kspan_free_asks);
	} else {
		static_branch_dec(&kspan_free_asks);
		static_branch_dec(&kspan_free_more);
	}
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pcpu_free_more);

/* The keys of the fast path. Before the first allocation that could want them off. */
int kspan_pcpu_init(void)
{
	if (nr_online_nodes > 1) {
		static_branch_enable(&kspan_numa);
		static_branch_inc(&kspan_free_asks);
	}
	/* Counted, as for the tracepoints: decided at boot, so never taken back. */
	if (want_init_on_alloc(0))
		static_branch_inc(&kspan_alloc_more);
	if (want_init_on_free())
		kspan_pcpu_free_more(true);
	return 0;
}
