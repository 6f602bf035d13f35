/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lock classes of structures that are made at run time. lockdep would name them after the
 * argument of spin_lock_init(), as it does with those of everybody else; so that the lock graph
 * can be read, and judged by scripts/lock-graph, each lock of kspan's has a name that begins with
 * kspan_. The table of them all is in Documentation/design.rst.
 */
#ifndef _KSPAN_LOCK_H
#define _KSPAN_LOCK_H

#include <linux/lockdep.h>
#include <linux/spinlock.h>

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
