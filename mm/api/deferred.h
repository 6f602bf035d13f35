/* SPDX-License-Identifier: GPL-2.0 */
/* Frees that wait for a grace period. */
#ifndef _KSPAN_DEFERRED_H
#define _KSPAN_DEFERRED_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_span;

/*
 * An object of @span, just put into state RCU_NEXT, is freed after a grace period. Any context
 * but NMI.
 */
void kspan_rcu_defer(struct kspan_span *span) kspan_no_lock;
/* Returns once everything deferred before has been freed. Process context, sleeps. */
void kspan_rcu_flush(void);
bool kspan_rcu_idle(void);

#endif /* _KSPAN_DEFERRED_H */
