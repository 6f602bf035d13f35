/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for the tap's hooks, which run where little may be done. */
#ifndef _KSPAN_TAP_POOL_H
#define _KSPAN_TAP_POOL_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct kspan_pool_cpu {
	raw_spinlock_t lock;
	void *first;			/* ready objects; the first word of each is the next */
	unsigned int nr;
};

struct kspan_pool {
	size_t size;			/* bytes of an object */
	struct kspan_pool_cpu __percpu *cpus;
	struct list_head list;		/* pools to be refilled; under kspan_tap_pool_mutex */
};

/* Preemption off, no lock held, and not counted by the tap; get not in NMI. */
void *kspan_pool_get(struct kspan_pool *pool, gfp_t gfp);
void kspan_pool_put(struct kspan_pool *pool, void *obj);

/* Is what is being allocated for a pool? Each sample of that would take what it was to bring. */
bool kspan_pool_refills(void);

/* Process context. 0 or -ENOMEM. */
int kspan_pool_start(struct kspan_pool *pool);
void kspan_pool_stop(struct kspan_pool *pool);

#endif /* _KSPAN_TAP_POOL_H */
