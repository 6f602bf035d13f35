/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast path: a CPU's array of ready objects. No lock, no atomic and no masking of
 * interrupts. Preemption is off, and one word for each CPU and cache says all:
 *
 *	63      32 31   24 23    8 7     0
 *	+---------+-------+-------+------+
 *	| budget  | busy  | place | mark |
 *	+---------+-------+-------+------+
 *
 * mark		what the state of each object in this array is, plus busy once more
 * place	how many slots are filled, times two: where the next free goes, in words
 * busy		how many are inside, nested: an addition that no interrupt can divide enters, and
 *		whoever finds others inside leaves again and goes to the node instead
 * budget	allocations until the next is one for the slow path, which then decides whether it
 *		is a sample; below zero when it is spent
 *
 * One subtraction pops a slot and spends the budget. A sign test finds a spent budget, and one
 * comparison of the object's state with the low byte of the word all else: that the object is not
 * this array's to give, since another CPU has freed it too; that others are inside, since then
 * the byte is no mark; that the array is empty, since below its first slot lies one whose state
 * is never a mark. The budget also counts: no counter is touched on allocation.
 */
#ifndef _KSPAN_PCPU_H
#define _KSPAN_PCPU_H

#include <linux/bits.h>
#include <linux/jump_label.h>
#include <linux/preempt.h>
#include <linux/topology.h>

#include "base/lock.h"
#include "base/stats.h"
#include "heap/heap.h"
#include "profile/profile.h"

struct kspan_magazine;

/* The most slots of an array. */
#define KSPAN_SLOTS_MAX		64

/* The most slots that move at once between a CPU's array and a node. */
#define KSPAN_BATCH_MAX		32

/*
 * One CPU's ready objects of one cache. Touched by its own CPU alone, with preemption off,
 * between kspan_pcpu_enter() and leaving (pcpu.h); the CPU-hotplug callback empties the array of
 * a CPU that is gone.
 */
struct kspan_pcpu {
	union {
		u64 word;		/* budget, busy, place and mark: see pcpu.h */
		u8 bytes[sizeof(u64)];	/* of the word */
	};
	u64 allocs;			/* allocations here, once the budget is spent */
	struct kspan_stride stride;	/* when the next sample is due, beyond the budget */
	struct kspan_magazine *spare;	/* an empty one, or NULL */
	struct kspan_slot bottom;	/* of no object: what an empty array comes upon */
	struct kspan_slot slot[];	/* directly behind it */
};

static_assert(offsetofend(struct kspan_pcpu, bottom) == offsetof(struct kspan_pcpu, slot));

#define KSPAN_PLACE_BYTE	(IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 6 : 1)
#define KSPAN_WORD_INSIDE	BIT_ULL(24)
#define KSPAN_WORD_BUSY		(KSPAN_WORD_INSIDE | 1)
#define KSPAN_WORD_BUDGET	BIT_ULL(32)
#define KSPAN_SLOT		(sizeof(struct kspan_slot) / sizeof(long) << 8)	/* in the word */

static_assert(KSPAN_SLOTS_MAX * KSPAN_SLOT < BIT(16));

/* On when there is more than one node, so that objects must find the way back to theirs. */
DECLARE_STATIC_KEY_FALSE(kspan_numa);

/*
 * On while allocations, or frees, may have more to do than the fast path does: memory is to be
 * zeroed, or somebody listens to the tracepoint. The four functions that
 * are nothing but fast path are not for ftrace either, which would cost them an instruction.
 */
DECLARE_STATIC_KEY_FALSE(kspan_alloc_more);
DECLARE_STATIC_KEY_FALSE(kspan_free_more);

/* The slots that are filled. */
static __always_inline unsigned int kspan_word_count(u64 word)
{
	return (u32)(word & (KSPAN_WORD_INSIDE - 1)) / KSPAN_SLOT;
}

/* Is nobody inside? */
static __always_inline bool kspan_word_alone(u64 word)
{
	return (u32)word < KSPAN_WORD_INSIDE;
}

/*
 * Behind the last slot that is filled, as an address for this_cpu operations. The caller is inside,
 * which changes neither the place nor who may change it. Read as a byte of its own it takes one
 * instruction and any register; out of the word it would not.
 */
static __always_inline struct kspan_slot __percpu *
kspan_pcpu_end(struct kspan_pcpu __percpu *pcpu)
	kspan_must_stay kspan_context(requires_capability(&kspan_in_array))
{
	size_t words = __this_cpu_read(pcpu->bytes[KSPAN_PLACE_BYTE]);

	return (struct kspan_slot __percpu *)((long __percpu *)pcpu->slot + words);
}

/*
 * Enters this CPU's array: the word as it was. The caller has preemption off, and leaves with
 * kspan_pcpu_leave(), or with a plain store of a new word if nobody was inside before.
 */
static __always_inline u64 kspan_pcpu_enter(struct kspan_pcpu __percpu *pcpu)
	kspan_must_stay kspan_context(acquire_capability(&kspan_in_array)) kspan_not_checked
{
	return this_cpu_add_return(pcpu->word, KSPAN_WORD_BUSY) - KSPAN_WORD_BUSY;
}

static __always_inline void kspan_pcpu_leave(struct kspan_pcpu __percpu *pcpu)
	kspan_context(release_capability(&kspan_in_array)) kspan_not_checked
{
	this_cpu_sub(pcpu->word, KSPAN_WORD_BUSY);
}

