// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the taps. What a handler needs comes from a short list of its CPU's own. When that
 * is empty, an object comes from the slab allocator, in the same context as the allocation that is
 * looked at, and with no more allowed than that had; so a burst of samples, with interrupts or
 * preemption off, loses none. Objects that come back on another CPU than they were taken on pile
 * up there, until a worker gives them back.
 *
 * Only from the list go allocations that may not look for pages at all, as from where locks may
 * be held that this would take. A sample that finds none is dropped and counted, and the worker
 * brings more.
 *
 * Locks: kspan_tap_pool_lock, a raw spinlock and a leaf, for each list; kspan_tap_pool_mutex around
 * the worker, process context.
 */
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "base/lock.h"
#include "base/work.h"
#include "tap/pool.h"

/* Objects that a list has after the worker has been there: at least, and at most. */
#define KEEP_LEAST	64U
#define KEEP_MOST	128U
/* With more, and when there is none, the worker is called. */
#define CALL_ABOVE	256U

/* ------------------------------------------------------------------ lists */

static void *take(struct kspan_pool_cpu *cpu)
{
	unsigned long flags;
	void *obj;

	kspan_raw_lock(&cpu->lock, flags);
	obj = cpu->first;
	if (obj) {
		cpu->first = *(void **)obj;
		WRITE_ONCE(cpu->nr, cpu->nr - 1);
	}
	kspan_raw_unlock(&cpu->lock, flags);
	return obj;
}

static unsigned int put_back(struct kspan_pool_cpu *cpu, void *obj)
{
	unsigned long flags;
	unsigned int nr;

	kspan_raw_lock(&cpu->lock, flags);
	*(void **)obj = cpu->first;
	cpu->first = obj;
	nr = cpu->nr + 1;
	/* Read without the lock by the worker. */
	WRITE_ONCE(cpu->nr, nr);
	kspan_raw_unlock(&cpu->lock, flags);
	return nr;
}

void *kspan_pool_get(struct kspan_pool *pool, gfp_t gfp)
{
	void *obj = take(this_cpu_ptr(pool->cpus));

	if (obj)
		return obj;
	if (gfp & __GFP_RECLAIM)
		return kmem_cache_alloc(pool->cache,
					(gfp & __GFP_KSWAPD_RECLAIM) | KSPAN_GFP_OPTIONAL);
	kspan_pool_call(pool);
	return NULL;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pool_get);

void kspan_pool_put(struct kspan_pool *pool, void *obj)
{
	if (put_back(this_cpu_ptr(pool->cpus), obj) > CALL_ABOVE)
		kspan_pool_call(pool);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pool_put);

/* ------------------------------------------------------------------ the worker */

static DEFINE_MUTEX(kspan_tap_pool_mutex);
static struct task_struct *filler kspan_marked;	/* which task fills a pool; under the mutex */

bool kspan_pool_fills(void)
{
	return READ_ONCE(filler) == current && in_task();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pool_fills);

static void even_out(struct kspan_pool *pool, struct kspan_pool_cpu *cpu)
{
	void *obj;

	while (READ_ONCE(cpu->nr) > KEEP_MOST) {
		obj = take(cpu);
		if (obj)
			kmem_cache_free(pool->cache, obj);
		cond_resched();
	}
	while (READ_ONCE(cpu->nr) < KEEP_LEAST) {
		obj = kmem_cache_alloc(pool->cache, GFP_NOWAIT | KSPAN_GFP_OPTIONAL);
		if (!obj)
			return;
		put_back(cpu, obj);
	}
}

static void work(struct work_struct *work)
{
	struct kspan_pool *pool = container_of(work, struct kspan_pool, work);
	int cpu;

	mutex_lock(&kspan_tap_pool_mutex);
	/* Read without the mutex: of interest is only whether it is the reader himself. */
	WRITE_ONCE(filler, current);
	for_each_online_cpu(cpu)
		even_out(pool, per_cpu_ptr(pool->cpus, cpu));
	if (pool->more)
		pool->more(pool);
	WRITE_ONCE(filler, NULL);
	mutex_unlock(&kspan_tap_pool_mutex);
}

static void call_worker(struct irq_work *irq_work)
{
	struct kspan_pool *pool = container_of(irq_work, struct kspan_pool, kick);

	queue_work(kspan_wq, &pool->work);
}

int kspan_pool_init(struct kspan_pool *pool, const char *name, size_t size,
		    void (*more)(struct kspan_pool *pool))
{
	static struct lock_class_key key;
	int cpu;

	/* A part that could be copied to user space keeps it from being merged with others. */
	pool->cache = kmem_cache_create_usercopy(name, size, 0, 0, 0, size, NULL);
	if (!pool->cache)
		return -ENOMEM;
	pool->cpus = alloc_percpu(struct kspan_pool_cpu);
	if (!pool->cpus) {
		kmem_cache_destroy(pool->cache);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu)
		kspan_raw_spin_lock_init(&per_cpu_ptr(pool->cpus, cpu)->lock,
					 "kspan_tap_pool_lock");
	pool->more = more;
	init_irq_work(&pool->kick, call_worker);
	INIT_WORK(&pool->work, work);
	lockdep_init_map(&pool->work.lockdep_map, "kspan_tap_pool_work", &key, 0);
	work(&pool->work);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pool_init);

void kspan_pool_exit(struct kspan_pool *pool)
{
	void *obj;
	int cpu;

	irq_work_sync(&pool->kick);
	cancel_work_sync(&pool->work);
	for_each_possible_cpu(cpu)
		while ((obj = take(per_cpu_ptr(pool->cpus, cpu))))
			kmem_cache_free(pool->cache, obj);
	free_percpu(pool->cpus);
	kmem_cache_destroy(pool->cache);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_pool_exit);
