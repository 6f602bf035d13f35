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
#include "heap/cache.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/span.h"
#include "heap/span_list.h"

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
