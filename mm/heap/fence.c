// SPDX-License-Identifier: GPL-2.0
/*
 * Guard mode. What the sampler picks is moved to a slot, a page of its own in which the object
 * lies at the end, between two pages that cannot be reached: an overrun faults at the first byte
 * beyond the object's alignment. When the object is freed its page cannot be reached either, and
 * the slot is the last in line to be used again, so that a use after free faults for as long as
 * possible. What a fault was about is told in the middle of the kernel's oops: the object, and
 * the stacks that allocated and freed it. GWP-ASan and KFENCE do the same for other allocators.
 *
 * Such an object is that of a span of its own, a single, which is in the page map and on its
 * node's lists as all others are; so freeing, specials, the profile and questions about addresses
 * need to know nothing of slots. It is never plainly ALLOCATED but has SPECIALS, if only in name:
 * the fast path leaves it alone.
 *
 * The slots are pages of the direct map, one range of them, allocated once. They cost memory
 * whether used or not, two pages each.
 *
 * Locks: kspan_fence_lock, a leaf lock, guards the line of free slots. A slot's record is
 * written by whoever allocates or frees its object; a fault reads it as it finds it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/string_helpers.h>

#include "base/compat.h"
#include "base/lock.h"
#include "base/stats.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/fence_pages.h"
#include "heap/guard.h"
#include "heap/hold.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pagemap_root.h"
#include "heap/profile.h"

/* Frames that are kept: the innermost, which say most. */
#define FENCE_FRAMES	32

/* Who did something to an object. */
struct trace {
	pid_t pid;
	int cpu;
	unsigned int nr_frames;
	unsigned long frames[FENCE_FRAMES];
};

/* A page for one object, and the page behind it. */
struct slot {
	struct list_head list;		/* in the line, or empty; under kspan_fence_lock */
	struct kspan_fence_page page;
	struct kspan_fence_page behind;	/* hidden for good */

	/* The object that is in the slot, or was in it last. */
	const void *obj;		/* NULL: none was */
	u32 size;			/* bytes, as asked for */
	bool live;
	char cache[32];			/* as much of the name as fits */
	struct trace allocated, freed;
};

/* Guards pool->line. */
static DEFINE_SPINLOCK(kspan_fence_lock);

/* The range begins with a hidden page; then come the slots, each with the page behind it. */
struct pool {
	void *base;
	unsigned int nr_slots;
	int nid;
	struct kspan_fence_page before;	/* hidden for good */
	/* Free slots, the first to be used next. */
	struct list_head line kspan_guarded_by(&kspan_fence_lock);
	struct slot slot[];
};

static struct pool *pool kspan_marked;		/* written once; NULL: none yet */
static unsigned int slots_wanted = KSPAN_FENCE_SLOTS_DEFAULT;
static bool listening;			/* pages can be hidden here, and faults are heard of */

/* ---- Addresses ----------------------------------------------------------------------- */

static unsigned int nr_pages(const struct pool *p)
{
	return 2 * p->nr_slots + 1;
}

static void *page_of(const struct pool *p, const struct slot *slot)
{
	return p->base + (2 * (slot - p->slot) + 1) * PAGE_SIZE;
}

/* The pool, if @addr lies in it; then *@page is which of its pages. */
static struct pool *pool_of(const void *addr, unsigned int *page)
{
	/* Pairs with kspan_fence_open(). */
	struct pool *p = smp_load_acquire(&pool);
	unsigned long i;

	if (!p)
		return NULL;
	i = ((unsigned long)addr - (unsigned long)p->base) >> PAGE_SHIFT;
	*page = i;
	return i < nr_pages(p) ? p : NULL;
}

/* The slot whose page @addr lies in, or NULL. */
static struct slot *slot_of(const void *addr)
{
	unsigned int page;
	struct pool *p = pool_of(addr, &page);

	return p && page % 2 ? &p->slot[page / 2] : NULL;
}

bool kspan_fence_contains(const void *addr)
{
	unsigned int page;

	return pool_of(addr, &page);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_fence_contains);

/* ---- Allocating and freeing ---------------------------------------------------------- */

bool kspan_fence_fits(size_t size, unsigned int flags)
{
	/* Late readers of a type-safe object must find it where it was. */
	return size && size <= PAGE_SIZE && !(flags & KSPAN_TYPESAFE_BY_RCU);
}

static struct slot *take_slot(struct pool *p)
{
	struct slot *slot;
	unsigned long flags;

	kspan_lock(&kspan_fence_lock, flags);
	slot = list_first_entry_or_null(&p->line, struct slot, list);
	if (slot)
		list_del_init(&slot->list);
	kspan_unlock(&kspan_fence_lock, flags);
	return slot;
}

static void line_up(struct pool *p, struct slot *slot)
{
	unsigned long flags;

	kspan_lock(&kspan_fence_lock, flags);
	list_add_tail(&slot->list, &p->line);
	kspan_unlock(&kspan_fence_lock, flags);
}

