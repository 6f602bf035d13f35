// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the peak: what each stack had in use when all together had most, whatever came after it,
 * and where a new peak, a reset and an eviction leave it. With a profile of this module's, and
 * stacks that the tests make up: nobody else has a part in it.
 */
#include "suite.h"

#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "profile/profile.h"
#include "bucket_helpers.h"

#define MAX_BYTES	(256UL << 10)
#define NR_STACKS	64
#define FRAMES		20

DECLARE_KSPAN_PROFILE(peak_test_profile);
DEFINE_KSPAN_PROFILE(peak_test_profile, "peak test", NULL);

#define PROFILE	(&peak_test_profile)

static bool have_profile;
static struct kspan_bucket *buckets[NR_STACKS];
static u64 in_use[NR_STACKS];		/* objects that a test has not freed */

static int peak_init(struct kunit *test)
{
	int err = bucket_test_begin(test);

	memset(in_use, 0, sizeof(in_use));
	if (!err)
		err = kspan_profile_init(PROFILE, MAX_BYTES);
	have_profile = !err;
	return err;
}

static void peak_exit(struct kunit *test)
{
	int i;

	for (i = 0; have_profile && i < NR_STACKS; i++)
		if (in_use[i])
			kspan_bucket_free(buckets[i], in_use[i] * ONE);
	if (have_profile)
		kspan_profile_destroy(PROFILE);
	have_profile = false;
	bucket_test_end(test);
}

static struct kspan_bucket *count_at(unsigned int id, u32 size, u64 weight)
{
	return kspan_bucket_alloc(PROFILE, make_stack(FRAMES, id), size, label, weight, GFP_KERNEL);
}

/* @nr objects of @size bytes at stack @id. */
static void allocate_sized(struct kunit *test, unsigned int id, u64 nr, u32 size)
{
	buckets[id] = count_at(id, size, nr * ONE);
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

/* What a snapshot says of each stack that is one of the first NR_STACKS, and of all. */
struct seen {
	u64 objects[NR_STACKS], all_objects, all_bytes, lost_objects, lost_bytes;
};

static void see(struct kunit *test, const struct kspan_snapshot *snap, struct seen *seen)
{
	size_t i;

	memset(seen, 0, sizeof(*seen));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (row->addrs[0] - 0x1000 < NR_STACKS)
			seen->objects[row->addrs[0] - 0x1000] += row->peak_objects;
		seen->all_objects += row->peak_objects;
		seen->all_bytes += row->peak_bytes;
	}
	seen->lost_objects = snap->peak_lost_objects;
	seen->lost_bytes = snap->peak_lost_bytes;
	KUNIT_EXPECT_LE(test, snap->peak_time_ns, snap->time_ns);
	KUNIT_EXPECT_LE(test, snap->peak_duration_ns, snap->duration_ns);
}

static void look(struct kunit *test, struct seen *seen)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(PROFILE);

	memset(seen, 0, sizeof(*seen));
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	see(test, snap, seen);
	kspan_snapshot_free(snap);
}

static void expect_peak(struct kunit *test, u64 first, u64 second, u64 third)
{
	const u64 expected[] = { first, second, third };
	struct seen seen;
	size_t i;

	look(test, &seen);
	for (i = 0; i < ARRAY_SIZE(expected); i++)
		KUNIT_EXPECT_EQ_MSG(test, seen.objects[i], expected[i], "stack %zu", i);
	KUNIT_EXPECT_EQ(test, seen.all_objects, first + second + third);
	KUNIT_EXPECT_EQ(test, seen.lost_objects, 0ULL);
}

/* ------------------------------------------------------------------ where it is */

