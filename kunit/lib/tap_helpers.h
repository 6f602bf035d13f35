/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of the taps share: what a tap says of one function. */
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

#endif /* _KSPAN_KUNIT_TAP_HELPERS_H */
