/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites of the taps share: what a tap says of one function. */
#ifndef _KSPAN_KUNIT_TAP_HELPERS_H
#define _KSPAN_KUNIT_TAP_HELPERS_H

#include <kunit/test.h>
#include <linux/err.h>

#include "../mm/snapshot.h"
#include "../mm/tap.h"

struct counts {
	u64 allocs, live, bytes;
	const char *label;	/* of the last row; valid until the tap is reset */
};

/* The sums over the stacks that begin in the function @fn. */
static inline struct counts tap_counts(struct kunit *test, struct kspan_tap *tap, void *fn)
{
	struct kspan_snapshot *snap = kspan_snapshot_take(&tap->heap);
	struct counts sum = {};
	size_t i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (!row->nr_frames || row->symbols[0]->start != (unsigned long)fn)
			continue;
		sum.allocs += row->alloc_objects;
		sum.live += row->inuse_objects;
		sum.bytes += row->inuse_bytes;
		sum.label = row->label;
	}
	kspan_snapshot_free(snap);
	return sum;
}

#endif /* _KSPAN_KUNIT_TAP_HELPERS_H */
