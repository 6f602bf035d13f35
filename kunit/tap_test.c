// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the tap on the slab allocator: what is allocated and freed by each of its paths is
 * counted exactly while everything is sampled, under the name of the cache and from the caller of
 * the slab function on; missed frees are noticed and repaired; nothing is done in NMI; and it can
 * be switched at any time.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/hardirq.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../mm/debugfs.h"
#include "../mm/encode.h"
#include "../mm/lock.h"
#include "profile_helpers.h"
#include "tap_helpers.h"

#define NR	100

static struct kmem_cache *cache;
static void *objs[NR];
static u64 saved_rate;

static void construct(void *obj)
{
}

static int tap_test_init(struct kunit *test)
{
	saved_rate = kspan_tap_sample_bytes(&kspan_slab_tap);
	/* With a constructor, lest it be merged with another cache. */
	cache = kmem_cache_create("kspan_tap_test", 72, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	memset(objs, 0, sizeof(objs));
	return kspan_tap_set_sample_bytes(&kspan_slab_tap, 1) ?:
	       kspan_tap_enable(&kspan_slab_tap, 1);
}

static void tap_test_exit(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
	kspan_tap_set_sample_bytes(&kspan_slab_tap, saved_rate);
	kmem_cache_destroy(cache);
}

/* ------------------------------------------------------------------ what is counted */

static struct counts counts_of(struct kunit *test, void *fn)
{
	return tap_counts(test, &kspan_slab_tap, fn);
}

static noinline void by_kmalloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmalloc(256, GFP_KERNEL);
}

static noinline void by_kmalloc_of_any_size(void)
{
	size_t size = 256;
	int i;

	OPTIMIZER_HIDE_VAR(size);
	for (i = 0; i < NR; i++)
		objs[i] = kmalloc(size, GFP_KERNEL);
}

static noinline void by_kmalloc_node(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmalloc_node(256, GFP_KERNEL, numa_node_id());
}

static noinline void by_large_kmalloc(void)
{
	size_t size = 2 * KMALLOC_MAX_CACHE_SIZE;
	int i;

	OPTIMIZER_HIDE_VAR(size);
	for (i = 0; i < NR; i++)
		objs[i] = i % 2 ? kmalloc(2 * KMALLOC_MAX_CACHE_SIZE, GFP_KERNEL) :
				  kmalloc(size, GFP_KERNEL);
}

static noinline void by_cache(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
}

static noinline void by_cache_node(void)
{
	int i;

	for (i = 0; i < NR; i++)
		objs[i] = kmem_cache_alloc_node(cache, GFP_KERNEL, numa_node_id());
}

static noinline void by_bulk(void)
{
	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, NR, objs))
		pr_err("no memory\n");
}

static noinline void by_kvmalloc(void)
{
	int i;

	/* Of vmalloc(), and of kmalloc(). */
	for (i = 0; i < NR; i++)
		objs[i] = kvmalloc(i < 2 ? KMALLOC_MAX_SIZE + 1 : 256, GFP_KERNEL);
}

static void free_kmalloc(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kfree(objs[i]);
}

static void free_cache(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kmem_cache_free(cache, objs[i]);
}

static void free_cache_bulk(void)
{
	kmem_cache_free_bulk(cache, NR, objs);
}

static void free_bulk(void)
{
	kfree_bulk(NR, objs);
}

static void free_kv(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kvfree(objs[i]);
}

static void free_rcu_batch(void)
{
	int i;

	for (i = 0; i < NR; i++)
		kfree_rcu_mightsleep(objs[i]);
}

static const struct tap_path {
	const char *name;
	void (*alloc)(void);
	void (*free)(void);
	const char *label;	/* NULL: of more than one */
} paths[] = {
	{ "kmalloc", by_kmalloc, free_kmalloc, "kmalloc-256" },
	{ "kmalloc_of_any_size", by_kmalloc_of_any_size, free_kmalloc, "kmalloc-256" },
	{ "kmalloc_node", by_kmalloc_node, free_kmalloc, "kmalloc-256" },
	{ "kfree_bulk", by_kmalloc, free_bulk, "kmalloc-256" },
	{ "kfree_rcu", by_kmalloc, free_rcu_batch, "kmalloc-256" },
	{ "large_kmalloc", by_large_kmalloc, free_kmalloc, "kmalloc-large" },
	{ "large_kfree_bulk", by_large_kmalloc, free_bulk, "kmalloc-large" },
	{ "kmem_cache", by_cache, free_cache, "kspan_tap_test" },
	{ "kmem_cache_kfree", by_cache, free_kmalloc, "kspan_tap_test" },
	{ "kmem_cache_node", by_cache_node, free_cache, "kspan_tap_test" },
	{ "kmem_cache_bulk", by_bulk, free_cache_bulk, "kspan_tap_test" },
	{ "kmem_cache_bulk_then_one_by_one", by_bulk, free_cache, "kspan_tap_test" },
	{ "kvmalloc", by_kvmalloc, free_kv, NULL },
};

