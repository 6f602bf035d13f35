/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the taps share: what a tap says of one function, and, for a suite that defines
 * TAP, the tap that it is of, having that on with everything sampled.
 */
#ifndef _KSPAN_KUNIT_TAP_HELPERS_H
#define _KSPAN_KUNIT_TAP_HELPERS_H

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/string.h>

#include "profile/profile.h"
#include "tap/handler.h"

struct tap_counts {
	u64 allocs, live, bytes;
	u64 freed;		/* of which it is known how long they were in use */
	char label[32];		/* of the last row */
};

/* The sums over the stacks that begin in the function @fn. */
static inline struct tap_counts tap_counts(struct kunit *test, struct kspan_tap *tap, void *fn)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(tap->profile, KSPAN_WITH_LIFETIMES);
	struct tap_counts sum = {};
	unsigned int bin;
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (!row->nr_frames || row->symbols[0]->start != (unsigned long)fn)
			continue;
		sum.allocs += row->alloc_objects;
		sum.live += row->inuse_objects;
		sum.bytes += row->inuse_bytes;
		for (bin = 0; bin < KSPAN_NR_LIFETIMES; bin++)
			sum.freed += kspan_row_freed(row, bin, 1);
		strscpy(sum.label, row->label, sizeof(sum.label));
	}
	kspan_snapshot_free(snap);
	return sum;
}

#ifdef TAP
static u64 tap_saved_rate;
static unsigned long tap_counted_before[KSPAN_NR_TAP_COUNTERS];

/* Switching takes a grace period, so that the tap stays on from test to test. */
static int tap_suite_init(struct kunit_suite *suite)
{
	tap_saved_rate = kspan_profile_sample_bytes(TAP->profile);
	return kspan_profile_set_sample_bytes(TAP->profile, 1);
}

static void tap_suite_exit(struct kunit_suite *suite)
{
	if (kspan_tap_enable(TAP, 0))
		pr_err("the tap cannot be switched off\n");
	kspan_profile_set_sample_bytes(TAP->profile, tap_saved_rate);
}

static int tap_test_init(struct kunit *test)
{
	int err, i;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		KUNIT_EXPECT_EQ(test, kspan_tap_enable(TAP, 1), -EOPNOTSUPP);
		kunit_skip(test, "the tap is refused on PREEMPT_RT");
	}
	err = kspan_tap_enable(TAP, 1);
	if (err)
		return err;
	kspan_profile_reset(TAP->profile);
	for (i = 0; i < KSPAN_NR_TAP_COUNTERS; i++)
		tap_counted_before[i] = kspan_tap_counter(TAP, i);
	return 0;
}

/* What the tap has counted in this test. */
static unsigned long counted(enum kspan_tap_counter id)
{
	return kspan_tap_counter(TAP, id) - tap_counted_before[id];
}

static struct tap_counts counts_of(struct kunit *test, void *fn)
{
	return tap_counts(test, TAP, fn);
}
#endif

#endif /* _KSPAN_KUNIT_TAP_HELPERS_H */
