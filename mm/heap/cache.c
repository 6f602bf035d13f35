// SPDX-License-Identifier: GPL-2.0
/*
 * Caches: creation, destruction, shrinking, the caches behind kspan_alloc(), the shrinker that
 * answers memory pressure, and the lines about caches and spans in debugfs.
 *
 * Locks: kspan_cache_mutex guards the list of caches; process context, outermost but for
 * cpus_read_lock(), which CPU hotplug imposes on whoever drains CPUs. The nodes' list locks are
 * taken inside it. The shrinker only tries the mutex, since it is called from allocations that
 * may hold it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "api/free.h"
#include "api/leak.h"
#include "base/buf.h"
#include "base/compat.h"
#include "base/lock.h"
#include "base/name.h"
#include "heap/bypass.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/guard.h"
#include "heap/hold.h"
#include "heap/retire.h"
#include "profile/label.h"
#include "profile/snapshot.h"
#include "profile/symbol.h"

/* Guards kspan_caches; see the head of this file. */
DEFINE_MUTEX(kspan_cache_mutex);
EXPORT_SYMBOL_FOR_TESTS(kspan_cache_mutex);
LIST_HEAD(kspan_caches);
EXPORT_SYMBOL_FOR_TESTS(kspan_caches);

struct kspan_cache *kspan_class_cache[KSPAN_NR_CLASSES];
EXPORT_SYMBOL_GPL(kspan_class_cache);
struct kspan_cache *kspan_large_cache;
EXPORT_SYMBOL_FOR_TESTS(kspan_large_cache);

static struct shrinker *shrinker;

/* Of every cache, besides what each asks for: module parameters. */
static unsigned int flags_of_all __ro_after_init;

/* Destroyed with objects left, and kept for their late frees; under kspan_cache_mutex. */
LIST_HEAD(kspan_left_caches);
EXPORT_SYMBOL_FOR_TESTS(kspan_left_caches);

const char *kspan_cache_name(const struct kspan_cache *cache)
{
	return cache->label->name;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_cache_name);

/* ---- Creation and destruction -------------------------------------------------------- */

static void cache_free(struct kspan_cache *cache)
{
	int nid;

	kspan_finalizers_close(&cache->finalizers);
	/* Spans that have gone still say whose they were. */
	kspan_retire_flush();
	for_each_node(nid)
		kfree(cache->node[nid]);
	if (cache->pcpu)
		kspan_count_n(KSPAN_ALLOCS, kspan_pcpu_allocs(cache));
	kspan_pcpu_destroy(cache);
	kspan_bypass_close(cache);
	if (cache->label)
		kspan_label_put(cache->label);
	kspan_symbol_put(cache->creator);
	kfree(cache);
}

/* Everything of a cache but its place in the list; its geometry is set by the caller. */
static int cache_setup(struct kspan_cache *cache, const char *name)
{
	char shown[KSPAN_NAME_SIZE];
	int nid;

	cache->magic = KSPAN_CACHE_MAGIC;
	INIT_LIST_HEAD(&cache->list);
	kspan_name_make(shown, name, 1);
	cache->label = kspan_label_get(shown);
	cache->pcpu = kspan_pcpu_create(cache);
	if (!cache->label || !cache->pcpu)
		return -ENOMEM;
	for_each_node(nid) {
		cache->node[nid] = kzalloc_node(sizeof(*cache->node[nid]), GFP_KERNEL, nid);
		if (!cache->node[nid])
			return -ENOMEM;
		kspan_node_init(cache->node[nid]);
	}
	return 0;
}

static struct kspan_cache *cache_create(const char *name, unsigned int object_size,
					unsigned int align, unsigned int slot_size,
					unsigned int span_pages, unsigned int flags,
					void (*ctor)(void *obj))
{
	struct kspan_cache *cache = kzalloc(struct_size(cache, node, nr_node_ids), GFP_KERNEL);

	if (!cache)
		return NULL;
	kspan_finalizers_open(&cache->finalizers);
	cache->object_size = object_size;
	cache->align = align;
	cache->slot_size = slot_size;
	cache->span_pages = span_pages;
	/* As slab does: what a constructor made, or late readers may look at, is not poisoned. */
	if (ctor || flags & KSPAN_TYPESAFE_BY_RCU)
		flags &= ~KSPAN_POISON;
	if (!kspan_fence_fits(object_size, flags))
		flags &= ~KSPAN_GUARD;
	cache->flags = flags;
	cache->ctor = ctor;
	cache->usersize = UINT_MAX;
	if (flags & KSPAN_RED_ZONE)
		cache->red_zone = slot_size - object_size;
	if (cache_setup(cache, name) || (flags & KSPAN_BYPASS && kspan_bypass_open(cache))) {
		cache_free(cache);
		return NULL;
	}
	return cache;
}

