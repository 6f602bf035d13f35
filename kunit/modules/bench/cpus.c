// SPDX-License-Identifier: GPL-2.0
/*
 * Throughput on two CPUs, as ratios: times mean little under emulation. Rounds of 40 ms take turns,
 * each side once in each round, and the figure is the median over the rounds of the ratio within
 * one round, so that whatever slows the machine for a while slows both.
 *
 *	own	each CPU allocates and frees batches of 32 by itself; on one CPU, and on both
 *	pass	one CPU allocates, the other frees, through a ring of 8192
 *	shared	two threads on each CPU hold up to 32 objects each, for a random time
 *
 * All from one cache of 192 bytes. A loop that shares nothing and allocates nothing tells how far
 * the machine itself scales. Locks: none; the ring has one writer and one reader.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched/task.h>
#include <linux/sort.h>

#include "bench.h"

#define ROUND_JIFFIES	msecs_to_jiffies(40)
#define ROUNDS		41
#define THREADS		4
#define SIZE		192
#define BATCH		32
#define RING		8192

struct worker {
	const struct bench_side *side;
	void *cache;
	unsigned long (*body)(struct worker *worker);	/* returns operations */
	unsigned long end;				/* jiffies */
	u32 random;
	u64 throughput;					/* operations a second */
};

static atomic_t not_ready;
static struct completion done;

/* ------------------------------------------------------------------ bodies */

static bool time_left(const struct worker *w)
{
	cond_resched();
	return time_before(jiffies, w->end);
}

static unsigned long own(struct worker *w)
{
	void *objs[BATCH];
	unsigned long ops;
	int i;

	for (ops = 0; time_left(w); ops += BATCH) {
		for (i = 0; i < BATCH; i++)
			objs[i] = w->side->cache_alloc(w->cache, GFP_KERNEL);
		for (i = 0; i < BATCH; i++)
			w->side->cache_free(w->cache, objs[i]);
	}
	return ops;
}

static void *ring[RING];
static unsigned int ring_head, ring_tail;	/* written by giver and taker */

static unsigned long giver(struct worker *w)
{
	unsigned int head = ring_head;
	int i;

	while (time_left(w)) {
		for (i = 0; i < BATCH; i++) {
			/* The taker is done with a slot before it is written again. */
			if (head - smp_load_acquire(&ring_tail) >= RING)
				break;
			ring[head % RING] = w->side->cache_alloc(w->cache, GFP_KERNEL);
			/* A slot is written before it counts. */
			smp_store_release(&ring_head, ++head);
		}
	}
	return 0;		/* the taker counts */
}

static unsigned long take_all(struct worker *w)
{
	unsigned int tail = ring_tail;
	unsigned long ops;

	for (ops = 0; ops < BATCH; ops++) {
		/* Pairs with the giver's release: the slot is there. */
		if (tail == smp_load_acquire(&ring_head))
			break;
		w->side->cache_free(w->cache, ring[tail % RING]);
		/* The slot is read before the giver may have it back. */
		smp_store_release(&ring_tail, ++tail);
	}
	return ops;
}

static unsigned long taker(struct worker *w)
{
	unsigned long ops = 0;

	while (time_left(w))
		ops += take_all(w);
	return ops;
}

static unsigned long shared(struct worker *w)
{
	void *objs[BATCH] = {};
	unsigned long ops;
	int i;

	for (ops = 0; time_left(w); ops += BATCH) {
		for (i = 0; i < BATCH; i++) {
			void **slot = &objs[bench_random(&w->random) % BATCH];

			if (*slot)
				w->side->cache_free(w->cache, *slot);
			*slot = w->side->cache_alloc(w->cache, GFP_KERNEL);
		}
	}
	for (i = 0; i < BATCH; i++)
		if (objs[i])
			w->side->cache_free(w->cache, objs[i]);
	return ops;
}

/* ------------------------------------------------------------------ one round of one side */

static int work(void *arg)
{
	struct worker *w = arg;
	unsigned long ops;
	u64 began;

	/* All begin when the last is there. */
	atomic_dec(&not_ready);
	while (atomic_read(&not_ready) > 0)
		cond_resched();
	w->end = jiffies + ROUND_JIFFIES;
	began = ktime_get_ns();
	ops = w->body(w);
	w->throughput = div64_u64((u64)ops * NSEC_PER_SEC, ktime_get_ns() - began);
	complete(&done);
	return 0;
}

