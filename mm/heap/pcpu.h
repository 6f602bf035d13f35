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
 * The addition that enters to pop spends the budget too. Its sign tells of a budget that is spent,
 * and one comparison of the object's state with the low byte of the word all else: that the object
 * is not this array's to give, since another CPU has freed it too; that others are inside, since
 * then the byte is no mark; that the array is empty, since below its first slot lies one whose
 * state is never a mark. One subtraction leaves and takes the slot. The budget also counts: no
 * counter is touched on allocation.
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
	u64 flushed_at;			/* allocations here when half of it was last given away */
	struct kspan_magazine *spare;	/* an empty one or two, or NULL */
	struct kspan_slot bottom;	/* of no object: what an empty array comes upon */
	struct kspan_slot slot[];	/* directly behind it */
};

static_assert(offsetofend(struct kspan_pcpu, bottom) == offsetof(struct kspan_pcpu, slot));

#define KSPAN_PLACE_BYTE	(IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? 6 : 1)
#define KSPAN_WORD_INSIDE	BIT_ULL(24)
#define KSPAN_WORD_BUSY		(KSPAN_WORD_INSIDE | 1)
#define KSPAN_WORD_BUDGET	BIT_ULL(32)
#define KSPAN_SLOT_WORDS	(sizeof(struct kspan_slot) / sizeof(long))
#define KSPAN_SLOT		(KSPAN_SLOT_WORDS << 8)		/* in the word */

/* The place fits into the one byte of it that is read. */
static_assert(KSPAN_SLOTS_MAX * KSPAN_SLOT < BIT(16));

/* On when there is more than one node, so that objects must find the way back to theirs. */
DECLARE_STATIC_KEY_FALSE(kspan_numa);

/*
 * On while allocations, or frees, may have more to do than the fast path does: memory is to be
 * zeroed, or somebody listens to the tracepoint. The functions that are nothing but fast path are
 * not for ftrace either, which would cost them an instruction.
 */
DECLARE_STATIC_KEY_FALSE(kspan_alloc_more);
DECLARE_STATIC_KEY_FALSE(kspan_free_more);

/* On while that or kspan_numa is: the one thing that a free on its fast path asks of the two. */
DECLARE_STATIC_KEY_FALSE(kspan_free_asks);

/* The slots that are filled. */
static __always_inline unsigned int kspan_word_count(u64 word)
{
	return (u32)(word & (KSPAN_WORD_INSIDE - 1)) / KSPAN_SLOT;
}

/* The same in words, as far as an array goes; read in one instruction, as the other is not. */
static __always_inline size_t kspan_word_place(u64 word)
{
	return (u8)(word >> 8);
}

/* Behind the last slot that is filled. */
static __always_inline struct kspan_slot *kspan_slot_of(struct kspan_pcpu *pcpu, u64 word)
{
	return (struct kspan_slot *)((long *)pcpu->slot + kspan_word_place(word));
}

/* Is nobody inside? */
static __always_inline bool kspan_word_alone(u64 word)
{
	return (u32)word < KSPAN_WORD_INSIDE;
}

/*
 * Two comparisons for all: is @then what is left of a word that nobody was inside of, after up to
 * KSPAN_SLOTS_MAX of its slots and as many of its budget were taken? A slot too many borrows from
 * all that is above, one that is inside is too much to be taken away.
 */
static __always_inline bool kspan_word_left(u64 then)
{
	return (s64)then >= 0 && (u32)then < BIT_ULL(16);
}

static_assert(BIT_ULL(16) + KSPAN_SLOTS_MAX * KSPAN_SLOT <= KSPAN_WORD_INSIDE);

/* The same memory as words, so that the two of a slot are had by place, each in one instruction. */
struct kspan_pcpu_words {
	u8 pcpu[offsetof(struct kspan_pcpu, slot)];
	void *word[];
};

/*
 * Behind the last slot that is filled, in words. The caller is inside, which changes neither the
 * place nor who may change it. Read as a byte of its own it takes one instruction and any register;
 * out of the word it would not.
 */
static __always_inline size_t kspan_pcpu_place(struct kspan_pcpu __percpu *pcpu)
	kspan_must_stay kspan_context(requires_capability(&kspan_in_array))
{
	return __this_cpu_read(pcpu->bytes[KSPAN_PLACE_BYTE]);
}

