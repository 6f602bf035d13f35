// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the CPUs' arrays of ready objects: reuse, overflow, draining, frees on another CPU,
 * interrupts that allocate and free in the middle of a task that does so too, and CPUs that go
 * and come back.
 */
#include "suite.h"

#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/workqueue.h>

#include "heap/pcpu.h"
#include "allocator.h"
#include "instead.h"

#define OBJ_SIZE	64

static int pcpu_test_init(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-pcpu", OBJ_SIZE, 0, 0, NULL);

	test->priv = cache;
	return cache ? 0 : -ENOMEM;
}

/* Also says whether anything was lost: destruction reports objects that are left. */
static void pcpu_test_exit(struct kunit *test)
{
	allocator_test_exit(test);
	kspan_cache_destroy(test->priv);
}

/* Objects in the array of @cpu. */
static unsigned int array_count(struct kspan_cache *cache, int cpu)
{
	u64 word = READ_ONCE(per_cpu_ptr(cache->pcpu, cpu)->word);

	return (u32)word % KSPAN_WORD_BUSY / KSPAN_SLOT;
}

/* Everything of a cache comes back to the page allocator. */
static void expect_nothing_lost(struct kunit *test, struct kspan_cache *cache)
{
	int nid;

	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_EXPECT_EQ(test, kspan_pcpu_cached(cache), 0UL);
	for_each_node(nid) {
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, nid)->nr_out, 0UL);
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, nid)->nr_objs, 0UL);
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, nid)->nr_pages, 0UL);
		KUNIT_EXPECT_EQ(test, kspan_cache_node(cache, nid)->nr_empty, 0UL);
	}
}

/* ------------------------------------------------------------------ one CPU */

static void object_freed_last_is_handed_out_first(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	void *a, *b;

	migrate_disable();
	a = kspan_cache_alloc(cache, GFP_KERNEL);
	b = kspan_cache_alloc(cache, GFP_KERNEL);
	kspan_cache_free(cache, a);
	kspan_cache_free(cache, b);
	KUNIT_EXPECT_PTR_EQ(test, kspan_cache_alloc(cache, GFP_KERNEL), b);
	KUNIT_EXPECT_PTR_EQ(test, kspan_cache_alloc(cache, GFP_KERNEL), a);
	migrate_enable();
	kspan_cache_free(cache, a);
	kspan_cache_free(cache, b);
	expect_nothing_lost(test, cache);
}

static void array_overflows_into_the_spans(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	unsigned int i, round, wrong = 0, cap;
	enum { NR = 1000 };
	void **objs = objs_new(test, NR);

	cap = cache->pcpu_limit / KSPAN_SLOT;
	KUNIT_ASSERT_GT(test, cap, 0U);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < NR; i++) {
			objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, objs[i]);
			fill(objs[i], i, OBJ_SIZE);
		}
		for (i = 0; i < NR; i++) {
			wrong += !filled_with(objs[i], i, OBJ_SIZE);
			kspan_cache_free(cache, objs[i]);
		}
		KUNIT_EXPECT_LE(test, kspan_pcpu_cached(cache),
				(unsigned long)cap * num_online_cpus());
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	expect_nothing_lost(test, cache);
}

/* An array that is both empty and in use has nothing to give either. */
static void busy_empty_array_gives_nothing(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	u64 *word, before, inside;
	void *obj, *popped = NULL;
	bool done;

	migrate_disable();
	obj = kspan_cache_alloc(cache, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 1);
	word = &per_cpu_ptr(cache->pcpu, raw_smp_processor_id())->word;
	before = *word;
	/* With budget enough, so that it is not that which refuses. */
	inside = KSPAN_WORD_BUSY + 5 * KSPAN_WORD_BUDGET;
	WRITE_ONCE(*word, inside);
	done = kspan_pcpu_pop(cache, &popped);
	KUNIT_EXPECT_EQ(test, *word, inside);
	WRITE_ONCE(*word, before);
	migrate_enable();
	KUNIT_EXPECT_FALSE(test, done);
	kspan_cache_free(cache, obj);
	expect_nothing_lost(test, cache);
}