static bool name_is_taken(const char *name)
	kspan_must_hold_mutex(&kspan_cache_mutex)
{
	struct kspan_cache *cache;

	lockdep_assert_held(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		if (!strcmp(kspan_cache_name(cache), name))
			return true;
	return false;
}

/*
 * Of caches with one name each is shown with another, as long as they are there at the same time:
 * one that is made again once the other is gone goes on under its name. 0 or -ENOMEM.
 */
static int name_apart(struct kspan_cache *cache, const char *name)
	kspan_must_hold_mutex(&kspan_cache_mutex)
{
	char shown[KSPAN_NAME_SIZE];
	unsigned int number = 1;

	while (name_is_taken(kspan_cache_name(cache))) {
		kspan_label_put(cache->label);
		kspan_name_make(shown, name, ++number);
		cache->label = kspan_label_get(shown);
		if (!cache->label)
			return -ENOMEM;
	}
	return 0;
}

/* @name is what its creator calls it. 0, or -ENOMEM with @cache freed. */
static int cache_publish(struct kspan_cache *cache, const char *name)
{
	int err;

	mutex_lock(&kspan_cache_mutex);
	err = name_apart(cache, name);
	if (!err)
		list_add_tail(&cache->list, &kspan_caches);
	mutex_unlock(&kspan_cache_mutex);
	if (err)
		cache_free(cache);
	return err;
}

/* As slab does: a cache line, or the smallest power-of-two part of one that the object fills. */
static unsigned int hwcache_align(unsigned int size, unsigned int align)
{
	unsigned int line = cache_line_size();

	while (size <= line / 2)
		line /= 2;
	return max(align, line);
}

/* As kspan_cache_create_usercopy(), for @caller, an address of its code. */
static struct kspan_cache *create_named(const char *name, unsigned int size, unsigned int align,
					unsigned int flags, unsigned int useroffset,
					unsigned int usersize, void (*ctor)(void *obj),
					unsigned long caller)
{
	unsigned int of_all = flags_of_all, slot;
	struct kspan_cache *cache;

	if (usersize > size || useroffset > size - usersize)
		return NULL;
	if (!name || !size || size > KMALLOC_MAX_SIZE ||
	    align > PAGE_SIZE || (align && !is_power_of_2(align)) || (flags & ~KSPAN_CACHE_FLAGS))
		return NULL;

	flags |= of_all & KSPAN_BYPASS;
	if (flags & KSPAN_BYPASS) {
		/* The kernel's own checkers do those. */
		flags &= ~(KSPAN_CHECK_FLAGS | KSPAN_GUARD);
		of_all = KSPAN_BYPASS;
	}
	align = max_t(unsigned int, align, ARCH_KMALLOC_MINALIGN);
	if (flags & KSPAN_HWCACHE_ALIGN)
		align = hwcache_align(size, align);
	slot = size + kspan_guard_red_zone(size, align);
	if (slot > KMALLOC_MAX_SIZE && flags & KSPAN_RED_ZONE)
		return NULL;
	if (slot <= KMALLOC_MAX_SIZE)
		flags |= of_all & KSPAN_RED_ZONE;
	if (!(flags & KSPAN_RED_ZONE))
		slot = ALIGN(size, align);
	if (slot > KMALLOC_MAX_SIZE)
		return NULL;
	flags |= of_all & (KSPAN_POISON | KSPAN_GUARD);
	if (flags & KSPAN_GUARD && kspan_fence_open())
		flags &= ~KSPAN_GUARD;

	cache = cache_create(name, size, align, slot, kspan_span_pick_pages(slot), flags, ctor);
	if (!cache)
		return NULL;
	cache->creator = kspan_symbol_get(caller - 1);
	cache->useroffset = useroffset;
	cache->usersize = usersize;
	return cache_publish(cache, name) ? NULL : cache;
}

/**
 * kspan_cache_create_usercopy() - create a named cache whose objects user space sees a part of
 * @name: as for kspan_cache_create()
 * @size: bytes of an object, 1 to KMALLOC_MAX_SIZE with its red zone
 * @align: alignment of objects in bytes, a power of two up to PAGE_SIZE, or 0
 * @flags: KSPAN_* flags
 * @useroffset: the first byte of an object that may be copied to or from user space
 * @usersize: how many bytes from there on may be; 0 for none
 * @ctor: called once for each object when its span is made, or NULL
 *
 * As kspan_cache_create(), where that is the whole object. See kspan_check_object_size() for who
 * is held to it.
 *
 * Context: process context, may sleep; takes kspan_cache_mutex.
 * Return: the cache, or NULL: no memory, or an argument out of range.
 */
struct kspan_cache *kspan_cache_create_usercopy(const char *name, unsigned int size,
						unsigned int align, unsigned int flags,
						unsigned int useroffset, unsigned int usersize,
						void (*ctor)(void *obj))
{
	return create_named(name, size, align, flags, useroffset, usersize, ctor, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_cache_create_usercopy);

/**
 * kspan_cache_create() - create a named cache
 * @name: name in debugfs and in profiles, where blanks, control characters, backslashes and what
 *	is not UTF-8 are shown as a backslash and three octal digits, and a cache whose name another
 *	one has as NAME#2; copied
 * @size: bytes of an object, 1 to KMALLOC_MAX_SIZE with its red zone
 * @align: alignment of objects in bytes, a power of two up to PAGE_SIZE, or 0
 * @flags: KSPAN_* flags
 * @ctor: called once for each object when its span is made, or NULL
 *
 * Every object is aligned to at least ARCH_KMALLOC_MINALIGN. Memory from a cache with a
 * constructor is not zeroed by init_on_alloc or init_on_free, since freed objects keep their
 * constructed state.
 *
 * Context: process context, may sleep; takes kspan_cache_mutex.
 * Return: the cache, or NULL: no memory, or an argument out of range.
 */
struct kspan_cache *kspan_cache_create(const char *name, unsigned int size, unsigned int align,
				       unsigned int flags, void (*ctor)(void *obj))
{
	return create_named(name, size, align, flags, 0, size, ctor, _RET_IP_);
}
EXPORT_SYMBOL_GPL(kspan_cache_create);

static void drain_depots(struct kspan_cache *cache)
{
	int nid;

	for_each_node(nid)
		kspan_depot_drain(cache, cache->node[nid]);
}

/* Returns objects in CPUs' arrays and in depots to their spans. */
static void drain(struct kspan_cache *cache)
{
	cpus_read_lock();
	kspan_pcpu_drain(cache);
	cpus_read_unlock();
	drain_depots(cache);
}

/* Gives back all empty spans; pages given back. */
static unsigned long cache_release_empty(struct kspan_cache *cache, unsigned long nr)
{
	unsigned long pages = 0;
	int nid;

	for_each_node(nid)
		if (pages < nr)
			pages += kspan_node_release_empty(cache, cache->node[nid], nr - pages);
	return pages;
}

static unsigned long cache_sum(const struct kspan_cache *cache,
			       unsigned long (*of)(const struct kspan_node *node))
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += of(cache->node[nid]);
	return sum;
}

static unsigned long node_out(const struct kspan_node *node)
{
	return kspan_peek(node->nr_out);
}

static unsigned long depot_count(const struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += kspan_depot_count(cache, cache->node[nid]);
	return sum;
}

/* Objects in CPUs' arrays and in depots; exact when nobody allocates or frees. */
static unsigned long cached(struct kspan_cache *cache)
{
	return kspan_pcpu_cached(cache) + depot_count(cache);
}

/*
 * Allocations from the arrays of all caches there are, and objects that are in use. Process
 * context; exact when nobody allocates or frees.
 */
void kspan_cache_totals(unsigned long *allocs, unsigned long *in_use)
{
	struct list_head *const lists[] = { &kspan_caches, &kspan_left_caches };
	struct kspan_cache *cache;
	int i;

	*allocs = 0;
	*in_use = 0;
	mutex_lock(&kspan_cache_mutex);
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		list_for_each_entry(cache, lists[i], list) {
			*allocs += kspan_pcpu_allocs(cache);
			*in_use += cache_sum(cache, node_out) - cached(cache);
		}
	}
	mutex_unlock(&kspan_cache_mutex);
}

