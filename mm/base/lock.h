/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How kspan takes its spinlocks. Each is a leaf, and interrupts are off under it, so that on its
 * own CPU nothing can want it a second time but what is called in the middle of kspan's own
 * code: the handler of a kprobe. While a CPU holds one of the locks, or is about to with
 * interrupts off already, a mark says so. The slow paths ask for it, and refuse or put off what
 * would need a lock; the fast path needs none and does not ask.
 *
 * lockdep would name the classes of locks that are made at run time after the argument of
 * spin_lock_init(), as it does with those of everybody else. So that the lock graph can be read,
 * and judged by scripts/checks/lock-graph, each lock of kspan's has a name that begins with
 * kspan_. The table of them all is in Documentation/design.rst.
 */
#ifndef _KSPAN_LOCK_H
#define _KSPAN_LOCK_H

#include <linux/irqflags.h>
#include <linux/kconfig.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "base/stats.h"

/*
 * What is said of locks at functions and fields, for clang's analysis of thread safety, which
 * scripts/checks/contexts runs with KSPAN_CONTEXTS defined; to everybody else it is nothing:
 *
 *	kspan_guarded_by(&lock)		field or variable: touched only with the lock held, but by
 *					READ_ONCE(), which says that any recent value will do;
 *					of a field, the lock in any structure of its type
 *	kspan_marked			field or variable, which others touch too: by READ_ONCE(),
 *					WRITE_ONCE() and their like alone, or in data_race()
 *	kspan_watched			the same, in front of its type: guarded by a lock that
 *					some read it without, so that WRITE_ONCE() alone writes it
 *	kspan_must_hold(&lock)		function: the caller holds this spinlock of kspan's,
 *	kspan_must_hold_mutex(&lock)	or this mutex
 *	kspan_must_not_hold(&lock)	function: the caller does not hold this one, of any kind
 *	kspan_no_lock			function: the caller holds no spinlock of kspan's
 *	kspan_must_rcu			function: the caller is inside rcu_read_lock(), or has
 *					preemption off, which is as good
 *	kspan_must_stay			function: the caller has preemption off
 *	kspan_must_keep_cpus		function: the caller is inside cpus_read_lock()
 *	kspan_not_checked		function: for a reason that it gives, it need not obey
 *	kspan_assert_held(&lock)	statement: lockdep_assert_held(), which the analysis
 *					believes, for a lock that it cannot follow the way to
 *
 * Since each spinlock is a leaf, to take any is to take kspan_any_lock, of which there is one.
 */
#ifdef KSPAN_CONTEXTS
#define kspan_context(...)		__attribute__((__VA_ARGS__))
#define kspan_watched			const	/* to all else */
#else
#define kspan_context(...)
#define kspan_watched
#endif
#define kspan_guarded_by(lock)		kspan_context(guarded_by(lock))
#define kspan_marked			kspan_guarded_by(&kspan_mark)
#define kspan_must_hold(lock)		kspan_context(requires_capability(lock, &kspan_any_lock))
#define kspan_must_hold_mutex(lock)	kspan_context(requires_capability(lock))
#define kspan_must_not_hold(lock)	kspan_context(locks_excluded(lock))
#define kspan_no_lock			kspan_must_not_hold(&kspan_any_lock)
#define kspan_must_rcu			kspan_context(requires_shared_capability(&kspan_any_rcu))
#define kspan_must_stay			kspan_context(requires_shared_capability(&kspan_this_cpu))
#define kspan_must_keep_cpus		kspan_context(requires_shared_capability(&kspan_all_cpus))
#define kspan_not_checked		kspan_context(no_thread_safety_analysis)

/* As spin_lock_irqsave() and spin_unlock_irqrestore(). On PREEMPT_RT there is no mark. */
#ifdef KSPAN_CONTEXTS
#define kspan_lock(lock, flags)		kspan_contexts_lock(lock, &(flags))
#define kspan_unlock(lock, flags)	kspan_contexts_unlock(lock, flags)
#define kspan_assert_held(lock)		kspan_contexts_assert(lock)
#elif defined(CONFIG_PREEMPT_RT)
#define kspan_lock(lock, flags)		spin_lock_irqsave(lock, flags)
#define kspan_unlock(lock, flags)	spin_unlock_irqrestore(lock, flags)
#else
#define kspan_lock(lock, flags)				\
	do {						\
		local_irq_save(flags);			\
		__this_cpu_write(kspan_locked, true);	\
		spin_lock(lock);			\
	} while (0)

#define kspan_unlock(lock, flags)			\
	do {						\
		spin_unlock(lock);			\
		__this_cpu_write(kspan_locked, false);	\
		local_irq_restore(flags);		\
	} while (0)
#endif

#ifndef kspan_assert_held
#define kspan_assert_held(lock)		lockdep_assert_held(lock)
#endif

DECLARE_PER_CPU(bool, kspan_locked);

/*
 * The same with raw spinlocks, for what may be called with preemption off, where PREEMPT_RT lets no
 * other be taken. There is a mark there as well.
 */
#ifdef KSPAN_CONTEXTS
#define kspan_raw_lock(lock, flags)	kspan_contexts_raw_lock(lock, &(flags))
#define kspan_raw_unlock(lock, flags)	kspan_contexts_raw_unlock(lock, flags)
#else
#define kspan_raw_lock(lock, flags)			\
	do {						\
		local_irq_save(flags);			\
		__this_cpu_write(kspan_locked, true);	\
		raw_spin_lock(lock);			\
	} while (0)

#define kspan_raw_unlock(lock, flags)			\
	do {						\
		raw_spin_unlock(lock);			\
		__this_cpu_write(kspan_locked, false);	\
		local_irq_restore(flags);		\
	} while (0)
#endif

/*
 * May no lock be taken here? Then this was called in the middle of kspan. On PREEMPT_RT, where
 * the locks sleep: or with preemption or interrupts off, as every handler is.
 */
static inline bool kspan_nested(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return !preemptible();
	return this_cpu_read(kspan_locked);
}

/* As in_nmi(), whose mask may be wider than the count: that costs the fast path an instruction. */
static __always_inline bool kspan_in_nmi(void)
{
	return (u32)preempt_count() & (u32)NMI_MASK;
}

/* In NMI nothing is allocated or freed: whatever was interrupted may be half done. */
static __always_inline bool kspan_refuse_nmi(void)
{
	if (likely(!kspan_in_nmi()))
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

/* Likewise, as mutex_init(). */
#define kspan_mutex_init(lock, name)					\
do {									\
	static struct lock_class_key __class;				\
	struct mutex *__lock = (lock);					\
									\
	mutex_init(__lock);						\
	lockdep_set_class_and_name(__lock, &__class, name);		\
} while (0)

#define kspan_raw_spin_lock_init(lock, name)				\
do {									\
	static struct lock_class_key __class;				\
	raw_spinlock_t *__lock = (lock);				\
									\
	raw_spin_lock_init(__lock);					\
	lockdep_set_class_and_name(__lock, &__class, name);		\
} while (0)

#endif /* _KSPAN_LOCK_H */
