// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of kspan_free_rcu(): what readers may count on, from which contexts it may be called,
 * that nothing gets lost, and that an object that waits cannot be freed again.
 */
#include "suite.h"

#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#include "allocator.h"

#define OBJ_SIZE	96

static int rcu_test_init(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-rcu", OBJ_SIZE, 0, 0, NULL);

	test->priv = cache;
	catch_reports();
	return cache ? 0 : -ENOMEM;
}

static void rcu_test_exit(struct kunit *test)
{
	allocator_test_exit(test);
	kspan_cache_destroy(test->priv);
}

/* ------------------------------------------------------------------ readers */

/* Time for everybody who would not wait, on a busy machine too. Inside rcu_read_lock(). */
static void wait_while_owned(const void *obj)
{
	unsigned int i;

	for (i = 0; i < 200 && kspan_owns(obj); i++)
		mdelay(1);
}

static void object_stays_for_its_readers(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	unsigned long freed = kspan_counter_sum(KSPAN_RCU_FREES);
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL), *others[30];
	unsigned int i, reused = 0;
	bool owned, intact;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, OBJ_SIZE);
	rcu_read_lock();
	kspan_free_rcu(obj);
	wait_while_owned(obj);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = kspan_cache_alloc(cache, GFP_NOWAIT);
		reused += others[i] == obj;
	}
	owned = kspan_owns(obj) && kspan_owns(obj + OBJ_SIZE - 1);
	intact = filled_with(obj, 0x77, OBJ_SIZE);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, reused, 0U);
	KUNIT_EXPECT_TRUE(test, owned);
	KUNIT_EXPECT_TRUE(test, intact);

	kspan_rcu_flush();
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_RCU_FREES), freed + 1);
	kspan_cache_free_bulk(cache, ARRAY_SIZE(others), others);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
}

static void large_object_stays_for_its_readers(struct kunit *test)
{
	unsigned long pages = kspan_span_pages();
	void *obj = kspan_alloc(100000, GFP_KERNEL);
	bool owned, intact;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, 100000);
	rcu_read_lock();
	kspan_free_rcu(obj);
	wait_while_owned(obj);
	owned = kspan_owns(obj + 99999);
	intact = owned && filled_with(obj, 0x77, 100000);
	rcu_read_unlock();
	KUNIT_EXPECT_TRUE(test, owned);
	KUNIT_EXPECT_TRUE(test, intact);
	kspan_rcu_flush();
	KUNIT_EXPECT_FALSE(test, kspan_in_span(obj));
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

static void flush_frees_all_that_was_deferred(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	unsigned int i, round, left = 0;
	enum { NR = 500 };
	void **objs = objs_new(test, NR);

	for (round = 0; round < 3; round++) {
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, NR, objs), (int)NR);
		for (i = 0; i < NR; i++) {
			kspan_free_rcu(objs[i]);
			/* So that the worker finds some spans again while others are new. */
			if (i == NR / 3)
				msleep(20);
		}
		kspan_rcu_flush();
		for (i = 0; i < NR; i++)
			left += kspan_owns(objs[i]);
	}
	KUNIT_EXPECT_EQ(test, left, 0U);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
}

/* ------------------------------------------------------------------ a grace period of its own */

struct reader {
	struct completion reads, ends;
	bool stop;
};

static int read_until_told(void *data)
{
	struct reader *r = data;

	rcu_read_lock();
	complete(&r->reads);
	while (!READ_ONCE(r->stop))
		cpu_relax();
	rcu_read_unlock();
	complete(&r->ends);
	return 0;
}

struct newer {
	bool first_gone;	/* with its own grace period, before the second's reader ended */
	bool second_owned, second_intact;
};

