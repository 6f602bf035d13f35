// SPDX-License-Identifier: GPL-2.0
/*
 * The tap on the kernel's page allocator: memory that is no slab. A block of pages goes by the
 * address of its first struct page. Two tracepoints tell of most. What these do not see is hooked
 * by its function:
 *
 *	alloc_pages_bulk()	at its return: pages that it takes without a word, which vmalloc()
 *				and networks live on. When it cannot, it takes one by the way that
 *				does tell: of that one, too, the return tells, and the tracepoint
 *				nothing
 *	alloc_contig_range()	at its return: one block, as huge pages of a gigabyte are
 *	split_page_memcg() and	at their beginning: a block, or a huge page, is in smaller ones
 *	its like		from now on, which are freed one by one
 *	folio_migrate_flags()	at its beginning: the content of a folio has moved to another one
 *
 * What the slab allocator takes, and kvmalloc(), the slab tap shows: a sample whose stack says so
 * is none (pages_text.c). Documentation/tap.rst has the list of all paths.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <trace/events/kmem.h>

#include "base/compat.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/label.h"
#include "tap/pages_text.h"

static DEFINE_PER_CPU(struct kspan_tap_counters, pages_counters);
static DEFINE_PER_CPU(struct kspan_tap_cpu, pages_cpus);

DEFINE_KSPAN_PROFILE(kspan_pages_profile, "pages", &kspan_tap_profile_ops);
EXPORT_SYMBOL_FOR_TESTS(kspan_pages_profile);

/* ------------------------------------------------------------------ samples */

/* What the memory is for, as far as the page allocator is told. */
static const char *kind_of(gfp_t gfp)
{
	if (gfp & __GFP_MOVABLE)
		return "movable";
	return gfp & __GFP_RECLAIMABLE ? "reclaimable" : "unmovable";
}

static bool bulk_tells(void);

static struct kspan_label *describe_pages(const struct kspan_tap_alloc *alloc,
					  struct kspan_stack *stack, gfp_t gfp)
{
	if (!alloc->caller && bulk_tells() && kspan_pages_in_bulk(stack))
		return KSPAN_TAP_NOT_MINE;
	switch (kspan_pages_trim(stack, alloc->caller)) {
	case KSPAN_PAGES_SLAB:
		return KSPAN_TAP_NOT_MINE;
	case KSPAN_PAGES_VMALLOC:
		return kspan_tap_label("vmalloc", gfp);
	default:
		return kspan_tap_label(kind_of(alloc->gfp), gfp);
	}
}

/* Labels that are there already, lest a handler have to make one. */
static int prepare_pages(void)
{
	static const char *const kinds[] = { "vmalloc", "movable", "reclaimable", "unmovable" };
	bool made = true;
	int i;

	preempt_disable();
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		made &= !!kspan_tap_label(kinds[i], GFP_NOWAIT);
	preempt_enable();
	return made ? kspan_pages_learn() : -ENOMEM;
}

/*
 * alloc_pages_nolock() may have come from anywhere, as from under a lock of the slab allocator's;
 * so nothing can be allocated for a sample. It is told by what it leaves out of its gfp. Others
 * that do not want to wait may leave out that pages be looked for, where that could be done.
 */
static gfp_t gfp_for_sample(gfp_t gfp)
{
	return gfp & (__GFP_RECLAIM | __GFP_IO | __GFP_FS) ? gfp | __GFP_KSWAPD_RECLAIM : gfp;
}

static noinline void notrace pages_allocated_slowly(unsigned long addr, size_t size,
						    unsigned long caller, gfp_t gfp,
						    unsigned int what)
{
	struct kspan_tap_alloc alloc = {
		.addr = addr, .size = size, .caller = caller, .gfp = gfp_for_sample(gfp),
	};

	kspan_tap_look_closer(&kspan_pages_tap, &alloc, what);
}

static __always_inline void pages_allocated(const struct page *page, size_t size,
					    unsigned long caller, gfp_t gfp)
{
	unsigned long addr = (unsigned long)page;
	unsigned int what = kspan_tap_look(&kspan_pages_tap, kspan_pages_profile, addr, size);

	if (unlikely(what))
		pages_allocated_slowly(addr, size, caller, gfp, what);
}

/* ------------------------------------------------------------------ tracepoints */

static void notrace on_alloc(void *unused, struct page *page, unsigned int order, gfp_t gfp,
			     int migratetype)
{
	if (likely(page))
		pages_allocated(page, PAGE_SIZE << order, 0, gfp);
}

static void notrace on_free(void *unused, struct page *page, unsigned int order)
{
	kspan_tap_freed(&kspan_pages_tap, (unsigned long)page);
}

static struct kspan_trace_hook trace_hooks[] = {
	{ "mm_page_free", on_free },
	{ "mm_page_alloc", on_alloc },
};

/* The type of each handler is what its tracepoint calls. */
static void __maybe_unused check_page_types(void)
{
	check_trace_callback_type_mm_page_free(on_free);
	check_trace_callback_type_mm_page_alloc(on_alloc);
}

/* ------------------------------------------------------------------ many at once */

/* Of an array, the places behind those at its beginning that are filled before the call. */
#define LOOK_FILLED	512

struct bulk_before {
	unsigned long first;			/* places that were filled, up to the first gap */
	DECLARE_BITMAP(filled, LOOK_FILLED);	/* of those behind */
};

static void before_bulk(struct kspan_call *call)
{
	struct bulk_before *before = (struct bulk_before *)call->data;
	struct page **array = KSPAN_BULK_ARRAY(call->args);
	int nr = call->args[3], i = 0;

	bitmap_zero(before->filled, LOOK_FILLED);
	before->first = 0;
	if (!array)
		return;
	while (i < nr && array[i])
		i++;
	before->first = i;
	for (i = 0; i < LOOK_FILLED && before->first + i < nr; i++)
		if (array[before->first + i])
			__set_bit(i, before->filled);
}

