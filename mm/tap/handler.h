/* SPDX-License-Identifier: GPL-2.0 */
/* What a tap is made of, and the halves of its handlers. For the wing, and for its tests. */
#ifndef _KSPAN_TAP_HANDLER_H
#define _KSPAN_TAP_HANDLER_H

#include <linux/err.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include "profile/profile.h"
#include "tap/live.h"
#include "tap/pool.h"
#include "tap/tap.h"

struct kmem_cache;
struct kspan_hooks;

/* X(enumerator, name in a tap's stats), beside the profile's. */
#define KSPAN_TAP_COUNTERS(X) \
	X(KSPAN_TAP_FREES,		"sampled_frees") \
	X(KSPAN_TAP_MISSED_FREES,	"missed_frees") \
	X(KSPAN_TAP_BUSY,		"frees_dropped") \
	X(KSPAN_TAP_NMI,		"nmi_dropped") \
	X(KSPAN_TAP_NESTED,		"nested_dropped")

#define KSPAN_TAP_COUNTER_ENUM(id, name) id,
enum kspan_tap_counter {
	KSPAN_TAP_COUNTERS(KSPAN_TAP_COUNTER_ENUM)
	KSPAN_NR_TAP_COUNTERS
};

#undef KSPAN_TAP_COUNTER_ENUM

struct kspan_tap_counters {
	unsigned long v[KSPAN_NR_TAP_COUNTERS];
};

/* A free that came where no lock may be waited for. */
struct kspan_tap_late {
	unsigned long addr;		/* 0: none; written by its own CPU alone */
	u64 last;			/* as kspan_live_take() has it */
	u64 now;			/* when that was: kspan_profile_now() */
};

#define KSPAN_TAP_LATE	16		/* of each CPU; one more is dropped and counted */

/* Of one CPU. */
struct kspan_tap_cpu {
	struct kspan_tap *tap;
	struct kspan_tap_late late[KSPAN_TAP_LATE];
	struct irq_work work;		/* does what was put off */
};

/* An allocation, as a handler sees it. */
struct kspan_tap_alloc {
	unsigned long addr;		/* what the free will name, too */
	size_t size;			/* bytes that it takes, not that were asked for */
	struct kmem_cache *cache;	/* NULL: whichever the page at @addr belongs to */
	unsigned long caller;		/* return address in the caller of what is watched, or 0 */
	gfp_t gfp;			/* without __GFP_RECLAIM a sample allocates nothing */
};

/**
 * struct kspan_tap - what is watched of the kernel
 * @profile: which is the tap's own
 * @cache_name: of the slab cache that its samples are kept in
 * @counters: for its stats
 * @hooks: how it sees
 * @init: what it has to know of the kernel, once, or NULL: 0 or an errno; process context
 * @prepare: what it needs before it is switched on, or NULL: 0 or an errno; process context
 * @describe: cuts the stack down to the caller of the allocator that is watched, and says what the
 *	allocation goes by; NULL: there is no memory for that name; KSPAN_TAP_NOT_MINE: another tap
 *	tells of it. As the slow halves below
 * @enabled: under kspan_tap_mutex, read without it
 * @wanted: what was asked for while there was no table; under kspan_tap_mutex
 * @live: its live samples; there while it is enabled, and under kspan_tap_live_mutex
 * @pool: memory for these
 * @cpus: frees that were put off
 */
struct kspan_tap {
	struct kspan_profile *profile;
	const char *cache_name;
	struct kspan_tap_counters __percpu *counters;
	const struct kspan_hooks *hooks;
	int (*init)(void);
	int (*prepare)(void);
	struct kspan_label *(*describe)(const struct kspan_tap_alloc *alloc,
					struct kspan_stack *stack, gfp_t gfp);
	bool enabled;
	bool wanted;
	struct kspan_live_table live;
	struct kspan_pool pool;
	struct kspan_tap_cpu __percpu *cpus;
};

#define KSPAN_TAP_NOT_MINE	((struct kspan_label *)ERR_PTR(-EXDEV))

#define kspan_tap_count(tap, id)	this_cpu_inc((tap)->counters->v[id])
unsigned long kspan_tap_counter(const struct kspan_tap *tap, enum kspan_tap_counter id);

DECLARE_KSPAN_PROFILE(kspan_slab_profile);
DECLARE_KSPAN_PROFILE(kspan_pages_profile);

/*
 * The slow halves: the countdown is spent; the filter says that @addr may be known, as freed now,
 * or as handed out again. Any context, whatever the caller holds.
 */
void kspan_tap_sample(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc);
void kspan_tap_known_freed(struct kspan_tap *tap, unsigned long addr);
void kspan_tap_known_again(struct kspan_tap *tap, unsigned long addr);

/*
 * What has become of a live sample that the filter says may be at @addr. It is in pieces of @size
 * bytes, @stride apart; or its content has moved to @to, and what was known there is not any more.
 * Any context but where a lock may be held that @gfp would take. change.c
 */
void kspan_tap_known_split(struct kspan_tap *tap, unsigned long addr, unsigned long stride,
			   size_t size, gfp_t gfp);
void kspan_tap_known_moved(struct kspan_tap *tap, unsigned long from, unsigned long to);

/*
 * Around what handlers do with samples. Begins if a lock may be waited for, false if not; then
 * what is allocated up to the end is not looked at. Preemption off.
 */
bool kspan_tap_begin(u8 *was) kspan_must_stay;
void kspan_tap_end(u8 was) kspan_must_stay;
/* Frees that were put off: before the first, and after the last. Process context. */
void kspan_tap_init_late(struct kspan_tap *tap);
void kspan_tap_drop_late(struct kspan_tap *tap);
/*
 * Takes a sample that is in the table no more out of its bucket. It was freed at @freed, or nobody
 * knows when.
 */
#define KSPAN_TAP_NEVER	0ULL
void kspan_tap_release(struct kspan_tap *tap, struct kspan_live *live, u64 freed) kspan_must_stay;
/*
 * Puts @live into the table; what was at its address, if anything, counts as @stale_is. False if
 * there is no place: then it is released, and counts as a sample that was dropped.
 */
bool kspan_tap_hang_up(struct kspan_tap *tap, struct kspan_live *live,
		       enum kspan_tap_counter stale_is) kspan_must_stay;

/* Of each tap's profile. */
extern const struct kspan_profile_ops kspan_tap_profile_ops;

/*
 * The fast halves. What is allocated counts down, in the profile of that name, and may prove that a
 * free was missed: 0 is the answer for nearly all, else it is for kspan_tap_look_closer(). So a
 * handler needs no frame of its own.
 */
#define KSPAN_TAP_KNOWN		1U
#define KSPAN_TAP_DUE		2U

#define kspan_tap_look(tap, its_profile, addr, size)				\
	((kspan_live_maybe(&(tap)->live, addr) ? KSPAN_TAP_KNOWN : 0) |		\
	 (kspan_profile_due(its_profile, size) ? KSPAN_TAP_DUE : 0))

static inline void kspan_tap_look_closer(struct kspan_tap *tap, const struct kspan_tap_alloc *alloc,
					 unsigned int what)
{
	if (what & KSPAN_TAP_KNOWN)
		kspan_tap_known_again(tap, alloc->addr);
	if (what & KSPAN_TAP_DUE)
		kspan_tap_sample(tap, alloc);
}

static __always_inline void kspan_tap_freed(struct kspan_tap *tap, unsigned long addr)
{
	if (kspan_live_maybe(&tap->live, addr))
		kspan_tap_known_freed(tap, addr);
}

#endif /* _KSPAN_TAP_HANDLER_H */