/* The name of the module that created @cache; NULL if that is not known, or kspan itself. */
static const char *creator_of(const struct kspan_cache *cache)
{
	const struct kspan_symbol *sym = cache->creator;

	return sym && strcmp(sym->module, KSPAN_UNKNOWN_MODULE) ? sym->module : NULL;
}

static void left_in(const struct kspan_cache *cache, unsigned long objects,
		    struct kspan_left *left)
{
	*left = (struct kspan_left) {
		.addr = cache, .label = cache->label, .creator = creator_of(cache),
		.objects = objects,
		.slot_size = cache->slot_size, .not_profiled = cache->flags & KSPAN_NO_PROFILE,
	};
}

bool kspan_cache_left_by(const struct module *mod, struct kspan_left *left)
{
	struct kspan_cache *cache;
	unsigned long out;
	bool found = false;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list) {
		if (cache->abandoned || !creator_of(cache) || strcmp(creator_of(cache), mod->name))
			continue;
		/* The module may come again, and then it is another one. */
		cache->abandoned = true;
		out = cache_sum(cache, node_out);
		left_in(cache, out - min(cached(cache), out), left);
		refcount_inc(&left->label->refs);
		found = true;
		break;
	}
	mutex_unlock(&kspan_cache_mutex);
	return found;
}

