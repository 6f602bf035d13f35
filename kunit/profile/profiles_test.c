// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of profiles side by side: two of this module's, and the heap's. What is done to one of
 * them is seen in that one alone. None of this needs anything of the heap.
 */
#include "suite.h"

#include <linux/cpu.h>
#include <linux/string.h>

#include "base/buf.h"
#include "export/profile_files.h"
#include "profile/profile.h"
#include "bucket_helpers.h"

#define MAX_BYTES	(256UL << 10)
#define NR_FRAMES	4

static unsigned int changes_heard;

static void rate_changed(struct kspan_profile *profile)
{
	changes_heard++;
}

static const struct kspan_profile_ops ops = { .rate_changed = rate_changed };

/* What this module's clients would be. */
DECLARE_KSPAN_PROFILE(profiles_test_a);
DECLARE_KSPAN_PROFILE(profiles_test_b);
DEFINE_KSPAN_PROFILE(profiles_test_a, "test a", &ops);
DEFINE_KSPAN_PROFILE(profiles_test_b, "test b", NULL);

#define A	(&profiles_test_a)
#define B	(&profiles_test_b)

static bool have_a, have_b;

/* What is seen of a profile from outside. */
struct seen {
	unsigned long buckets, counters[KSPAN_NR_PROFILE_COUNTERS];
	u64 sample_bytes, start_ns, allocs, live;
	size_t bytes;
	u32 epoch, last_cut;
};

static void look(struct kspan_profile *profile, struct seen *seen)
{
	const struct kspan_bucket *bucket;
	unsigned long flags;
	int i;

	memset(seen, 0, sizeof(*seen));
	seen->buckets = kspan_profile_buckets(profile);
	for (i = 0; i < KSPAN_NR_PROFILE_COUNTERS; i++)
		seen->counters[i] = kspan_profile_counter(profile, i);
	seen->sample_bytes = kspan_profile_sample_bytes(profile);
	seen->start_ns = kspan_profile_start_ns(profile);
	seen->bytes = kspan_profile_bytes(profile);
	seen->epoch = kspan_profile_epoch(profile);
	spin_lock_irqsave(&profile->table->lock, flags);
	seen->last_cut = profile->table->last_cut;
	list_for_each_entry(bucket, &profile->table->all, all) {
		seen->allocs += bucket->allocs;
		seen->live += bucket->live;
	}
	spin_unlock_irqrestore(&profile->table->lock, flags);
}

/* The other one of this module's, and the heap's, as they were. */
static struct seen b_before, heap_before;

static void look_at_others(void)
{
	look(B, &b_before);
	look(HEAP, &heap_before);
}

static void expect_same(struct kunit *test, const char *whose, const struct seen *now,
			const struct seen *before)
{
	int i;

	KUNIT_EXPECT_EQ_MSG(test, now->buckets, before->buckets, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->bytes, before->bytes, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->allocs, before->allocs, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->live, before->live, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->sample_bytes, before->sample_bytes, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->epoch, before->epoch, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->start_ns, before->start_ns, "%s", whose);
	KUNIT_EXPECT_EQ_MSG(test, now->last_cut, before->last_cut, "%s", whose);
	for (i = 0; i < KSPAN_NR_PROFILE_COUNTERS; i++)
		KUNIT_EXPECT_EQ_MSG(test, now->counters[i], before->counters[i], "%s: %d",
				    whose, i);
}

static void expect_others_as_they_were(struct kunit *test)
{
	struct seen now;

	look(B, &now);
	expect_same(test, "b", &now, &b_before);
	look(HEAP, &now);
	expect_same(test, "heap", &now, &heap_before);
}

static int profiles_init(struct kunit *test)
{
	int err = bucket_test_begin(test);

	if (err)
		return err;
	changes_heard = 0;
	have_a = !kspan_profile_init(A, MAX_BYTES);
	have_b = !kspan_profile_init(B, MAX_BYTES);
	if (!have_a || !have_b)
		return -ENOMEM;
	kspan_profile_set_sample_bytes(A, 1);
	kspan_profile_set_sample_bytes(B, 1);
	kspan_profile_start(A);
	kspan_profile_start(B);
	return 0;
}

static void end(struct kspan_profile *profile, bool *have)
{
	if (!*have)
		return;
	kspan_profile_stop(profile);
	kspan_profile_destroy(profile);
	*have = false;
}

