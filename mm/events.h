/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: every allocation, free and sample, for ftrace, perf and bpftrace. While nobody
 * listens each is a no-op in the instruction stream.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kspan

#if !defined(_KSPAN_EVENTS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KSPAN_EVENTS_H

#include <linux/tracepoint.h>
#include <trace/events/mmflags.h>

#include "base/compat.h"
#include "heap/heap.h"

/* Take the fast paths out of the way while somebody listens. */
int kspan_trace_alloc_on(void);
void kspan_trace_alloc_off(void);
int kspan_trace_free_on(void);
void kspan_trace_free_off(void);

/* Whoever listens may allocate: what happens in there is no event, or there would be no end. */
bool kspan_trace_enter(void)
	kspan_no_lock
	kspan_context(try_acquire_shared_capability(1, &kspan_this_cpu, &kspan_any_rcu));
void kspan_trace_leave(void)
	kspan_context(release_shared_capability(&kspan_this_cpu, &kspan_any_rcu));

#define kspan_trace(event, ...)							\
	do {									\
		if (trace_##event##_enabled() && kspan_trace_enter()) {		\
			trace_##event(__VA_ARGS__);				\
			kspan_trace_leave();					\
		}								\
	} while (0)

TRACE_EVENT_FN(kspan_alloc,

	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_req, size_t bytes_alloc,
		 gfp_t gfp_flags, const struct kspan_cache *cache),

	TP_ARGS(call_site, ptr, bytes_req, bytes_alloc, gfp_flags, cache),

	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_req)
		__field(size_t, bytes_alloc)
		__field(unsigned long, gfp_flags)
		__string(cache, kspan_cache_name(cache))
	),

	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_req = bytes_req;
		__entry->bytes_alloc = bytes_alloc;
		__entry->gfp_flags = (__force unsigned long)gfp_flags;
		kspan_assign_str(cache, kspan_cache_name(cache));
	),

	TP_printk("call_site=%pS ptr=%p bytes_req=%zu bytes_alloc=%zu gfp_flags=%s cache=%s",
		  (void *)__entry->call_site, __entry->ptr, __entry->bytes_req,
		  __entry->bytes_alloc, show_gfp_flags(__entry->gfp_flags), __get_str(cache)),

	kspan_trace_alloc_on, kspan_trace_alloc_off
);

TRACE_EVENT_FN(kspan_free,

	TP_PROTO(unsigned long call_site, const void *ptr, size_t bytes_alloc,
		 const struct kspan_cache *cache),

	TP_ARGS(call_site, ptr, bytes_alloc, cache),

	TP_STRUCT__entry(
		__field(unsigned long, call_site)
		__field(const void *, ptr)
		__field(size_t, bytes_alloc)
		__string(cache, kspan_cache_name(cache))
	),

	TP_fast_assign(
		__entry->call_site = call_site;
		__entry->ptr = ptr;
		__entry->bytes_alloc = bytes_alloc;
		kspan_assign_str(cache, kspan_cache_name(cache));
	),

	TP_printk("call_site=%pS ptr=%p bytes_alloc=%zu cache=%s", (void *)__entry->call_site,
		  __entry->ptr, __entry->bytes_alloc, __get_str(cache)),

	kspan_trace_free_on, kspan_trace_free_off
);

TRACE_EVENT(kspan_sample,

	TP_PROTO(const void *ptr, size_t bytes_alloc, u64 weight, const struct kspan_cache *cache),

	TP_ARGS(ptr, bytes_alloc, weight, cache),

	TP_STRUCT__entry(
		__field(const void *, ptr)
		__field(size_t, bytes_alloc)
		__field(u64, objects)
		__string(cache, kspan_cache_name(cache))
	),

	TP_fast_assign(
		__entry->ptr = ptr;
		__entry->bytes_alloc = bytes_alloc;
		__entry->objects = weight >> KSPAN_WEIGHT_SHIFT;
		kspan_assign_str(cache, kspan_cache_name(cache));
	),

	TP_printk("ptr=%p bytes_alloc=%zu objects=%llu cache=%s", __entry->ptr,
		  __entry->bytes_alloc, __entry->objects, __get_str(cache))
);

#endif /* _KSPAN_EVENTS_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE events
#include <trace/define_trace.h>
