/* SPDX-License-Identifier: GPL-2.0 */
/* The stats file. */
#ifndef _KSPAN_EXPORT_STATS_H
#define _KSPAN_EXPORT_STATS_H

#include "base/stats.h"

struct kspan_buf;

/* As the stats file has it. Process context; takes kspan_cache_mutex. */
unsigned long kspan_counter_sum(enum kspan_counter id);
void kspan_stats_show(struct kspan_buf *buf);

#endif /* _KSPAN_EXPORT_STATS_H */