static noinline void record_trace(struct trace *trace)
{
	struct kspan_stack stack;

	kspan_stack_capture(&kspan_heap_profile, &stack);
	if (stack.nr_frames > FENCE_FRAMES)
		kspan_stack_truncated(&stack, FENCE_FRAMES);
	trace->pid = task_pid_nr(current);
	trace->cpu = raw_smp_processor_id();
	trace->nr_frames = stack.nr_frames;
	memcpy(trace->frames, stack.frames, trace->nr_frames * sizeof(trace->frames[0]));
}

/* A span for an object in @slot, whose page is shown; NULL without memory. */
static struct kspan_span *fill_slot(struct pool *p, struct slot *slot, struct kspan_cache *cache,
				    size_t size)
{
	u32 offset = round_down(PAGE_SIZE - size, kspan_cache_align(cache, size));
	void *obj = page_of(p, slot) + offset;
	struct kspan_span *span;

	span = kspan_span_new_single(cache, obj, PAGE_SIZE - offset, size, KSPAN_SPAN_FENCED,
				     p->nid, KSPAN_GFP_OPTIONAL);
	if (!span)
		return NULL;
	span->nr_pages = 1;
	kspan_guard_single(span);

	slot->obj = obj;
	slot->size = size;
	strscpy(slot->cache, kspan_cache_name(cache), sizeof(slot->cache));
	record_trace(&slot->allocated);
	slot->live = true;
	return span;
}

void *kspan_fence_alloc(struct kspan_cache *cache, size_t size, gfp_t gfp, int node)
{
	struct pool *p = smp_load_acquire(&pool);	/* pairs with kspan_fence_open() */
	struct kspan_slot handed;
	struct kspan_span *span;
	struct slot *slot;

	if (!p || kspan_nested() || gfp & (__GFP_DMA | __GFP_DMA32) ||
	    (gfp & __GFP_THISNODE && p->nid != (node == NUMA_NO_NODE ? numa_mem_id() : node)))
		return NULL;
	slot = take_slot(p);
	if (!slot)
		goto full;
	kspan_fence_page_show(&slot->page);
	span = fill_slot(p, slot, cache, size);
	if (!span) {
		kspan_fence_page_hide(&slot->page);
		line_up(p, slot);
		goto full;
	}
	/* The leaf has been there since the pool was made. */
	WARN_ON_ONCE(kspan_pagemap_set(span->base, 1, span, GFP_NOWAIT));
	kspan_node_add(span, &handed, 1);
	WRITE_ONCE(*handed.state, KSPAN_STATE_SPECIALS);
	kspan_count(KSPAN_GUARDED);
	return handed.obj;
full:
	kspan_count(KSPAN_GUARD_FULL);
	return NULL;
}

void kspan_fence_free(struct kspan_span *span)
{
	struct slot *slot = slot_of(span->base);

	record_trace(&slot->freed);
	slot->live = false;
	kspan_fence_page_hide(&slot->page);
}

void kspan_fence_put(struct kspan_span *span)
{
	kspan_pagemap_clear(span->base, 1);
	line_up(READ_ONCE(pool), slot_of(span->base));
}

/* ---- Reports ------------------------------------------------------------------------- */

static void print_trace(const char *what, const struct trace *trace)
{
	pr_alert("%s by task %d on CPU %d at:\n", what, trace->pid, trace->cpu);
	stack_trace_print(trace->frames, trace->nr_frames, 1);
}

static void print_slot(const struct slot *slot)
{
	pr_alert("guarded object of %u bytes of cache %s, address %px\n", slot->size, slot->cache,
		 slot->obj);
	print_trace("allocated", &slot->allocated);
	if (!slot->live)
		print_trace("freed", &slot->freed);
}

const char *kspan_fence_freed(const void *obj)
{
	const struct slot *slot = slot_of(obj);

	return slot && slot->obj == obj && !slot->live ? slot->cache : NULL;
}

void kspan_fence_print(const void *addr)
{
	const struct slot *slot = slot_of(addr);

	if (slot && slot->obj)
		print_slot(slot);
}

/* The slot whose object is the nearest to @addr, which lies in hidden page @page of @p. */
static const struct slot *nearest(const struct pool *p, unsigned int page, unsigned long addr)
{
	const struct slot *left = NULL, *right = NULL;

	if (page / 2 > 0 && p->slot[page / 2 - 1].obj)
		left = &p->slot[page / 2 - 1];
	if (page / 2 < p->nr_slots && p->slot[page / 2].obj)
		right = &p->slot[page / 2];
	if (!left || !right)
		return left ?: right;
	return addr - (unsigned long)left->obj - left->size <= (unsigned long)right->obj - addr ?
	       left : right;
}

