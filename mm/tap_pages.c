// SPDX-License-Identifier: GPL-2.0
/*
 * The tap on the kernel's page allocator: all memory that it hands out in blocks of pages, for
 * slabs and vmalloc(), page tables, files and processes. A block goes by the address of its first
 * struct page. Two tracepoints tell of most. What they do not see is hooked by its function, at
 * its return:
 *
 *	alloc_pages_bulk()	takes pages without saying so, which vmalloc() and networks live on.
 *				When it cannot, it takes one by the way that does say so: of that
 *				one the return tells, and the tracepoint nothing
 *	split_page()		makes many pages, which go one by one, out of a block: the block is
 *				taken back, and its pages are counted
 *
 * Documentation/tap.rst has the list of all paths.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <trace/events/kmem.h>

#include "compat.h"
#include "stack.h"
#include "tap.h"
#include "tap_hooks.h"
#include "tap_label.h"
#include "tap_text.h"

/* Of an array of pages, those that are looked at for being filled already; most have 100. */
#define LOOK_FILLED	512

/* Between two functions of an allocator's there may be one that has no name here. */
#define HELPERS_MOST	1
/* And before the first of them the tracepoint's. */
#define HELPERS_FIRST	2

DEFINE_PER_CPU(struct kspan_sampler, kspan_page_sampler);
static DEFINE_PER_CPU(struct kspan_tap_counters, page_counters);

#define allocated(page, order, caller, gfp)						\
	kspan_tap_allocated(&kspan_page_tap, kspan_page_sampler, (unsigned long)(page),	\
			    PAGE_SIZE << (order), NULL, NULL, caller, gfp)

/* ------------------------------------------------------------------ stacks */

/* The first is that of many pages at once. */
static const char *const page_names[] = {
	KSPAN_ALLOC_PAGES_BULK,
	"alloc_pages_bulk_array_mempolicy" KSPAN_NOPROF,
	"__alloc_pages" KSPAN_NOPROF,
	"alloc_pages" KSPAN_NOPROF,
	"alloc_pages_mpol" KSPAN_NOPROF,
	"__folio_alloc" KSPAN_NOPROF,
	"folio_alloc" KSPAN_NOPROF,
	"folio_alloc_mpol" KSPAN_NOPROF,
	"vma_alloc_folio" KSPAN_NOPROF,
	"__get_free_pages",
	"get_free_pages" KSPAN_NOPROF,
	"get_zeroed_page" KSPAN_NOPROF,
	"alloc_pages_exact" KSPAN_NOPROF,
	"alloc_pages_exact_nid" KSPAN_NOPROF,
};

/* The first are static: a compiler may have put something behind their names. */
static const char *const vmalloc_names[] = {
	"vm_area_alloc_pages",
	"vm_area_alloc_pages.isra.0",
	"vm_area_alloc_pages.constprop.0",
	"__vmalloc_area_node",
	"__vmalloc_area_node.isra.0",
	"__vmalloc_area_node.constprop.0",
	"__vmalloc_node_range" KSPAN_NOPROF,
	"__vmalloc_node" KSPAN_NOPROF,
	"__vmalloc" KSPAN_NOPROF,
	"vmalloc" KSPAN_NOPROF,
	"vmalloc_huge" KSPAN_NOPROF,
	"vzalloc" KSPAN_NOPROF,
	"vmalloc_user" KSPAN_NOPROF,
	"vmalloc_node" KSPAN_NOPROF,
	"vzalloc_node" KSPAN_NOPROF,
	"vmalloc_32" KSPAN_NOPROF,
	"vmalloc_32_user" KSPAN_NOPROF,
	KSPAN_KVMALLOC,
};

static struct kspan_text page_texts[ARRAY_SIZE(page_names)];
static struct kspan_text vmalloc_texts[ARRAY_SIZE(vmalloc_names)];

static void prepare(void)
{
	kspan_text_find(page_texts, page_names, ARRAY_SIZE(page_names));
	kspan_text_find(vmalloc_texts, vmalloc_names, ARRAY_SIZE(vmalloc_names));
}

/*
 * How many frames there are up to the last that is in one of @texts: those before @from, and as
 * many more, where @helpers that are in none may come first.
 */
static unsigned int skip(const struct kspan_stack *stack, const struct kspan_text *texts,
			 unsigned int nr, unsigned int from, unsigned int helpers)
{
	unsigned int i;

	for (i = from; i < stack->nr_frames && i <= from + helpers; i++) {
		if (kspan_text_of(texts, nr, stack->frames[i]) < 0)
			continue;
		from = i + 1;
		helpers = HELPERS_MOST;
	}
	return from;
}

static bool in_bulk(const struct kspan_stack *stack, unsigned int frames)
{
	unsigned int i;

	for (i = 0; i < frames; i++)
		if (kspan_text_of(page_texts, 1, stack->frames[i]) == 0)
			return true;
	return false;
}

/* What the memory is for, as far as the page allocator is told. */
static const char *label_of(gfp_t gfp)
{
	if (gfp & __GFP_MOVABLE)
		return "movable";
	return gfp & __GFP_RECLAIMABLE ? "reclaimable" : "unmovable";
}

static bool bulk_tells(void);