/* A word of this CPU's slot at @place, or of the one below, for this_cpu operations. */
#define kspan_slot_at(pcpu, place, member)						\
	(((struct kspan_pcpu_words __percpu *)(pcpu))->word[(place) +			\
		offsetof(struct kspan_slot, member) / sizeof(long)])
#define kspan_slot_below(pcpu, place, member)						\
	kspan_slot_at(pcpu, (place) - KSPAN_SLOT_WORDS, member)

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
 * As kspan_pcpu_enter(), and spends one of the budget; *@spent says that there was none. Who then
 * has an object ends it with kspan_pcpu_popped(), and else with kspan_pcpu_not_popped(). The place
 * stays until then, so that no interrupt finds fewer slots than there are. What x86 says of the sum
 * is its sign, which C would look at once more.
 */
static __always_inline u64 kspan_pcpu_enter_spending(struct kspan_pcpu __percpu *pcpu, bool *spent)
	kspan_must_stay kspan_context(acquire_capability(&kspan_in_array)) kspan_not_checked
{
#if defined(CONFIG_X86_64) && defined(CONFIG_SMP)
	u64 word = KSPAN_WORD_BUSY - KSPAN_WORD_BUDGET;

	asm volatile("xaddq %[word], %%gs:%[in]"
		     : [word] "+a" (word), "=@ccs" (*spent),
		       [in] "+m" (*(u64 *)(__force unsigned long)&pcpu->word));
	return word;
#else
	u64 word = this_cpu_add_return(pcpu->word, KSPAN_WORD_BUSY - KSPAN_WORD_BUDGET);

	*spent = (s64)word < 0;
	return word - (KSPAN_WORD_BUSY - KSPAN_WORD_BUDGET);
#endif
}

static __always_inline void kspan_pcpu_popped(struct kspan_pcpu __percpu *pcpu)
	kspan_context(release_capability(&kspan_in_array)) kspan_not_checked
{
	barrier();	/* the slot is read before somebody else may write there */
	this_cpu_sub(pcpu->word, KSPAN_WORD_BUSY + KSPAN_SLOT);
}

static __always_inline void kspan_pcpu_not_popped(struct kspan_pcpu __percpu *pcpu)
	kspan_context(release_capability(&kspan_in_array)) kspan_not_checked
{
	this_cpu_sub(pcpu->word, KSPAN_WORD_BUSY - KSPAN_WORD_BUDGET);
}

/* Ends what kspan_pcpu_enter() began, and was alone in: one slot more is filled. */
static __always_inline void kspan_pcpu_pushed(struct kspan_pcpu __percpu *pcpu)
	kspan_context(release_capability(&kspan_in_array)) kspan_not_checked
{
	barrier();	/* the slot is written before it counts */
	this_cpu_sub(pcpu->word, KSPAN_WORD_BUSY - KSPAN_SLOT);
}

/*
 * Takes an object of @cache, now ALLOCATED, from this CPU's array; false if the array is empty or
 * busy, the budget is spent, or the object is a stray.
 */
static __always_inline bool kspan_pcpu_pop(struct kspan_cache *cache, void **obj)
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	size_t place;
	bool spent;
	u64 word;
	u8 *state;

	preempt_disable();
	word = kspan_pcpu_enter_spending(pcpu, &spent);
	if (unlikely(spent))
		goto no;
	place = kspan_pcpu_place(pcpu);
	state = __this_cpu_read(kspan_slot_below(pcpu, place, state));
	/* Whoever writes another state there has freed the object too: the last one counts. */
	if (unlikely(data_race(*state) != (u8)word))
		goto no;
	*obj = __this_cpu_read(kspan_slot_below(pcpu, place, obj));
	WRITE_ONCE(*state, KSPAN_STATE_ALLOCATED);
	kspan_pcpu_popped(pcpu);
	preempt_enable();
	return true;
no:
	kspan_pcpu_not_popped(pcpu);
	preempt_enable();
	return false;
}

/* pcpu.c: objects behind the first @left, to the front. */
void kspan_pcpu_to_front(void **objs, size_t n, size_t left);

/* So many objects are seen to without a look at how many there are; fewer in proofs. */
#ifndef KSPAN_AT_ONCE
#define KSPAN_AT_ONCE		16
#endif

