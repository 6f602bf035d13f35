// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the table of learned steps, with addresses that no code has: what is in it is found,
 * what is not is not, and what must not be used stays so.
 */
#include "suite.h"

#include "profile/stack.h"
#include "profile/step.h"

/* Of addresses that share their places, more than there are places. */
#define SHARING		(KSPAN_STEP_WAYS + 2)

static unsigned long ips[SHARING];

/* The next address from @ip on that has the places of @like. */
static unsigned long next_sharing(unsigned long ip, unsigned long like)
{
	u64 *first = kspan_step_place(like, 0);

	do
		ip += 16;
	while ((kspan_step_place(ip, 0) - kspan_steps) / KSPAN_STEP_WAYS !=
	       (first - kspan_steps) / KSPAN_STEP_WAYS);
	return ip;
}

static int step_init(struct kunit *test)
{
	unsigned int i;

	ips[0] = 0x5000UL << 32 | 0x1230;
	for (i = 1; i < SHARING; i++)
		ips[i] = next_sharing(ips[i - 1], ips[0]);
	kspan_step_forget();
	return 0;
}

static void step_exit(struct kunit *test)
{
	kspan_step_forget();
}

static bool knows(unsigned long ip)
{
	return kspan_step_is_known(kspan_step_find(ip));
}

static const struct kind {
	const char *desc;
	u64 step;
} kinds[] = {
	{ "one word", 1 },
	{ "as many as there can be", KSPAN_STEP_WORDS },
	{ "with a frame pointer saved", 3 << KSPAN_STEP_SAVED_SHIFT | 7 },
	{ "the largest", KSPAN_STEP_PLAIN },
	{ "by the frame pointer", KSPAN_STEP_BP },
	{ "by the last word below it", KSPAN_STEP_BP | KSPAN_STEP_BELOW },
	{ "the last", KSPAN_STEP_LAST },
	{ "never", KSPAN_STEP_NEVER },
};

static void kind_desc(const struct kind *kind, char *desc)
{
	strscpy(desc, kind->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kinds, kind_desc);

static void what_is_learned_is_found(struct kunit *test)
{
	const struct kind *kind = test->param_value;

	KUNIT_EXPECT_FALSE(test, knows(ips[0]));
	kspan_step_learn(ips[0], kind->step);
	KUNIT_EXPECT_EQ(test, kspan_step_find(ips[0]), kind->step);
	KUNIT_EXPECT_TRUE(test, knows(ips[0]));
	KUNIT_EXPECT_FALSE(test, knows(ips[1]));
	KUNIT_EXPECT_FALSE(test, knows(ips[0] + 1));
	kspan_step_forget();
	KUNIT_EXPECT_FALSE(test, knows(ips[0]));
}

/* A word on the stack that is no address finds nothing, in an empty table and in a full one. */
static void zero_is_never_known(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_FALSE(test, knows(0));
	for (i = 1; i < 4 << KSPAN_STEP_BITS; i++)
		kspan_step_learn(ips[0] + 16 * i, 1 + i % KSPAN_STEP_WORDS);
	KUNIT_EXPECT_FALSE(test, knows(0));
	KUNIT_EXPECT_FALSE(test, knows(ULONG_MAX));
}

static void two_lengths_are_never_used(struct kunit *test)
{
	static const u64 others[] = { 6, KSPAN_STEP_BP, KSPAN_STEP_BP | 5,
				      KSPAN_STEP_LAST };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		kspan_step_forget();
		kspan_step_learn(ips[0], 5);
		kspan_step_learn(ips[0], others[i]);
		KUNIT_EXPECT_EQ(test, kspan_step_find(ips[0]), (u64)KSPAN_STEP_NEVER);
		/* Which of the two it was first does not bring it back. */
		kspan_step_learn(ips[0], 5);
		KUNIT_EXPECT_EQ(test, kspan_step_find(ips[0]), (u64)KSPAN_STEP_NEVER);
	}
}

static void learning_again_evicts_nobody(struct kunit *test)
{
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < KSPAN_STEP_WAYS; i++)
			kspan_step_learn(ips[i], 10 + i);
		for (i = 0; i < KSPAN_STEP_WAYS; i++)
			KUNIT_EXPECT_EQ(test, kspan_step_find(ips[i]), 10ULL + i);
	}
}

