/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for a tap's handlers, which run in the middle of others' allocations and frees: objects
 * of one size, some at hand for each CPU. A free only puts them there: nothing is given back to an
 * allocator of which nobody knows in which state it has called. They are of a slab cache of their
 * own, so that what a tap costs is not among what it shows.
 */
#ifndef _KSPAN_TAP_POOL_H
#define _KSPAN_TAP_POOL_H

#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "base/lock.h"

struct kspan_pool_cpu {
	raw_spinlock_t lock;
	void *first;		/* ready objects; the first word of each is the next */
	/* Read without the lock by the worker. */
	kspan_watched unsigned int nr kspan_guarded_by(&lock);
};

struct kmem_cache;

struct kspan_pool {
	struct kmem_cache *cache;
	struct kspan_pool_cpu __percpu *cpus;
	void (*more)(struct kspan_pool *pool);	/* what else the worker brings, or NULL */
	struct irq_work kick;	/* queues the work: from anywhere */
	struct work_struct work;
};

/*
 * Get takes one that is at hand, or one from the cache if @gfp lets that look for pages. Preemption
 * off, any context but NMI and the middle of kspan, no lock held; what it allocates is not to be
 * looked at by a tap.
 */
void *kspan_pool_get(struct kspan_pool *pool, gfp_t gfp) kspan_must_stay;
void kspan_pool_put(struct kspan_pool *pool, void *obj) kspan_must_stay;

/* Is what is being allocated for a pool? Each sample of that would take what it was to bring. */
bool kspan_pool_fills(void);

/* Has the worker look whether more is wanted. Any context, whatever the caller holds. */
static inline void kspan_pool_call(struct kspan_pool *pool)
{
	irq_work_queue(&pool->kick);
}

/*
 * Of objects of @size bytes, in a cache of that name; @more: what else the worker does, or NULL.
 * Process context; at the end no object is out, nor is any got or put meanwhile. 0 or -ENOMEM.
 */
int kspan_pool_init(struct kspan_pool *pool, const char *name, size_t size,
		    void (*more)(struct kspan_pool *pool));
void kspan_pool_exit(struct kspan_pool *pool);

#endif /* _KSPAN_TAP_POOL_H */