/* Operations a second of @n threads in one cache of @side, every other one on CPU 1. */
static u64 run_round(enum bench_who who, unsigned int n, unsigned long (*even)(struct worker *),
		     unsigned long (*odd)(struct worker *))
{
	struct worker worker[THREADS];
	struct task_struct *task[THREADS];
	const struct bench_side *side = &bench_sides[who];
	void *cache = side->create("bench_cpus", SIZE);
	u64 sum = 0;
	unsigned int i;

	if (!cache)
		return 0;
	for (i = 0; i < n; i++) {
		worker[i] = (struct worker){
			.side = side,
			.cache = cache,
			.body = i % 2 ? odd : even,
			.random = i + 1,
		};
		task[i] = kthread_create(work, &worker[i], "bench/%u", i);
		if (IS_ERR(task[i]))
			break;
		get_task_struct(task[i]);
		kthread_bind(task[i], i % 2);
	}
	if (i < n) {
		while (i--) {
			kthread_stop(task[i]);
			put_task_struct(task[i]);
		}
		side->destroy(cache);
		return 0;
	}
	init_completion(&done);
	atomic_set(&not_ready, n);
	for (i = 0; i < n; i++)
		wake_up_process(task[i]);
	for (i = 0; i < n; i++)
		wait_for_completion(&done);
	for (i = 0; i < n; i++) {
		kthread_stop(task[i]);
		put_task_struct(task[i]);
		sum += worker[i].throughput;
	}
	while (take_all(&worker[0]))
		;
	side->destroy(cache);
	return sum;
}

/* ------------------------------------------------------------------ medians over the rounds */

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(u64 *values, unsigned int n)
{
	sort(values, n, sizeof(*values), compare, NULL);
	return values[n / 2];
}

static u64 thousandths(u64 a, u64 b)
{
	return b ? div64_u64(a * 1000, b) : 0;
}

/* Rounds that are reported; there is one more, for the emulator to translate the code. */
static unsigned int rounds(void)
{
	return min_t(unsigned long, bench_scaled(ROUNDS), ROUNDS);
}

/* @n threads, kspan beside the kernel's slab. */
static void beside(const char *name, unsigned int n, unsigned long (*even)(struct worker *),
		   unsigned long (*odd)(struct worker *))
{
	static u64 slab[ROUNDS + 1], kspan[ROUNDS + 1], ratio[ROUNDS + 1];
	unsigned int i, nr = rounds();

	for (i = 0; i <= nr; i++) {
		/* Whoever goes first in one round goes last in the next. */
		if (i % 2)
			slab[i] = run_round(BENCH_SLAB, n, even, odd);
		kspan[i] = run_round(BENCH_KSPAN, n, even, odd);
		if (i % 2 == 0)
			slab[i] = run_round(BENCH_SLAB, n, even, odd);
		ratio[i] = thousandths(kspan[i], slab[i]);
	}
	bench_figure("cpus", name, "per_second",
		     "size=%d threads=%u rounds=%u slab=%llu kspan=%llu ratio=%llu", SIZE, n, nr,
		     median(slab + 1, nr), median(kspan + 1, nr), median(ratio + 1, nr));
}

/* How many times as much two CPUs do, each on its own. */
static void two_beside_one(void)
{
	static u64 ratio[BENCH_NR_WHO][ROUNDS + 1];
	unsigned int i, nr = rounds();
	enum bench_who who;

	for (i = 0; i <= nr; i++) {
		for (who = BENCH_SLAB; who < BENCH_NR_WHO; who++) {
			u64 one = run_round(who, 1, own, own);

			ratio[who][i] = thousandths(run_round(who, 2, own, own), one);
		}
	}
	bench_figure("cpus", "scaling", "thousandths",
		     "size=%d threads=2 rounds=%u slab=%llu kspan=%llu loop=%llu", SIZE, nr,
		     median(ratio[BENCH_SLAB] + 1, nr), median(ratio[BENCH_KSPAN] + 1, nr),
		     median(ratio[BENCH_NOTHING] + 1, nr));
}

int bench_cpus(void)
{
	if (num_online_cpus() < 2)
		return -ENODEV;
	two_beside_one();
	beside("own", 2, own, own);
	beside("pass", 2, giver, taker);
	beside("shared", 4, shared, shared);
	return 0;
}