/* Ends what kspan_pcpu_enter() began, and was alone in: interrupts have restored the word. */
static __always_inline void kspan_pcpu_store(struct kspan_pcpu __percpu *pcpu, u64 word)
	kspan_context(release_capability(&kspan_in_array)) kspan_not_checked
{
	barrier();	/* the slots are written before they count */
	__this_cpu_write(pcpu->word, word);
}

/*
 * Takes an object of @cache, now ALLOCATED, from this CPU's array; false if the array is empty or
 * busy, the budget is spent, or the object is a stray.
 */
static __always_inline bool kspan_pcpu_pop(struct kspan_cache *cache, void **obj)
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	struct kspan_slot __percpu *slot;
	u64 word;
	u8 *state;

	preempt_disable();
	word = kspan_pcpu_enter(pcpu);
	slot = kspan_pcpu_end(pcpu) - 1;
	word -= KSPAN_WORD_BUDGET + KSPAN_SLOT;
	if (unlikely((s64)word < 0))
		goto no;
	state = __this_cpu_read(slot->state);
	*obj = __this_cpu_read(slot->obj);
	/* Whoever writes another state there has freed the object too: the last one counts. */
	if (unlikely(data_race(*state) != (u8)word))
		goto no;
	WRITE_ONCE(*state, KSPAN_STATE_ALLOCATED);
	kspan_pcpu_store(pcpu, word);
	preempt_enable();
	return true;
no:
	kspan_pcpu_leave(pcpu);
	preempt_enable();
	return false;
}

/*
 * Puts a freed object into this CPU's array, whose mark is its state from then on; false if the
 * array is full or busy. The caller has preemption off.
 */
static __always_inline bool __kspan_pcpu_push(struct kspan_cache *cache, void *obj, u8 *state)
	kspan_must_stay
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	struct kspan_slot __percpu *slot;
	u64 word = kspan_pcpu_enter(pcpu);

	/* Written once more when the cache is destroyed, for those who free too late. */
	if (unlikely((u32)word >= data_race(cache->pcpu_limit))) {
		kspan_pcpu_leave(pcpu);
		return false;
	}
	slot = kspan_pcpu_end(pcpu);
	WRITE_ONCE(*state, (u8)word);
	__this_cpu_write(slot->obj, obj);
	__this_cpu_write(slot->state, state);
	kspan_pcpu_store(pcpu, word + KSPAN_SLOT);
	return true;
}

/* Are objects of @span at home on another node than this CPU's? */
static __always_inline bool kspan_pcpu_remote(const struct kspan_span *span)
{
	return static_branch_unlikely(&kspan_numa) && span->nid != numa_mem_id();
}

static __always_inline bool kspan_pcpu_push(struct kspan_cache *cache,
					    const struct kspan_span *span, void *obj, u8 *state)
{
	bool done;

	preempt_disable();
	done = !kspan_pcpu_remote(span) && __kspan_pcpu_push(cache, obj, state);
	preempt_enable();
	return done;
}

/* Is anything in this CPU's array? A look from afar: the caller may be on another CPU by now. */
static inline bool kspan_pcpu_has_some(const struct kspan_cache *cache)
{
	return kspan_word_count(raw_cpu_read(cache->pcpu->word));
}

/* pcpu.c: what the fast path leaves. Any context but NMI, no lock held. */
void *kspan_pcpu_pop_any(struct kspan_cache *cache, bool *sampled, u64 *weight) kspan_no_lock;
size_t kspan_pcpu_pop_bulk(struct kspan_cache *cache, size_t n, void **objs) kspan_no_lock;
bool kspan_pcpu_charge(struct kspan_cache *cache, u64 *weight) kspan_no_lock;
bool kspan_pcpu_charge_alone(const struct kspan_cache *cache, size_t slot_size, u64 *weight)
	kspan_no_lock;
unsigned int kspan_pcpu_put(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			    unsigned int n, u8 from);
unsigned int kspan_pcpu_put_new(struct kspan_cache *cache, struct kspan_span *span,
				unsigned int first, unsigned int end);
unsigned int kspan_pcpu_take_oldest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				    unsigned int most);

/* magazine.c: batches between this CPU's array and the depot of its node. Likewise. */
void *kspan_pcpu_refill(struct kspan_cache *cache, int nid) kspan_no_lock;
bool kspan_pcpu_make_room(struct kspan_cache *cache);
void kspan_pcpu_free_slow(struct kspan_cache *cache, const struct kspan_span *span, void *obj,
			  u8 *state);

/* The arrays of a cache, and what is in them. Process context, may sleep. */
struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache) kspan_no_lock;
void kspan_pcpu_destroy(struct kspan_cache *cache) kspan_no_lock;
unsigned long kspan_pcpu_allocs(struct kspan_cache *cache);
unsigned long kspan_pcpu_cached(struct kspan_cache *cache);

/* drain.c: what is asked of other CPUs. Process context. */
void kspan_pcpu_drain(struct kspan_cache *cache)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex) kspan_must_keep_cpus;

/* drain.c: the rate has changed: every array asks the sampler again. Process context. */
void kspan_pcpu_end_budgets(void)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex) kspan_must_keep_cpus;

#endif /* _KSPAN_PCPU_H */