static struct kspan_label *describe(const struct kspan_tap_alloc *alloc, struct kspan_stack *stack)
{
	unsigned int pages, vmalloc;

	if (alloc->caller) {
		pages = kspan_stack_before(stack, alloc->caller);
		pages = skip(stack, page_texts, ARRAY_SIZE(page_texts), pages, 0);
	} else {
		pages = skip(stack, page_texts, ARRAY_SIZE(page_texts), 0, HELPERS_FIRST);
		if (bulk_tells() && in_bulk(stack, pages))
			return NULL;
	}
	/* Right behind: the page tables of an area are taken further in, and stay. */
	vmalloc = skip(stack, vmalloc_texts, ARRAY_SIZE(vmalloc_texts), pages, 0);
	kspan_stack_cut(stack, vmalloc);
	return kspan_tap_label(vmalloc > pages ? "vmalloc" : label_of(alloc->gfp));
}

/* ------------------------------------------------------------------ tracepoints */

static void notrace on_alloc(void *unused, struct page *page, unsigned int order, gfp_t gfp,
			     int migratetype)
{
	if (page)
		allocated(page, order, 0, gfp);
}

static void notrace on_free(void *unused, struct page *page, unsigned int order)
{
	kspan_tap_freed(&kspan_page_tap, (unsigned long)page);
}

static struct kspan_trace_hook trace_hooks[] = {
	{ "mm_page_free", on_free },
	{ "mm_page_alloc", on_alloc },
};

/* The type of each handler is what its tracepoint calls. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_mm_page_free(on_free);
	check_trace_callback_type_mm_page_alloc(on_alloc);
}

/* ------------------------------------------------------------------ functions */

#ifdef KSPAN_HAVE_PROBES

/* What a call was given, kept until it returns. */
struct bulk {
	gfp_t gfp;
	struct list_head *list;		/* pages are put in front of what is in it, or */
	struct page **array;		/* where there is none yet */
	DECLARE_BITMAP(filled, LOOK_FILLED);
};

static int on_bulk(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct bulk *bulk = (struct bulk *)instance->data;
	int nr = kspan_argument(regs, 3), i;

	bulk->gfp = (__force gfp_t)kspan_argument(regs, 0);
	bulk->list = (struct list_head *)kspan_argument(regs, 4);
	bulk->array = (struct page **)kspan_argument(regs, 5);
	bitmap_zero(bulk->filled, LOOK_FILLED);
	for (i = 0; bulk->array && i < min(nr, LOOK_FILLED); i++)
		if (bulk->array[i])
			__set_bit(i, bulk->filled);
	return 0;
}

static int on_bulk_done(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct bulk *bulk = (struct bulk *)instance->data;
	unsigned long caller = get_kretprobe_retaddr(instance), flags;
	int nr = regs_return_value(regs), i = 0;
	struct page *page;

	local_irq_save(flags);
	if (bulk->array) {
		for (; i < nr; i++)
			if (i >= LOOK_FILLED || !test_bit(i, bulk->filled))
				allocated(bulk->array[i], 0, caller, bulk->gfp);
	} else if (bulk->list) {
		list_for_each_entry(page, bulk->list, lru) {
			if (i++ == nr)
				break;
			allocated(page, 0, caller, bulk->gfp);
		}
	}
	local_irq_restore(flags);
	return 0;
}

struct split {
	struct page *page;
	unsigned int order;
};

static int on_split(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct split *split = (struct split *)instance->data;

	split->page = (struct page *)kspan_argument(regs, 0);
	split->order = kspan_argument(regs, 1);
	return 0;
}

static int on_split_done(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct split *split = (struct split *)instance->data;
	unsigned long caller = get_kretprobe_retaddr(instance), flags, i;

	local_irq_save(flags);
	if (kspan_live_maybe(&kspan_page_tap.live, (unsigned long)split->page))
		kspan_tap_known_undone(&kspan_page_tap, (unsigned long)split->page);
	for (i = 0; i < BIT(split->order); i++)
		allocated(split->page + i, 0, caller, GFP_KERNEL);
	local_irq_restore(flags);
	return 0;
}

static struct kspan_return_hook return_hooks[] = {
	{ KSPAN_ALLOC_PAGES_BULK, on_bulk, on_bulk_done, sizeof(struct bulk) },
	{ "split_page", on_split, on_split_done, sizeof(struct split) },
};

static_assert(ARRAY_SIZE(return_hooks) <= KSPAN_HOOKS_MAX);

static bool bulk_tells(void)
{
	return return_hooks[0].in;
}

#else

static bool bulk_tells(void)
{
	return false;
}

#endif

/* ------------------------------------------------------------------ the tap */

static const struct kspan_hooks hooks = {
	.trace = trace_hooks,
	.nr_trace = ARRAY_SIZE(trace_hooks),
#ifdef KSPAN_HAVE_PROBES
	.returns = return_hooks,
	.nr_returns = ARRAY_SIZE(return_hooks),
#endif
};

struct kspan_tap kspan_page_tap = {
	.sampler = &kspan_page_sampler,
	.counters = &page_counters,
	.hooks = &hooks,
	.prepare = prepare,
	.describe = describe,
	.rate = { .mean = KSPAN_SAMPLE_BYTES_DEFAULT },
	.live = KSPAN_LIVE_TABLE_INIT,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_page_tap);
