// SPDX-License-Identifier: GPL-2.0
/*
 * Which samples keep spans that are mostly free: an object that stays where its neighbours have
 * gone keeps the pages of them all.
 *
 * What is free in a span of which less than half is handed out is shared out among the objects that
 * are, in equal parts; and as a sample stands for as many objects as its weight says, it is charged
 * with as many parts. So the sum of all charges is an estimate of what is free in such spans, of
 * those too in which no object is a sample, and no object that is none is looked for.
 *
 * Spans come and go during the walk. Each is found anew, by its address, and then RCU keeps its
 * header, and the buckets of the samples in it.
 *
 * Locks: kspan_cache_mutex, as each walk over spans, inside the mutex of the profile's table; and
 * under it that of a span's records, for a few of them at a time. What the profile is told of these
 * it is told after that: tracing never runs under a span's lock. Process context.
 */
#include <linux/rcupdate.h>

#include "base/compat.h"
#include "heap/fragment.h"
#include "heap/pagemap.h"
#include "heap/span.h"
#include "heap/span_list.h"
#include "special/special.h"

/* So many are copied in one hold of the lock, on the stack. */
#define SAMPLES_AT_ONCE	16

/* Objects that somebody owns: those that are ready in CPUs' arrays and depots are free. */
static unsigned int count_used(const struct kspan_span *span)
{
	unsigned int used = 0, i;

	for (i = 0; i < span->nr_objs; i++)
		used += kspan_state_in_use(READ_ONCE(span->state[i]));
	return used;
}

static void share_out(struct kspan_shares *shares, struct kspan_span *span)
	kspan_must_rcu
{
	struct kspan_sampled samples[SAMPLES_AT_ONCE];
	unsigned int used = count_used(span), n, i;
	u32 offset = 0;

	if (!used || used >= span->nr_objs - used)
		return;
	do {
		n = kspan_special_samples(&span->specials, &offset, samples, SAMPLES_AT_ONCE);
		for (i = 0; i < n; i++)
			if (samples[i].bucket)
				kspan_shares_add(shares, samples[i].bucket, samples[i].weight,
						 span->nr_objs - used, used);
	} while (n);
}

static void look_at_span(const struct kspan_cache *cache, const struct kspan_span_line *line,
			 void *shares)
{
	struct kspan_span *span;

	if (line->objs < 2)
		return;
	rcu_read_lock();
	span = kspan_pagemap_find_rcu(line->base);
	if (span && span->base == line->base && !kspan_special_set_empty(&span->specials))
		share_out(shares, span);
	rcu_read_unlock();
}

int kspan_fragment_walk(struct kspan_shares *shares)
{
	return kspan_spans_walk(look_at_span, shares);
}
