/* SPDX-License-Identifier: GPL-2.0 */
/* Frees that wait for a grace period. */
#ifndef _KSPAN_DEFERRED_H
#define _KSPAN_DEFERRED_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_finalizers;
struct kspan_span;

/*
 * An object of @span, just put into state RCU_NEXT, is freed after a grace period. Any context
 * but NMI.
 */
void kspan_rcu_defer(struct kspan_span *span) kspan_no_lock;
/* Returns once everything deferred before has been freed. Process context, sleeps. */
void kspan_rcu_flush(void)
	kspan_no_lock;
/*
 * Returns once nothing waits for a grace period, and none of these finalizers and cleanups to run,
 * if nobody but they frees meanwhile. Process context, sleeps.
 */
void kspan_settle(struct kspan_finalizers *finalizers) kspan_no_lock;
bool kspan_rcu_idle(void);

#endif /* _KSPAN_DEFERRED_H */
