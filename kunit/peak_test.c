// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the heap at its peak: what each stack had in use when all together had most, whatever
 * came after it, and where a new peak or a reset begins.
 */
#include "suite.h"

#include "../mm/label.h"
#include "profile_helpers.h"

#define NR_STACKS	3
#define ONE		KSPAN_WEIGHT_ONE

static struct kspan_label *label;
static struct kspan_bucket *buckets[NR_STACKS];
static u64 in_use[NR_STACKS];		/* objects that a test has not freed */

static int peak_init(struct kunit *test)
{
	label = kspan_label_get("peak_test");
	if (!label)
		return -ENOMEM;
	memset(in_use, 0, sizeof(in_use));
	return test_begin(test);
}

static void peak_exit(struct kunit *test)
{
	int i;

	for (i = 0; i < NR_STACKS; i++)
		if (in_use[i])
			kspan_bucket_free(buckets[i], in_use[i] * ONE);
	test_end(test);
	if (label)
		kspan_label_put(label);
}

/* @nr objects of @size bytes at stack @id: a number, which no function is at. */
static void allocate_sized(struct kunit *test, unsigned int id, u64 nr, u32 size)
{
	struct kspan_stack stack = { .nr_frames = 1, .frames = { 0x1000 + id } };

	buckets[id] = kspan_bucket_alloc(&kspan_heap, &stack, size, label, nr * ONE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, buckets[id]);
	in_use[id] += nr;
}

static void allocate(struct kunit *test, unsigned int id, u64 nr)
{
	allocate_sized(test, id, nr, 64);
}

static void give_back(unsigned int id, u64 nr)
{
	kspan_bucket_free(buckets[id], nr * ONE);
	in_use[id] -= nr;
}

/* What the profile says of each stack. */
static void expect_peak(struct kunit *test, u64 first, u64 second, u64 third)
{
	const u64 expected[NR_STACKS] = { first, second, third };
	struct kspan_snapshot *snap = kspan_snapshot_take(&kspan_heap);
	u64 found[NR_STACKS] = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "peak_test"))
			continue;
		KUNIT_EXPECT_EQ(test, row->peak_bytes, row->peak_objects * row->slot_size);
		found[row->addrs[0] - 0x1000] += row->peak_objects;
	}
	KUNIT_EXPECT_LE(test, snap->peak_time_ns, snap->time_ns);
	kspan_snapshot_free(snap);
	for (i = 0; i < NR_STACKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, found[i], expected[i], "stack %zu", i);
}

static void growing_heap_is_at_its_peak(struct kunit *test)
{
	allocate(test, 0, 3);
	expect_peak(test, 3, 0, 0);
	allocate(test, 1, 2);
	allocate(test, 0, 1);
	expect_peak(test, 4, 2, 0);
}

static void what_comes_after_it_is_not_in_it(struct kunit *test)
{
	allocate(test, 0, 3);
	allocate(test, 1, 2);
	give_back(0, 2);
	/* Less than was given back, by a stack that is new and by one that is not. */
	allocate(test, 2, 1);
	allocate(test, 1, 1);
	expect_peak(test, 3, 2, 0);
	give_back(1, 3);
	expect_peak(test, 3, 2, 0);
}

static void higher_peak_takes_its_place(struct kunit *test)
{
	allocate(test, 0, 3);
	allocate(test, 1, 2);
	give_back(0, 2);
	allocate(test, 2, 2);
	expect_peak(test, 3, 2, 0);
	allocate(test, 2, 1);
	/* Stack 1 has not changed since before the first peak. */
	expect_peak(test, 1, 2, 3);
	give_back(2, 3);
	give_back(0, 1);
	expect_peak(test, 1, 2, 3);
}

static void peak_is_of_bytes(struct kunit *test)
{
	allocate_sized(test, 0, 1, 4096);
	give_back(0, 1);
	/* More objects, of fewer bytes. */
	allocate_sized(test, 1, 10, 64);
	expect_peak(test, 1, 0, 0);
}

static void reset_begins_with_what_is_in_use(struct kunit *test)
{
	allocate(test, 0, 5);
	give_back(0, 4);
	allocate(test, 1, 1);
	kspan_profile_reset(&kspan_heap);
	expect_peak(test, 1, 1, 0);
	allocate(test, 2, 1);
	give_back(2, 1);
	expect_peak(test, 1, 1, 1);
}

static struct kunit_case peak_cases[] = {
	KUNIT_CASE(growing_heap_is_at_its_peak),
	KUNIT_CASE(what_comes_after_it_is_not_in_it),
	KUNIT_CASE(higher_peak_takes_its_place),
	KUNIT_CASE(peak_is_of_bytes),
	KUNIT_CASE(reset_begins_with_what_is_in_use),
	{}
};

static struct kunit_suite peak_suite = {
	.name = "kspan_peak",
	.init = peak_init,
	.exit = peak_exit,
	.test_cases = peak_cases,
};

kunit_test_suite(peak_suite);
