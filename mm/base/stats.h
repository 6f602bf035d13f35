/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of events, one of each for every CPU, summed when read. A profile has its own.
 */
#ifndef _KSPAN_STATS_H
#define _KSPAN_STATS_H

#include <linux/percpu.h>

/* X(enumerator, name in the stats file) */
#define KSPAN_COUNTERS(X) \
	X(KSPAN_ALLOCS,			"allocations") \
	X(KSPAN_FREES,			"frees") \
	X(KSPAN_ALLOC_FAILURES,		"allocation_failures") \
	X(KSPAN_NMI_REFUSED,		"nmi_refused") \
	X(KSPAN_NESTED_REFUSED,		"nested_refused") \
	X(KSPAN_NESTED_FREES,		"nested_frees") \
	X(KSPAN_REFILLS,		"refills") \
	X(KSPAN_FLUSHES,		"flushes") \
	X(KSPAN_SPANS_CREATED,		"spans_created") \
	X(KSPAN_SPANS_FREED,		"spans_freed") \
	X(KSPAN_FINALIZERS_RUN,		"finalizers_run") \
	X(KSPAN_CLEANUPS_RUN,		"cleanups_run") \
	X(KSPAN_RCU_FREES,		"rcu_frees") \
	X(KSPAN_INVALID_FREES,		"invalid_frees") \
	X(KSPAN_DOUBLE_FREES,		"double_frees") \
	X(KSPAN_WRONG_CACHE_FREES,	"wrong_cache_frees") \
	X(KSPAN_CORE_FREES,		"core_frees") \
	X(KSPAN_CORE_FREES_LOST,	"core_frees_lost") \
	X(KSPAN_CACHES_LEFT,		"caches_left_in_use") \
	X(KSPAN_CORRUPTIONS,		"corruptions") \
	X(KSPAN_GUARDED,		"guarded") \
	X(KSPAN_GUARD_FULL,		"guard_full") \
	X(KSPAN_GUARD_FAULTS,		"guard_faults")

#define KSPAN_COUNTER_ENUM(id, name) id,
enum kspan_counter {
	KSPAN_COUNTERS(KSPAN_COUNTER_ENUM)
	KSPAN_NR_COUNTERS
};

#undef KSPAN_COUNTER_ENUM

struct kspan_counters {
	unsigned long v[KSPAN_NR_COUNTERS];
};

DECLARE_PER_CPU(struct kspan_counters, kspan_counters);

/* An enumerator is an int: only where it is passed on does the compiler look whose it is. */
static __always_inline enum kspan_counter kspan_counter_id(enum kspan_counter id)
{
	return id;
}

#define kspan_count(id)		this_cpu_inc(kspan_counters.v[kspan_counter_id(id)])
#define kspan_count_n(id, n)	this_cpu_add(kspan_counters.v[kspan_counter_id(id)], n)

/* What all CPUs have counted; exact once nobody counts any more. Process context. */
unsigned long kspan_counter_cpus(enum kspan_counter id);

#endif /* _KSPAN_STATS_H */