/* Takes the object of a slot whose state should be @mark; false if that is a stray. */
static __always_inline bool kspan_slot_take(const struct kspan_slot *slot, u8 mark, void **obj)
{
	u8 *state = slot->state;

	/* As in kspan_pcpu_pop(): of several who free it, the last one counts. */
	if (unlikely(data_race(*state) != mark))
		return false;
	*obj = slot->obj;
	WRITE_ONCE(*state, KSPAN_STATE_ALLOCATED);
	return true;
}

/*
 * Takes the objects of the @n slots below @slot, whose states should be @mark, from the last to the
 * first, to below @end: how many are left, of which the last is a stray. @at_once is constant.
 */
static __always_inline size_t kspan_slots_take(const struct kspan_slot *slot, size_t n, u8 mark,
					       void **end, size_t at_once)
{
	size_t k;

	for (; n >= at_once; n -= at_once) {
#pragma GCC unroll 16
		for (k = 1; k <= at_once; k++)
			if (unlikely(!kspan_slot_take(slot - k, mark, end - k)))
				return n - k + 1;
		slot -= at_once;
		end -= at_once;
	}
	for (; n; n--, slot--, end--)
		if (unlikely(!kspan_slot_take(slot - 1, mark, end - 1)))
			break;
	return n;
}

/*
 * Takes @n objects, at most KSPAN_SLOTS_MAX and now ALLOCATED, from this CPU's array; or as many of
 * them as no stray comes before. How many, 0 also where it has fewer or its budget does not cover
 * all.
 */
static __always_inline size_t kspan_pcpu_pop_all(struct kspan_cache *cache, size_t n, void **objs,
						 size_t at_once)
{
	u64 word, then;
	size_t left;

	preempt_disable();
	word = kspan_pcpu_enter(cache->pcpu);
	then = word - n * (KSPAN_WORD_BUDGET + KSPAN_SLOT);
	if (unlikely(!kspan_word_left(then))) {
		kspan_pcpu_leave(cache->pcpu);
		preempt_enable();
		return 0;
	}
	left = kspan_slots_take(kspan_slot_of(this_cpu_ptr(cache->pcpu), word), n, (u8)then,
				objs + n, at_once);
	kspan_pcpu_store(cache->pcpu, then + left * (KSPAN_WORD_BUDGET + KSPAN_SLOT));
	preempt_enable();
	if (unlikely(left))
		kspan_pcpu_to_front(objs, n - left, left);
	return n - left;
}

/*
 * Puts a freed object into this CPU's array, whose mark is its state from then on; false if the
 * array is full or busy. The caller has preemption off.
 */
static __always_inline bool __kspan_pcpu_push(struct kspan_cache *cache, void *obj, u8 *state)
	kspan_must_stay
{
	struct kspan_pcpu __percpu *pcpu = cache->pcpu;
	u64 word = kspan_pcpu_enter(pcpu);
	size_t place;

	/* Written once more when the cache is destroyed, for those who free too late. */
	if (unlikely((u32)word >= data_race(cache->pcpu_limit))) {
		kspan_pcpu_leave(pcpu);
		return false;
	}
	place = kspan_pcpu_place(pcpu);
	WRITE_ONCE(*state, (u8)word);
	__this_cpu_write(kspan_slot_at(pcpu, place, obj), obj);
	__this_cpu_write(kspan_slot_at(pcpu, place, state), (void *)state);
	kspan_pcpu_pushed(pcpu);
	return true;
}

/* Are objects of @span at home on another node than this CPU's? */
static __always_inline bool kspan_pcpu_remote(const struct kspan_span *span)
{
	return static_branch_unlikely(&kspan_numa) && span->nid != numa_mem_id();
}

/* Is an object of @span, or any at present, not one to free into this CPU's array? */
static __always_inline bool kspan_pcpu_not_here(const struct kspan_span *span)
{
	return static_branch_unlikely(&kspan_free_asks) &&
	       (static_branch_unlikely(&kspan_free_more) || kspan_pcpu_remote(span));
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

/* pcpu.c: every free takes the slow path from now on, or no longer for this reason. May sleep. */
void kspan_pcpu_free_more(bool on) kspan_no_lock;

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
unsigned int kspan_pcpu_take_newest(struct kspan_pcpu *pcpu, u64 *word, struct kspan_slot *out,
				    unsigned int most);
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
