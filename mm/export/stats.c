// SPDX-License-Identifier: GPL-2.0
/*
 * The stats file: one "name value" line for each counter, those of the heap's profile among them,
 * then the gauges that other files keep. Process context; takes kspan_cache_mutex for what caches
 * know.
 */
#include "base/buf.h"
#include "base/compat.h"
#include "export/stats.h"
#include "heap/heap.h"
#include "special/special.h"

#define KSPAN_COUNTER_NAME(id, name) [id] = name,
static const char *const counter_names[] = { KSPAN_COUNTERS(KSPAN_COUNTER_NAME) };
#undef KSPAN_COUNTER_NAME
static_assert(ARRAY_SIZE(counter_names) == KSPAN_NR_COUNTERS);

/*
 * The sum over all CPUs; exact once nobody counts any more. Process context. The fast paths
 * count nothing: allocations from a CPU's array are known from its budget, and what was
 * allocated and is not in use has been freed.
 */
unsigned long kspan_counter_sum(enum kspan_counter id)
{
	unsigned long sum, allocs, in_use;

	if (id != KSPAN_ALLOCS && id != KSPAN_FREES)
		return kspan_counter_cpus(id);
	kspan_cache_totals(&allocs, &in_use);
	sum = allocs + kspan_counter_cpus(KSPAN_ALLOCS);
	return id == KSPAN_ALLOCS ? sum : sum - in_use;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_counter_sum);

/* The profile's counters come before this one. */
#define KSPAN_PROFILE_BEFORE	KSPAN_FINALIZERS_RUN

void kspan_stats_show(struct kspan_buf *buf)
{
	size_t spans = kspan_span_bytes(), map = kspan_pagemap_bytes();
	size_t specials = kspan_special_bytes();
	size_t buckets = kspan_profile_bytes(&kspan_heap_profile);
	size_t symbols = kspan_symbol_bytes(), guard = kspan_fence_bytes();
	int i;

	kspan_hold_look_at_all();
	for (i = 0; i < KSPAN_NR_COUNTERS; i++) {
		if (i == KSPAN_PROFILE_BEFORE)
			kspan_profile_show_counters(&kspan_heap_profile, buf);
		kspan_buf_printf(buf, "%s %lu\n", counter_names[i], kspan_counter_sum(i));
	}

	kspan_buf_printf(buf, "pages %lu\n", kspan_span_pages());
	kspan_buf_printf(buf, "buckets %lu\n", kspan_profile_buckets(&kspan_heap_profile));
	kspan_buf_printf(buf, "specials %lu\n", kspan_special_count());
	kspan_buf_printf(buf, "span_bytes %zu\n", spans);
	kspan_buf_printf(buf, "pagemap_bytes %zu\n", map);
	kspan_buf_printf(buf, "special_bytes %zu\n", specials);
	kspan_buf_printf(buf, "bucket_bytes %zu\n", buckets);
	kspan_buf_printf(buf, "symbol_bytes %zu\n", symbols);
	kspan_buf_printf(buf, "guard_bytes %zu\n", guard);
	kspan_buf_printf(buf, "metadata_bytes %zu\n",
			 spans + map + specials + buckets + symbols + guard);
}
