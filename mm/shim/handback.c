// SPDX-License-Identifier: GPL-2.0
/*
 * Handing back. A driver may have memory from kspan that the kernel itself frees: a fence, the
 * buffer of an URB, platform data. The kernel's kfree() knows no pages of kspan's, takes them for
 * a large object, and calls free_large_kmalloc(). Calls of that function, and of the few others
 * which ask how large an object is, are rerouted when they are about kspan's memory, and do what
 * kspan's own functions do. So does kfree_bulk(), and kfree_rcu() with it: both come by there.
 * What is no object of kspan's pays for the probe only when it is large.
 *
 * It works, but the driver does not know: each is counted, and the first one from a place is
 * reported. Where the function cannot be probed, kfree()'s tracepoint tells of what it is about to
 * do, which is reported with the caller; heap/hold.c has seen to it that a leak is all.
 *
 * Takes no lock. The stand-ins are called in the context of those functions' callers.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/instruction_pointer.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/stringify.h>
#include <linux/tracepoint.h>
#include <trace/events/kmem.h>

#include <kspan/kspan.h>

#include "api/api.h"
#include "base/compat.h"
#include "base/hooks.h"
#include "base/report.h"
#include "heap/heap.h"
#include "shim/shim.h"
#include "shim/reroute.h"

/* ---- What is said of it -------------------------------------------------------------- */

/* Of each place the caller's address and the cache, mixed. Filled from the front. */
static unsigned long places[64] kspan_marked;

static bool is_new(unsigned long place)
{
	unsigned long old;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		old = READ_ONCE(places[i]);
		if (!old)
			old = cmpxchg(&places[i], 0, place);
		if (!old)
			return true;
		if (old == place)
			return false;
	}
	return false;
}

/* The kernel frees @obj. What is not allocated is reported as a bad free instead. */
static void note(const void *obj, unsigned long ip)
{
	const struct kspan_span *span = kspan_free_find(obj);

	if (!span)
		return;
	if (is_new(ip ^ (unsigned long)span->cache))
		kspan_report(KSPAN_CORE_FREES, obj,
			     "kfree() by the kernel itself of an object of cache %s, handed back",
			     kspan_cache_name(span->cache));
	else
		kspan_count(KSPAN_CORE_FREES);
}

/* ---- Stand-ins ----------------------------------------------------------------------- */

static void free_large_kmalloc_here(void *page, void *obj)
{
	int idx = kspan_reroute_enter();

	note(obj, _RET_IP_);
	kspan_free(obj);
	kspan_reroute_leave(idx);
}

static void kfree_sensitive_here(const void *obj)
{
	int idx = kspan_reroute_enter();

	note(obj, _RET_IP_);
	kspan_free_sensitive(obj);
	kspan_reroute_leave(idx);
}

static void *krealloc_here(KSPAN_KREALLOC_PARAMS)
{
	int idx = kspan_reroute_enter();
	void *resized = kspan_realloc(obj, size, gfp);

	kspan_reroute_leave(idx);
	return resized;
}

static size_t ksize_here(const void *obj)
{
	int idx = kspan_reroute_enter();
	size_t size = kspan_size(obj);

	kspan_reroute_leave(idx);
	return size;
}

/* ---- Routes -------------------------------------------------------------------------- */

static bool is_ours(unsigned long addr)
{
	return kspan_in_span((void *)addr) && !kspan_test_point(KSPAN_FAIL_HANDBACK);
}

static void *pick_free(struct pt_regs *regs)
{
	return is_ours(kspan_reroute_arg(regs, 1)) ? free_large_kmalloc_here : NULL;
}

static void *pick_sensitive(struct pt_regs *regs)
{
	return is_ours(kspan_reroute_arg(regs, 0)) ? kfree_sensitive_here : NULL;
}

static void *pick_realloc(struct pt_regs *regs)
{
	return is_ours(kspan_reroute_arg(regs, 0)) ? krealloc_here : NULL;
}

static void *pick_size(struct pt_regs *regs)
{
	return is_ours(kspan_reroute_arg(regs, 0)) ? ksize_here : NULL;
}

static struct kspan_reroute routes[] = {
	{ .name = "free_large_kmalloc", .pick = pick_free },
	{ .name = "kfree_sensitive", .pick = pick_sensitive },
	{ .name = __stringify(KSPAN_KREALLOC), .pick = pick_realloc },
	{ .name = "ksize", .pick = pick_size },
};

bool kspan_handback_works(void)
{
	return routes[0].on;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_handback_works);

/* ---- Where there are none ------------------------------------------------------------ */

static bool hears_kfree;

/* Called at the beginning of every kfree(), by @ip. */
static void before_kfree(void *unused, unsigned long ip, const void *obj)
{
	struct kspan_span *span;

	if (likely(!kspan_in_span(obj)))
		return;
	rcu_read_lock();
	span = kspan_pagemap_find(obj);
	/* An object of the kernel's slab is freed as it should be. */
	if (!span || !test_bit(KSPAN_SPAN_BYPASSED, &span->flags)) {
		kspan_hold_expect(obj);
		kspan_report(KSPAN_CORE_FREES_LOST, obj,
			     "kfree() by the kernel itself in %ps of an object of cache %s: a leak",
			     (void *)ip, span ? kspan_cache_name(span->cache) : "none");
	}
	rcu_read_unlock();
}

static void listen(void)
{
	hears_kfree = !register_trace_kfree(before_kfree, NULL);
}

int kspan_handback_init(bool on)
{
	unsigned int i;
	int err;

	for (i = 0; on && i < ARRAY_SIZE(routes); i++) {
		err = kspan_reroute_start(&routes[i]);
		if (err)
			pr_notice("the kernel's %s() of kspan's memory cannot be handed back: error %d\n",
				  routes[i].name, err);
	}
	if (!kspan_handback_works())
		listen();
	return 0;
}

void kspan_handback_exit(void)
{
	/* What waits for a grace period can still be handed back. */
	if (READ_ONCE(routes[0].used))
		kspan_kvfree_rcu_barrier();
	kspan_reroute_stop(routes, ARRAY_SIZE(routes));
	if (hears_kfree) {
		unregister_trace_kfree(before_kfree, NULL);
		tracepoint_synchronize_unregister();
	}
}