/* In the middle of an oops, interrupts off, the locks of others held: prints and looks only. */
static void on_fault(unsigned long addr, bool write)
{
	const char *access = str_read_write(!write);
	const struct slot *slot;
	const struct pool *p;
	unsigned int page;
	long offset;

	p = pool_of((void *)addr, &page);
	if (!p)
		return;
	kspan_count(KSPAN_GUARD_FAULTS);
	slot = page % 2 ? &p->slot[page / 2] : nearest(p, page, addr);
	if (!slot || !slot->obj) {
		pr_alert("report: %s of a guard page beside no object, address %lx\n", access,
			 addr);
		return;
	}
	offset = addr - (unsigned long)slot->obj;
	if (offset < 0)
		pr_alert("report: underrun: %s %ld bytes before a%s object, address %lx\n", access,
			 -offset, slot->live ? "n" : " freed", addr);
	else if (offset >= slot->size)
		pr_alert("report: overrun: %s of byte %ld of a%s object of %u, address %lx\n",
			 access, offset, slot->live ? "n" : " freed", slot->size, addr);
	else
		pr_alert("report: use after free: %s of byte %ld, address %lx\n", access, offset,
			 addr);
	print_slot(slot);
}

/* ---- Start and end ------------------------------------------------------------------- */

/* Calls @fn for each page whose entry is known. */
static void on_all_pages(struct pool *p, void (*fn)(const struct kspan_fence_page *page))
{
	unsigned int i;

	if (p->before.entry)
		fn(&p->before);
	for (i = 0; i < p->nr_slots; i++) {
		if (p->slot[i].page.entry)
			fn(&p->slot[i].page);
		if (p->slot[i].behind.entry)
			fn(&p->slot[i].behind);
	}
}

/* Frees the pages and the pool; objects that nobody freed keep theirs. */
static void pool_free(struct pool *p)
{
	unsigned int i;

	if (p->base) {
		on_all_pages(p, kspan_fence_page_show);
		for (i = 0; i < nr_pages(p); i++) {
			void *page = p->base + i * PAGE_SIZE;

			if (i % 2 &&
			    (p->slot[i / 2].live || !kspan_hold_end(virt_to_page(page), 1)))
				continue;
			free_page((unsigned long)page);
		}
	}
	kvfree(p);
}

static int find_pages(struct pool *p)
	kspan_not_checked
{
	unsigned int i;
	int err = kspan_fence_page_init(p->base, &p->before);

	for (i = 0; !err && i < p->nr_slots; i++) {
		struct slot *slot = &p->slot[i];

		err = kspan_fence_page_init(page_of(p, slot), &slot->page);
		if (!err)
			err = kspan_fence_page_init(page_of(p, slot) + PAGE_SIZE, &slot->behind);
		list_add_tail(&slot->list, &p->line);
	}
	return err;
}

static int pool_new(struct pool **out, unsigned int nr_slots)
	kspan_not_checked
{
	struct pool *p = kvzalloc(struct_size(p, slot, nr_slots), GFP_KERNEL);
	unsigned int i;
	int err = -ENOMEM;

	if (!p)
		return err;
	p->nr_slots = nr_slots;
	INIT_LIST_HEAD(&p->line);
	p->base = alloc_pages_exact(nr_pages(p) * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
	if (!p->base)
		goto fail;
	for (i = 0; i < nr_slots; i++)
		kspan_hold_pages(virt_to_page(page_of(p, &p->slot[i])), 1);
	p->nid = page_to_nid(virt_to_page(p->base));
	/* The leaves of the page map, so that entering a span needs no memory. */
	err = kspan_pagemap_set(p->base, nr_pages(p), &kspan_no_span, GFP_KERNEL);
	if (!err)
		err = find_pages(p);
	if (err)
		goto fail;
	on_all_pages(p, kspan_fence_page_hide);
	*out = p;
	return 0;
fail:
	pool_free(p);
	return err;
}

int kspan_fence_open(void)
{
	struct pool *p;
	int err;

	if (READ_ONCE(pool))
		return 0;
	err = listening ? pool_new(&p, slots_wanted) : -EOPNOTSUPP;
	if (err) {
		pr_err_once("no guard mode: %s\n", err == -ENOMEM ? "no memory for its pages" :
			    "not on this machine, single pages cannot be hidden");
		return err;
	}
	/* Whoever sees the pool sees it whole. Another task may have been faster. */
	if (cmpxchg_release(&pool, NULL, p))
		pool_free(p);
	return 0;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_fence_open);

size_t kspan_fence_bytes(void)
{
	const struct pool *p = smp_load_acquire(&pool);	/* pairs with kspan_fence_open() */

	return p ? nr_pages(p) * PAGE_SIZE + struct_size(p, slot, p->nr_slots) : 0;
}

int kspan_fence_init(bool on, unsigned int nr_slots)
{
	int err;

	slots_wanted = nr_slots;
	listening = !kspan_fence_pages_start(on_fault);
	err = on ? kspan_fence_open() : 0;
	if (err)
		kspan_fence_exit();
	return err;
}

/* Nobody is left who could free an object. */
void kspan_fence_exit(void)
{
	if (listening)
		kspan_fence_pages_stop();
	if (READ_ONCE(pool))
		pool_free(READ_ONCE(pool));
}
