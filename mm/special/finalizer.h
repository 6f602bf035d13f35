/* SPDX-License-Identifier: GPL-2.0 */
/* Finalizers and cleanups that wait to run, and the workers that run them. */
#ifndef _KSPAN_FINALIZER_H
#define _KSPAN_FINALIZER_H

#include <linux/llist.h>
#include <linux/lockdep.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "base/lock.h"

struct kspan_cache;
struct kspan_special;

/* For kspan's own work alone: whoever reclaims memory may wait for it. */
extern struct workqueue_struct *kspan_wq;

/* Those of one cache that wait, and the worker that runs them. */
struct kspan_finalizers {
	struct llist_head queue;
	struct work_struct work;
	unsigned long runs;		/* of the worker that have ended; written by it alone */
	struct lock_class_key key;	/* what one cache's do says nothing of another's */
};

void kspan_finalizers_open(struct kspan_finalizers *self);
void kspan_finalizers_close(struct kspan_finalizers *self);
/*
 * Returns once nothing of the cache's waits for a grace period, a finalizer or a cleanup, if
 * nobody but its finalizers frees meanwhile. Process context, sleeps.
 */
void kspan_finalizers_settle(struct kspan_finalizers *self);

/* Queues an unlinked finalizer or cleanup of @cache's. Any context but NMI, no lock held. */
void kspan_finalizer_queue(struct kspan_cache *cache, struct kspan_special *special) kspan_no_lock;
bool kspan_finalizer_idle(void);

int kspan_finalizer_init(void);
void kspan_finalizer_exit(void);

#endif /* _KSPAN_FINALIZER_H */