static void growing_heap_is_at_its_peak(struct kunit *test)
{
	expect_peak(test, 0, 0, 0);
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

/* Estimates: a sample stands for what its weight says, of a fraction of an object too. */
static void peak_is_of_what_samples_stand_for(struct kunit *test)
{
	struct kspan_bucket *a = count_at(0, 64, 5 * ONE / 2), *b;
	struct seen seen;

	KUNIT_ASSERT_NOT_NULL(test, a);
	kspan_bucket_free(a, 5 * ONE / 2);
	b = count_at(1, 64, 9 * ONE / 4);
	KUNIT_ASSERT_NOT_NULL(test, b);
	look(test, &seen);
	/* To the nearest object, and byte. */
	KUNIT_EXPECT_EQ(test, seen.objects[0], 3ULL);
	KUNIT_EXPECT_EQ(test, seen.all_bytes, 160ULL);
	kspan_bucket_free(b, 9 * ONE / 4);
}

static void time_of_the_peak_is_kept(struct kunit *test)
{
	struct kspan_snapshot *snap;
	struct test_limit limit = {};
	unsigned long at;
	u64 then;

	allocate(test, 0, 3);
	at = READ_ONCE(PROFILE->table->peak.at);
	give_back(0, 3);
	/* A guest's clock may stand for a while. */
	while (time_before(jiffies, at + 3) && !test_takes_too_long(&limit))
		usleep_range(1000, 2000);
	allocate(test, 1, 1);
	snap = kspan_snapshot_take(PROFILE);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_EQ(test, READ_ONCE(PROFILE->table->peak.at), at);
	KUNIT_EXPECT_GE(test, snap->time_ns - snap->peak_time_ns, jiffies64_to_nsecs(3));
	then = snap->duration_ns - min(snap->duration_ns, snap->time_ns - snap->peak_time_ns);
	KUNIT_EXPECT_EQ(test, snap->peak_duration_ns, then);
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ resets and walks */

static void reset_begins_with_what_is_in_use(struct kunit *test)
{
	allocate(test, 0, 5);
	give_back(0, 4);
	allocate(test, 1, 1);
	kspan_profile_reset(PROFILE);
	expect_peak(test, 1, 1, 0);
	allocate(test, 2, 1);
	give_back(2, 1);
	expect_peak(test, 1, 1, 1);
	give_back(0, 1);
	give_back(1, 1);
	kspan_profile_reset(PROFILE);
	expect_peak(test, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(PROFILE), 0UL);
}

static struct kunit *hooked;
static void (*in_the_middle)(struct kunit *test);

/* The first time that a walk has dropped the lock. */
static bool once_in_a_walk(enum kspan_test_point point)
{
	void (*fn)(struct kunit *test) = in_the_middle;

	if (point != KSPAN_AT_WALK || !fn || !in_task() || current != failing.task)
		return false;
	in_the_middle = NULL;
	fn(hooked);
	return false;
}

static void in_the_next_walk(struct kunit *test, void (*fn)(struct kunit *test))
{
	hooked = test;
	in_the_middle = fn;
	failing.task = current;
	kspan_set_test_hook(once_in_a_walk);
}

static void give_all_back(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR_STACKS; i++)
		give_back(i, in_use[i]);
}

/* What was in use at the reset is the peak, whatever becomes of it before the reset has ended. */
static void what_goes_while_a_reset_walks_had_a_part_in_the_peak(struct kunit *test)
{
	struct seen seen;
	unsigned int i;

	for (i = 0; i < NR_STACKS; i++)
		allocate(test, i, 1 + i);
	in_the_next_walk(test, give_all_back);
	kspan_profile_reset(PROFILE);
	fail_nothing();
	KUNIT_EXPECT_NULL(test, in_the_middle);
	look(test, &seen);
	for (i = 0; i < NR_STACKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, seen.objects[i], 1ULL + i, "stack %u", i);
	kspan_profile_reset(PROFILE);
	KUNIT_EXPECT_EQ(test, kspan_profile_buckets(PROFILE), 0UL);
}

/* A peak and more, which no stack but the first and the last but one have changed for. */
static void grow_and_fall(struct kunit *test)
{
	allocate(test, 0, 1000);
	give_back(NR_STACKS - 2, 1);
	give_back(0, 500);
}

static void snapshot_shows_the_peak_of_its_moment(struct kunit *test)
{
	struct kspan_snapshot *snap;
	struct seen seen;
	unsigned int i;

	for (i = 0; i < NR_STACKS; i++)
		allocate(test, i, 1 + i);
	give_back(1, 1);
	in_the_next_walk(test, grow_and_fall);
	snap = kspan_snapshot_take(PROFILE);
	fail_nothing();
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_NULL(test, in_the_middle);
	see(test, snap, &seen);
	kspan_snapshot_free(snap);
	for (i = 0; i < NR_STACKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, seen.objects[i], 1ULL + i, "stack %u", i);

	/* And the next one the peak of the next moment. */
	look(test, &seen);
	for (i = 0; i < NR_STACKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, seen.objects[i], i ? 1ULL + i - (i == 1) : 1001ULL,
				    "stack %u", i);
}

/* ------------------------------------------------------------------ eviction */

/* Room for so many stacks, and no more. */
static void make_room_for(unsigned int nr)
{
	WRITE_ONCE(PROFILE->table->bytes_max, nr * kspan_bucket_size(FRAMES));
}

static void evicted_stacks_are_told_of_as_a_whole(struct kunit *test)
{
	struct seen seen;
	unsigned int i;

	make_room_for(8);
	for (i = 0; i < 8; i++)
		allocate_sized(test, i, 1 + i, 64 << i);
	for (i = 0; i < 8; i++)
		give_back(i, 1 + i);
	/* Six are evicted by new ones, which take no more than what went. */
	for (i = 8; i < 14; i++)
		allocate(test, i, 1);
	look(test, &seen);
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(PROFILE, KSPAN_BUCKETS_EVICTED), 6UL);
	KUNIT_EXPECT_EQ(test, seen.all_objects + seen.lost_objects, 8ULL * 9 / 2);
	KUNIT_EXPECT_EQ(test, seen.all_bytes + seen.lost_bytes,
			64ULL * (1 + 2 * 2 + 3 * 4 + 4 * 8 + 5 * 16 + 6 * 32 + 7 * 64 + 8 * 128));
	KUNIT_EXPECT_GT(test, seen.lost_objects, 0ULL);
	/* At the next peak all is known again. */
	allocate(test, 8, 1 << 20);
	look(test, &seen);
	KUNIT_EXPECT_EQ(test, seen.lost_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, seen.lost_bytes, 0ULL);
	KUNIT_EXPECT_EQ(test, seen.all_objects, 6ULL + (1 << 20));
}

