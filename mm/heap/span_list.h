/* SPDX-License-Identifier: GPL-2.0 */
/* All spans that there are, for those who read. */
#ifndef _KSPAN_SPAN_LIST_H
#define _KSPAN_SPAN_LIST_H

#include <linux/types.h>

#include "base/lock.h"

struct kspan_cache;

/* A span as it was a moment ago: it may be gone. */
struct kspan_span_line {
	void *base;
	int nid;
	u32 pages, objs, free;
};

typedef void (*kspan_span_fn)(const struct kspan_cache *cache,
			      const struct kspan_span_line *line, void *arg);

/* Process context. 0, or -ENOMEM with some spans left out. */
int kspan_spans_walk(kspan_span_fn fn, void *arg)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex);

#endif /* _KSPAN_SPAN_LIST_H */
