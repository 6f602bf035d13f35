// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what is asked of other CPUs: a CPU on which one task runs and no other ever does, as
 * a real-time task has it, stops nobody; and a CPU that is in the middle of its array is not
 * disturbed in it.
 */
#include "suite.h"

#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "heap/pcpu.h"
#include "allocator.h"

#define OBJ_SIZE	64
#define NR_OBJS		40		/* more than go at once, less than an array holds */
#define GIVE_UP_NS	(5 * NSEC_PER_SEC)
#define GIVE_UP_TURNS	100000		/* and so many: time goes on while a guest does not */

static u64 old_sample_bytes;

static int busy_cpu_init(struct kunit *test)
{
	struct kspan_cache *cache = kspan_cache_create("kspan-busy", OBJ_SIZE, 0, 0, NULL);

	old_sample_bytes = kspan_profile_sample_bytes(HEAP);
	test->priv = cache;
	return cache ? 0 : -ENOMEM;
}

static void busy_cpu_exit(struct kunit *test)
{
	kspan_profile_set_sample_bytes(HEAP, old_sample_bytes);
	allocator_test_exit(test);
	kspan_cache_destroy(test->priv);
}

/* ------------------------------------------------------------------ a CPU's only task */

struct hog {
	struct task_struct *task;
	u64 *busy_word;			/* of an array that it is inside, or NULL */
	bool runs, stop, gave_up;
};

/* As user space has them: interrupts that come, and grace periods that end. */
static void let_others_be(void)
{
	local_irq_disable();
	rcu_momentary_eqs();
	local_irq_enable();
	cpu_relax();
}

/* No other task gets the CPU. */
static int run_alone(void *data)
{
	struct hog *hog = data;
	unsigned int turns = 0;
	u64 start;

	preempt_disable();
	if (hog->busy_word)
		WRITE_ONCE(*hog->busy_word, *hog->busy_word + KSPAN_WORD_BUSY);
	start = ktime_get_ns();
	WRITE_ONCE(hog->runs, true);
	while (!READ_ONCE(hog->stop)) {
		let_others_be();
		if (turns++ < GIVE_UP_TURNS || ktime_get_ns() - start < GIVE_UP_NS)
			continue;
		WRITE_ONCE(hog->gave_up, true);
		break;
	}
	if (hog->busy_word)
		WRITE_ONCE(*hog->busy_word, *hog->busy_word - KSPAN_WORD_BUSY);
	preempt_enable();
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

static void hog_start(struct kunit *test, struct hog *hog, int cpu)
{
	hog->task = kthread_create(run_alone, hog, "kspan-alone");
	KUNIT_ASSERT_FALSE(test, IS_ERR(hog->task));
	kthread_bind(hog->task, cpu);
	wake_up_process(hog->task);
	while (!READ_ONCE(hog->runs))
		schedule_timeout_uninterruptible(1);
}

/* True if it was still there: whoever was to do something before this did not wait for it. */
static bool hog_end(struct hog *hog)
{
	bool gave_up = READ_ONCE(hog->gave_up);

	WRITE_ONCE(hog->stop, true);
	kthread_stop(hog->task);
	return !gave_up;
}

/* The last CPU is the one that is kept busy; what the test does itself, it does elsewhere. */
static int other_cpu(void)
{
	return cpumask_last(cpu_online_mask);
}

static int choose_cpu(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	set_cpus_allowed_ptr(current, cpumask_of(cpumask_first(cpu_online_mask)));
	return other_cpu();
}

static unsigned int array_count(struct kspan_cache *cache, int cpu)
{
	return (u32)READ_ONCE(per_cpu_ptr(cache->pcpu, cpu)->word) % KSPAN_WORD_BUSY / KSPAN_SLOT;
}

/* Leaves some in the array. */
static long use_here(void *data)
{
	struct kspan_cache *cache = data;
	unsigned int i, failed = 0;
	void *objs[NR_OBJS];

	for (i = 0; i < NR_OBJS; i++) {
		objs[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		failed += !objs[i];
	}
	for (i = 0; i < NR_OBJS; i++)
		kspan_cache_free(cache, objs[i]);
	return failed;
}

/* ------------------------------------------------------------------ nobody is stopped */

static int change_rate(struct kspan_cache *cache)
{
	return kspan_profile_set_sample_bytes(HEAP, 1);
}

static int destroy(struct kspan_cache *cache)
{
	kspan_cache_destroy(cache);
	return 0;
}

static const struct ask_case {
	const char *desc;
	int (*ask)(struct kspan_cache *cache);
	bool gone;
} ask_cases[] = {
	{ "rate", change_rate },
	{ "shrink", kspan_cache_shrink },
	{ "destroy", destroy, true },
};

static void ask_desc(const struct ask_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(ask, ask_cases, ask_desc);

static void task_that_never_gives_up_its_cpu_stops_nobody(struct kunit *test)
{
	const struct ask_case *c = test->param_value;
	struct kspan_cache *cache = kspan_cache_create("kspan-asked", OBJ_SIZE, 0, 0, NULL);
	int cpu = choose_cpu(test);
	struct hog hog = {};

	KUNIT_ASSERT_NOT_NULL(test, cache);
	/* Another than the one that is set, and no static key changes. */
	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(HEAP, BIT_ULL(30)), 0);
	KUNIT_ASSERT_EQ(test, work_on_cpu(cpu, use_here, cache), 0L);
	KUNIT_EXPECT_GT(test, array_count(cache, cpu), (unsigned int)KSPAN_BATCH_MAX);
	catch_reports();
	hog_start(test, &hog, cpu);
	KUNIT_EXPECT_EQ(test, c->ask(cache), 0);
	KUNIT_EXPECT_TRUE(test, hog_end(&hog));
	/* That nothing is left of the cache says that its arrays were emptied. */
	KUNIT_EXPECT_EQ(test, caught.nr, 0U);
	if (!c->gone)
		kspan_cache_destroy(cache);
}

static long samples_of_one(void *data)
{
	unsigned long before = kspan_profile_counter(HEAP, KSPAN_SAMPLES);
	void *obj = kspan_cache_alloc(data, GFP_KERNEL);
	long samples = kspan_profile_counter(HEAP, KSPAN_SAMPLES) - before;

	kspan_cache_free(data, obj);
	return samples;
}

/* Whatever it was promised before: a budget of a CPU is not used up at the old rate. */
static void rate_is_in_force_on_a_busy_cpu(struct kunit *test)
{
	int cpu = choose_cpu(test);
	struct hog hog = {};

	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(HEAP, KSPAN_SAMPLE_BYTES_MAX), 0);
	KUNIT_ASSERT_EQ(test, work_on_cpu(cpu, use_here, test->priv), 0L);
	KUNIT_EXPECT_EQ(test, work_on_cpu(cpu, samples_of_one, test->priv), 0L);
	hog_start(test, &hog, cpu);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 1), 0);
	KUNIT_EXPECT_TRUE(test, hog_end(&hog));
	KUNIT_EXPECT_EQ(test, work_on_cpu(cpu, samples_of_one, test->priv), 1L);
}

