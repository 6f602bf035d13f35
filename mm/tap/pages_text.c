// SPDX-License-Identifier: GPL-2.0
/*
 * Whose a page is. The page allocator tells a tracepoint which page and how many, and nothing of
 * who asked: that is in the stack. Behind the frames of the page allocator come those of the slab
 * allocator, which has taken a slab or a large object, and of which the slab tap tells; or those
 * of vmalloc(); or anybody's.
 *
 * Which functions these are differs with the kernel and its compiler, and most have no name that a
 * module could ask for. So kspan takes pages, a slab, a large object and an area itself, once, and
 * learns from the stacks all that there is between its own function and the tracepoint.
 *
 * Takes no lock of its own; learning is under kspan_tap_mutex.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>
#include <trace/events/kmem.h>

#include "base/compat.h"
#include "profile/profile.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/pages_text.h"
#include "tap/slab_layout.h"
#include "tap/text.h"

/* Functions between one that is known and the next, as of a tracepoint before the first. */
#define HELPERS_FIRST	3
#define HELPERS_MOST	1

#define TEXTS_MOST	32

/* Functions of one allocator. Nothing of it moves once it is in use. */
struct known_texts {
	unsigned int nr;
	struct kspan_text texts[TEXTS_MOST];
};

/* Those of many pages at once are the first. */
static struct known_texts page_texts, vmalloc_texts, slab_texts;
static bool learned;

#define KSPAN_ENTRY(fn)	(unsigned long)(fn),
static const unsigned long page_entries[] = { KSPAN_PAGE_ENTRIES(KSPAN_ENTRY) };
static const unsigned long vmalloc_entries[] = { KSPAN_VMALLOC_ENTRIES(KSPAN_ENTRY) };
#undef KSPAN_ENTRY

/* ------------------------------------------------------------------ stacks */

static bool has(const struct known_texts *known, unsigned long addr)
{
	return kspan_text_has(known->texts, known->nr, addr);
}

static unsigned int skip(const struct kspan_stack *stack, const struct known_texts *known,
			 unsigned int from, unsigned int helpers)
{
	return kspan_stack_skip(stack, known->texts, known->nr, from, helpers);
}

static bool is_slabs(unsigned long addr)
{
	return has(&slab_texts, addr) || kspan_slab_text(addr);
}

/* How many frames are the page allocator's. */
static unsigned int page_frames(const struct kspan_stack *stack, unsigned long caller)
{
	unsigned int until = caller ? kspan_stack_until(stack, caller) : stack->nr_frames;

	/* Somebody else's probe may have put its own address in the place of that one. */
	if (until == stack->nr_frames)
		return skip(stack, &page_texts, 0, HELPERS_FIRST);
	return skip(stack, &page_texts, until, 0);
}

static bool next_is_slabs(const struct kspan_stack *stack, unsigned int from)
{
	unsigned int i;

	for (i = from; i < stack->nr_frames && i <= from + HELPERS_MOST; i++)
		if (is_slabs(stack->frames[i]))
			return true;
	return false;
}

enum kspan_pages_use kspan_pages_trim(struct kspan_stack *stack, unsigned long caller)
{
	unsigned int pages = page_frames(stack, caller), area;

	if (next_is_slabs(stack, pages))
		return KSPAN_PAGES_SLAB;
	/* Right behind: the page tables of an area are taken farther in, and stay. */
	area = skip(stack, &vmalloc_texts, pages, 0);
	if (area > pages && area < stack->nr_frames && is_slabs(stack->frames[area]))
		return KSPAN_PAGES_SLAB;
	kspan_stack_cut(stack, area);
	return area > pages ? KSPAN_PAGES_VMALLOC : KSPAN_PAGES_PLAIN;
}

static bool in_bulk(const struct kspan_stack *stack, unsigned int frames)
{
	unsigned int i;

	for (i = 0; i < frames; i++)
		if (kspan_text_has(page_texts.texts, 1, stack->frames[i]))
			return true;
	return false;
}

bool kspan_pages_in_bulk(const struct kspan_stack *stack)
{
	return in_bulk(stack, page_frames(stack, 0));
}