/* What an interrupt finds that comes while the array is in use. */
static void busy_array_is_left_alone(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	unsigned int i, count, failed = 0;
	void *objs[100], *before;
	u64 *word, inside;

	migrate_disable();
	word = &per_cpu_ptr(cache->pcpu, raw_smp_processor_id())->word;
	before = kspan_cache_alloc(cache, GFP_KERNEL);
	kspan_cache_free(cache, before);
	count = array_count(cache, raw_smp_processor_id());
	KUNIT_EXPECT_GT(test, count, 0U);
	WRITE_ONCE(*word, *word + KSPAN_WORD_BUSY);
	inside = *word;
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		failed += !objs[i] || objs[i] == before;
	}
	KUNIT_EXPECT_EQ(test, *word, inside);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
	KUNIT_EXPECT_EQ(test, *word, inside);
	KUNIT_EXPECT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs),
			(int)ARRAY_SIZE(objs));
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		failed += objs[i] == before;
	KUNIT_EXPECT_EQ(test, *word, inside);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(objs), objs);
	KUNIT_EXPECT_EQ(test, *word, inside);
	WRITE_ONCE(*word, *word - KSPAN_WORD_BUSY);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, failed, 0U);
	expect_nothing_lost(test, cache);
}

enum off { IRQS, BH, PREEMPTION };

static const struct off_case {
	const char *desc;
	enum off what;
} off_cases[] = {
	{ "interrupts", IRQS },
	{ "softirqs", BH },
	{ "preemption", PREEMPTION },
};

static void off_desc(const struct off_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(off, off_cases, off_desc);

/* Enough to refill, flush, and make and free spans, all without sleeping. */
static unsigned int churn_many(struct kspan_cache *cache)
{
	unsigned int i, failed = 0;
	void *objs[120], *large;

	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_NOWAIT);
		failed += !objs[i];
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		kspan_cache_free(cache, objs[i]);
	large = kspan_alloc(100000, GFP_ATOMIC);
	failed += !large;
	kspan_free(large);
	return failed;
}

static void works_with_things_off(struct kunit *test)
{
	const struct off_case *c = test->param_value;
	unsigned long flags, pages = kspan_span_pages();
	unsigned int failed;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) && c->what != BH)
		kunit_skip(test, "not a context for allocations on PREEMPT_RT");
	switch (c->what) {
	case IRQS:
		local_irq_save(flags);
		failed = churn_many(test->priv);
		local_irq_restore(flags);
		break;
	case BH:
		local_bh_disable();
		failed = churn_many(test->priv);
		local_bh_enable();
		break;
	default:
		preempt_disable();
		failed = churn_many(test->priv);
		preempt_enable();
	}
	KUNIT_EXPECT_EQ(test, failed, 0U);
	expect_nothing_lost(test, test->priv);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* ------------------------------------------------------------------ interrupts */

/*
 * One party that allocates, fills, checks and frees. Parties with different marks share a cache;
 * an object that is handed to two of them shows up with the wrong mark.
 */
struct churn {
	struct kspan_cache *cache;
	void *objs[24];
	u8 mark;
	unsigned int next, wrong, failed, runs;
	unsigned int hardirqs, softirqs;
	struct hrtimer timer;
};

static void churn_once(struct churn *c, gfp_t gfp)
{
	void **obj = &c->objs[c->next];

	/* A step that is prime to the size, and stretches in which it only frees. */
	c->next = (c->next + 7) % ARRAY_SIZE(c->objs);
	if (*obj) {
		c->wrong += !filled_with(*obj, c->mark, OBJ_SIZE);
		kspan_cache_free(c->cache, *obj);
		*obj = NULL;
	}
	WRITE_ONCE(c->runs, c->runs + 1);
	if (c->runs / 100 % 3 == 2)
		return;
	*obj = kspan_cache_alloc(c->cache, gfp);
	if (*obj)
		fill(*obj, c->mark, OBJ_SIZE);
	else
		c->failed++;
}

static void churn_end(struct churn *c)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(c->objs); i++)
		if (c->objs[i])
			kspan_cache_free(c->cache, c->objs[i]);
}

static enum hrtimer_restart churn_timer(struct hrtimer *timer)
{
	struct churn *c = container_of(timer, struct churn, timer);
	unsigned int i;

