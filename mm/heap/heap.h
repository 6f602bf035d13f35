/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap: spans, and what holds their objects ready. This is the one header that others include;
 * where the fast path is compiled in (api/alloc.c, api/free.c), and where its keys are turned
 * (events.c), pcpu.h is needed too. What is in node.h, pagemap_root.h, hold.h, retire.h, policy.h,
 * bypass.h and fence_pages.h is the heap's own.
 *
 * An object comes down these steps, each of which asks the next one only when it has none itself,
 * for a batch, and goes back up them when there are too many:
 *
 *	pcpu		each CPU's array of ready objects, with no lock at all
 *	magazine	a batch on its way between an array and
 *	depot		what the CPUs of a node keep for each other
 *	node		the spans of a cache whose pages are on one node, by what is free in them
 *	span		a run of pages, cut into slots; its header, which lies elsewhere, has a byte
 *			for the state of each object
 *
 * supply.c goes down, drain.c and shrink.c have all go up. A cache (cache.h) is all of these for
 * objects of one size. The way from an address to its span, which every free takes, is the page map
 * (pagemap.h).
 *
 * Singles are spans for one object whose memory is something else: a page of guard mode (fence.h),
 * or an object of the kernel's own slab (bypass.h). Poison and red zones (guard.h) and KASAN
 * (kasan.h) look at each object on its way.
 *
 * The heap counts when the next sample is due, and knows for each cache its label in the profile;
 * what is done with a sample, and with the records on an object, it does not know. It calls
 * profile/, special/ and base/, and nobody above.
 *
 * Locks: a node's list lock, the page map's, those of guard mode and bypass, each a leaf under
 * which nothing else is called; and outermost kspan_cache_mutex.
 */
#ifndef _KSPAN_HEAP_H
#define _KSPAN_HEAP_H

#include "heap/attach.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/guard.h"
#include "heap/kasan.h"
#include "heap/pagemap.h"
#include "heap/profile.h"
#include "heap/sizeclass.h"
#include "heap/span.h"
#include "heap/span_list.h"
#include "heap/supply.h"

/* hold.c: looks at all spans for references that are missing. Process context. */
void kspan_hold_look_at_all(void)
	kspan_no_lock;
/* The kernel is about to free @obj as it must not, which has been reported. Any context. */
void kspan_hold_expect(const void *obj);

/* The parts of the heap that start and end, besides those of the headers above. */
int kspan_pcpu_init(void);
int kspan_hotplug_init(void);
void kspan_hotplug_exit(void);
int kspan_shrink_init(void);
void kspan_shrink_exit(void);

#endif /* _KSPAN_HEAP_H */
