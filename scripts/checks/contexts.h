/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel's locks are and do, for clang's analysis of thread safety: included in front of
 * everything by scripts/checks/contexts, and never compiled into anything. Kernels since 7.0 say it
 * in their own headers.
 */
#ifndef _KSPAN_CONTEXTS_H
#define _KSPAN_CONTEXTS_H

#define KSPAN_CONTEXTS

/* ---- What can be held ---------------------------------------------------------------- */

struct __attribute__((capability("spinlock"))) spinlock;
struct __attribute__((capability("spinlock"))) raw_spinlock;
struct __attribute__((capability("mutex"))) mutex;

/* Stands for every spinlock of kspan's: only one of them is held. */
extern struct __attribute__((capability("spinlock"))) kspan_any_lock { char none; } kspan_any_lock;

/* These can be nested. */
#define KSPAN_CONTEXT(name, text)						\
	extern struct __attribute__((capability(text), reentrant_capability))	\
	name { char none; } name

KSPAN_CONTEXT(kspan_any_rcu, "RCU");
KSPAN_CONTEXT(kspan_any_srcu, "SRCU");
KSPAN_CONTEXT(kspan_this_cpu, "preemption off");
KSPAN_CONTEXT(kspan_irqs_off, "interrupts off");
KSPAN_CONTEXT(kspan_all_cpus, "cpus_read_lock");
/* In the middle of READ_ONCE() and the like. */
KSPAN_CONTEXT(kspan_mark, "a mark");
/* Between kspan_pcpu_enter() and kspan_pcpu_leave() or kspan_pcpu_store(): in no array besides. */
extern struct __attribute__((capability("array"))) kspan_in_array { char none; } kspan_in_array;

#define KSPAN_TAKES(...)	__attribute__((acquire_shared_capability(__VA_ARGS__)))
#define KSPAN_DROPS(...)	__attribute__((release_shared_capability(__VA_ARGS__)))
/* Under no spinlock of kspan's. */
#define KSPAN_NO_LOCK		__attribute__((locks_excluded(&kspan_any_lock)))
/* It may sleep: not there, nor inside RCU, with preemption or interrupts off. */
#define KSPAN_SLEEPS							\
	__attribute__((locks_excluded(&kspan_any_lock, &kspan_any_rcu,	\
				      &kspan_this_cpu, &kspan_irqs_off)))

/* ---- kspan's own --------------------------------------------------------------------- */

/* With preemption off a spinlock is not taken: on PREEMPT_RT it may sleep. */
void kspan_contexts_lock(struct spinlock *lock, unsigned long *flags)
	__attribute__((acquire_capability(lock, &kspan_any_lock),
		       locks_excluded(&kspan_in_array, &kspan_this_cpu)));
void kspan_contexts_unlock(struct spinlock *lock, unsigned long flags)
	__attribute__((release_capability(lock, &kspan_any_lock)));
void kspan_contexts_raw_lock(struct raw_spinlock *lock, unsigned long *flags)
	__attribute__((acquire_capability(lock, &kspan_any_lock), locks_excluded(&kspan_in_array)));
void kspan_contexts_raw_unlock(struct raw_spinlock *lock, unsigned long flags)
	__attribute__((release_capability(lock, &kspan_any_lock)));
void kspan_contexts_assert(struct spinlock *lock) __attribute__((assert_capability(lock)));

/* ---- The kernel's functions ---------------------------------------------------------- */

struct refcount_struct;
struct callback_head;
struct srcu_struct;
struct work_struct;

void mutex_lock(struct mutex *lock) __attribute__((acquire_capability(lock))) KSPAN_SLEEPS;
void mutex_unlock(struct mutex *lock) __attribute__((release_capability(lock))) KSPAN_SLEEPS;
int mutex_trylock(struct mutex *lock) __attribute__((try_acquire_capability(1, lock)));
_Bool refcount_dec_and_mutex_lock(struct refcount_struct *r, struct mutex *lock)
	__attribute__((try_acquire_capability(1, lock))) KSPAN_SLEEPS;

static inline __attribute__((always_inline)) void rcu_read_lock(void) KSPAN_TAKES(&kspan_any_rcu);
static inline void rcu_read_unlock(void) KSPAN_DROPS(&kspan_any_rcu);
static inline int srcu_read_lock(struct srcu_struct *ssp) KSPAN_TAKES(&kspan_any_srcu);
static inline void srcu_read_unlock(struct srcu_struct *ssp, int idx) KSPAN_DROPS(&kspan_any_srcu);
void cpus_read_lock(void) KSPAN_TAKES(&kspan_all_cpus) KSPAN_SLEEPS;
void cpus_read_unlock(void) KSPAN_DROPS(&kspan_all_cpus);