/* As long as there are others, who had a part in the peak stays. */
static void eviction_spares_who_had_a_part_in_the_peak(struct kunit *test)
{
	unsigned int i;

	make_room_for(16);
	for (i = 0; i < 8; i++)
		allocate(test, i, 10);
	for (i = 0; i < 8; i++)
		give_back(i, 10);
	for (i = 8; i < 48; i++) {
		allocate(test, i, 1);
		give_back(i, 1);
	}
	KUNIT_EXPECT_EQ(test, kspan_profile_counter(PROFILE, KSPAN_BUCKETS_EVICTED), 32UL);
	for (i = 0; i < 8; i++)
		KUNIT_EXPECT_PTR_EQ(test, count_at(i, 64, ONE), buckets[i]);
	for (i = 0; i < 8; i++)
		kspan_bucket_free(buckets[i], ONE);
}

/* What a snapshot that has not come by yet is kept for it, and lost to the next. */
static void evict_the_first_half(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < NR_STACKS; i++)
		give_back(i, in_use[i]);
	for (i = 0; i < NR_STACKS / 2; i++)
		kspan_bucket_free(count_at(1000 + i, 64, ONE), ONE);
}

static void snapshot_has_the_peak_of_what_is_evicted_meanwhile(struct kunit *test)
{
	struct kspan_snapshot *snap;
	struct seen seen;
	unsigned int i;

	make_room_for(NR_STACKS);
	for (i = 0; i < NR_STACKS; i++)
		allocate(test, i, 1 + i);
	in_the_next_walk(test, evict_the_first_half);
	snap = kspan_snapshot_take(PROFILE);
	fail_nothing();
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	KUNIT_EXPECT_NULL(test, in_the_middle);
	see(test, snap, &seen);
	kspan_snapshot_free(snap);
	for (i = 0; i < NR_STACKS; i++)
		KUNIT_EXPECT_EQ_MSG(test, seen.objects[i], 1ULL + i, "stack %u", i);
	KUNIT_EXPECT_EQ(test, seen.lost_objects, 0ULL);

	look(test, &seen);
	KUNIT_EXPECT_GT(test, seen.lost_objects, 0ULL);
	KUNIT_EXPECT_EQ(test, seen.all_objects + seen.lost_objects,
			(u64)NR_STACKS * (NR_STACKS + 1) / 2);
}

/* ------------------------------------------------------------------ beside a model */

#define STEPS	20000

/* All that there is to know: what is in use, and a copy of it when that was most. */
static struct model {
	u64 live[NR_STACKS], peak[NR_STACKS], bytes, most;
} model;

static void model_changes(unsigned int id, u32 size, s64 nr)
{
	model.live[id] += nr;
	model.bytes += nr * size;
	if (model.bytes <= model.most)
		return;
	model.most = model.bytes;
	memcpy(model.peak, model.live, sizeof(model.peak));
}

static void expect_as_modelled(struct kunit *test, unsigned int step)
{
	struct seen seen;

	look(test, &seen);
	KUNIT_ASSERT_EQ_MSG(test, memcmp(seen.objects, model.peak, sizeof(model.peak)), 0,
			    "after step %u", step);
	KUNIT_ASSERT_EQ(test, seen.all_bytes, model.most);
}

static void model_resets(void)
{
	model.most = model.bytes;
	memcpy(model.peak, model.live, sizeof(model.peak));
}