static void profiles_exit(struct kunit *test)
{
	end(A, &have_a);
	end(B, &have_b);
	bucket_test_end(test);
}

static struct kspan_bucket *alloc_in(struct kspan_profile *profile, unsigned long id)
{
	return kspan_bucket_alloc(profile, make_stack(NR_FRAMES, id), 64, label, ONE, GFP_KERNEL);
}

/* How many of @n allocations of @size bytes are samples. */
static unsigned int samples_in_a(unsigned int n, size_t size)
{
	unsigned int hits = 0;
	u64 weight;

	while (n--)
		hits += kspan_profile_due(profiles_test_a, size) &&
			kspan_profile_take(A, size, &weight);
	return hits;
}

static unsigned int samples_in_b(unsigned int n, size_t size)
{
	unsigned int hits = 0;
	u64 weight;

	while (n--)
		hits += kspan_profile_due(profiles_test_b, size) &&
			kspan_profile_take(B, size, &weight);
	return hits;
}

/* ------------------------------------------------------------------ rates */

static void rate_of_one_is_not_that_of_others(struct kunit *test)
{
	unsigned int heard = changes_heard;

	look_at_others();
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(A, 0), 0);
	KUNIT_EXPECT_EQ(test, changes_heard, heard + 1);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 0U);
	KUNIT_EXPECT_EQ(test, samples_in_b(50, 64), 50U);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(A, KSPAN_SAMPLE_BYTES_MAX + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, changes_heard, heard + 1);
	expect_others_as_they_were(test);

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(A, 1), 0);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(B, 0), 0);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 50U);
	KUNIT_EXPECT_EQ(test, samples_in_b(50, 64), 0U);
	KUNIT_EXPECT_EQ(test, kspan_profile_sample_bytes(HEAP), 1ULL);
	KUNIT_EXPECT_EQ(test, changes_heard, heard + 2);
}

/* So is its countdown: what one counts brings nobody else nearer to a sample. */
static void bytes_of_one_are_not_counted_by_others(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(A, KSPAN_SAMPLE_BYTES_MAX), 0);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(B, KSPAN_SAMPLE_BYTES_MAX), 0);
	migrate_disable();
	this_cpu_write(A->samplers->left, 1000);
	this_cpu_write(B->samplers->left, 1000);
	KUNIT_EXPECT_EQ(test, samples_in_a(7, 10), 0U);
	KUNIT_EXPECT_EQ(test, this_cpu_read(A->samplers->left), 930L);
	KUNIT_EXPECT_EQ(test, this_cpu_read(B->samplers->left), 1000L);
	migrate_enable();
}

static void one_that_stops_stops_nobody_else(struct kunit *test)
{
	look_at_others();
	kspan_profile_stop(A);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 0U);
	KUNIT_EXPECT_EQ(test, samples_in_b(50, 64), 50U);
	/* Noted, and in force when it starts. */
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(A, 1), 0);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 0U);
	expect_others_as_they_were(test);
	kspan_profile_start(A);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 50U);
}

/* Objects of a CPU's array are counted at the rate of the profile that the array is of. */
static void stride_goes_by_the_rate_of_its_profile(struct kunit *test)
{
	struct kspan_stride of_a = {}, of_b = {};
	u32 budget;

	kspan_stride_init(&of_a);
	kspan_stride_init(&of_b);
	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(B, 0), 0);
	KUNIT_EXPECT_TRUE(test, kspan_stride_next(A, &of_a, 64, false, &budget));
	KUNIT_EXPECT_EQ(test, budget, 0U);
	KUNIT_EXPECT_EQ(test, of_a.weight, KSPAN_WEIGHT_ONE);
	KUNIT_EXPECT_FALSE(test, kspan_stride_next(B, &of_b, 64, false, &budget));
	KUNIT_EXPECT_EQ(test, budget, (u32)S32_MAX);
}

