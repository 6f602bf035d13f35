// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of live samples before they are freed: a block of pages is split, and its parts are
 * freed one by one; or its content moves to other pages.
 *
 * The weight of a sample is shared out among its parts, each with a record of its own in the same
 * bucket: nothing is allocated anew, and what is in use stays what it was, to the byte. A part for
 * which there is no record counts as free, and as a sample that was dropped.
 *
 * Locks: as in tap.c, one at a time.
 */
#include <linux/math64.h>
#include <linux/preempt.h>

#include "base/compat.h"
#include "tap/handler.h"
#include "tap/live.h"
#include "tap/pool.h"

/* A record of @weight of what @live is a record of, and which lies at @addr. False: no memory. */
static bool add_part(struct kspan_tap *tap, const struct kspan_live *live, unsigned long addr,
		     size_t size, u64 weight, gfp_t gfp)
	kspan_must_stay
{
	struct kspan_live *part = kspan_pool_get(&tap->pool, gfp);

	if (!part)
		return false;
	part->addr = addr;
	part->size = size;
	part->bucket = live->bucket;
	part->weight = weight;
	part->born = live->born;
	kspan_tap_hang_up(tap, part, KSPAN_TAP_MISSED_FREES);
	return true;
}

/* The first part keeps the record, and what does not divide. */
static void split(struct kspan_tap *tap, struct kspan_live *live, unsigned long stride,
		  size_t size, gfp_t gfp)
	kspan_must_stay
{
	unsigned long nr = live->size / size, i;
	u64 weight = div64_ul(live->weight, nr), lost = 0;

	for (i = 1; i < nr; i++) {
		if (add_part(tap, live, live->addr + i * stride, size, weight, gfp))
			continue;
		lost += weight;
		kspan_profile_count(tap->profile, KSPAN_SAMPLES_DROPPED);
	}
	if (lost)
		kspan_bucket_free(live->bucket, lost);
	live->weight -= weight * (nr - 1);
	live->size = size;
}

void kspan_tap_known_split(struct kspan_tap *tap, unsigned long addr, unsigned long stride,
			   size_t size, gfp_t gfp)
{
	struct kspan_live *live;
	u8 was;

	preempt_disable_notrace();
	if (!kspan_tap_begin(&was)) {
		kspan_tap_count(tap, KSPAN_TAP_NESTED);
	} else {
		live = kspan_live_take(&tap->live, addr, U64_MAX);
		if (live) {
			if (live->size > size)
				split(tap, live, stride, size, gfp);
			kspan_tap_hang_up(tap, live, KSPAN_TAP_MISSED_FREES);
		}
		kspan_tap_end(was);
	}
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_split);

void kspan_tap_known_moved(struct kspan_tap *tap, unsigned long from, unsigned long to)
{
	struct kspan_live *live;
	u8 was;

	preempt_disable_notrace();
	if (!kspan_tap_begin(&was)) {
		kspan_tap_count(tap, KSPAN_TAP_NESTED);
	} else {
		/* Whoever moves things has taken memory for it, which may be a sample too. */
		live = kspan_live_take(&tap->live, to, U64_MAX);
		if (live) {
			kspan_tap_count(tap, KSPAN_TAP_FREES);
			kspan_tap_release(tap, live, KSPAN_TAP_NEVER);
		}
		live = kspan_live_take(&tap->live, from, U64_MAX);
		if (live) {
			live->addr = to;
			kspan_tap_hang_up(tap, live, KSPAN_TAP_FREES);
		}
		kspan_tap_end(was);
	}
	preempt_enable_notrace();
}
EXPORT_SYMBOL_FOR_TESTS(kspan_tap_known_moved);