static bool was_filled(const struct bulk_before *before, unsigned long i)
{
	if (i < before->first)
		return true;
	return i - before->first < LOOK_FILLED && test_bit(i - before->first, before->filled);
}

/* What is returned is how many places are filled by then, or how many pages were put in a list. */
static void after_bulk(const struct kspan_call *call, unsigned long value, unsigned long caller)
{
	const struct bulk_before *before = (const struct bulk_before *)call->data;
	struct list_head *list = KSPAN_BULK_LIST(call->args);
	struct page **array = KSPAN_BULK_ARRAY(call->args);
	gfp_t gfp = (__force gfp_t)call->args[0];
	unsigned long i = 0;
	struct page *page;

	if (array) {
		for (; i < value; i++)
			if (!was_filled(before, i))
				pages_allocated(array[i], PAGE_SIZE, caller, gfp);
	} else if (list) {
		/* They have been put in front of what was in it. */
		list_for_each_entry(page, list, lru) {
			if (i++ == value)
				break;
			pages_allocated(page, PAGE_SIZE, caller, gfp);
		}
	}
}

/*
 * (unsigned long start, unsigned long end, ..., gfp_t gfp), of page frames. It is one block until
 * its first page goes. A bucket's size has 32 bits.
 */
static void __maybe_unused after_contig(const struct kspan_call *call, unsigned long value,
					unsigned long caller)
{
	unsigned long nr = min_t(unsigned long, call->args[1] - call->args[0],
				 U32_MAX >> PAGE_SHIFT);

	if (!(int)value)
		pages_allocated(pfn_to_page(call->args[0]), nr << PAGE_SHIFT, caller,
				(__force gfp_t)call->args[3]);
}

/* ------------------------------------------------------------------ what becomes of blocks */

static void split_known(unsigned long page, unsigned int order)
{
	if (kspan_live_maybe(&kspan_pages_tap.live, page))
		kspan_tap_known_split(&kspan_pages_tap, page, sizeof(struct page) << order,
				      PAGE_SIZE << order, GFP_NOWAIT);
}

/* (struct page *page, ...) */
static void __maybe_unused on_split_to_pages(const unsigned long *args)
{
	split_known(args[0], 0);
}

/* (struct page *page, int old_order, int new_order) */
static void __maybe_unused on_split_to_order(const unsigned long *args)
{
	split_known(args[0], args[2]);
}

/* (struct folio *to, struct folio *from); memory of a device's is not the page allocator's. */
static void __maybe_unused on_migrate(const unsigned long *args)
{
	if (is_zone_device_page((const struct page *)args[0]))
		return;
	if (kspan_live_maybe(&kspan_pages_tap.live, args[0]) ||
	    kspan_live_maybe(&kspan_pages_tap.live, args[1]))
		kspan_tap_known_moved(&kspan_pages_tap, args[1], args[0]);
}

#define KSPAN_CHANGES(X) KSPAN_SPLIT_ENTRIES(X) X("folio_migrate_flags", on_migrate)

/* ------------------------------------------------------------------ functions */

/*
 * What becomes of blocks is known as well when the function is done. Without ftrace a kprobe would
 * stand at its beginning, whose handler may be in NMI, and could do nothing.
 */
#ifdef KSPAN_FTRACE_ARGUMENT
#define KSPAN_ENTRY_HOOK(name, fn)	{ name, fn },
#define KSPAN_CHANGED_HOOK(name, fn)
#else
#define KSPAN_ENTRY_HOOK(name, fn)
#define KSPAN_CHANGED_HOOK(name, fn)		{ .function = name, .handler = fn##_done },

#define KSPAN_DONE(changed)							\
static void __maybe_unused changed##_done(const struct kspan_call *call,	\
					  unsigned long value, unsigned long caller) \
{										\
	changed(call->args);							\
}

KSPAN_DONE(on_split_to_pages)
KSPAN_DONE(on_split_to_order)
KSPAN_DONE(on_migrate)
#endif

static struct kspan_entry_hook entry_hooks[] = {
	KSPAN_CHANGES(KSPAN_ENTRY_HOOK)
};

#define KSPAN_CONTIG_HOOK(name, fn)		{ .function = name, .handler = fn },

static struct kspan_return_hook return_hooks[] = {
	{ .function = KSPAN_ALLOC_PAGES_BULK, .handler = after_bulk, .enter = before_bulk,
	  .data = sizeof(struct bulk_before) },
	KSPAN_CONTIG_RETURNS(KSPAN_CONTIG_HOOK)
	KSPAN_CHANGES(KSPAN_CHANGED_HOOK)
};

#undef KSPAN_ENTRY_HOOK
#undef KSPAN_CHANGED_HOOK
#undef KSPAN_CONTIG_HOOK

static bool bulk_tells(void)
{
	return return_hooks[0].in;
}

/* ------------------------------------------------------------------ the tap */

static const struct kspan_hooks hooks = {
	.trace = trace_hooks,
	.nr_trace = ARRAY_SIZE(trace_hooks),
	.entries = entry_hooks,
	.nr_entries = ARRAY_SIZE(entry_hooks),
	.returns = return_hooks,
	.nr_returns = ARRAY_SIZE(return_hooks),
};

struct kspan_tap kspan_pages_tap = {
	.profile = &kspan_pages_profile,
	.cache_name = "kspan_page_samples",
	.counters = &pages_counters,
	.cpus = &pages_cpus,
	.hooks = &hooks,
	.prepare = prepare_pages,
	.describe = describe_pages,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_pages_tap);
