// SPDX-License-Identifier: GPL-2.0
/*
 * For the cost of taking a profile: fills the table of call stacks, and keeps a CPU allocating
 * while a program reads the profile (scripts/bench.d/snapshot.c).
 *
 * At sample_bytes 1 each different stack makes one bucket.
 */
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/task.h>

#include <kspan/kspan.h>

#include "bench.h"

#define LEVELS		14
#define SIZE		192
#define BATCH		32

static const struct bench_side *kspan = &bench_sides[BENCH_KSPAN];
static struct kspan_cache *cache;	/* of the load */
static void **objs;
static struct task_struct *load;
static unsigned long load_ops;		/* written by the load alone */

/* ------------------------------------------------------------------ stacks */

/* One live object for each of bench_stacks stacks. */
int bench_fill(void)
{
	unsigned int i;

	if (!bench_stacks || bench_stacks > 1U << LEVELS)
		return -EINVAL;
	objs = kvcalloc(bench_stacks, sizeof(*objs), GFP_KERNEL);
	if (!objs)
		return -ENOMEM;
	for (i = 0; i < bench_stacks; i++) {
		objs[i] = bench_alloc_from(i, LEVELS, kspan, SIZE, GFP_KERNEL);
		if (!objs[i])
			return -ENOMEM;
	}
	return 0;
}

/* ------------------------------------------------------------------ the load */

static int load_thread(void *arg)
{
	void *batch[BATCH];
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < BATCH; i++)
			batch[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		for (i = 0; i < BATCH; i++)
			kspan_cache_free(cache, batch[i]);
		WRITE_ONCE(load_ops, load_ops + BATCH);
		cond_resched();
	}
	return 0;
}

unsigned long bench_load_ops(void)
{
	return READ_ONCE(load_ops);
}

/* CPU 0 allocates and frees until the module leaves. */
int bench_load(void)
{
	struct task_struct *task;

	cache = kspan_cache_create("bench_load", SIZE, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	task = kthread_create(load_thread, NULL, "bench_load");
	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, 0);
	wake_up_process(task);
	load = task;
	return 0;
}

void bench_snapshot_end(void)
{
	unsigned int i;

	if (load)
		kthread_stop(load);
	if (objs)
		for (i = 0; i < bench_stacks; i++)
			kspan->free(objs[i]);
	kvfree(objs);
	kspan_cache_destroy(cache);
}