/* ------------------------------------------------------------------ nobody is disturbed */

static int shrink_it(void *data)
{
	return kspan_cache_shrink(data);
}

static int rate_of_it(void *data)
{
	return kspan_profile_set_sample_bytes(HEAP, 1);
}

static const struct inside_case {
	const char *desc;
	int (*ask)(void *cache);
	bool empties;
} inside_cases[] = {
	{ "rate", rate_of_it },
	{ "shrink", shrink_it, true },
};

static void inside_desc(const struct inside_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(inside, inside_cases, inside_desc);

struct asking {
	const struct inside_case *c;
	struct kspan_cache *cache;
	bool done;
};

static int ask(void *data)
{
	struct asking *asking = data;

	asking->c->ask(asking->cache);
	WRITE_ONCE(asking->done, true);
	while (!kthread_should_stop())
		schedule_timeout_interruptible(1);
	return 0;
}

/* Whoever comes upon a CPU in the middle of its array comes again. */
static void array_in_use_is_left_alone_until_it_is_not(struct kunit *test)
{
	struct asking asking = { .c = test->param_value, .cache = test->priv };
	int cpu = choose_cpu(test), turns;
	struct task_struct *task;
	struct hog hog = {};
	u64 word;

	KUNIT_ASSERT_EQ(test, kspan_profile_set_sample_bytes(HEAP, BIT_ULL(30)), 0);
	KUNIT_ASSERT_EQ(test, work_on_cpu(cpu, use_here, test->priv), 0L);
	hog.busy_word = &per_cpu_ptr(asking.cache->pcpu, cpu)->word;
	word = READ_ONCE(*hog.busy_word);
	hog_start(test, &hog, cpu);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*hog.busy_word), word + KSPAN_WORD_BUSY);

	task = kthread_create(ask, &asking, "kspan-asks");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	kthread_bind(task, raw_smp_processor_id());
	wake_up_process(task);
	for (turns = 0; turns < 20; turns++)
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(asking.done));
	KUNIT_EXPECT_EQ(test, READ_ONCE(*hog.busy_word), word + KSPAN_WORD_BUSY);
	KUNIT_EXPECT_TRUE(test, hog_end(&hog));
	kthread_stop(task);

	word = READ_ONCE(*hog.busy_word);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(asking.done));
	if (asking.c->empties)
		KUNIT_EXPECT_EQ(test, kspan_word_count(word), 0U);
	else
		KUNIT_EXPECT_EQ(test, word >> 32, 0ULL);
}

static struct kunit_case busy_cpu_cases[] = {
	KUNIT_CASE_PARAM(task_that_never_gives_up_its_cpu_stops_nobody, ask_gen_params),
	KUNIT_CASE(rate_is_in_force_on_a_busy_cpu),
	KUNIT_CASE_PARAM(array_in_use_is_left_alone_until_it_is_not, inside_gen_params),
	{}
};

static struct kunit_suite busy_cpu_suite = {
	.name = "kspan_busy_cpu",
	.init = busy_cpu_init,
	.exit = busy_cpu_exit,
	.test_cases = busy_cpu_cases,
};

kunit_test_suite(busy_cpu_suite);
