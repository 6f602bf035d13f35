/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How kspan takes its spinlocks. Each is a leaf, and interrupts are off under it, so that on its
 * own CPU nothing can want it a second time but what is called in the middle of kspan's own
 * code: the handler of a kprobe. While a CPU holds one of the locks, or is about to, a bit says
 * so, one for each level of context: an interrupt that comes before the lock is taken is of
 * another level and is not kept from anything. The slow paths ask for the bit, and refuse or put
 * off what would need a lock; the fast path needs none and does not ask.
 *
 * lockdep would name the classes of locks that are made at run time after the argument of
 * spin_lock_init(), as it does with those of everybody else. So that the lock graph can be read,
 * and judged by scripts/lock-graph, each lock of kspan's has a name that begins with kspan_. The
 * table of them all is in Documentation/design.rst.
 */
#ifndef _KSPAN_LOCK_H
#define _KSPAN_LOCK_H

#include <linux/bits.h>
#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "stats.h"

DECLARE_PER_CPU(u8, kspan_locked);	/* BIT(interrupt_context_level()) */

/* On PREEMPT_RT there is no mark, and preemption stays on. */
static __always_inline void kspan_lock_begin(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	preempt_disable();
	this_cpu_or(kspan_locked, BIT(interrupt_context_level()));
}

static __always_inline void kspan_lock_end(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return;
	this_cpu_and(kspan_locked, ~BIT(interrupt_context_level()));
	preempt_enable();
}

/* As spin_lock_irqsave() and spin_unlock_irqrestore(). */
#define kspan_lock(lock, flags)				\
	do {						\
		kspan_lock_begin();			\
		spin_lock_irqsave(lock, flags);		\
	} while (0)

#define kspan_unlock(lock, flags)			\
	do {						\
		spin_unlock_irqrestore(lock, flags);	\
		kspan_lock_end();			\
	} while (0)

/*
 * May no lock be taken here? Then this was called in the middle of kspan. On PREEMPT_RT, where
 * the locks sleep: or with preemption or interrupts off, as every handler is.
 */
static inline bool kspan_nested(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return !preemptible();
	return this_cpu_read(kspan_locked) & BIT(interrupt_context_level());
}

/* In NMI nothing is allocated or freed: whatever was interrupted may be half done. */
static __always_inline bool kspan_refuse_nmi(void)
{
	if (likely(!in_nmi()))
		return false;
	kspan_count(KSPAN_NMI_REFUSED);
	return true;
}

/* For what needs a lock and may fail. */
static inline bool kspan_refuse_nested(void)
{
	if (kspan_refuse_nmi())
		return true;
	if (likely(!kspan_nested()))
		return false;
	kspan_count(KSPAN_NESTED_REFUSED);
	return true;
}

/* As spin_lock_init(), with the name of the class. */
#define kspan_spin_lock_init(lock, name)				\
do {									\
	static struct lock_class_key __class;				\
	spinlock_t *__lock = (lock);					\
									\
	spin_lock_init(__lock);						\
	lockdep_set_class_and_name(__lock, &__class, name);		\
} while (0)

#endif /* _KSPAN_LOCK_H */
