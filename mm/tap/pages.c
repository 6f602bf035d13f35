// SPDX-License-Identifier: GPL-2.0
/*
 * The tap on the kernel's page allocator: memory that is no slab. A block goes by the address of its
 * first struct page. Two tracepoints tell of most. What they do not see is hooked by its function,
 * at its return:
 *
 *	alloc_pages_bulk()	takes pages without saying so, which vmalloc() and networks live on.
 *				When it cannot, it takes one by the way that does say so: of that
 *				one the return tells, and the tracepoint nothing
 *	split_page()		makes many pages, which go one by one, out of a block: the block is
 *				taken back, and its pages are counted
 *
 * What the slab allocator takes, the slab tap shows: a sample whose stack is in there is none.
 * Which functions that are, kspan learns from a slab of its own.
 *
 * Documentation/tap.rst has the list of all paths.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "base/compat.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/label.h"
#include "tap/text.h"

/* Of an array of pages, those that are looked at for being filled already; most have 100. */
#define LOOK_FILLED	512

/* Between two functions of an allocator's there may be one that has no name here. */
#define HELPERS_MOST	1
/* And before the first of them the tracepoint's. */
#define HELPERS_FIRST	3

static DEFINE_PER_CPU(struct kspan_tap_counters, page_counters);

static void settle(struct kspan_profile *profile)
{
	kspan_tap_settle(&kspan_page_tap);
}

static void walk_samples(struct kspan_profile *profile,
			 void (*fn)(struct kspan_bucket *bucket, u64 taken_ns, void *arg),
			 void *arg)
{
	kspan_tap_walk_samples(&kspan_page_tap, fn, arg);
}

static const struct kspan_profile_ops page_profile_ops = {
	.settle = settle,
	.walk_samples = walk_samples,
};

DEFINE_KSPAN_PROFILE(kspan_page_profile, "pages", &page_profile_ops);
EXPORT_SYMBOL_FOR_TESTS(kspan_page_profile);

#define allocated(page, order, caller, gfp)						\
	kspan_tap_allocated(&kspan_page_tap, kspan_page_profile, (unsigned long)(page),	\
			    PAGE_SIZE << (order), NULL, NULL, caller, gfp)

/* ------------------------------------------------------------------ stacks */

/* The first is that of many pages at once. */
static const char *const page_names[] = {
	KSPAN_ALLOC_PAGES_BULK,
	"alloc_pages_bulk_array_mempolicy" KSPAN_NOPROF,
	"alloc_pages_bulk_mempolicy" KSPAN_NOPROF,
	"__alloc_pages" KSPAN_NOPROF,
	"__alloc_frozen_pages" KSPAN_NOPROF,
	"alloc_frozen_pages" KSPAN_NOPROF,
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
};

#define SLAB_TEXTS	24

static struct kspan_text page_texts[ARRAY_SIZE(page_names)];
static struct kspan_text vmalloc_texts[ARRAY_SIZE(vmalloc_names)];
static struct kspan_text kvmalloc_text;
static struct kspan_text slab_texts[SLAB_TEXTS];	/* where the slab allocator takes pages */
static unsigned int nr_slab_texts;

/* How many frames are the page allocator's, and the tracepoint's before them. */
static unsigned int page_frames(const struct kspan_stack *stack)
{
	return kspan_stack_skip(stack, page_texts, ARRAY_SIZE(page_texts), 0, HELPERS_FIRST);
}

static bool in_bulk(const struct kspan_stack *stack, unsigned int frames)
{
	unsigned int i;

	for (i = 0; i < frames; i++)
		if (kspan_text_has(page_texts, 1, stack->frames[i]))
			return true;
	return false;
}

static bool called_by(const struct kspan_stack *stack, unsigned int frame,
		      const struct kspan_text *texts, unsigned int nr)
{
	return frame < stack->nr_frames && kspan_text_has(texts, nr, stack->frames[frame]);
}

/* What the memory is for, as far as the page allocator is told. */
static const char *label_of(gfp_t gfp)
{
	if (gfp & __GFP_MOVABLE)
		return "movable";
	return gfp & __GFP_RECLAIMABLE ? "reclaimable" : "unmovable";
}

static bool bulk_tells(void);

static struct kspan_label *describe(const struct kspan_tap_alloc *alloc,
				    struct kspan_stack *stack, gfp_t gfp)
{
	unsigned int pages, vmalloc;

	if (alloc->caller) {
		pages = kspan_stack_until(stack, alloc->caller);
		pages = kspan_stack_skip(stack, page_texts, ARRAY_SIZE(page_texts), pages, 0);
	} else {
		pages = page_frames(stack);
		if (bulk_tells() && in_bulk(stack, pages))
			return KSPAN_TAP_NOT_MINE;
	}
	if (called_by(stack, pages, slab_texts, nr_slab_texts))
		return KSPAN_TAP_NOT_MINE;
	/* Right behind: the page tables of an area are taken further in, and stay. */
	vmalloc = kspan_stack_skip(stack, vmalloc_texts, ARRAY_SIZE(vmalloc_texts), pages, 0);
	if (called_by(stack, vmalloc, &kvmalloc_text, 1))
		return KSPAN_TAP_NOT_MINE;
	kspan_stack_cut(stack, vmalloc);
	return kspan_tap_label(vmalloc > pages ? "vmalloc" : label_of(alloc->gfp), gfp);
}

/* ------------------------------------------------------------------ where slabs come from */

/* Of the task that takes it: the stack of the first page that it allocates. */
static struct {
	struct task_struct *task;
	struct kspan_stack stack;
} lesson;

