// SPDX-License-Identifier: GPL-2.0
/*
 * All spans that there are, for those who read: what a node knows of its spans is copied in many
 * short holds of its list lock, and looked at after them. Each line is true of one moment; a
 * span that is there all the time is told of once, whatever becomes of the others.
 *
 * Locks: kspan_cache_mutex, which makes it one walk at a time, and under it the list lock of one
 * node after the other. Process context.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/sched.h>

#include "base/compat.h"
#include "base/hooks.h"
#include "base/lock.h"
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/span.h"
#include "heap/span_list.h"

/* So many are copied in one hold of a node's lock. */
#define LINES_AT_ONCE	32

/* The next few from where the walk is; how many, 0 at the end. */
static unsigned int walk_spans(struct kspan_node *node, struct kspan_span_line *lines,
			       unsigned int room)
	kspan_must_hold(&node->lock)
{
	struct kspan_span *span;
	unsigned int n;

	lockdep_assert_held(&node->lock);
	for (n = 0; n < room && node->walk != &node->all; n++) {
		span = &list_entry(node->walk, struct kspan_span_own, all)->span;
		node->walk = node->walk->next;
		lines[n] = (struct kspan_span_line) {
			.base = span->base, .nid = span->nid, .pages = span->nr_pages,
			.objs = span->nr_objs, .free = kspan_span_own(span)->nr_free,
		};
	}
	return n;
}

/*
 * Tells of the spans of @node that there are, up to @room, each as it is when the walk comes by,
 * and with the lock held for a few at a time. How many. A function of its own, for probes.
 */
static noinline unsigned long kspan_node_walk(struct kspan_node *node,
					      struct kspan_span_line *lines, unsigned long room)
{
	unsigned long flags, done = 0;
	unsigned int n;

	kspan_lock(&node->lock, flags);
	node->walk = node->all.next;
	kspan_unlock(&node->lock, flags);
	do {
		kspan_lock(&node->lock, flags);
		n = walk_spans(node, lines + done,
			       min_t(unsigned long, room - done, LINES_AT_ONCE));
		if (!n)
			node->walk = NULL;
		kspan_unlock(&node->lock, flags);
		kspan_test_point(KSPAN_AT_WALK);
		done += n;
		cond_resched();
	} while (n);
	return done;
}

static int walk_node(struct kspan_cache *cache, struct kspan_node *node,
		     kspan_span_fn fn, void *arg)
{
	unsigned long room = READ_ONCE(node->nr_spans), n, i;
	struct kspan_span_line *lines;

	if (!room)
		return 0;
	/* Spans that come while this is allocated are left out. */
	lines = kvmalloc_array(room, sizeof(*lines), GFP_KERNEL);
	if (!lines)
		return -ENOMEM;
	n = kspan_node_walk(node, lines, room);
	for (i = 0; i < n; i++) {
		fn(cache, &lines[i], arg);
		cond_resched();
	}
	kvfree(lines);
	return 0;
}

int kspan_spans_walk(kspan_span_fn fn, void *arg)
{
	struct kspan_cache *cache;
	int err = 0, nid;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		for_each_node(nid)
			err = err ?: walk_node(cache, kspan_cache_node(cache, nid), fn, arg);
	mutex_unlock(&kspan_cache_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_spans_walk);
