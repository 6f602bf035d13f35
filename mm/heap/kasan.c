// SPDX-License-Identifier: GPL-2.0
/*
 * KASAN's shadow of kspan's objects (kasan.h). What mm/kasan/ has for this is the kernel's own or
 * comes and goes with versions, while the shadow itself is an interface to compilers: a byte for
 * each eight, which says how many of them may be touched, all (0), the first so many (1 to 7) or
 * none, and why. This file is not instrumented: it writes what is asked before every access.
 *
 * Any context, no lock.
 */
#include <linux/align.h>
#include <linux/bits.h>
#include <linux/string.h>

#include "heap/kasan.h"
#include "heap/span.h"

#define GRANULE		BIT(KASAN_SHADOW_SCALE_SHIFT)

/* As mm/kasan/kasan.h has them; they are what its reports go by. */
#define REDZONE		0xfc		/* "slab-out-of-bounds" */
#define FREED		0xfb		/* "slab-use-after-free" */

/* Slots begin and end with granules. */
static void poison_shadow(const void *from, const void *to, u8 why)
{
	memset(kasan_mem_to_shadow(from), why, (to - from) / GRANULE);
}

/* New pages of a span, or what is left of its objects: for nobody. @size in bytes. */
void kspan_kasan_poison_pages(const void *base, size_t size)
{
	poison_shadow(base, base + size, REDZONE);
}

/* @size bytes at @obj are for anybody. */
void kspan_kasan_unpoison(const void *obj, size_t size)
{
	u8 *shadow = kasan_mem_to_shadow(obj);

	memset(shadow, 0, size / GRANULE);
	if (size % GRANULE)
		shadow[size / GRANULE] = size % GRANULE;
}

/* @obj is handed out: @size bytes of @room, which is what a free of it takes back. */
void kspan_kasan_alloc(const void *obj, size_t size, size_t room)
{
	kspan_kasan_unpoison(obj, size);
	poison_shadow(PTR_ALIGN(obj + size, GRANULE), PTR_ALIGN(obj + room, GRANULE), REDZONE);
}

/* @obj is free. Readers of a stable object may still be looking at it. */
void kspan_kasan_free(const struct kspan_span *span, const void *obj)
{
	if (!(span->cache->flags & KSPAN_TYPESAFE_BY_RCU))
		poison_shadow(obj, obj + span->slot_size, FREED);
}
