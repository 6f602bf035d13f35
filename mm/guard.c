// SPDX-License-Identifier: GPL-2.0
/*
 * Poison and red zones, with the byte patterns that readers know from slab_debug
 * (<linux/poison.h>). Objects of such caches bypass the CPUs' arrays, so that every allocation
 * and free comes through here. What was found broken is reported, counted and mended, and the
 * allocation or free goes on. Takes no lock, is called under none.
 */
#include <linux/poison.h>
#include <linux/string.h>

#include "compat.h"
#include "guard.h"
#include "report.h"

unsigned int kspan_guard_red_zone(unsigned int size, unsigned int align)
{
	/* At least a word, and all that alignment leaves unused. */
	return ALIGN(size + sizeof(unsigned long), align) - size;
}

static void poison(struct kspan_cache *cache, void *obj)
{
	if (!(cache->flags & KSPAN_POISON) || cache->ctor)
		return;
	memset(obj, POISON_FREE, cache->object_size - 1);
	((u8 *)obj)[cache->object_size - 1] = POISON_END;
}

static void red_zone(struct kspan_cache *cache, void *obj, u8 pattern)
{
	memset(obj + cache->object_size, pattern, cache->red_zone);
}

static void check(struct kspan_cache *cache, const void *obj, const void *from, size_t len,
		  u8 pattern, const char *what)
{
	const u8 *bad = memchr_inv(from, pattern, len);

	if (bad)
		kspan_report(KSPAN_CORRUPTIONS, obj, "%s of cache %s: byte %zu is %02x, not %02x",
			     what, kspan_cache_name(cache), (size_t)((void *)bad - obj), *bad,
			     pattern);
}

void __kspan_guard_init(struct kspan_cache *cache, void *obj)
{
	poison(cache, obj);
	red_zone(cache, obj, SLUB_RED_INACTIVE);
}

void __kspan_guard_alloc(struct kspan_cache *cache, void *obj)
{
	size_t size = cache->object_size;

	if ((cache->flags & KSPAN_POISON) && !cache->ctor) {
		check(cache, obj, obj, size - 1, POISON_FREE, "write after free");
		check(cache, obj, obj + size - 1, 1, POISON_END, "write after free");
	}
	check(cache, obj, obj + size, cache->red_zone, SLUB_RED_INACTIVE,
	      "write behind a free object");
	if ((cache->flags & KSPAN_POISON) && !cache->ctor)
		memset(obj, POISON_INUSE, size);
	red_zone(cache, obj, SLUB_RED_ACTIVE);
}

void __kspan_guard_free(struct kspan_cache *cache, void *obj)
{
	check(cache, obj, obj + cache->object_size, cache->red_zone, SLUB_RED_ACTIVE,
	      "write behind an object");
	poison(cache, obj);
	red_zone(cache, obj, SLUB_RED_INACTIVE);
}
