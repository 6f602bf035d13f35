// SPDX-License-Identifier: GPL-2.0
/*
 * Which stacks hold spans that are mostly free: an object that stays where its neighbours have
 * gone keeps all their memory.
 *
 * Each object in such a span, of which less than half is handed out, is charged with an equal
 * share of what is free there; and as a sample stands for as many objects as its weight says, its
 * stack is charged with that many shares. So the sum is an estimate of all that is free in such
 * spans, without a look at any object that is no sample.
 *
 * A bucket is known by the address of its frames, which the snapshot keeps from being another's.
 * Nothing is counted, allocated or looked up under the span's lock.
 *
 * Locks: a span's special_lock, alone, under RCU, which keeps the span's header. Process context.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>

#include "bucket.h"
#include "compat.h"
#include "encode.h"
#include "encode_table.h"
#include "lock.h"
#include "pagemap.h"
#include "snapshot.h"
#include "span.h"
#include "span_list.h"
#include "special.h"

/* Of objects of 8 bytes. */
#define OBJECTS_MOST	(KSPAN_MAX_SPAN_PAGES * PAGE_SIZE / 8)
#define SHARE_SHIFT	16

struct sampled {
	const unsigned long *frames;
	u64 weight;
};

struct walk {
	const struct kspan_snapshot *snap;
	struct kspan_table rows;	/* frames -> row, from 1 */
	struct kspan_sparse *sparse;	/* of each row, in weights */
	struct sampled *found;		/* room for those of one span */
	int err;
};

/* The samples in @span; how many. */
static unsigned int collect(struct kspan_span *span, struct sampled *found)
{
	struct rb_node *node;
	unsigned int n = 0;

	lockdep_assert_held(&span->special_lock);
	for (node = rb_first(&span->specials); node; node = rb_next(node)) {
		struct kspan_special *special = rb_entry(node, struct kspan_special, node);

		if (special->kind == KSPAN_SPECIAL_PROFILE && n < OBJECTS_MOST)
			found[n++] = (struct sampled) {
				.frames = special->profile.bucket->frames,
				.weight = special->profile.weight,
			};
	}
	return n;
}

/* Objects that are handed out; those in the CPUs' arrays are not. */
static unsigned int count_used(const struct kspan_span *span)
{
	unsigned int used = 0, i;

	for (i = 0; i < span->nr_objs; i++)
		used += READ_ONCE(span->state[i]) > KSPAN_STATE_CACHED;
	return used;
}

static void charge(struct walk *walk, const struct sampled *sampled, u64 bytes, u64 spans)
{
	u32 row = kspan_table_number(&walk->rows, sampled->frames, 0);

	if (!row)
		walk->err = -ENOMEM;
	/* Buckets that came after the snapshot have numbers of their own. */
	if (!row || row > walk->snap->nr_rows)
		return;
	walk->sparse[row - 1].bytes += mul_u64_u64_shr(sampled->weight, bytes, SHARE_SHIFT);
	walk->sparse[row - 1].spans += mul_u64_u64_shr(sampled->weight, spans, SHARE_SHIFT);
}

static void add_span(const struct kspan_cache *cache, const struct kspan_span_line *line, void *arg)
{
	unsigned int used = 0, objs = line->objs, n = 0, i;
	struct walk *walk = arg;
	struct kspan_span *span;
	unsigned long flags;
	u64 bytes = 0;

	if (objs < 2)
		return;
	rcu_read_lock();
	span = kspan_pagemap_find(line->base);
	if (span && span->base == line->base && span->nr_objs == objs) {
		used = count_used(span);
		bytes = (u64)(objs - used) * span->slot_size;
	}
	if (used && used * 2 < objs) {
		kspan_lock(&span->special_lock, flags);
		n = collect(span, walk->found);
		kspan_unlock(&span->special_lock, flags);
	}
	rcu_read_unlock();
	for (i = 0; i < n; i++)
		charge(walk, &walk->found[i], div_u64(bytes << SHARE_SHIFT, used),
		       div_u64(1ULL << SHARE_SHIFT, used));
}

static u64 whole(u64 weight)
{
	return (weight + KSPAN_WEIGHT_ONE / 2) >> KSPAN_WEIGHT_SHIFT;
}

/* The rows by their frames, and their charges. */
static int walk_spans(struct walk *walk)
{
	size_t i;
	int err;

	for (i = 0; i < walk->snap->nr_rows; i++)
		if (!kspan_table_number(&walk->rows, walk->snap->rows[i].addrs, 0))
			return -ENOMEM;
	err = kspan_spans_walk(add_span, walk) ?: walk->err;
	for (i = 0; i < walk->snap->nr_rows; i++) {
		walk->sparse[i].bytes = whole(walk->sparse[i].bytes);
		walk->sparse[i].spans = whole(walk->sparse[i].spans);
	}
	return err;
}

/**
 * kspan_fragmentation() - find what stacks keep of memory that is free
 * @snap: a snapshot of the allocator's heap
 * @sparse: for each of its rows, all zero
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_fragmentation(const struct kspan_snapshot *snap, struct kspan_sparse *sparse)
{
	struct walk walk = { .snap = snap, .sparse = sparse };
	int err = -ENOMEM;

	walk.found = kvmalloc_array(OBJECTS_MOST, sizeof(*walk.found), GFP_KERNEL);
	if (walk.found)
		err = walk_spans(&walk);
	kspan_table_free(&walk.rows);
	kvfree(walk.found);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_fragmentation);

/**
 * kspan_encode_fragments() - write which stacks keep memory that is free
 * @snap: a snapshot of the allocator's heap
 * @buf: where to; appended
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_fragments(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	struct kspan_sparse *sparse;
	int err = -ENOMEM;

	sparse = kvcalloc(max_t(size_t, snap->nr_rows, 1), sizeof(*sparse), GFP_KERNEL);
	if (sparse)
		err = kspan_fragmentation(snap, sparse) ?: kspan_encode_sparse(snap, sparse, buf);
	kvfree(sparse);
	return err;
}
