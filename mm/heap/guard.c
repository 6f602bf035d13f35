// SPDX-License-Identifier: GPL-2.0
/*
 * Poison and red zones, with the byte patterns that readers know from slab_debug
 * (<linux/poison.h>). KASAN, which knows what is free and where an object ends, is asked to look
 * away while they are written and read. Objects of such caches bypass the CPUs' arrays, so that
 * every allocation and free comes through here. What was found broken is reported, counted and
 * mended, and the allocation or free goes on. Takes no lock, is called under none.
 *
 * The red zone of a live object begins where the size that was asked for ends, so that of the
 * size classes and of large objects the spans note it (span->asked); that of a free object lies
 * behind all that a caller could have asked for. A single (span.h) has what alignment leaves
 * between its end and that of its memory as a red zone, whatever its cache asks for.
 */
#include <linux/kasan.h>
#include <linux/poison.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/report.h"
#include "heap/guard.h"
#include "heap/kasan.h"
#include "profile/profile.h"

unsigned int kspan_guard_red_zone(unsigned int size, unsigned int align)
{
	/* At least a word, and all that alignment leaves unused. */
	return ALIGN(size + sizeof(unsigned long), align) - size;
}

static u32 *asked(const struct kspan_span *span, const void *obj)
{
	return &span->asked[kspan_span_index(span, obj)];
}

/* Where the red zone begins: of a free object, and of a live one. Large objects are never free. */
static u32 free_size(const struct kspan_span *span)
{
	return span->cache->object_size ?: span->slot_size;
}

static u32 live_size(const struct kspan_span *span, const void *obj)
{
	return span->asked ? *asked(span, obj) : span->cache->object_size;
}

static void poison_object(const struct kspan_span *span, void *obj)
{
	size_t size = span->cache->object_size;

	if (!(span->cache->flags & KSPAN_POISON))
		return;
	kasan_disable_current();
	memset(obj, POISON_FREE, size - 1);
	((u8 *)obj)[size - 1] = POISON_END;
	kasan_enable_current();
}

static bool has_red_zone(const struct kspan_span *span)
{
	return span->cache->flags & KSPAN_RED_ZONE || kspan_span_single(span);
}

static void red_zone(const struct kspan_span *span, void *obj, u32 from, u8 pattern)
{
	if (!has_red_zone(span))
		return;
	kasan_disable_current();
	memset(obj + from, pattern, span->slot_size - from);
	kasan_enable_current();
}

/* Are the bytes from @from up to @to of @obj all @pattern? Reports it if not. */
static bool check_bytes(const struct kspan_span *span, const void *obj, u32 from, u32 to,
			u8 pattern, const struct kspan_bucket *bucket, const char *what)
{
	struct kspan_damage damage = {
		.obj = obj, .size = live_size(span, obj), .slot_size = span->slot_size,
	};
	const u8 *bytes = obj, *bad;

	kasan_disable_current();
	bad = memchr_inv(obj + from, pattern, to - from);
	if (unlikely(bad)) {
		while (bytes[to - 1] == pattern)
			to--;
		damage.first = bad - bytes;
		damage.last = to - 1;
		if (bucket)
			damage.nr_frames = kspan_bucket_frames(bucket, &damage.frames);
		kspan_report_damage(&damage, "%s of cache %s: byte %u is %02x, not %02x", what,
				    kspan_cache_name(span->cache), damage.first, *bad, pattern);
	}
	kasan_enable_current();
	return !bad;
}

void __kspan_guard_init(struct kspan_span *span, void *obj)
{
	poison_object(span, obj);
	red_zone(span, obj, free_size(span), SLUB_RED_INACTIVE);
}

void __kspan_guard_alloc(struct kspan_span *span, void *obj, size_t size)
{
	u32 room = free_size(span);

	/* What was overwritten before its last byte is one write, and one report. */
	if (span->cache->flags & KSPAN_POISON &&
	    check_bytes(span, obj, 0, room - 1, POISON_FREE, NULL, "write after free"))
		check_bytes(span, obj, room - 1, room, POISON_END, NULL, "write after free");
	if (span->cache->flags & KSPAN_RED_ZONE)
		check_bytes(span, obj, room, span->slot_size, SLUB_RED_INACTIVE, NULL,
			    "write behind a free object");
	if (span->cache->flags & KSPAN_POISON) {
		kspan_kasan_unpoison(obj, room);
		memset(obj, POISON_INUSE, room);
	}
	if (span->asked)
		*asked(span, obj) = size;
	red_zone(span, obj, live_size(span, obj), SLUB_RED_ACTIVE);
}

void kspan_guard_single(struct kspan_span *span)
{
	red_zone(span, span->base, live_size(span, span->base), SLUB_RED_ACTIVE);
}

void __kspan_guard_check(const struct kspan_span *span, const void *obj,
			 const struct kspan_bucket *bucket)
{
	if (has_red_zone(span))
		check_bytes(span, obj, live_size(span, obj), span->slot_size, SLUB_RED_ACTIVE,
			    bucket, "write behind an object");
}

void __kspan_guard_free(struct kspan_span *span, void *obj)
{
	poison_object(span, obj);
	red_zone(span, obj, free_size(span), SLUB_RED_INACTIVE);
}
