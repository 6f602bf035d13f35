/* SPDX-License-Identifier: GPL-2.0 */
/* The tables of the heap. Process context; take kspan_cache_mutex. */
#ifndef _KSPAN_TABLES_H
#define _KSPAN_TABLES_H

#include "base/lock.h"

struct kspan_buf;

/* One line for each cache. */
void kspan_caches_show(struct kspan_buf *buf) kspan_no_lock;
/* One line for each span, with the objects that are not handed out. */
void kspan_spans_show(struct kspan_buf *buf) kspan_no_lock;

#endif /* _KSPAN_TABLES_H */
