// SPDX-License-Identifier: GPL-2.0
/*
 * What the tap has to know of the kernel's slab allocator and what no interface tells: a cache's
 * name and the distance of its objects, the cache of an object, and which frames of a stack are
 * the slab allocator's own.
 *
 * A struct kmem_cache is private and differs with version and configuration. So a cache is made
 * whose name and sizes are known, and they are looked for in it; and for the cache in the
 * struct page of one of its objects. What is not found is done without: sizes are then those of
 * the objects, and every label is "slab".
 *
 * Takes no lock of its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <trace/events/kmem.h>

#include "compat.h"
#include "stack.h"
#include "tap_label.h"
#include "tap_slab.h"
#include "tap_text.h"

#define CACHE_SEARCHED	512		/* bytes of a kmem_cache in which its name is */
#define OBJECT_SIZE	1000
#define NR_TRACEITERS	2		/* the first of the entries */
#define HELPERS_MOST	2		/* trace_kmalloc(), __do_kmalloc_node() */

struct kspan_slab_layout kspan_slab_layout __read_mostly;

#define KSPAN_SLAB_ENTRY(fn) (unsigned long)(fn),
static const unsigned long entries[] = { KSPAN_SLAB_ENTRIES(KSPAN_SLAB_ENTRY) };
#undef KSPAN_SLAB_ENTRY
static struct kspan_text texts[ARRAY_SIZE(entries)];

/* ------------------------------------------------------------------ names */

/* The cache of the object at @addr; NULL if its pages are no slab's. */
static struct kmem_cache *cache_of(unsigned long addr)
{
	struct page *page = virt_to_head_page((void *)addr);

	return PageSlab(page) ? *(void **)((char *)page + kspan_slab_layout.page_cache) : NULL;
}

struct kspan_label *kspan_slab_label(unsigned long addr, struct kmem_cache *cache)
{
	const char *name = "slab";

	if (!cache && kspan_slab_layout.page_cache) {
		cache = cache_of(addr);
		if (!cache)
			name = "kmalloc-large";
	}
	if (cache && kspan_slab_layout.name)
		name = *(const char **)((char *)cache + kspan_slab_layout.name);
	return kspan_tap_label(name);
}

/* ------------------------------------------------------------------ stacks */

bool kspan_slab_text(unsigned long addr)
{
	return kspan_text_of(texts, ARRAY_SIZE(texts), addr) >= 0;
}

void kspan_slab_trim(struct kspan_stack *stack, unsigned long caller)
{
	unsigned int skip = 0, helpers = HELPERS_MOST, i;

	/*
	 * The innermost may stand behind functions of the allocator's that the compiler did not
	 * inline. Further out others begin, which allocate for themselves: vmalloc() in
	 * kvmalloc(), kmemleak in kmalloc().
	 */
	for (i = 0; i < stack->nr_frames && i <= skip + helpers; i++) {
		int entry = kspan_text_of(texts, ARRAY_SIZE(texts), stack->frames[i]);

		if (entry < 0)
			continue;
		skip = i + 1;
		helpers = entry < NR_TRACEITERS ? HELPERS_MOST : 0;
	}
	kspan_stack_cut(stack, skip ?: kspan_stack_before(stack, caller));
}

/* ------------------------------------------------------------------ layout */

/* A constructor keeps the cache from being merged with another one. */
static void construct(void *obj)
{
}

static bool is_string(const void *ptr, const char *string)
{
	char text[16] = "";

	/* It may be no pointer at all, and not every kernel can tell without looking there. */
	if (!virt_addr_valid(ptr))
		return false;
	return !copy_from_kernel_nofault(text, ptr, strlen(string) + 1) && !strcmp(text, string);
}

static void find_in_cache(struct kmem_cache *cache, const char *name)
{
	unsigned int words[CACHE_SEARCHED / sizeof(int)], i;
	void *ptr;

	/* It may end before, and what comes then need not be there. */
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (copy_from_kernel_nofault(&words[i], (unsigned int *)cache + i, sizeof(int)))
			break;
	while (i-- > 2) {
		/* The size of an object stands behind that of a slot. */
		if (words[i] == OBJECT_SIZE && words[i - 1] >= OBJECT_SIZE &&
		    words[i - 1] < 2 * OBJECT_SIZE)
			kspan_slab_layout.size = (i - 1) * sizeof(int);
		if (i % (sizeof(long) / sizeof(int)))
			continue;
		memcpy(&ptr, &words[i], sizeof(ptr));
		if (is_string(ptr, name))
			kspan_slab_layout.name = i * sizeof(int);
	}
}

static void find_in_page(struct kmem_cache *cache)
{
	void *obj = kmem_cache_alloc(cache, GFP_KERNEL);
	void **page, *kept;
	unsigned int i;

	if (!obj)
		return;
	page = (void **)virt_to_head_page(obj);
	for (i = 0; i < sizeof(struct page) / sizeof(void *); i++) {
		kept = READ_ONCE(page[i]);
		if (kept == cache) {
			kspan_slab_layout.page_cache = i * sizeof(void *);
			break;
		}
	}
	kmem_cache_free(cache, obj);
}

int kspan_slab_init(void)
{
	static const char name[] = "kspan_known";
	struct kmem_cache *cache;
	int i;

	cache = kmem_cache_create(name, OBJECT_SIZE, 0, 0, construct);
	if (!cache)
		return -ENOMEM;
	find_in_cache(cache, name);
	find_in_page(cache);
	kmem_cache_destroy(cache);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		texts[i] = kspan_text_at(entries[i]);
	if (!kspan_slab_layout.size || !kspan_slab_layout.name || !kspan_slab_layout.page_cache)
		pr_notice("this kernel's slab caches are not as known: less will be told of them\n");
	return 0;
}