/* The cache is off the list. Frees it, or leaves it to the objects that are still in use. */
static void cache_release(struct kspan_cache *cache)
{
	struct kspan_left left;

	kspan_finalizers_settle(&cache->finalizers);
	/* Late frees go straight to the spans: an array that was emptied stays so. */
	WRITE_ONCE(cache->pcpu_limit, 0);
	drain(cache);
	/* As slab does: what the kernel itself is about to free may be of this cache. */
	if (cache_sum(cache, node_out) && kspan_kvfree_rcu_barrier())
		kspan_finalizers_settle(&cache->finalizers);
	cache_release_empty(cache, ULONG_MAX);
	left_in(cache, cache_sum(cache, node_out), &left);
	if (left.objects) {
		kspan_hold_look_at_all();
		kspan_leak_of_cache(&left);
		mutex_lock(&kspan_cache_mutex);
		list_add(&cache->list, &kspan_left_caches);
		mutex_unlock(&kspan_cache_mutex);
		return;
	}
	cache_free(cache);
}

/**
 * kspan_cache_destroy() - destroy a cache
 * @cache: the cache, or NULL
 *
 * The caller has freed all objects and uses the cache no more; objects that wait for a grace
 * period or a finalizer are waited for, and no other cache's. When objects are left, that is
 * reported with the sampled stacks that allocated them, their memory stays, and freeing them
 * later still works.
 *
 * Context: process context, may sleep; takes cpus_read_lock() and kspan_cache_mutex. Not from
 * a finalizer or cleanup of one of its objects, nor with a lock held that one of those may want.
 */
void kspan_cache_destroy(struct kspan_cache *cache)
{
	if (!cache)
		return;
	if (WARN_ON_ONCE(cache->magic != KSPAN_CACHE_MAGIC || cache->internal || cache->destroyed))
		return;
	mutex_lock(&kspan_cache_mutex);
	list_del_init(&cache->list);
	cache->destroyed = true;
	mutex_unlock(&kspan_cache_mutex);
	cache_release(cache);
}
EXPORT_SYMBOL_GPL(kspan_cache_destroy);

/**
 * kspan_cache_shrink() - give back memory that a cache does not need now
 * @cache: the cache
 *
 * Empties the arrays of all CPUs and gives every empty span back.
 *
 * Context: process context, may sleep; takes cpus_read_lock() and kspan_cache_mutex.
 * Return: 0 when no span is left, 1 when some are in use, as kmem_cache_shrink().
 */
int kspan_cache_shrink(struct kspan_cache *cache)
{
	int nid;

	drain(cache);
	cache_release_empty(cache, ULONG_MAX);
	for_each_node(nid)
		if (kspan_peek(cache->node[nid]->nr_spans))
			return 1;
	return 0;
}
EXPORT_SYMBOL_GPL(kspan_cache_shrink);

