// SPDX-License-Identifier: GPL-2.0
/*
 * What a tap has to know of the kernel's slab allocator and what no interface tells: a cache's
 * name and the distance of its objects, the cache of an object, and which functions are the slab
 * allocator's own.
 *
 * A struct kmem_cache is private and differs with version and configuration. So two caches are
 * made whose names and sizes are known, and these are looked for in both, at the same place; and
 * so for the caches in the struct pages of their objects. What is not found is done without: sizes
 * are then those of the objects, and every label is "slab".
 *
 * Takes no lock of its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "base/compat.h"
#include "profile/profile.h"
#include "tap/slab_layout.h"
#include "tap/text.h"

#define CACHE_SEARCHED	512		/* bytes of a kmem_cache in which its name is */
#define NR_CACHES	2
#define HELPERS_MOST	3		/* frames of a tracepoint, before one of the slab's */
#define SPARE_BYTES	512		/* more than padding and debugging take, a slot */

struct kspan_slab_layout kspan_slab_layout __read_mostly;

#define KSPAN_SLAB_ENTRY(fn) (unsigned long)(fn),
static const unsigned long entries[] = { KSPAN_SLAB_ENTRIES(KSPAN_SLAB_ENTRY) };
#undef KSPAN_SLAB_ENTRY
static struct kspan_text texts[ARRAY_SIZE(entries)];

/* ------------------------------------------------------------------ names and stacks */

/* The cache of the object at @addr; NULL if its pages are no slab's. */
static struct kmem_cache *cache_of(unsigned long addr)
{
	struct page *page = virt_to_head_page((void *)addr);

	return PageSlab(page) ? *(void **)((char *)page + kspan_slab_layout.page_cache) : NULL;
}

size_t kspan_slab_slot(unsigned long addr, size_t size)
{
	struct kmem_cache *cache = kspan_slab_layout.page_cache ? cache_of(addr) : NULL;

	return cache ? kspan_slab_size(cache) : size;
}

const char *kspan_slab_name(unsigned long addr, struct kmem_cache *cache)
{
	/* What kvmalloc() has from there. */
	if (is_vmalloc_addr((void *)addr))
		return "vmalloc";
	if (!cache && kspan_slab_layout.page_cache) {
		cache = cache_of(addr);
		if (!cache)
			return "kmalloc-large";
	}
	if (!cache || !kspan_slab_layout.name)
		return "slab";
	return *(const char **)((char *)cache + kspan_slab_layout.name);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_slab_name);

bool kspan_slab_text(unsigned long addr)
{
	return kspan_text_has(texts, ARRAY_SIZE(texts), addr);
}

/* They are the first, and that of kvmalloc() is the last. */
bool kspan_slab_tells_again(unsigned long addr)
{
	const struct kspan_text *kvmalloc = &texts[ARRAY_SIZE(texts) - 1];

	return kspan_text_has(texts, KSPAN_TELL_AGAIN, addr) ||
	       (KSPAN_KVMALLOC_TELLS_AGAIN && kspan_text_has(kvmalloc, 1, addr));
}

void kspan_slab_trim(struct kspan_stack *stack, unsigned long caller)
{
	unsigned int cut = kspan_stack_until(stack, caller);

	/* Somebody else's probe may have put its own address in the place of that one. */
	if (cut == stack->nr_frames)
		cut = kspan_stack_skip(stack, texts, ARRAY_SIZE(texts), 0, HELPERS_MOST);
	kspan_stack_cut(stack, kspan_stack_skip(stack, texts, ARRAY_SIZE(texts), cut, 0));
}

/* ------------------------------------------------------------------ layout */

/* What is looked into: a copy of a cache, as far as there is memory behind its beginning. */
struct known_cache {
	struct kmem_cache *cache;
	const char *name;
	unsigned int size;
	unsigned int words[CACHE_SEARCHED / sizeof(int)];
};

/* A constructor keeps the cache from being merged with another one. */
static void construct(void *obj)
{
}

static int make(struct known_cache *known, const char *name, unsigned int size)
{
	unsigned int i;

	known->name = name;
	known->size = size;
	known->cache = kmem_cache_create(name, size, 0, 0, construct);
	if (!known->cache)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(known->words); i++)
		if (copy_from_kernel_nofault(&known->words[i], (int *)known->cache + i,
					     sizeof(int)))
			break;
	return 0;
}

/* Is the size of a slot at word @i? That of an object stands behind it. */
static bool has_size(const struct known_cache *known, unsigned int i)
{
	return known->words[i + 1] == known->size && known->words[i] >= known->size &&
	       known->words[i] < known->size + SPARE_BYTES;
}

static bool has_name(const struct known_cache *known, unsigned int i)
{
	char text[16] = "";
	const void *ptr;

	if (i % (sizeof(ptr) / sizeof(int)))
		return false;
	memcpy(&ptr, &known->words[i], sizeof(ptr));
	/* It may be no pointer at all, and not every kernel can tell without looking there. */
	if (!virt_addr_valid(ptr))
		return false;
	return !copy_from_kernel_nofault(text, ptr, strlen(known->name) + 1) &&
	       !strcmp(text, known->name);
}

/*
 * The first place at which both are as @has says, in bytes; 0: there is none. The name stands there
 * a second time, farther behind, as that of the directory in sysfs, which a merged cache has not.
 */
static u16 find_in_cache(const struct known_cache *known,
			 bool (*has)(const struct known_cache *known, unsigned int i))
{
	unsigned int i;

	for (i = 1; i < ARRAY_SIZE(known->words) - 1; i++)
		if (has(&known[0], i) && has(&known[1], i))
			return i * sizeof(int);
	return 0;
}

/* In which word of the struct page of an object is its cache? 0: in none. */
static u16 find_in_page(const struct known_cache *known)
{
	void *obj = kmem_cache_alloc(known->cache, GFP_KERNEL), **page;
	unsigned int i, found = 0;

	if (!obj)
		return 0;
	page = (void **)virt_to_head_page(obj);
	for (i = 1; i < sizeof(struct page) / sizeof(*page) && !found; i++)
		/* Other words of it may change any time. */
		if (READ_ONCE(page[i]) == known->cache)
			found = i;
	kmem_cache_free(known->cache, obj);
	return found * sizeof(*page);
}

static void find_layout(const struct known_cache *known)
{
	struct kspan_slab_layout *layout = &kspan_slab_layout;

	layout->size = find_in_cache(known, has_size);
	layout->name = find_in_cache(known, has_name);
	layout->page_cache = find_in_page(&known[0]);
	if (layout->page_cache != find_in_page(&known[1]))
		layout->page_cache = 0;
	if (!layout->size || !layout->name || !layout->page_cache)
		pr_notice("this kernel's slab caches are not as known: less will be told of them\n");
}

int kspan_slab_layout_init(void)
{
	struct known_cache *known = kcalloc(NR_CACHES, sizeof(*known), GFP_KERNEL);
	int err = -ENOMEM, i;

	if (!known)
		return err;
	err = make(&known[0], "kspan_known", 1000) ?: make(&known[1], "kspan_other", 1320);
	if (!err)
		find_layout(known);
	for (i = 0; i < NR_CACHES; i++)
		kmem_cache_destroy(known[i].cache);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		texts[i] = kspan_text_at(entries[i]);
	kfree(known);
	return err;
}
