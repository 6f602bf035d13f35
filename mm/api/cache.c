// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a cache: creation, shrinking and destruction of those that have a name, what is said
 * of objects that are left in one, and the caches behind kspan_alloc(). What a cache is, heap/
 * knows.
 *
 * Locks: kspan_cache_mutex, see heap/cache.h. Process context.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cache.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <kspan/kspan.h>

#include "api/deferred.h"
#include "api/api.h"
#include "api/cache.h"
#include "api/free.h"
#include "api/leak.h"
#include "base/compat.h"
#include "heap/heap.h"

/* Of every cache, besides what each asks for: module parameters. */
static unsigned int flags_of_all __ro_after_init;

/* ---- Creation ------------------------------------------------------------------------ */

/* As slab does: a cache line, or the smallest power-of-two part of one that the object fills. */
static unsigned int hwcache_align(unsigned int size, unsigned int align)
{
	unsigned int line = cache_line_size();

	while (size <= line / 2)
		line /= 2;
	return max(align, line);
}

static void end_cache(struct kspan_cache *cache)
{
	kspan_symbol_put(cache->creator);
	kspan_cache_delete(cache);
}

/* @name is what its creator calls it. 0, or -ENOMEM with @cache freed. */
static int publish_or_delete(struct kspan_cache *cache, const char *name)
{
	int err = kspan_cache_publish(cache, name);

	if (err)
		end_cache(cache);
	return err;
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

	cache = kspan_cache_new(name, size, align, slot, kspan_span_pick_pages(slot), flags, ctor);
	if (!cache)
		return NULL;
	cache->creator = kspan_symbol_get(caller - 1);
	cache->useroffset = useroffset;
	cache->usersize = usersize;
	return publish_or_delete(cache, name) ? NULL : cache;
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

/* ---- What is left in it -------------------------------------------------------------- */

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
	bool found = false;

	mutex_lock(&kspan_cache_mutex);
	list_for_each_entry(cache, &kspan_caches, list) {
		if (cache->abandoned || !creator_of(cache) || strcmp(creator_of(cache), mod->name))
			continue;
		/* The module may come again, and then it is another one. */
		cache->abandoned = true;
		left_in(cache, kspan_cache_in_use(cache), left);
		kspan_label_hold(left->label);
		found = true;
		break;
	}
	mutex_unlock(&kspan_cache_mutex);
	return found;
}

/* The cache is off the list. Frees it, or leaves it to the objects that are still in use. */
static void release_cache(struct kspan_cache *cache)
{
	struct kspan_left left;

	kspan_settle(&cache->finalizers);
	/* Late frees go straight to the spans: an array that was emptied stays so. */
	WRITE_ONCE(cache->pcpu_limit, 0);
	kspan_cache_drain(cache);
	/*
	 * As slab does: what the kernel itself is about to free may be of this cache. It may also
	 * have been about to put it into an array, of a CPU that had not heard of the limit: that
	 * array may have looked empty from here, as neither need have seen the other's store.
	 */
	if (kspan_cache_out(cache) && kspan_kvfree_rcu_barrier()) {
		kspan_settle(&cache->finalizers);
		kspan_cache_drain(cache);
	}
	kspan_cache_release_empty(cache, ULONG_MAX);
	left_in(cache, kspan_cache_out(cache), &left);
	if (left.objects) {
		kspan_hold_look_at_all();
		kspan_leak_of_cache(&left);
		mutex_lock(&kspan_cache_mutex);
		list_add(&cache->list, &kspan_left_caches);
		mutex_unlock(&kspan_cache_mutex);
		return;
	}
	end_cache(cache);
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
	release_cache(cache);
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
	kspan_cache_drain(cache);
	kspan_cache_release_empty(cache, ULONG_MAX);
	return kspan_cache_has_spans(cache);
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
	cache = kspan_cache_new(name, size, 0, slot, pages, flags, NULL);
	if (!cache)
		return -ENOMEM;
	cache->internal = true;
	if (publish_or_delete(cache, name))
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
	release_cache(*cache);
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
	return 0;
fail:
	destroy_classes();
	destroy_internal(&kspan_large_cache);
	return err;
}

/*
 * Nobody is left who could free the objects of @cache: their memory stays, their records and the
 * headers of their spans go.
 */
static void forget_objects(struct kspan_cache *cache)
{
	struct kspan_span *span;

	while ((span = kspan_cache_orphan(cache))) {
		kspan_free_forget(span);
		kspan_span_drop(span);
	}
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
		release_cache(cache);
	}
}

/* Nobody is left who could come in between. */
void kspan_cache_exit(void)
	kspan_not_checked
{
	struct kspan_cache *cache, *next;

	destroy_abandoned();
	destroy_classes();
	destroy_internal(&kspan_large_cache);
	list_for_each_entry_safe(cache, next, &kspan_left_caches, list) {
		kspan_settle(&cache->finalizers);
		forget_objects(cache);
		end_cache(cache);
	}
}
