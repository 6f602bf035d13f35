// SPDX-License-Identifier: GPL-2.0
/*
 * All spans that there are, for those who read: what a node knows of its spans is copied under
 * its list lock, and looked at after it.
 *
 * Locks: kspan_cache_mutex, and under it the list lock of one node after the other. Process
 * context.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/sched.h>

#include "cache.h"
#include "encode.h"
#include "lock.h"
#include "span.h"
#include "span_list.h"

/* Copies up to @room of a node's spans. */
static void copy_lists(struct kspan_node *node, struct kspan_span_line *lines, unsigned long room)
{
	struct list_head *const lists[] = { &node->full, &node->partial, &node->empty };
	struct kspan_span *span;
	unsigned long n = 0;
	int i;

	lockdep_assert_held(&node->lock);
	for (i = 0; i < ARRAY_SIZE(lists) && room; i++) {
		list_for_each_entry(span, lists[i], list) {
			if (n == room)
				break;
			lines[n++] = (struct kspan_span_line) {
				.base = span->base, .nid = span->nid, .pages = span->nr_pages,
				.objs = span->nr_objs, .free = span->nr_free,
			};
		}
	}
}

/* As copy_lists(); how many spans there are, which may be more than @room. */
static unsigned long copy_spans(struct kspan_node *node, struct kspan_span_line *lines,
				unsigned long room)
{
	unsigned long flags, n;

	kspan_lock(&node->lock, flags);
	copy_lists(node, lines, room);
	n = node->nr_spans;
	kspan_unlock(&node->lock, flags);
	return n;
}

static int walk_node(struct kspan_cache *cache, struct kspan_node *node,
		     kspan_span_fn fn, void *arg)
{
	unsigned long room = copy_spans(node, NULL, 0), n, i;
	struct kspan_span_line *lines;

	if (!room)
		return 0;
	/* Spans that come while this is allocated are left out. */
	lines = kvmalloc_array(room, sizeof(*lines), GFP_KERNEL);
	if (!lines)
		return -ENOMEM;
	n = min(copy_spans(node, lines, room), room);
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