static void cpu_that_comes_up_begins_anew_in_each(struct kunit *test)
{
#if IS_ENABLED(CONFIG_HOTPLUG_CPU)
	int cpu = cpumask_last(cpu_online_mask), err;
	struct kspan_sampler *a = per_cpu_ptr(A->samplers, cpu);
	struct kspan_sampler *b = per_cpu_ptr(B->samplers, cpu);

	if (cpu == cpumask_first(cpu_online_mask))
		kunit_skip(test, "needs two CPUs");
	err = remove_cpu(cpu);
	if (err)
		kunit_skip(test, "CPU %d does not go: %d", cpu, err);
	a->left = 1000;
	b->left = 1000;
	a->epoch = kspan_profile_epoch(A);
	b->epoch = kspan_profile_epoch(B);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
	KUNIT_EXPECT_LT(test, a->left, 0L);
	KUNIT_EXPECT_LT(test, b->left, 0L);
	KUNIT_EXPECT_NE(test, a->epoch, kspan_profile_epoch(A));
	KUNIT_EXPECT_NE(test, b->epoch, kspan_profile_epoch(B));
#else
	kunit_skip(test, "needs CPU hotplug");
#endif
}

/* ------------------------------------------------------------------ tables */

static void same_key_is_another_bucket_in_each(struct kunit *test)
{
	struct kspan_bucket *a, *b;

	look(HEAP, &heap_before);
	a = alloc_in(A, 1);
	b = alloc_in(B, 1);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_PTR_EQ(test, alloc_in(A, 1), a);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(A), 1UL);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(B), 1UL);
	KUNIT_EXPECT_EQ(test, a->live, 2 * ONE);
	KUNIT_EXPECT_EQ(test, b->live, ONE);
	look(B, &b_before);
	kspan_bucket_free(a, ONE);
	kspan_bucket_free(a, ONE);
	KUNIT_EXPECT_EQ(test, a->live, 0ULL);
	expect_others_as_they_were(test);
	kspan_bucket_free(b, ONE);
}

struct sums {
	size_t rows;
	u64 alloc_objects, inuse_objects;
};

static struct sums sums_of(struct kunit *test, struct kspan_profile *profile)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(profile);
	struct sums sums = {};
	size_t i;

	KUNIT_EXPECT_FALSE(test, IS_ERR(snap));
	if (IS_ERR(snap))
		return sums;
	sums.rows = snap->nr_rows;
	for (i = 0; i < snap->nr_rows; i++) {
		sums.alloc_objects += snap->rows[i].alloc_objects;
		sums.inuse_objects += snap->rows[i].inuse_objects;
	}
	kspan_snapshot_free(snap);
	return sums;
}

static void expect_sums(struct kunit *test, struct kspan_profile *profile, size_t rows,
			u64 alloc_objects, u64 inuse_objects)
{
	struct sums sums = sums_of(test, profile);

	KUNIT_EXPECT_EQ_MSG(test, sums.rows, rows, "%s", profile->name);
	KUNIT_EXPECT_EQ_MSG(test, sums.alloc_objects, alloc_objects, "%s", profile->name);
	KUNIT_EXPECT_EQ_MSG(test, sums.inuse_objects, inuse_objects, "%s", profile->name);
}

static void snapshot_and_reset_are_of_one(struct kunit *test)
{
	struct kspan_bucket *a[3], *b;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		a[i] = alloc_in(A, i);
		KUNIT_ASSERT_NOT_NULL(test, a[i]);
	}
	b = alloc_in(B, 1);
	KUNIT_ASSERT_NOT_NULL(test, b);
	kspan_bucket_free(alloc_in(B, 7), ONE);
	kspan_bucket_free(a[0], ONE);
	expect_sums(test, B, 2, 2, 1);

	look_at_others();
	expect_sums(test, A, 3, 3, 2);
	KUNIT_ASSERT_TRUE(test, test_clock_passes(b_before.start_ns));
	kspan_profile_reset(A);
	expect_sums(test, A, 2, 0, 2);
	KUNIT_EXPECT_GT(test, kspan_profile_start_ns(A), b_before.start_ns);
	expect_others_as_they_were(test);
	expect_sums(test, B, 2, 2, 1);

	kspan_bucket_free(a[1], ONE);
	kspan_bucket_free(a[2], ONE);
	kspan_bucket_free(b, ONE);
}

/* How many stacks of their own the table of @profile takes in use. */
static unsigned int fill_table(struct kspan_profile *profile, struct kspan_bucket **buckets,
			       unsigned int most, unsigned int from)
{
	unsigned int n;

	for (n = 0; n < most; n++) {
		buckets[n] = alloc_in(profile, from + n);
		if (!buckets[n])
			break;
	}
	return n;
}

static void empty(struct kspan_bucket **buckets, unsigned int n)
{
	while (n--)
		kspan_bucket_free(buckets[n], ONE);
}