/* One that comes into full places takes one of them, and all of the others are as they were. */
static void newcomer_takes_one_place(struct kunit *test)
{
	unsigned int i, left = 0;

	for (i = 0; i <= KSPAN_STEP_WAYS; i++)
		kspan_step_learn(ips[i], 10 + i);
	KUNIT_EXPECT_EQ(test, kspan_step_find(ips[KSPAN_STEP_WAYS]), 10ULL + KSPAN_STEP_WAYS);
	for (i = 0; i < KSPAN_STEP_WAYS; i++) {
		left += knows(ips[i]);
		if (knows(ips[i]))
			KUNIT_EXPECT_EQ(test, kspan_step_find(ips[i]), 10ULL + i);
	}
	KUNIT_EXPECT_EQ(test, left, KSPAN_STEP_WAYS - 1U);
}

static void what_must_not_be_used_stays(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < KSPAN_STEP_WAYS; i++)
		kspan_step_learn(ips[i], i % 2 ? KSPAN_STEP_NEVER : 10);
	for (; i < SHARING; i++)
		kspan_step_learn(ips[i], 10);
	for (i = 1; i < KSPAN_STEP_WAYS; i += 2)
		KUNIT_EXPECT_EQ(test, kspan_step_find(ips[i]), (u64)KSPAN_STEP_NEVER);
	/* And where there is no room, one more is not known, which is no harm. */
	kspan_step_forget();
	for (i = 0; i < KSPAN_STEP_WAYS; i++)
		kspan_step_learn(ips[i], KSPAN_STEP_NEVER);
	kspan_step_learn(ips[i], 10);
	KUNIT_EXPECT_FALSE(test, knows(ips[i]));
}

#if KSPAN_HAS_STEPS
static unsigned long elsewhere[4];

/* Only what leads to where the unwinder has gone is learned, and only what can be walked. */
static void step_leads_where_it_says(struct kunit *test)
{
	unsigned long words[80] = {}, *from = &words[0], *bp = &words[10];
	static const u64 none[] = { 0, KSPAN_STEP_LAST, KSPAN_STEP_NEVER };
	unsigned int i;
	u64 step;

	OPTIMIZER_HIDE_VAR(from);
	for (step = 1; step < ARRAY_SIZE(words) - 1; step++) {
		u64 saved = step | 3 << KSPAN_STEP_SAVED_SHIFT;

		KUNIT_EXPECT_TRUE(test, kspan_step_leads(step, from, NULL, from + step));
		KUNIT_EXPECT_TRUE(test, kspan_step_leads(saved, from, NULL, from + step));
		KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, from, NULL, from + step + 1));
		KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, from, NULL, from + step - 1));
	}
	for (i = 0; i < ARRAY_SIZE(none); i++)
		KUNIT_EXPECT_FALSE(test, kspan_step_leads(none[i], from, bp,
							  from + (none[i] & KSPAN_STEP_WORDS)));

	step = KSPAN_STEP_BP;
	KUNIT_EXPECT_TRUE(test, kspan_step_leads(step, from, bp, bp + 1));
	KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, from, bp, bp + 2));
	/* Not inwards, and not away from the stack. */
	KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, bp, bp, bp + 1));
	KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, NULL, elsewhere, elsewhere + 1));

	step = KSPAN_STEP_BP | 3;
	bp[-3] = (unsigned long)&words[20];
	KUNIT_EXPECT_TRUE(test, kspan_step_leads(step, from, bp, &words[19]));
	KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, from, bp, &words[20]));
	KUNIT_EXPECT_FALSE(test, kspan_step_leads(step, bp - 3, bp, &words[19]));
}
#endif

static struct kunit_case step_cases[] = {
	KUNIT_CASE_PARAM(what_is_learned_is_found, kind_gen_params),
	KUNIT_CASE(zero_is_never_known),
	KUNIT_CASE(two_lengths_are_never_used),
	KUNIT_CASE(learning_again_evicts_nobody),
	KUNIT_CASE(newcomer_takes_one_place),
	KUNIT_CASE(what_must_not_be_used_stays),
#if KSPAN_HAS_STEPS
	KUNIT_CASE(step_leads_where_it_says),
#endif
	{}
};

static struct kunit_suite step_suite = {
	.name = "kspan_step",
	.init = step_init,
	.exit = step_exit,
	.test_cases = step_cases,
};

kunit_test_suite(step_suite);
