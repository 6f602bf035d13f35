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

#include "base/buf.h"
#include "base/compat.h"
#include "heap/cache.h"
#include "heap/span.h"
#include "heap/span_list.h"

static int walk_node(struct kspan_cache *cache, struct kspan_node *node,
		     kspan_span_fn fn, void *arg)
{
	unsigned long room = kspan_peek(node->nr_spans), n, i;
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
			err = err ?: walk_node(cache, cache->node[nid], fn, arg);
	mutex_unlock(&kspan_cache_mutex);
	return err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_spans_walk);

static void show_span(const struct kspan_cache *cache, const struct kspan_span_line *line,
		      void *buf)
{
	kspan_buf_printf(buf, "%px %s node %d pages %u objects %u free %u\n", line->base,
			 kspan_cache_name(cache), line->nid, line->pages, line->objs, line->free);
}

/* The spans file: one line for each span, with the objects that are not handed out. */
void kspan_spans_show(struct kspan_buf *buf)
{
	int err = kspan_spans_walk(show_span, buf);

	if (err)
		buf->err = err;
}