/* While @objs[0] waits for an old reader, @objs[1] is freed under a new one. */
static void free_under_a_newer_reader(struct kunit *test, void **objs, struct newer *seen)
{
	struct reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct task_struct *task;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	init_completion(&r->reads);
	init_completion(&r->ends);
	synchronize_rcu();
	task = kthread_run(read_until_told, r, "kspan-reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	wait_for_completion(&r->reads);
	kspan_free_rcu(objs[0]);
	/* Until its grace period is under way, and this CPU has taken part. */
	for (i = 0; i < 200 && state_of(objs[0]) != KSPAN_STATE_RCU_WAIT; i++)
		schedule_timeout_uninterruptible(1);
	msleep(30);

	rcu_read_lock();
	kspan_free_rcu(objs[1]);
	WRITE_ONCE(r->stop, true);
	for (i = 0; i < 100 && kspan_owns(objs[0]); i++)
		mdelay(1);
	mdelay(5);
	seen->first_gone = !kspan_owns(objs[0]);
	seen->second_owned = kspan_owns(objs[1]);
	seen->second_intact = filled_with(objs[1], 0x77, OBJ_SIZE);
	rcu_read_unlock();
	wait_for_completion(&r->ends);
}

/*
 * The end of the old reader lets the first object go, and must not let the second. When the
 * kernel was in the middle of a grace period, both wait for the next, and it is tried again.
 */
static void object_waits_for_readers_newer_than_the_grace_period(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	struct newer seen = {};
	unsigned int tries;
	void *objs[2];

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	for (tries = 0; tries < 5 && !seen.first_gone; tries++) {
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 2, objs), 2);
		fill(objs[1], 0x77, OBJ_SIZE);
		free_under_a_newer_reader(test, objs, &seen);
		KUNIT_EXPECT_TRUE(test, seen.second_owned);
		KUNIT_EXPECT_TRUE(test, seen.second_intact);
		kspan_rcu_flush();
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[0]));
		KUNIT_EXPECT_FALSE(test, kspan_owns(objs[1]));
	}
	if (!seen.first_gone)
		kunit_info(test, "no grace period ended in between\n");
}

/* ------------------------------------------------------------------ half deferred */

static struct half_deferred {
	struct task_struct *task;
	void *obj;
	bool gone;
} half;

/* Stands between the mark of an object and the listing of its span. */
static bool stand_between(enum kspan_test_point point)
{
	unsigned int i;

	if (point != KSPAN_AT_DEFER || current != half.task || !half.obj)
		return false;
	for (i = 0; i < 200 && kspan_owns(half.obj); i++)
		mdelay(1);
	half.gone |= !kspan_owns(half.obj);
	return false;
}

/*
 * The worker is about to look at the span, because of another object. If it could free this one
 * too, the span might be gone before it is listed.
 */
static void object_stays_until_its_span_is_listed(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	unsigned int round;
	void *objs[3];

	half = (struct half_deferred){ .task = current };
	kspan_set_test_hook(stand_between);
	for (round = 0; round < 8; round++) {
		KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(cache, GFP_KERNEL, 3, objs), 3);
		half.obj = NULL;
		kspan_free_rcu(objs[0]);
		half.obj = objs[1];
		kspan_free_rcu(objs[1]);
		kspan_rcu_flush();
		kspan_cache_free(cache, objs[2]);
	}
	kspan_set_test_hook(NULL);
	KUNIT_EXPECT_FALSE(test, half.gone);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
}

/* ------------------------------------------------------------------ contexts */

struct context {
	void **objs;
	unsigned int nr;
	bool hardirq, softirq;
	struct irq_work irq;
	struct tasklet_struct tasklet;
};

static void free_all_rcu(struct context *c)
{
	unsigned int i;

	c->hardirq = in_hardirq();
	c->softirq = in_serving_softirq();
	for (i = 0; i < c->nr; i++)
		kspan_free_rcu(c->objs[i]);
}

static void free_in_irq(struct irq_work *work)
{
	free_all_rcu(container_of(work, struct context, irq));
}

static void free_in_tasklet(struct tasklet_struct *tasklet)
{
	free_all_rcu(container_of(tasklet, struct context, tasklet));
}

static const struct context_case {
	const char *desc;
	bool irq;
} context_cases[] = {
	{ "softirq", false },
	{ "hardirq", true },	/* on PREEMPT_RT in a thread */
};

static void context_desc(const struct context_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(context, context_cases, context_desc);

static void interrupts_may_free_after_a_grace_period(struct kunit *test)
{
	const struct context_case *c = test->param_value;
	struct context *ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	unsigned int i, left = 0;
	void *objs[50];

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	KUNIT_ASSERT_EQ(test, kspan_cache_alloc_bulk(test->priv, GFP_KERNEL, 50, objs), 50);
	ctx->objs = objs;
	ctx->nr = ARRAY_SIZE(objs);
	if (c->irq) {
		init_irq_work(&ctx->irq, free_in_irq);
		irq_work_queue(&ctx->irq);
		irq_work_sync(&ctx->irq);
		KUNIT_EXPECT_TRUE(test, ctx->hardirq || IS_ENABLED(CONFIG_PREEMPT_RT));
	} else {
		tasklet_setup(&ctx->tasklet, free_in_tasklet);
		tasklet_schedule(&ctx->tasklet);
		tasklet_kill(&ctx->tasklet);
		KUNIT_EXPECT_TRUE(test, ctx->softirq);
	}
	kspan_rcu_flush();
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		left += kspan_owns(objs[i]);
	KUNIT_EXPECT_EQ(test, left, 0U);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(test->priv), 0);
}

