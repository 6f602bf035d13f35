/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The taps: the heap of the whole kernel, through the tracepoints of its slab allocator, and all
 * memory that it hands out, through those of its page allocator.
 *
 * A room of their own. The allocator knows nothing of them; the two share the sampler, the table
 * of buckets and the exporters, each with data of its own. Documentation/tap.rst has the design.
 */
#ifndef _KSPAN_TAP_H
#define _KSPAN_TAP_H

#include <linux/kconfig.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "bucket.h"
#include "sample.h"
#include "tap_live.h"
#include "tap_pool.h"

struct kmem_cache;
struct kspan_buf;
struct kspan_hooks;

/* X(enumerator, name in a tap's stats) */
#define KSPAN_TAP_COUNTERS(X) \
	X(KSPAN_TAP_SAMPLES,		"samples") \
	X(KSPAN_TAP_DROPPED,		"samples_dropped") \
	X(KSPAN_TAP_FREES,		"sampled_frees") \
	X(KSPAN_TAP_MISSED_FREES,	"missed_frees") \
	X(KSPAN_TAP_NMI,		"nmi_dropped") \
	X(KSPAN_TAP_NESTED,		"nested_dropped")

#define KSPAN_TAP_COUNTER_ENUM(id, name) id,
enum kspan_tap_counter {
	KSPAN_TAP_COUNTERS(KSPAN_TAP_COUNTER_ENUM)
	KSPAN_TAP_NR_COUNTERS
};

#undef KSPAN_TAP_COUNTER_ENUM

struct kspan_tap_counters {
	unsigned long v[KSPAN_TAP_NR_COUNTERS];
};

/* An allocation, as a hook saw it. */
struct kspan_tap_alloc {
	unsigned long addr;		/* what the free will name, too */
	size_t size;			/* bytes that it takes, not that were asked for */
	struct kmem_cache *cache;	/* NULL: whichever the page at @addr belongs to */
	const char *label;		/* instead of the name of a cache, or NULL */
	unsigned long caller;		/* return address in the caller of what is hooked, or 0 */
	gfp_t gfp;
};

/**
 * struct kspan_tap - what is watched of the kernel
 * @sampler: the countdowns; hooks name the variable itself
 * @counters: for its stats
 * @hooks: how it sees
 * @prepare: before the hooks go in for the first time, NULL: nothing to do. Process context
 * @describe: cuts the stack down to the caller of the allocator that is watched, and says what
 *	the allocation goes by; NULL: another hook will tell of this one, it is no sample
 * @heap: its buckets
 * @rate: at which it is sampled
 * @live: its live samples
 * @buckets: memory for new buckets
 * @enabled: under kspan_tap_mutex, read without it
 * @prepared: under kspan_tap_mutex
 */
struct kspan_tap {
	struct kspan_sampler __percpu *sampler;
	struct kspan_tap_counters __percpu *counters;
	const struct kspan_hooks *hooks;
	void (*prepare)(void);
	struct kspan_label *(*describe)(const struct kspan_tap_alloc *alloc,
					struct kspan_stack *stack);
	struct kspan_bucket_table heap;
	struct kspan_rate rate;
	struct kspan_live_table live;
	struct kspan_pool buckets;
	bool enabled;
	bool prepared;
};

#define kspan_tap_count(tap, id)	this_cpu_inc((tap)->counters->v[id])

extern struct kspan_tap kspan_slab_tap;		/* tap_slab_hooks.c */
extern struct kspan_tap kspan_page_tap;		/* tap_pages.c */

DECLARE_PER_CPU(struct kspan_sampler, kspan_slab_sampler);
DECLARE_PER_CPU(struct kspan_sampler, kspan_page_sampler);

/*
 * The slow halves of the hooks: the countdown is spent, and the filter says that @addr may be
 * known. Preemption off, any context; NMI is refused and counted.
 */
void kspan_tap_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc);
void kspan_tap_known_freed(struct kspan_tap *tap, unsigned long addr);
void kspan_tap_known_freed_probed(struct kspan_tap *tap, unsigned long addr);
void kspan_tap_known_again(struct kspan_tap *tap, unsigned long addr);
void kspan_tap_known_undone(struct kspan_tap *tap, unsigned long addr);

/* Is this in the middle of a hook that was called in the middle of another? */
bool kspan_tap_nested(void);

/* tap.c */
int kspan_tap_init(unsigned long max_bytes);
void kspan_tap_exit(void);
int kspan_tap_enable(struct kspan_tap *tap, u64 value);
bool kspan_tap_enabled(const struct kspan_tap *tap);
int kspan_tap_set_sample_bytes(struct kspan_tap *tap, u64 bytes);
u64 kspan_tap_sample_bytes(const struct kspan_tap *tap);
unsigned long kspan_tap_counter_sum(const struct kspan_tap *tap, enum kspan_tap_counter id);
void kspan_tap_stats_show(struct kspan_tap *tap, struct kspan_buf *buf);

/*
 * The fast halves, a few instructions each: @sampler is the tap's, named so that it is a constant.
 * Here what is allocated at @addr, or not if that is no address, counts down and may prove that a
 * free was missed.
 */
#define kspan_tap_allocated(tap, cpu_sampler, at, bytes, of_cache, as_label, by, flags)	\
do {											\
	unsigned long __at = (at);							\
	size_t __bytes = (bytes);							\
											\
	if (kspan_live_maybe(&(tap)->live, __at))					\
		kspan_tap_known_again(tap, __at);					\
	if (unlikely(this_cpu_sub_return((cpu_sampler).left, (long)__bytes) < 0)) {	\
		struct kspan_tap_alloc __alloc = {					\
			.addr = __at, .size = __bytes, .cache = (of_cache),		\
			.label = (as_label), .caller = (by), .gfp = (flags),		\
		};									\
											\
		kspan_tap_sample(tap, &__alloc);					\
	}										\
} while (0)

static __always_inline void kspan_tap_freed(struct kspan_tap *tap, unsigned long addr)
{
	if (kspan_live_maybe(&tap->live, addr))
		kspan_tap_known_freed(tap, addr);
}

/* The same in a probe's handler. */
static __always_inline void kspan_tap_freed_probed(struct kspan_tap *tap, unsigned long addr)
{
	if (kspan_live_maybe(&tap->live, addr))
		kspan_tap_known_freed_probed(tap, addr);
}

#endif /* _KSPAN_TAP_H */