	c->hardirqs += !!in_hardirq();
	c->softirqs += !!in_serving_softirq();
	for (i = 0; i < 5; i++)
		churn_once(c, GFP_ATOMIC);
	return HRTIMER_NORESTART;
}

static const struct timer_case {
	const char *desc;
	enum hrtimer_mode mode;
	bool soft;
} timer_cases[] = {
	{ "hardirq", HRTIMER_MODE_REL_PINNED, false },
	{ "softirq", HRTIMER_MODE_REL_PINNED_SOFT, true },
};

static void timer_desc(const struct timer_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(timer, timer_cases, timer_desc);

#define TIMER_FIRES	300
#define TASK_RUNS_MOST	10000000	/* a timer that does not fire at all */

static void interrupt_allocates_in_the_middle_of_a_task(struct kunit *test)
{
	const struct timer_case *c = test->param_value;
	struct churn *task = kunit_kzalloc(test, sizeof(*task), GFP_KERNEL);
	struct churn *irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);
	u64 delay;

	KUNIT_ASSERT_NOT_NULL(test, task);
	KUNIT_ASSERT_NOT_NULL(test, irq);
	task->cache = test->priv;
	task->mark = 0x11;
	irq->cache = test->priv;
	irq->mark = 0x22;

	/* On the timer's CPU, so that both use the same array. */
	migrate_disable();
	kspan_hrtimer_setup(&irq->timer, churn_timer, CLOCK_MONOTONIC, c->mode);
	while (READ_ONCE(irq->runs) < 5 * TIMER_FIRES && task->runs < TASK_RUNS_MOST) {
		/* Not by itself: on a slow machine it would take all the time there is. */
		delay = (10 + task->runs * 37 % 300) * NSEC_PER_USEC;
		if (!hrtimer_active(&irq->timer))
			hrtimer_start(&irq->timer, ns_to_ktime(delay), c->mode);
		churn_once(task, GFP_KERNEL);
		cond_resched();
	}
	hrtimer_cancel(&irq->timer);
	migrate_enable();

	KUNIT_EXPECT_GE(test, irq->runs, 5U * TIMER_FIRES);
	KUNIT_EXPECT_GT(test, task->runs, 0U);
	KUNIT_EXPECT_EQ(test, irq->wrong, 0U);
	KUNIT_EXPECT_EQ(test, irq->failed, 0U);
	KUNIT_EXPECT_EQ(test, task->wrong, 0U);
	KUNIT_EXPECT_EQ(test, task->failed, 0U);
	if (c->soft)
		KUNIT_EXPECT_GT(test, irq->softirqs, 0U);
	else if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		KUNIT_EXPECT_GT(test, irq->hardirqs, 0U);
	churn_end(irq);
	churn_end(task);
	expect_nothing_lost(test, test->priv);
}

/* ------------------------------------------------------------------ other CPUs */

static int other_cpu(void)
{
	return cpumask_last(cpu_online_mask);
}

struct handover {
	struct kspan_cache *cache;
	void *objs[500];
	unsigned int failed;
};

static long alloc_here(void *data)
{
	struct handover *h = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(h->objs); i++) {
		h->objs[i] = kspan_cache_alloc(h->cache, GFP_KERNEL);
		h->failed += !h->objs[i];
	}
	return 0;
}

static long free_here(void *data)
{
	struct handover *h = data;

	kspan_cache_free_bulk(h->cache, ARRAY_SIZE(h->objs), h->objs);
	return 0;
}

static long free_each_here(void *data)
{
	struct handover *h = data;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(h->objs); i++)
		kspan_cache_free(h->cache, h->objs[i]);
	return 0;
}

static void objects_may_be_freed_on_another_cpu(struct kunit *test)
{
	struct handover *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	int first = cpumask_first(cpu_online_mask), last = other_cpu(), i;

	KUNIT_ASSERT_NOT_NULL(test, h);
	if (first == last)
		kunit_skip(test, "needs two CPUs");
	h->cache = test->priv;
	for (i = 0; i < 3; i++) {
		work_on_cpu(i % 2 ? last : first, alloc_here, h);
		work_on_cpu(i % 2 ? first : last, free_here, h);
	}
	KUNIT_EXPECT_EQ(test, h->failed, 0U);
	expect_nothing_lost(test, test->priv);
}