static void cap_and_eviction_are_of_one(struct kunit *test)
{
	static struct kspan_bucket *of_a[100], *of_b[100];
	size_t one = kspan_bucket_size(NR_FRAMES);
	unsigned int a, b;

	WRITE_ONCE(A->table->bytes_max, 20 * one);
	b = fill_table(B, of_b, 30, 0);
	KUNIT_EXPECT_EQ(test, b, 30U);
	empty(of_b, b);
	look_at_others();

	/* Full of what is in use: dropped here, and none of the idle ones there has to go. */
	a = fill_table(A, of_a, 100, 0);
	KUNIT_EXPECT_EQ(test, a, 20U);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(A, KSPAN_BUCKETS_EVICTED), 0UL);
	empty(of_a, a);
	/* Of what is idle: it makes room, and is counted, here. */
	a = fill_table(A, of_a, 20, 1000);
	KUNIT_EXPECT_EQ(test, a, 20U);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(A, KSPAN_BUCKETS_EVICTED), 20UL);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(A), 20UL);
	empty(of_a, a);
	expect_others_as_they_were(test);
	KUNIT_EXPECT_EQ(test, fill_table(B, of_b, 40, 0), 40U);
	empty(of_b, 40);
}

static struct kspan_stack *make_stack_here(void)
{
	struct kspan_stack *stack = make_stack(NR_FRAMES, 1);

	stack->frames[1] = (unsigned long)make_stack_here + 1;
	return stack;
}

/* A module that leaves takes its stacks out of each table; here of one, so that it is seen. */
static void text_leaves_each_table_by_itself(struct kunit *test)
{
	struct kspan_bucket *a, *b, *again;

	need_module(test);
	a = kspan_bucket_alloc(A, make_stack_here(), 64, label, ONE, GFP_KERNEL);
	b = kspan_bucket_alloc(B, make_stack_here(), 64, label, ONE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	kspan_table_module_event(A->table, MODULE_STATE_GOING, THIS_MODULE);
	KUNIT_EXPECT_TRUE(test, a->gone);
	KUNIT_EXPECT_FALSE(test, b->gone);
	again = kspan_bucket_alloc(B, make_stack_here(), 64, label, ONE, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, again, b);
	again = kspan_bucket_alloc(A, make_stack_here(), 64, label, ONE, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, again, a);
	kspan_bucket_free(again, ONE);
	kspan_bucket_free(a, ONE);
	kspan_bucket_free(b, ONE);
	kspan_bucket_free(b, ONE);
}

/* ------------------------------------------------------------------ beginning and end */

static void end_of_one_is_not_that_of_others(struct kunit *test)
{
	struct kspan_bucket *b = alloc_in(B, 1);

	KUNIT_ASSERT_NOT_NULL(test, b);
	kspan_bucket_free(alloc_in(A, 1), ONE);
	kspan_profile_count(A, KSPAN_SAMPLES);
	look_at_others();
	end(A, &have_a);
	expect_others_as_they_were(test);
	KUNIT_EXPECT_PTR_EQ(test, alloc_in(B, 1), b);
	KUNIT_EXPECT_EQ(test, samples_in_b(50, 64), 50U);
	expect_sums(test, B, 1, 2, 2);

	/* And it may begin again, with nothing. The rate is the last that was asked for. */
	have_a = !kspan_profile_init(A, MAX_BYTES);
	KUNIT_ASSERT_TRUE(test, have_a);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(A, KSPAN_SAMPLES), 0UL);
	expect_sums(test, A, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 0U);
	kspan_profile_start(A);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 50U);
	expect_sums(test, B, 1, 2, 2);
	kspan_bucket_free(b, ONE);
	kspan_bucket_free(b, ONE);
}

/* ------------------------------------------------------------------ files */

static void expect_text(struct kunit *test, struct kspan_files *files, const char *name,
			const char *begins)
{
	struct kspan_buf buf = {};

	KUNIT_EXPECT_EQ(test, kspan_files_render(files, name, &buf), 0);
	KUNIT_EXPECT_GE(test, buf.len, strlen(begins));
	if (buf.len >= strlen(begins))
		KUNIT_EXPECT_EQ_MSG(test, memcmp(buf.data, begins, strlen(begins)), 0, "%s: %.60s",
				    name, buf.data);
	kspan_buf_free(&buf);
}