static void path_desc(const struct tap_path *path, char *desc)
{
	strscpy(desc, path->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(path, paths, path_desc);

static void every_path_is_counted(struct kunit *test)
{
	const struct tap_path *path = test->param_value;
	struct counts counts;
	int i;

	path->alloc();
	for (i = 0; i < NR; i++)
		KUNIT_ASSERT_NOT_NULL(test, objs[i]);
	counts = counts_of(test, path->alloc);
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)NR);
	KUNIT_EXPECT_EQ(test, counts.live, (u64)NR);
	if (path->label)
		KUNIT_EXPECT_STREQ(test, counts.label, path->label);
	path->free();
	/* What waits for a grace period waits in a batch, for some seconds. */
	for (i = 0; i < 300; i++) {
		counts = counts_of(test, path->alloc);
		if (!counts.live)
			break;
		msleep(50);
	}
	KUNIT_EXPECT_EQ(test, counts.allocs, (u64)NR);
	KUNIT_EXPECT_EQ(test, counts.live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts.bytes, 0ULL);
}

/* ------------------------------------------------------------------ missed frees */

/* Frees so that no hook sees it. */
static void free_unseen(void *obj)
{
	unsigned long flags;

	local_irq_save(flags);
	__this_cpu_write(kspan_locked, true);
	kmem_cache_free(cache, obj);
	__this_cpu_write(kspan_locked, false);
	local_irq_restore(flags);
}

static noinline void *first(void)
{
	return test_keep(kmem_cache_alloc(cache, GFP_KERNEL));
}

/* With other flags: were it the same, the compiler would make both one function. */
static noinline void *second(void)
{
	return test_keep(kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOWARN));
}

static void missed_free_is_noticed_and_repaired(struct kunit *test)
{
	unsigned long missed = kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_MISSED_FREES);
	unsigned long nested = kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_NESTED);
	void *lost, *again = NULL;
	int i;

	if (IS_ENABLED(CONFIG_KASAN))
		kunit_skip(test, "an address is not handed out again soon");
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no free is unseen: nothing is freed with interrupts off");
	/* The slab that the object was in is this CPU's. */
	migrate_disable();
	lost = first();
	free_unseen(lost);
	KUNIT_EXPECT_EQ(test, kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_NESTED), nested + 1);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	for (i = 0; i < NR && again != lost; i++) {
		again = second();
		objs[i] = again;
	}
	migrate_enable();
	KUNIT_EXPECT_PTR_EQ(test, again, lost);
	KUNIT_EXPECT_EQ(test, kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_MISSED_FREES),
			missed + 1);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, second).live, (u64)i);
	while (i--)
		kmem_cache_free(cache, objs[i]);
	KUNIT_EXPECT_EQ(test, counts_of(test, second).live, 0ULL);
}

/* The sampler need not have chosen what comes to lie there. */
static void missed_free_is_repaired_by_any_allocation(struct kunit *test)
{
	void *lost;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no free is unseen: nothing is freed with interrupts off");
	lost = first();
	KUNIT_ASSERT_NOT_NULL(test, lost);
	free_unseen(lost);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	preempt_disable();
	kspan_tap_known_again(&kspan_slab_tap, (unsigned long)lost);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
}

/* ------------------------------------------------------------------ contexts */

static void nothing_is_done_in_nmi(struct kunit *test)
{
	struct kspan_tap_alloc alloc = { .addr = (unsigned long)objs, .size = 64 };
	unsigned long nmi = kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_NMI);
	void *obj = first();
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, obj);
	local_irq_save(flags);
	__preempt_count_add(NMI_OFFSET);
	kspan_tap_sample(&kspan_slab_tap, &alloc);
	kspan_tap_known_freed(&kspan_slab_tap, (unsigned long)obj);
	__preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, kspan_tap_counter_sum(&kspan_slab_tap, KSPAN_TAP_NMI), nmi + 2);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	kmem_cache_free(cache, obj);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
}

/* ------------------------------------------------------------------ switching */

static noinline int allocate_on(void *unused)
{
	void *mine[16];
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < ARRAY_SIZE(mine); i++)
			mine[i] = i % 2 ? kmalloc(100, GFP_KERNEL) :
					  kmem_cache_alloc(cache, GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(mine); i++)
			kfree(mine[i]);
		/*
		 * Putting in a probe may wait for every task to sleep once. By a tick: a shorter
		 * sleep may end before it has begun, which KCSAN takes for a race.
		 */
		schedule_timeout_uninterruptible(1);
	}
	return 0;
}