static const struct home_case {
	const char *desc;
	long (*free)(void *data);
} home_cases[] = {
	{ "one by one", free_each_here },
	{ "in bulk", free_here },
};

static void home_desc(const struct home_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(home, home_cases, home_desc);

/* Objects of another node go back there, not into this CPU's array. */
static void objects_go_back_to_their_node(struct kunit *test)
{
	const struct home_case *c = test->param_value;
	struct handover *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	int first = cpumask_first(cpu_online_mask), last = other_cpu();

	KUNIT_ASSERT_NOT_NULL(test, h);
	if (cpu_to_mem(first) == cpu_to_mem(last))
		kunit_skip(test, "needs CPUs on two nodes");
	h->cache = test->priv;
	work_on_cpu(first, alloc_here, h);
	KUNIT_ASSERT_EQ(test, h->failed, 0U);
	work_on_cpu(last, c->free, h);
	KUNIT_EXPECT_EQ(test, array_count(h->cache, last), 0U);
	expect_nothing_lost(test, test->priv);
}

static void shrinking_empties_the_arrays_of_all_cpus(struct kunit *test)
{
	struct handover *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	int cpu;

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->cache = test->priv;
	for_each_online_cpu(cpu) {
		work_on_cpu(cpu, alloc_here, h);
		work_on_cpu(cpu, free_here, h);
		KUNIT_EXPECT_GT(test, array_count(h->cache, cpu), 0U);
	}
	expect_nothing_lost(test, test->priv);
}

#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
/* Who wants to be alone on his CPU is not interrupted for nothing. */
static void cpu_with_an_empty_array_is_not_asked(struct kunit *test)
{
	struct handover *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	int cpu = cpumask_last(cpu_online_mask);

	KUNIT_ASSERT_NOT_NULL(test, h);
	h->cache = test->priv;
	expect_nothing_lost(test, h->cache);
	KUNIT_ASSERT_TRUE(test, instead_begin(KSPAN_TEXT "kspan_ask_cpu", 0, UINT_MAX));
	kspan_cache_shrink(h->cache);
	KUNIT_EXPECT_EQ(test, instead.calls, 0U);
	work_on_cpu(cpu, alloc_here, h);
	work_on_cpu(cpu, free_here, h);
	kspan_cache_shrink(h->cache);
	KUNIT_EXPECT_GT(test, instead.calls, 0U);
	instead_end();
}
#endif

/* One CPU allocates and fills, another checks and frees, both at full speed. */
#define RING_SLOTS	64
#define RING_OBJS	1000

struct ring {
	struct kspan_cache *cache;
	void *slot[RING_SLOTS];
	unsigned int failed, wrong;
	struct completion done;
};

static int produce(void *data)
{
	struct ring *ring = data;
	unsigned int i;

	for (i = 0; i < RING_OBJS; i++) {
		void *obj = kspan_cache_alloc(ring->cache, GFP_KERNEL);

		if (!obj) {
			ring->failed++;
			obj = ERR_PTR(-ENOMEM);
		} else {
			fill(obj, i, OBJ_SIZE);
		}
		while (READ_ONCE(ring->slot[i % RING_SLOTS]))
			cond_resched();
		/* Pairs with the acquire in consume(). */
		smp_store_release(&ring->slot[i % RING_SLOTS], obj);
	}
	complete(&ring->done);
	return 0;
}

static int consume(void *data)
{
	struct ring *ring = data;
	unsigned int i;

	for (i = 0; i < RING_OBJS; i++) {
		void *obj;

		/* Pairs with the release in produce(). */
		while (!(obj = smp_load_acquire(&ring->slot[i % RING_SLOTS])))
			cond_resched();
		WRITE_ONCE(ring->slot[i % RING_SLOTS], NULL);
		if (IS_ERR(obj))
			continue;
		ring->wrong += !filled_with(obj, i, OBJ_SIZE);
		kspan_cache_free(ring->cache, obj);
	}
	complete(&ring->done);
	return 0;
}

static void cpus_allocate_and_free_at_once(struct kunit *test)
{
	struct ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);
	struct task_struct *producer, *consumer;

	KUNIT_ASSERT_NOT_NULL(test, ring);
	ring->cache = test->priv;
	init_completion(&ring->done);
	producer = kthread_create(produce, ring, "kspan-producer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(producer));
	consumer = kthread_create(consume, ring, "kspan-consumer");
	KUNIT_ASSERT_FALSE(test, IS_ERR(consumer));
	kthread_bind(producer, cpumask_first(cpu_online_mask));
	kthread_bind(consumer, other_cpu());
	wake_up_process(producer);
	wake_up_process(consumer);
	wait_for_completion(&ring->done);
	wait_for_completion(&ring->done);
	KUNIT_EXPECT_EQ(test, ring->failed, 0U);
	KUNIT_EXPECT_EQ(test, ring->wrong, 0U);
	expect_nothing_lost(test, test->priv);
}

/* ------------------------------------------------------------------ hotplug */

static void cpu_that_goes_leaves_nothing_behind(struct kunit *test)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	struct handover *h = kunit_kzalloc(test, sizeof(*h), GFP_KERNEL);
	int cpu = other_cpu(), err;
	unsigned int i, wrong = 0;
	void *kept;

	KUNIT_ASSERT_NOT_NULL(test, h);
	if (cpu == cpumask_first(cpu_online_mask))
		kunit_skip(test, "needs two CPUs");
	h->cache = test->priv;
	work_on_cpu(cpu, alloc_here, h);
	KUNIT_ASSERT_EQ(test, h->failed, 0U);
	kept = h->objs[0];
	fill(kept, 0x77, OBJ_SIZE);
	h->objs[0] = NULL;
	work_on_cpu(cpu, free_here, h);
	KUNIT_EXPECT_GT(test, array_count(h->cache, cpu), 0U);

	err = remove_cpu(cpu);
	if (err) {
		kspan_cache_free(h->cache, kept);
		kunit_skip(test, "CPU %d does not go: %d", cpu, err);
	}
	KUNIT_EXPECT_EQ(test, array_count(h->cache, cpu), 0U);
	KUNIT_EXPECT_TRUE(test, filled_with(kept, 0x77, OBJ_SIZE));
	/* What it held is there for the others. */
	alloc_here(h);
	free_here(h);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);

	work_on_cpu(cpu, alloc_here, h);
	for (i = 0; i < ARRAY_SIZE(h->objs); i++)
		wrong += h->objs[i] == kept;
	work_on_cpu(cpu, free_here, h);
	KUNIT_EXPECT_GT(test, array_count(h->cache, cpu), 0U);
	KUNIT_EXPECT_EQ(test, h->failed, 0U);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_TRUE(test, filled_with(kept, 0x77, OBJ_SIZE));
	kspan_cache_free(h->cache, kept);
	expect_nothing_lost(test, test->priv);