/* ------------------------------------------------------------------ many at once */

#define STRESS_ROUNDS	200

struct stress {
	struct kspan_cache *cache;
	atomic_t failed;
	struct completion done;
};

/* Spans come and go, each with an object or two that wait. */
static int free_rcu_in_a_loop(void *data)
{
	struct stress *s = data;
	unsigned int i;

	for (i = 0; i < STRESS_ROUNDS; i++) {
		void *a = kspan_alloc(40000, GFP_KERNEL);
		void *b = kspan_cache_alloc(s->cache, GFP_KERNEL);

		atomic_add(!a || !b, &s->failed);
		kspan_free_rcu(a);
		kspan_free_rcu(b);
		cond_resched();
	}
	complete(&s->done);
	return 0;
}

static void cpus_may_defer_at_once(struct kunit *test)
{
	struct stress *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned long pages = kspan_span_pages();
	unsigned int i, nr = 3;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->cache = test->priv;
	init_completion(&s->done);
	for (i = 0; i < nr; i++) {
		struct task_struct *task = kthread_run(free_rcu_in_a_loop, s, "kspan-rcu/%u", i);

		if (IS_ERR(task))
			nr = i;
	}
	KUNIT_EXPECT_EQ(test, nr, 3U);
	for (i = 0; i < nr; i++)
		wait_for_completion(&s->done);
	kspan_rcu_flush();
	KUNIT_EXPECT_EQ(test, atomic_read(&s->failed), 0);
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(test->priv), 0);
	KUNIT_EXPECT_EQ(test, kspan_span_pages(), pages);
}

/* ------------------------------------------------------------------ twice */

static void object_that_waits_cannot_be_freed_again(struct kunit *test)
{
	struct kspan_cache *cache = test->priv;
	void *obj = kspan_cache_alloc(cache, GFP_KERNEL);
	unsigned long doubles = kspan_counter_sum(KSPAN_DOUBLE_FREES);
	size_t size;
	bool intact;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	fill(obj, 0x77, OBJ_SIZE);
	rcu_read_lock();
	kspan_free_rcu(obj);
	kspan_free(obj);
	kspan_cache_free(cache, obj);
	kspan_free_sensitive(obj);
	catch_reports();
	kspan_free_rcu(obj);
	size = kspan_size(obj);
	intact = filled_with(obj, 0x77, OBJ_SIZE);
	rcu_read_unlock();
	expect_report(test, KSPAN_DOUBLE_FREES, obj, "double free, cache kspan-rcu");
	KUNIT_EXPECT_EQ(test, kspan_counter_sum(KSPAN_DOUBLE_FREES), doubles + 4);
	KUNIT_EXPECT_EQ(test, size, (size_t)0);
	KUNIT_EXPECT_TRUE(test, intact);
	kspan_rcu_flush();
	KUNIT_EXPECT_FALSE(test, kspan_owns(obj));
	KUNIT_EXPECT_EQ(test, kspan_cache_shrink(cache), 0);
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case rcu_cases[] = {
	KUNIT_CASE(object_stays_for_its_readers),
	KUNIT_CASE(large_object_stays_for_its_readers),
	KUNIT_CASE(flush_frees_all_that_was_deferred),
	KUNIT_CASE(object_waits_for_readers_newer_than_the_grace_period),
	KUNIT_CASE(object_stays_until_its_span_is_listed),
	KUNIT_CASE_PARAM(interrupts_may_free_after_a_grace_period, context_gen_params),
	KUNIT_CASE(cpus_may_defer_at_once),
	KUNIT_CASE(object_that_waits_cannot_be_freed_again),
	{}
};

static struct kunit_suite rcu_suite = {
	.name = "kspan_rcu",
	.init = rcu_test_init,
	.exit = rcu_test_exit,
	.test_cases = rcu_cases,
};

kunit_test_suite(rcu_suite);
