/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's locks are and do, for clang's analysis of thread safety: included in front of
 * everything by scripts/contexts, and never compiled into anything. Kernels since 7.0 say it in
 * their own headers.
 */
#ifndef _KSPAN_CONTEXTS_H
#define _KSPAN_CONTEXTS_H

#define KSPAN_CONTEXTS

struct __attribute__((capability("spinlock"))) spinlock;
struct __attribute__((capability("mutex"))) mutex;
struct refcount_struct;

void mutex_lock(struct mutex *lock) __attribute__((acquire_capability(lock)));
void mutex_unlock(struct mutex *lock) __attribute__((release_capability(lock)));
int mutex_trylock(struct mutex *lock) __attribute__((try_acquire_capability(1, lock)));
_Bool refcount_dec_and_mutex_lock(struct refcount_struct *r, struct mutex *lock)
	__attribute__((try_acquire_capability(1, lock)));

#endif /* _KSPAN_CONTEXTS_H */