static void may_be_switched_under_load(struct kunit *test)
{
	struct task_struct *task = kthread_run(allocate_on, NULL, "tap_load");
	int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
		KUNIT_EXPECT_EQ(test, counts_of(test, allocate_on).live, 0ULL);
		KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 1), 0);
		msleep(20);
	}
	kthread_stop(task);
	KUNIT_EXPECT_GT(test, counts_of(test, allocate_on).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, allocate_on).live, 0ULL);
}

static void nothing_is_seen_at_rate_0(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_set_sample_bytes(&kspan_slab_tap, 0), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, 0ULL);
	free_kmalloc();
	KUNIT_EXPECT_EQ(test, kspan_tap_set_sample_bytes(&kspan_slab_tap, 1), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, (u64)NR);
	free_kmalloc();
}

static void what_is_in_use_when_it_goes_off_is_forgotten(struct kunit *test)
{
	void *obj = first();

	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 1ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).allocs, 1ULL);
	KUNIT_EXPECT_EQ(test, counts_of(test, first).live, 0ULL);
	kmem_cache_free(cache, obj);
}

static void what_was_off_is_not_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 0), 0);
	by_kmalloc();
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 1), 0);
	free_kmalloc();
	KUNIT_EXPECT_EQ(test, counts_of(test, by_kmalloc).allocs, 0ULL);
	KUNIT_EXPECT_EQ(test, kspan_tap_enable(&kspan_slab_tap, 2), -EINVAL);
	KUNIT_EXPECT_TRUE(test, kspan_tap_enabled(&kspan_slab_tap));
}

/* The age in @text, which is slab/live, of what the function @name allocated. */
static unsigned int age_of(struct kunit *test, const char *text, const char *name)
{
	const char *line = strstr(text, name);
	unsigned int bytes, objects, age;
	int fields;

	KUNIT_ASSERT_NOT_NULL(test, line);
	while (line[-1] != '\n')
		line--;
	fields = sscanf(line, "%u %u %u kspan_tap_test ", &bytes, &objects, &age);
	KUNIT_ASSERT_EQ(test, fields, 3);
	KUNIT_EXPECT_GE(test, bytes, 72U);
	KUNIT_EXPECT_EQ(test, objects, 1U);
	return age;
}

static void live_samples_have_an_age(struct kunit *test)
{
	u64 began = ktime_get_ns(), between, ended;
	unsigned int old_age, new_age;
	struct kspan_buf buf = {};
	void *old, *new;
	char *text;

	old = first();
	msleep(2100);
	between = ktime_get_ns();
	new = second();
	KUNIT_EXPECT_EQ(test, kspan_debugfs_render("slab/live", &buf), 0);
	ended = ktime_get_ns();
	kmem_cache_free(cache, old);
	kmem_cache_free(cache, new);
	kspan_buf_append(&buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf.err, 0);
	/* So that it goes, too, when an assertion ends the test. */
	text = kunit_kmalloc(test, buf.len, GFP_KERNEL);
	if (text)
		memcpy(text, buf.data, buf.len);
	kspan_buf_free(&buf);
	KUNIT_ASSERT_NOT_NULL(test, text);
	old_age = age_of(test, text, ";first\n");
	new_age = age_of(test, text, ";second\n");
	KUNIT_EXPECT_GE(test, old_age, new_age + 2);
	/* However long this has taken. */
	KUNIT_EXPECT_LE(test, (u64)old_age, div_u64(ended - began, NSEC_PER_SEC));
	KUNIT_EXPECT_LE(test, (u64)new_age, div_u64(ended - between, NSEC_PER_SEC));
}

static struct kunit_case tap_cases[] = {
	KUNIT_CASE_PARAM(every_path_is_counted, path_gen_params),
	KUNIT_CASE(missed_free_is_noticed_and_repaired),
	KUNIT_CASE(missed_free_is_repaired_by_any_allocation),
	KUNIT_CASE(nothing_is_done_in_nmi),
	KUNIT_CASE_SLOW(may_be_switched_under_load),
	KUNIT_CASE(nothing_is_seen_at_rate_0),
	KUNIT_CASE(what_is_in_use_when_it_goes_off_is_forgotten),
	KUNIT_CASE(what_was_off_is_not_known),
	KUNIT_CASE(live_samples_have_an_age),
	{}
};

static struct kunit_suite tap_suite = {
	.name = "kspan_tap",
	.init = tap_test_init,
	.exit = tap_test_exit,
	.test_cases = tap_cases,
};

kunit_test_suite(tap_suite);