static void files_are_those_of_their_profile(struct kunit *test)
{
	struct kspan_files of_a = KSPAN_PROFILE_FILES(A), of_b = KSPAN_PROFILE_FILES(B);
	struct kspan_bucket *a = alloc_in(A, 1);

	KUNIT_ASSERT_NOT_NULL(test, a);
	kspan_bucket_free(alloc_in(B, 1), ONE);
	expect_text(test, &of_a, "heap.txt", "heap profile: 1: 64 [01: 64] @ heap_v2/1\n");
	expect_text(test, &of_b, "heap.txt", "heap profile: 0: 0 [1: 64] @ heap_v2/1\n");
	expect_text(test, &of_a, "heap.folded", "0x");

	look_at_others();
	KUNIT_EXPECT_EQ(test, kspan_files_store(&of_a, "sample_bytes", "4096\n", 5), 0);
	expect_text(test, &of_a, "sample_bytes", "4096\n");
	kspan_bucket_free(a, ONE);
	KUNIT_EXPECT_EQ(test, kspan_files_store(&of_a, "reset", "1", 1), 0);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(A), 0UL);
	expect_others_as_they_were(test);
	expect_text(test, &of_b, "sample_bytes", "1\n");
	KUNIT_EXPECT_EQ(test, kspan_files_store(&of_a, "stats", "1", 1), -ENOENT);
}

static void numbers_of_one_are_shown(struct kunit *test)
{
	struct kspan_buf buf = {};
	struct kspan_bucket *a = alloc_in(A, 1);
	char want[160];

	KUNIT_ASSERT_NOT_NULL(test, a);
	kspan_profile_count(A, KSPAN_SAMPLES_DROPPED);
	kspan_profile_count(B, KSPAN_SAMPLES);
	kspan_profile_show_counters(A, &buf);
	kspan_profile_show_gauges(A, &buf);
	scnprintf(want, sizeof(want), "samples 0\nsamples_dropped 1\nbuckets_evicted 0\n"
		  "stacks_walked 0\nbuckets 1\nbucket_bytes %zu\n", kspan_profile_bytes(A));
	KUNIT_EXPECT_EQ(test, buf.len, strlen(want));
	if (buf.len == strlen(want))
		KUNIT_EXPECT_EQ(test, memcmp(buf.data, want, buf.len), 0);
	kspan_buf_free(&buf);
	kspan_bucket_free(a, ONE);
}

/* Nobody sees a table that was given back, and another beginning is as good as the first. */
static void beginning_that_fails_leaves_nothing_behind(struct kunit *test)
{
	look_at_others();
	end(A, &have_a);
	fail_all(KSPAN_FAIL_HOTPLUG);
	KUNIT_EXPECT_EQ(test, kspan_profile_init(A, MAX_BYTES), -ENOMEM);
	fail_nothing();
	KUNIT_EXPECT_NULL(test, A->table);
	expect_others_as_they_were(test);

	have_a = !kspan_profile_init(A, MAX_BYTES);
	KUNIT_ASSERT_TRUE(test, have_a);
	kspan_profile_start(A);
	KUNIT_EXPECT_EQ(test, samples_in_a(50, 64), 50U);
}

static struct kunit_case profiles_cases[] = {
	KUNIT_CASE(rate_of_one_is_not_that_of_others),
	KUNIT_CASE(bytes_of_one_are_not_counted_by_others),
	KUNIT_CASE(one_that_stops_stops_nobody_else),
	KUNIT_CASE(stride_goes_by_the_rate_of_its_profile),
	KUNIT_CASE(cpu_that_comes_up_begins_anew_in_each),
	KUNIT_CASE(same_key_is_another_bucket_in_each),
	KUNIT_CASE(snapshot_and_reset_are_of_one),
	KUNIT_CASE(cap_and_eviction_are_of_one),
	KUNIT_CASE(text_leaves_each_table_by_itself),
	KUNIT_CASE(end_of_one_is_not_that_of_others),
	KUNIT_CASE(beginning_that_fails_leaves_nothing_behind),
	KUNIT_CASE(files_are_those_of_their_profile),
	KUNIT_CASE(numbers_of_one_are_shown),
	{}
};

static struct kunit_suite profiles_suite = {
	.name = "kspan_profiles",
	.init = profiles_init,
	.exit = profiles_exit,
	.test_cases = profiles_cases,
};

kunit_test_suite(profiles_suite);