static void notrace on_lesson(void *unused, struct page *page, unsigned int order, gfp_t gfp,
			      int migratetype)
{
	if (READ_ONCE(lesson.task) != current || !in_task() || lesson.stack.nr_frames)
		return;
	preempt_disable_notrace();
	kspan_stack_capture(&kspan_page_profile, &lesson.stack);
	preempt_enable_notrace();
}

/* A constructor keeps the cache from being merged with one that has slabs. */
static void construct(void *obj)
{
}

static void take_a_slab(void)
{
	struct kmem_cache *cache = kmem_cache_create("kspan_lesson", 1000, 0, 0, construct);
	void *obj;

	if (!cache)
		return;
	WRITE_ONCE(lesson.task, current);
	obj = kmem_cache_alloc(cache, GFP_KERNEL);
	WRITE_ONCE(lesson.task, NULL);
	if (obj)
		kmem_cache_free(cache, obj);
	kmem_cache_destroy(cache);
}

static void take_large_object(void)
{
	size_t size = 2 * KMALLOC_MAX_CACHE_SIZE;
	void *obj;

	OPTIMIZER_HIDE_VAR(size);
	WRITE_ONCE(lesson.task, current);
	obj = kmalloc(size, GFP_KERNEL);
	WRITE_ONCE(lesson.task, NULL);
	kfree(obj);
}

/* All functions between kspan's own and the page allocator's. */
static void learn(void (*take)(void))
{
	unsigned int i;

	lesson.stack.nr_frames = 0;
	take();
	for (i = page_frames(&lesson.stack); i < lesson.stack.nr_frames; i++) {
		if (kspan_is_own_text(lesson.stack.frames[i]) || nr_slab_texts == SLAB_TEXTS)
			return;
		slab_texts[nr_slab_texts++] = kspan_text_at(lesson.stack.frames[i]);
	}
}

static int prepare(void)
{
	static const char *const kvmalloc_name = KSPAN_KVMALLOC;
	struct tracepoint *tracepoint = kspan_hooks_tracepoint("mm_page_alloc");
	int err;

	if (!tracepoint)
		return -ENOENT;
	kspan_text_find(page_texts, page_names, ARRAY_SIZE(page_names));
	kspan_text_find(vmalloc_texts, vmalloc_names, ARRAY_SIZE(vmalloc_names));
	kspan_text_find(&kvmalloc_text, &kvmalloc_name, 1);
	err = tracepoint_probe_register(tracepoint, on_lesson, NULL);
	if (err)
		return err;
	nr_slab_texts = 0;
	learn(take_a_slab);
	learn(take_large_object);
	tracepoint_probe_unregister(tracepoint, on_lesson, NULL);
	tracepoint_synchronize_unregister();
	return 0;
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
	check_trace_callback_type_mm_page_alloc(on_lesson);
}

/* ------------------------------------------------------------------ functions */

/* Which places of the array were filled before the call, as it notes in call->data. */
static void before_bulk(struct kspan_call *call)
{
	struct page **array = KSPAN_BULK_ARRAY(call->args);
	int nr = call->args[3], i;

	bitmap_zero(call->data, LOOK_FILLED);
	for (i = 0; array && i < min(nr, LOOK_FILLED); i++)
		if (array[i])
			__set_bit(i, call->data);
}

static void after_bulk(const struct kspan_call *call, unsigned long value, unsigned long caller)
{
	struct list_head *list = KSPAN_BULK_LIST(call->args);
	struct page **array = KSPAN_BULK_ARRAY(call->args);
	gfp_t gfp = (__force gfp_t)call->args[0];
	int nr = value, i = 0;
	struct page *page;

	if (array) {
		for (; i < nr; i++)
			if (i >= LOOK_FILLED || !test_bit(i, call->data))
				allocated(array[i], 0, caller, gfp);
	} else if (list) {
		/* They have been put in front of what was in it. */
		list_for_each_entry(page, list, lru) {
			if (i++ == nr)
				break;
			allocated(page, 0, caller, gfp);
		}
	}
}

static void after_split(const struct kspan_call *call, unsigned long value, unsigned long caller)
{
	struct page *page = (struct page *)call->args[0];
	unsigned int order = call->args[1];
	unsigned long i;

	if (kspan_live_maybe(&kspan_page_tap.live, (unsigned long)page))
		kspan_tap_known_undone(&kspan_page_tap, (unsigned long)page);
	for (i = 0; i < 1UL << order; i++)
		allocated(page + i, 0, caller, GFP_KERNEL);
}

static struct kspan_return_hook return_hooks[] = {
	{ .function = KSPAN_ALLOC_PAGES_BULK, .handler = after_bulk, .enter = before_bulk,
	  .data = BITS_TO_LONGS(LOOK_FILLED) * sizeof(long) },
	{ .function = "split_page", .handler = after_split },
};

static bool bulk_tells(void)
{
	return return_hooks[0].in;
}

/* ------------------------------------------------------------------ the tap */

static const struct kspan_hooks hooks = {
	.trace = trace_hooks,
	.nr_trace = ARRAY_SIZE(trace_hooks),
	.returns = return_hooks,
	.nr_returns = ARRAY_SIZE(return_hooks),
};

struct kspan_tap kspan_page_tap = {
	.profile = &kspan_page_profile,
	.cache_name = "kspan_page_samples",
	.counters = &page_counters,
	.hooks = &hooks,
	.prepare = prepare,
	.describe = describe,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_page_tap);
