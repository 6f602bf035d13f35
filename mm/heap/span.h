/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spans: runs of pages cut into equal slots. The header, with a state byte for each object and
 * the bitmap of objects not handed out, lies outside the pages: overrunning an object cannot
 * corrupt the allocator.
 */
#ifndef _KSPAN_SPAN_H
#define _KSPAN_SPAN_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/llist.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "base/gfp.h"
#include "base/lock.h"
#include "special/special.h"

struct kspan_cache;

/*
 * The state of an object, one byte. FREE and CACHED and the marks belong to the allocator, the
 * others to the owner of the object or to whoever is freeing it.
 */
enum kspan_state {
	KSPAN_STATE_FREE,	/* in the span's bitmap */
	KSPAN_STATE_CACHED,	/* on its way from there, or to there */
	KSPAN_STATE_ALLOCATED,	/* handed out, no specials */
	KSPAN_STATE_SPECIALS,	/* handed out, has specials */
	KSPAN_STATE_FREEING,	/* freed, its specials are being released */
	KSPAN_STATE_FINALIZING,	/* freed, its finalizer is queued or runs */
	KSPAN_STATE_RCU_NEXT,	/* freed, waits for the next grace period */
	KSPAN_STATE_RCU_WAIT,	/* freed, waits for the grace period under way */
	KSPAN_NR_STATES
};

/*
 * The state of an object in a CPU's array is the mark of the array. Two CPUs that free an object
 * at the same moment may each put its slot into their array; but one of them was the last to
 * write the state, and in the other's array the slot is a stray, which is not handed out. The
 * marks are a few apart, since the word of an array adds to its mark how many are inside it
 * (pcpu.h). Where there are more CPUs than marks, arrays share them.
 */
#define KSPAN_MARK_FIRST	16
#define KSPAN_MARK_STEP		4
#define KSPAN_NR_MARKS		59
static_assert(KSPAN_NR_STATES <= KSPAN_MARK_FIRST);
static_assert(KSPAN_MARK_FIRST + (KSPAN_NR_MARKS + 1) * KSPAN_MARK_STEP <= 256);

static inline u8 kspan_mark_of(unsigned int cpu)
{
	return KSPAN_MARK_FIRST + cpu % KSPAN_NR_MARKS * KSPAN_MARK_STEP;
}

/* Does somebody own an object in @state, or its finalizer or a grace period still does? */
static inline bool kspan_state_in_use(u8 state)
{
	return state > KSPAN_STATE_CACHED && state < KSPAN_NR_STATES;
}

/* An object that is ready to be handed out, and its state byte. */
struct kspan_slot {
	void *obj;
	u8 *state kspan_context(pt_guarded_by(&kspan_mark));
};

/* Bits of span->flags, atomic. */
#define KSPAN_SPAN_RCU_QUEUED	0	/* on the list of api/deferred.c */
/* Never change; singles, whose memory is: */
#define KSPAN_SPAN_FENCED	1	/* a slot of heap/fence.c */
#define KSPAN_SPAN_BYPASSED	2	/* the kernel's slab's, see heap/bypass.c */
#define KSPAN_SPAN_KEPT		3	/* retired, and a stray points to it: heap/retire.c */

/* Pages of a span with several objects; see kspan_span_index() for the bound in bytes. */
#define KSPAN_MAX_SPAN_PAGES	clamp_t(unsigned int, SZ_64K / PAGE_SIZE, 1, 8)
/* And of those of a node that has so many of them. */
#define KSPAN_MANY_SPAN_PAGES	max_t(unsigned int, SZ_64K / PAGE_SIZE, 1)
#define KSPAN_MANY_SPANS	8

#define KSPAN_LOWER_HALF	IS_ENABLED(CONFIG_CPU_BIG_ENDIAN)

/* As all see it; what the heap alone knows of it is in front (own.h). */
struct kspan_span {
	struct llist_node rcu_node;	/* with KSPAN_SPAN_RCU_QUEUED set, or retired */
	unsigned long *free_map;	/* the heap's: behind state[]; under the list lock */