/* ------------------------------------------------------------------ lessons */

#define LESSON_STACKS	6

/* The stacks with which a task takes pages. */
struct lesson {
	struct task_struct *task kspan_marked;
	unsigned int nr;
	struct kspan_stack stacks[LESSON_STACKS];
};

static void notrace on_lesson(void *data, struct page *page, unsigned int order, gfp_t gfp,
			      int migratetype)
{
	struct lesson *lesson = data;

	if (READ_ONCE(lesson->task) != current || !in_task() || lesson->nr == LESSON_STACKS)
		return;
	preempt_disable_notrace();
	kspan_stack_capture(&kspan_pages_profile, &lesson->stacks[lesson->nr++]);
	preempt_enable_notrace();
}

/* The type of the handler is what its tracepoint calls. */
static void __maybe_unused check_lesson_type(void)
{
	check_trace_callback_type_mm_page_alloc(on_lesson);
}

static void *by_page(struct kmem_cache *cache)
{
	return alloc_page(GFP_KERNEL);
}

static void *by_page_of_node(struct kmem_cache *cache)
{
	return alloc_pages_node(numa_node_id(), GFP_KERNEL, 0);
}

static void give_page(struct kmem_cache *cache, void *page)
{
	__free_page(page);
}

static void *by_folio(struct kmem_cache *cache)
{
	return folio_alloc(GFP_KERNEL, 0);
}

static void give_folio(struct kmem_cache *cache, void *folio)
{
	folio_put(folio);
}

static void *by_address(struct kmem_cache *cache)
{
	return (void *)__get_free_page(GFP_KERNEL);
}

static void *by_zeroed_address(struct kmem_cache *cache)
{
	return (void *)get_zeroed_page(GFP_KERNEL);
}

static void *by_exact(struct kmem_cache *cache)
{
	return alloc_pages_exact(PAGE_SIZE, GFP_KERNEL);
}

static void give_address(struct kmem_cache *cache, void *addr)
{
	free_page((unsigned long)addr);
}

static void *by_cache(struct kmem_cache *cache)
{
	return kmem_cache_alloc(cache, GFP_KERNEL);
}

static void *by_cache_node(struct kmem_cache *cache)
{
	return kmem_cache_alloc_node(cache, GFP_KERNEL, numa_node_id());
}

static void *by_cache_bulk(struct kmem_cache *cache)
{
	void *objs[2];

	if (!kmem_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(objs), objs))
		return NULL;
	kmem_cache_free(cache, objs[1]);
	return objs[0];
}

static void give_object(struct kmem_cache *cache, void *obj)
{
	kmem_cache_free(cache, obj);
}

#define LARGE	(2 * KMALLOC_MAX_CACHE_SIZE)

static void *by_large(struct kmem_cache *cache)
{
	return kmalloc(LARGE, GFP_KERNEL);
}

/* Of a size that the compiler does not know. */
static void *by_large_of_any(struct kmem_cache *cache)
{
	size_t size = LARGE;

	OPTIMIZER_HIDE_VAR(size);
	return kmalloc(size, GFP_KERNEL);
}

static void *by_large_of_node(struct kmem_cache *cache)
{
	size_t size = LARGE;

	OPTIMIZER_HIDE_VAR(size);
	return kmalloc_node(size, GFP_KERNEL, numa_node_id());
}

static void give_large(struct kmem_cache *cache, void *obj)
{
	kfree(obj);
}

static void *by_area(struct kmem_cache *cache)
{
	return vmalloc(PAGE_SIZE);
}

static void *by_area_of_node(struct kmem_cache *cache)
{
	return vzalloc_node(PAGE_SIZE, numa_node_id());
}

static void give_area(struct kmem_cache *cache, void *area)
{
	vfree(area);
}

/* A constructor keeps the cache from being merged with one that has slabs. */
static void construct_lesson(void *obj)
{
}

/* ------------------------------------------------------------------ what is learned */

static void know(struct known_texts *known, unsigned long addr)
{
	if (known->nr < TEXTS_MOST && !has(known, addr))
		known->texts[known->nr++] = kspan_text_at(addr);
}