/* Some of what is done by mistake; scripts/checks/leaf-locks knows all that is none. */
int _printk(const char *fmt, ...) KSPAN_NO_LOCK;
void kfree(const void *obj) KSPAN_NO_LOCK;
void kvfree(const void *addr) KSPAN_NO_LOCK;
void call_rcu(struct callback_head *head, void (*fn)(struct callback_head *head)) KSPAN_NO_LOCK;
void schedule(void) KSPAN_SLEEPS;
void synchronize_rcu(void) KSPAN_SLEEPS;
void synchronize_rcu_tasks(void) KSPAN_SLEEPS;
void synchronize_srcu(struct srcu_struct *ssp) KSPAN_SLEEPS;
void rcu_barrier(void) KSPAN_SLEEPS;
_Bool flush_work(struct work_struct *work) KSPAN_SLEEPS;

/* ---- The kernel's macros ------------------------------------------------------------- */

#include <linux/compiler.h>
#include <linux/irqflags.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>

void kspan_contexts_stay(void) KSPAN_TAKES(&kspan_this_cpu, &kspan_any_rcu);
void kspan_contexts_go(void) KSPAN_DROPS(&kspan_this_cpu, &kspan_any_rcu);
unsigned long kspan_contexts_irqs_off(void)
	KSPAN_TAKES(&kspan_irqs_off, &kspan_this_cpu, &kspan_any_rcu);
void kspan_contexts_irqs_on(unsigned long flags)
	KSPAN_DROPS(&kspan_irqs_off, &kspan_this_cpu, &kspan_any_rcu);

#undef preempt_disable
#undef preempt_enable
#undef preempt_disable_notrace
#undef preempt_enable_notrace
#undef local_irq_save
#undef local_irq_restore
#define preempt_disable()		kspan_contexts_stay()
#define preempt_enable()		kspan_contexts_go()
#define preempt_disable_notrace()	kspan_contexts_stay()
#define preempt_enable_notrace()	kspan_contexts_go()
#define local_irq_save(flags)		((flags) = kspan_contexts_irqs_off())
#define local_irq_restore(flags)	kspan_contexts_irqs_on(flags)

/* Of this CPU: as long as it stays this one. */
void kspan_contexts_here(void) __attribute__((requires_shared_capability(&kspan_this_cpu)));

#undef this_cpu_ptr
#undef __this_cpu_read
#undef __this_cpu_write
#undef smp_processor_id
#define this_cpu_ptr(ptr)		(kspan_contexts_here(), raw_cpu_ptr(ptr))
#define __this_cpu_read(pcp)		(kspan_contexts_here(), raw_cpu_read(pcp))
#define __this_cpu_write(pcp, val)	({ kspan_contexts_here(); raw_cpu_write(pcp, val); })
#define smp_processor_id()		(kspan_contexts_here(), raw_smp_processor_id())

/*
 * Marked accesses. What READ_ONCE() reads may be guarded by a lock as well, which says that it is
 * read without; what is on the way there, or written, is looked at.
 */
void kspan_contexts_mark(void) __attribute__((acquire_capability(&kspan_mark)));
void kspan_contexts_unmark(void) __attribute__((release_capability(&kspan_mark)));

#undef READ_ONCE
#undef WRITE_ONCE
#undef data_race
#define READ_ONCE(x)							\
({									\
	const volatile __typeof__(x) *__where;				\
									\
	__asm__("" : "=r"(__where) : "0"(&(x)));			\
	*__where;							\
})
#define WRITE_ONCE(x, val)						\
do {									\
	__typeof_unqual__(x) __val = (val);				\
									\
	kspan_contexts_mark();						\
	*(__typeof_unqual__(x) *)&(x) = __val;				\
	kspan_contexts_unmark();					\
} while (0)
#define data_race(expr)							\
({									\
	kspan_contexts_mark();						\
	__auto_type __val = (expr);					\
	kspan_contexts_unmark();					\
	__val;								\
})

#include <asm/barrier.h>

#undef smp_load_acquire
#undef smp_store_release
#define smp_load_acquire(p)		READ_ONCE(*(p))
#define smp_store_release(p, val)	WRITE_ONCE(*(p), val)

#endif /* _KSPAN_CONTEXTS_H */