#else
	kunit_skip(test, "needs CPU hotplug");
#endif
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case pcpu_cases[] = {
	KUNIT_CASE(object_freed_last_is_handed_out_first),
	KUNIT_CASE(array_overflows_into_the_spans),
	KUNIT_CASE(busy_array_is_left_alone),
	KUNIT_CASE(busy_empty_array_gives_nothing),
	KUNIT_CASE_PARAM(works_with_things_off, off_gen_params),
	KUNIT_CASE_PARAM(interrupt_allocates_in_the_middle_of_a_task, timer_gen_params),
	KUNIT_CASE(objects_may_be_freed_on_another_cpu),
	KUNIT_CASE_PARAM(objects_go_back_to_their_node, home_gen_params),
	KUNIT_CASE(shrinking_empties_the_arrays_of_all_cpus),
#if defined(CONFIG_X86_64) && defined(CONFIG_KPROBES)
	KUNIT_CASE(cpu_with_an_empty_array_is_not_asked),
#endif
	KUNIT_CASE(cpus_allocate_and_free_at_once),
	KUNIT_CASE(cpu_that_goes_leaves_nothing_behind),
	{}
};

static struct kunit_suite pcpu_suite = {
	.name = "kspan_pcpu",
	.init = pcpu_test_init,
	.exit = pcpu_test_exit,
	.test_cases = pcpu_cases,
};

kunit_test_suite(pcpu_suite);