/* All functions between kspan's own and the page allocator's. */
static void know_stack(struct known_texts *known, const struct kspan_stack *stack)
{
	unsigned int i;

	for (i = known == &page_texts ? 0 : page_frames(stack, 0); i < stack->nr_frames; i++) {
		if (kspan_is_own_text(stack->frames[i]))
			return;
		know(known, stack->frames[i]);
	}
}

/*
 * What is wanted is taken first: what debugging wants for that comes later. But before its pages an
 * area has a slab, perhaps, and a shadow for KASAN: its pages are the last that it takes in bulk.
 */
static const struct kspan_stack *which(const struct lesson *lesson, bool area)
{
	unsigned int i;

	if (!area)
		return lesson->nr ? &lesson->stacks[0] : NULL;
	for (i = lesson->nr; i--; )
		if (in_bulk(&lesson->stacks[i], page_frames(&lesson->stacks[i], 0)))
			return &lesson->stacks[i];
	return NULL;
}

/* In this order: what is the page allocator's has to be known first. */
static const struct {
	void *(*take)(struct kmem_cache *cache);
	void (*give)(struct kmem_cache *cache, void *taken);
	struct known_texts *known;
} ways[] = {
	{ by_page, give_page, &page_texts },
	{ by_page_of_node, give_page, &page_texts },
	{ by_folio, give_folio, &page_texts },
	{ by_address, give_address, &page_texts },
	{ by_zeroed_address, give_address, &page_texts },
	{ by_exact, give_address, &page_texts },
	{ by_cache, give_object, &slab_texts },
	{ by_cache_node, give_object, &slab_texts },
	{ by_cache_bulk, give_object, &slab_texts },
	{ by_large, give_large, &slab_texts },
	{ by_large_of_any, give_large, &slab_texts },
	{ by_large_of_node, give_large, &slab_texts },
	{ by_area, give_area, &vmalloc_texts },
	{ by_area_of_node, give_area, &vmalloc_texts },
};

/* False if there is no memory for it. A new cache has no slab: its first object takes one. */
static bool learn(struct lesson *lesson, unsigned int way)
{
	struct known_texts *known = ways[way].known;
	const struct kspan_stack *stack;
	struct kmem_cache *cache = NULL;
	void *taken;

	if (ways[way].give == give_object) {
		cache = kmem_cache_create("kspan_lesson", 1000, 0, 0, construct_lesson);
		if (!cache)
			return false;
	}
	lesson->nr = 0;
	barrier();
	WRITE_ONCE(lesson->task, current);
	taken = ways[way].take(cache);
	WRITE_ONCE(lesson->task, NULL);
	barrier();
	stack = which(lesson, known == &vmalloc_texts);
	if (stack)
		know_stack(known, stack);
	if (taken)
		ways[way].give(cache, taken);
	kmem_cache_destroy(cache);
	return taken;
}

/* What was not learned for want of memory is when the tap is next switched on. */
static int learn_all(struct lesson *lesson)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(page_entries); i++)
		know(&page_texts, page_entries[i]);
	for (i = 0; i < ARRAY_SIZE(vmalloc_entries); i++)
		know(&vmalloc_texts, vmalloc_entries[i]);
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		if (!learn(lesson, i))
			return -ENOMEM;
	learned = true;
	return 0;
}

int kspan_pages_learn(void)
{
	struct tracepoint *tracepoint = kspan_tracepoint("mm_page_alloc");
	struct lesson *lesson;
	int err;

	if (learned)
		return 0;
	if (!tracepoint)
		return -ENOENT;
	lesson = kzalloc(sizeof(*lesson), GFP_KERNEL);
	if (!lesson)
		return -ENOMEM;
	err = tracepoint_probe_register(tracepoint, on_lesson, lesson);
	if (!err) {
		err = learn_all(lesson);
		tracepoint_probe_unregister(tracepoint, on_lesson, lesson);
		tracepoint_synchronize_unregister();
	}
	kfree(lesson);
	return err;
}