	/*
	 * Behind free_map, NULL unless the span is a single or objects of several sizes have red
	 * zones: the bytes that each was asked for. Its owner's.
	 */
	u32 *asked;

	/* Read by every free; written before the span is in the page map, never after. */
	void *base;			/* the first object */
	struct kspan_cache *cache;
	union {
		u64 reciprocal;		/* see kspan_span_index() */
		u32 reciprocal_half[2];
	};
	s16 nid;			/* node of the pages */
	u16 nr_objs;
	/* As these. */
	u32 slot_size;			/* bytes */
	u32 nr_pages;

	atomic_t nr_waits;		/* objects marked RCU_NEXT, and not seen to since */

	/* Of this span's objects, by their offset from base: see mm/tracing.c about its lock. */
	struct kspan_special_set specials;

	unsigned long flags;		/* KSPAN_SPAN_* bits */
	u8 state[] kspan_marked;	/* nr_objs, and one that stays FREE for the tail */
};

static_assert(MAX_NUMNODES <= S16_MAX && SZ_64K / sizeof(long) <= U16_MAX);

/*
 * The index of the object that begins at @obj, or -1 when none begins there. One multiplication
 * gives both quotient and divisibility (Lemire, Kaser and Kurz 2019): with reciprocal
 * ceil(2^32 / slot), the high half of offset * reciprocal is the index and the low half is
 * below the reciprocal exactly for multiples. Spans of several objects have at most 64 KiB and
 * slots at most 32 KiB, far inside the bounds. A span of one object has reciprocal 1, so that
 * only offset 0 passes. The tail behind the last object gives nr_objs, whose state is FREE.
 */
static __always_inline bool __kspan_span_index(const struct kspan_span *span, const void *obj,
					       size_t *index)
{
	u64 product = (u64)(u32)((unsigned long)obj - (unsigned long)span->base) * span->reciprocal;

	/* Both come out of memory: one instruction each, where a register would take one more. */
	if (unlikely((u32)product >= span->reciprocal_half[KSPAN_LOWER_HALF]))
		return false;
	*index = product >> 32;
	return true;
}

/*
 * The same where the slot is known and the span may be another one: which object begins @offset
 * bytes behind the first, any number; or more than any span has. For whole multiples of the slot,
 * multiplying by the inverse of its odd part and rotating by the number of its factors of two is
 * division, and it is one to one, so that all others come out beyond those (Granlund and Montgomery
 * 1994).
 */
static __always_inline u64 kspan_slot_index(u64 offset, u64 inverse, unsigned int shift)
{
	return ror64(offset * inverse, shift);
}

u64 kspan_slot_inverse(u32 slot_size, unsigned int *shift);

static inline int kspan_span_index(const struct kspan_span *span, const void *obj)
{
	size_t index;

	return __kspan_span_index(span, obj, &index) ? (int)index : -1;
}

/* The index of the object that @addr, in the pages of @span, lies in; nr_objs for the tail. */
static inline unsigned int kspan_span_index_inside(const struct kspan_span *span,
						   const void *addr)
{
	/* Tags of KASAN's are in bits that the other quotient leaves out. */
	if (span->nr_objs == 1)
		return kasan_reset_tag(addr) - kasan_reset_tag(span->base) >= span->slot_size;
	return ((u64)(u32)(addr - span->base) * span->reciprocal) >> 32;
}

static inline void *kspan_span_object(const struct kspan_span *span, unsigned int index)
{
	return span->base + (size_t)index * span->slot_size;
}

/* Is this a span for one object whose memory did not come as pages for it? */
static inline bool kspan_span_single(const struct kspan_span *span)
{
	return READ_ONCE(span->flags) & (BIT(KSPAN_SPAN_FENCED) | BIT(KSPAN_SPAN_BYPASSED));
}

/* The header of one that is on no list is freed; the pages stay. Any context. */
void kspan_span_drop(struct kspan_span *span) kspan_no_lock;
unsigned int kspan_span_pick_pages(u32 slot_size);
unsigned int kspan_span_pick_many(u32 slot_size, unsigned int pages);
size_t kspan_span_bytes(void);
unsigned long kspan_span_pages(void);

#endif /* _KSPAN_SPAN_H */