/**
 * kspan_cache_size() - bytes that an object of a cache may use
 * @cache: the cache
 *
 * Return: the size that the cache was created with, in bytes.
 */
unsigned int kspan_cache_size(struct kspan_cache *cache)
{
	return cache->object_size;
}
EXPORT_SYMBOL_GPL(kspan_cache_size);

/* ---- Memory pressure ----------------------------------------------------------------- */

static unsigned long node_empty_pages(const struct kspan_node *node)
{
	/* Spans of a cache differ in size only when memory was short; an estimate will do. */
	unsigned long spans = kspan_peek(node->nr_spans);

	return spans ? kspan_peek(node->nr_empty) * kspan_peek(node->nr_pages) / spans : 0;
}

/* What the depots hold, most of which may lie in spans that are not empty without it. */
static unsigned long depot_pages(const struct kspan_cache *cache)
{
	return depot_count(cache) * cache->slot_size >> PAGE_SHIFT;
}

/* Empties the depots of @cache and gives back up to @nr pages; pages given back. */
static unsigned long shrink_one(struct kspan_cache *cache, unsigned long nr)
{
	drain_depots(cache);
	return cache_release_empty(cache, nr);
}

static unsigned long shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	struct kspan_cache *cache;
	unsigned long pages = 0;

	/* Also when there is nothing to give back. */
	kspan_hold_look_at_some();
	if (!mutex_trylock(&kspan_cache_mutex))
		return 0;
	list_for_each_entry(cache, &kspan_caches, list)
		pages += cache_sum(cache, node_empty_pages) + depot_pages(cache);
	mutex_unlock(&kspan_cache_mutex);
	return pages;
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct kspan_cache *cache;
	unsigned long pages = 0;

	if (!mutex_trylock(&kspan_cache_mutex))
		return SHRINK_STOP;
	list_for_each_entry(cache, &kspan_caches, list) {
		if (pages >= sc->nr_to_scan)
			break;
		pages += shrink_one(cache, sc->nr_to_scan - pages);
	}
	mutex_unlock(&kspan_cache_mutex);
	return pages ?: SHRINK_STOP;
}

/* ---- debugfs ------------------------------------------------------------------------- */

static void show_cache(struct kspan_buf *buf, struct kspan_cache *cache)
{
	unsigned long objs = 0, out = 0, spans = 0, pages = 0, used, bytes;
	int nid;

	for_each_node(nid) {
		struct kspan_node *node = cache->node[nid];
		unsigned long flags;

		kspan_lock(&node->lock, flags);
		objs += node->nr_objs;
		out += node->nr_out;
		spans += node->nr_spans;
		pages += node->nr_pages;
		kspan_unlock(&node->lock, flags);
	}
	used = out - min(cached(cache), out);
	/*
	 * Waste is what no caller has asked for: free objects, rounding and tails. What lies in
	 * no pages of kspan's has none.
	 */
	bytes = cache->slot_size ? pages * PAGE_SIZE : 0;
	kspan_buf_printf(buf, "%-24s %8u %8u %10lu %10lu %8lu %8lu %12lu\n",
			 kspan_cache_name(cache), cache->object_size, cache->slot_size, used, objs,
			 spans, pages,
			 bytes - min(bytes, used * cache->object_size));
}

/* The caches file: one line for each cache. Process context. */
void kspan_caches_show(struct kspan_buf *buf)
{
	struct kspan_cache *cache;

	kspan_buf_printf(buf, "%-24s %8s %8s %10s %10s %8s %8s %12s\n", "# name", "object", "slot",
			 "in_use", "objects", "spans", "pages", "waste_bytes");
	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list)
		show_cache(buf, cache);
	mutex_unlock(&kspan_cache_mutex);
}

/* ---- Start and end ------------------------------------------------------------------- */

static int create_internal(struct kspan_cache **out, const char *name, unsigned int size,
			   unsigned int span_bytes, unsigned int flags)
{
	unsigned int pages = DIV_ROUND_UP(span_bytes, PAGE_SIZE), slot = size;
	struct kspan_cache *cache;

	if (size && flags & KSPAN_RED_ZONE) {
		/* What a size is aligned to without a red zone, it is with one. */
		slot += kspan_guard_red_zone(size, 1U << __ffs(size));
		pages = kspan_span_pick_pages(slot);
	}
	cache = cache_create(name, size, 0, slot, pages, flags, NULL);
	if (!cache)
		return -ENOMEM;
	cache->internal = true;
	if (cache_publish(cache, name))
		return -ENOMEM;
	*out = cache;
	return 0;
}

