/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's locks are and do, for clang's analysis of thread safety: included in front of
 * everything by scripts/checks/contexts, and never compiled into anything. Kernels since 7.0 say it in
 * their own headers.
 */
#ifndef _KSPAN_CONTEXTS_H
#define _KSPAN_CONTEXTS_H

#define KSPAN_CONTEXTS

struct __attribute__((capability("spinlock"))) spinlock;
struct __attribute__((capability("mutex"))) mutex;
struct refcount_struct;
struct callback_head;

/* Stands for every spinlock of kspan's: only one of them is held. */
extern struct __attribute__((capability("spinlock"))) kspan_any_lock { char none; } kspan_any_lock;

void kspan_contexts_lock(struct spinlock *lock, unsigned long *flags)
	__attribute__((acquire_capability(lock, &kspan_any_lock)));
void kspan_contexts_unlock(struct spinlock *lock, unsigned long flags)
	__attribute__((release_capability(lock, &kspan_any_lock)));
void kspan_contexts_assert(struct spinlock *lock) __attribute__((assert_capability(lock)));

/* What is read may be guarded; what is on the way there is looked at. */
#define kspan_contexts_read(x)						\
({									\
	const volatile __typeof__(x) *__where;				\
									\
	__asm__("" : "=r"(__where) : "0"(&(x)));			\
	*__where;							\
})

#define kspan_contexts_no_lock	__attribute__((locks_excluded(&kspan_any_lock)))

void mutex_lock(struct mutex *lock)
	__attribute__((acquire_capability(lock))) kspan_contexts_no_lock;
void mutex_unlock(struct mutex *lock)
	__attribute__((release_capability(lock))) kspan_contexts_no_lock;
int mutex_trylock(struct mutex *lock) __attribute__((try_acquire_capability(1, lock)));
_Bool refcount_dec_and_mutex_lock(struct refcount_struct *r, struct mutex *lock)
	__attribute__((try_acquire_capability(1, lock))) kspan_contexts_no_lock;

/* Some of what is done by mistake; scripts/checks/leaf-locks knows all that is none. */
int _printk(const char *fmt, ...) kspan_contexts_no_lock;
void kfree(const void *obj) kspan_contexts_no_lock;
void kvfree(const void *addr) kspan_contexts_no_lock;
void call_rcu(struct callback_head *head, void (*fn)(struct callback_head *head))
	kspan_contexts_no_lock;
void synchronize_rcu(void) kspan_contexts_no_lock;
void schedule(void) kspan_contexts_no_lock;

#endif /* _KSPAN_CONTEXTS_H */
