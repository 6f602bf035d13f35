// SPDX-License-Identifier: GPL-2.0
/*
 * The files of debugfs about caches and spans.
 *
 * Locks: kspan_cache_mutex, and what the heap takes inside it for a look. Process context.
 */
#include <linux/mm.h>
#include <linux/mutex.h>

#include "base/buf.h"
#include "export/tables.h"
#include "heap/heap.h"

static void show_cache(struct kspan_buf *buf, struct kspan_cache *cache)
{
	struct kspan_cache_line line;
	unsigned long bytes;

	kspan_cache_look(cache, &line);
	/*
	 * Waste is what no caller has asked for: free objects, rounding and tails. What lies in
	 * no pages of kspan's has none.
	 */
	bytes = cache->slot_size ? line.pages * PAGE_SIZE : 0;
	kspan_buf_printf(buf, "%-24s %8u %8u %10lu %10lu %8lu %8lu %12lu\n",
			 kspan_cache_name(cache), cache->object_size, cache->slot_size, line.used,
			 line.objs, line.spans, line.pages,
			 bytes - min(bytes, line.used * cache->object_size));
}

void kspan_caches_show(struct kspan_buf *buf)
{
	struct kspan_cache *cache;

	kspan_buf_printf(buf, "%-24s %8s %8s %10s %10s %8s %8s %12s\n", "# name", "object", "slot",
			 "in_use", "objects", "spans", "pages", "waste_bytes");
	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		show_cache(buf, cache);
	mutex_unlock(&kspan_cache_mutex);
}

static void show_span(const struct kspan_cache *cache, const struct kspan_span_line *line,
		      void *buf)
{
	kspan_buf_printf(buf, "%px %s node %d pages %u objects %u free %u\n", line->base,
			 kspan_cache_name(cache), line->nid, line->pages, line->objs, line->free);
}

void kspan_spans_show(struct kspan_buf *buf)
{
	int err = kspan_spans_walk(show_span, buf);

	if (err)
		buf->err = err;
}