static void destroy_internal(struct kspan_cache **cache)
{
	if (!*cache)
		return;
	mutex_lock(&kspan_cache_mutex);
	list_del_init(&(*cache)->list);
	mutex_unlock(&kspan_cache_mutex);
	cache_release(*cache);
	*cache = NULL;
}

/* The class whose cache serves requests of class @i on this machine. */
static unsigned int stand_in(unsigned int i)
{
	return kspan_class_stand_in(i, ARCH_KMALLOC_MINALIGN, dma_get_cache_alignment());
}

static int create_classes(unsigned int flags)
{
	char name[24];
	int err, i;

	for (i = 0; i < KSPAN_NR_CLASSES; i++) {
		if (stand_in(i) != i)
			continue;
		snprintf(name, sizeof(name), "kspan-%u", kspan_classes[i].slot_size);
		err = create_internal(&kspan_class_cache[i], name, kspan_classes[i].slot_size,
				      kspan_classes[i].span_bytes, flags);
		if (err)
			return err;
	}
	for (i = 0; i < KSPAN_NR_CLASSES; i++)
		kspan_class_cache[i] = kspan_class_cache[stand_in(i)];
	return 0;
}

static void destroy_classes(void)
{
	int i;

	for (i = 0; i < KSPAN_NR_CLASSES; i++) {
		if (stand_in(i) != i)
			kspan_class_cache[i] = NULL;
		destroy_internal(&kspan_class_cache[i]);
	}
}

/* @flags are those of every cache: KSPAN_POISON, KSPAN_RED_ZONE, KSPAN_GUARD, or KSPAN_BYPASS. */
int kspan_cache_init(unsigned int flags)
{
	int err;

	flags_of_all = flags;
	err = create_classes(flags);
	if (err)
		goto fail;
	err = create_internal(&kspan_large_cache, "kspan-large", 0, 0,
			      flags & (KSPAN_RED_ZONE | KSPAN_BYPASS));
	if (err)
		goto fail;

	err = -ENOMEM;
	shrinker = kspan_shrinker_alloc("kspan");
	if (!shrinker)
		goto fail;
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	err = kspan_shrinker_register(shrinker, "kspan");
	if (err)
		goto fail;
	return 0;
fail:
	destroy_classes();
	destroy_internal(&kspan_large_cache);
	return err;
}

static void forget_spans(struct list_head *spans)
{
	struct kspan_span *span, *next;

	list_for_each_entry_safe(span, next, spans, list) {
		kspan_free_forget(span);
		kfree(span);
	}
}

/*
 * Nobody is left who could free the objects of @cache: their memory stays, their records and the
 * headers of their spans go.
 */
static void forget(struct kspan_cache *cache)
	kspan_not_checked
{
	int nid;

	for_each_node(nid) {
		forget_spans(&cache->node[nid]->partial);
		forget_spans(&cache->node[nid]->full);
	}
	/* What bypassed kspan is the kernel's, which keeps its cache too. */
	cache->kernels = NULL;
}

/* What modules that have left did not destroy. */
static void destroy_abandoned(void)
{
	struct kspan_cache *cache, *next;
	LIST_HEAD(abandoned);

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry_safe(cache, next, &kspan_caches, list) {
		if (cache->internal)
			continue;
		cache->destroyed = true;
		list_move_tail(&cache->list, &abandoned);
	}
	mutex_unlock(&kspan_cache_mutex);
	list_for_each_entry_safe(cache, next, &abandoned, list) {
		list_del_init(&cache->list);
		cache_release(cache);
	}
}

/* Nobody else is left. */
void kspan_cache_exit(void)
	kspan_not_checked
{
	struct kspan_cache *cache, *next;

	kspan_shrinker_free(shrinker);
	destroy_abandoned();
	destroy_classes();
	destroy_internal(&kspan_large_cache);
	list_for_each_entry_safe(cache, next, &kspan_left_caches, list) {
		kspan_finalizers_settle(&cache->finalizers);
		forget(cache);
		cache_free(cache);
	}
}