/* It goes up and down, further down each time, with a new peak or a reset now and then. */
static void peak_is_that_of_a_copy_at_each_maximum(struct kunit *test)
{
	struct rnd_state rnd;
	unsigned int step;

	memset(&model, 0, sizeof(model));
	prandom_seed_state(&rnd, 22);
	for (step = 0; step < STEPS; step++) {
		unsigned int id = prandom_u32_state(&rnd) % NR_STACKS, nr;
		bool up = prandom_u32_state(&rnd) % 16 < (step / 1000 % 2 ? 6 : 10);
		u32 size = 8 << id % 10;

		nr = 1 + prandom_u32_state(&rnd) % 4;
		if (up)
			allocate_sized(test, id, nr, size);
		else
			nr = min_t(u64, nr, in_use[id]);
		if (!up && nr)
			give_back(id, nr);
		if (up || nr)
			model_changes(id, size, up ? nr : -(s64)nr);
		if (step % 5000 == 4321) {
			kspan_profile_reset(PROFILE);
			model_resets();
		}
		if (step % 97 == 0)
			expect_as_modelled(test, step);
	}
	KUNIT_EXPECT_GT(test, model.most, model.bytes);
}

/* ------------------------------------------------------------------ at the same time */

struct side {
	unsigned int first;
	bool bad;
};

static void go_up_and_down(void *arg)
{
	struct kspan_stack *stack = kmalloc(sizeof(*stack), GFP_KERNEL);
	struct kspan_bucket *held[16] = {};
	struct side *side = arg;
	unsigned int i;

	side->bad = !stack;
	for (i = 0; stack && i < STEPS; i++) {
		struct kspan_bucket **slot = &held[i * 7 % ARRAY_SIZE(held)];

		memset(stack, 0, sizeof(*stack));
		stack->nr_frames = 1;
		stack->frames[0] = 0x1000 + side->first + i * 7 % ARRAY_SIZE(held);
		if (*slot)
			kspan_bucket_free(*slot, ONE);
		*slot = NULL;
		if (i / 64 % 3 == 0)
			continue;
		*slot = kspan_bucket_alloc(PROFILE, stack, 64, label, ONE, GFP_KERNEL);
		side->bad |= !*slot;
	}
	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (held[i])
			kspan_bucket_free(held[i], ONE);
	kfree(stack);
}

/* Whatever the order was: the parts add up, and nobody had more than he ever has. */
static void parts_add_up_to_the_peak(struct kunit *test)
{
	struct side sides[2] = { { 0 }, { 16 } };
	void *args[2] = { &sides[0], &sides[1] };
	struct seen seen;
	unsigned int i;

	test_two_threads(test, go_up_and_down, args);
	KUNIT_EXPECT_FALSE(test, sides[0].bad || sides[1].bad);
	look(test, &seen);
	KUNIT_EXPECT_EQ(test, seen.all_bytes, READ_ONCE(PROFILE->table->peak.most));
	KUNIT_EXPECT_GE(test, seen.all_objects, 16ULL);
	for (i = 0; i < 32; i++)
		KUNIT_EXPECT_LE_MSG(test, seen.objects[i], 1ULL, "stack %u", i);
	KUNIT_EXPECT_EQ(test, READ_ONCE(PROFILE->table->peak.live), 0ULL);
}

static struct kunit_case peak_cases[] = {
	KUNIT_CASE(growing_heap_is_at_its_peak),
	KUNIT_CASE(what_comes_after_it_is_not_in_it),
	KUNIT_CASE(higher_peak_takes_its_place),
	KUNIT_CASE(peak_is_of_bytes),
	KUNIT_CASE(peak_is_of_what_samples_stand_for),
	KUNIT_CASE(time_of_the_peak_is_kept),
	KUNIT_CASE(reset_begins_with_what_is_in_use),
	KUNIT_CASE(what_goes_while_a_reset_walks_had_a_part_in_the_peak),
	KUNIT_CASE(snapshot_shows_the_peak_of_its_moment),
	KUNIT_CASE(evicted_stacks_are_told_of_as_a_whole),
	KUNIT_CASE(eviction_spares_who_had_a_part_in_the_peak),
	KUNIT_CASE(snapshot_has_the_peak_of_what_is_evicted_meanwhile),
	KUNIT_CASE(peak_is_that_of_a_copy_at_each_maximum),
	KUNIT_CASE(parts_add_up_to_the_peak),
	{}
};

static struct kunit_suite peak_suite = {
	.name = "kspan_peak",
	.init = peak_init,
	.exit = peak_exit,
	.test_cases = peak_cases,
};

kunit_test_suite(peak_suite);
