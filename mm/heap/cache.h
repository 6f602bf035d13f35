/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Caches: named pools of objects of one size, with a list of spans for each node and an array
 * of ready objects for each CPU.
 */
#ifndef _KSPAN_CACHE_H
#define _KSPAN_CACHE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/types.h>

#include <kspan/kspan.h>

#include "base/lock.h"
#include "heap/sizeclass.h"
#include "heap/span.h"
#include "special/special.h"

struct kspan_label;
struct kspan_pcpu;
struct kspan_symbol;

#define KSPAN_CACHE_MAGIC	0x6b736363	/* "kscc" */

/* All flags that kspan_cache_create() knows. */
#define KSPAN_CACHE_FLAGS	(KSPAN_HWCACHE_ALIGN | KSPAN_NO_PROFILE | KSPAN_POISON | \
				 KSPAN_RED_ZONE | KSPAN_TYPESAFE_BY_RCU | KSPAN_GUARD | \
				 KSPAN_BYPASS)
/* Those whose checks need every allocation and free to take the slow path. */
#define KSPAN_CHECK_FLAGS	(KSPAN_POISON | KSPAN_RED_ZONE)

/* As all see it; what the heap alone knows of it is behind (own.h). */
struct kspan_cache {
	struct kspan_pcpu __percpu *pcpu;
	/*
	 * Slots in each CPU's array, as its word counts them. Written once more when the cache is
	 * destroyed, for those who free too late.
	 */
	u32 pcpu_limit kspan_marked;

	/* Written before the first allocation, never after. */
	unsigned int object_size;	/* bytes, as asked for */
	unsigned int slot_size;		/* bytes between objects; 0: large objects, each its own */
	unsigned int flags;		/* KSPAN_* */
	unsigned int shift;		/* of slot_size: see kspan_slot_index() */
	u64 inverse;			/* likewise */
	unsigned int red_zone;		/* bytes behind object_size that must stay as they are */
	unsigned int useroffset;	/* the bytes of an object that may be copied to ... */
	unsigned int usersize;		/* ... and from user space */
	u32 magic;
	void (*ctor)(void *obj);
	struct kspan_label *label;	/* name in the profile; holds a reference */
	const struct kspan_symbol *creator;	/* the function that created it, or NULL */
	bool internal;			/* a size class or the large objects */

	/* Under kspan_cache_mutex. */
	bool destroyed;			/* with objects left, it is kept for them */
	bool abandoned;			/* by its creator's module, which has left */
	struct list_head list;

	struct kspan_finalizers finalizers;	/* has no lock */
};

/* Bytes that the owner of object @index may use. */
static inline u32 kspan_span_usable(const struct kspan_span *span, unsigned int index)
{
	if (span->asked)
		return span->asked[index];
	return span->cache->object_size ?: span->slot_size;
}

/*
 * Guards the lists of caches. Process context; outermost but for cpus_read_lock(), which CPU
 * hotplug imposes on whoever drains CPUs.
 */
extern struct mutex kspan_cache_mutex;
extern struct list_head kspan_caches kspan_guarded_by(&kspan_cache_mutex);
/* Destroyed with objects left, and kept for their late frees. */
extern struct list_head kspan_left_caches kspan_guarded_by(&kspan_cache_mutex);

/* The cache of spans with a single object; those of the size classes are in kspan.h. */
extern struct kspan_cache *kspan_large_cache;

/* node.c: are objects of a span handed out in random order? Else the lowest first. A parameter. */
extern bool kspan_freelist_random;

const char *kspan_cache_name(const struct kspan_cache *cache);

/*
 * A cache of that geometry, with the name that @name makes, on no list yet. Process context, may
 * sleep. NULL without memory.
 */
struct kspan_cache *kspan_cache_new(const char *name, unsigned int object_size,
				    unsigned int align, unsigned int slot_size,
				    unsigned int span_pages, unsigned int flags,
				    void (*ctor)(void *obj)) kspan_no_lock;
/* It is on no list, and has no objects but what its arrays hold. Process context, sleeps. */
void kspan_cache_delete(struct kspan_cache *cache) kspan_no_lock;

/* Enters it in the list of all, under a name of its own made of @name. 0 or -ENOMEM. */
int kspan_cache_publish(struct kspan_cache *cache, const char *name)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex);

/* Returns objects in CPUs' arrays and in depots to their spans. Process context. */
void kspan_cache_drain(struct kspan_cache *cache)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex);
void kspan_cache_drain_depots(struct kspan_cache *cache) kspan_no_lock;
/* Gives back up to @nr pages of empty spans, or a few more; pages given back. */
unsigned long kspan_cache_release_empty(struct kspan_cache *cache, unsigned long nr) kspan_no_lock;
/*
 * One of its spans with objects that nobody will free any more, off all lists; NULL if there is
 * none. Their memory stays. Process context.
 */
struct kspan_span *kspan_cache_orphan(struct kspan_cache *cache) kspan_no_lock;

/* These are exact when nobody allocates or frees. Handed out: to callers, arrays or depots. */
unsigned long kspan_cache_out(const struct kspan_cache *cache);
unsigned long kspan_cache_in_depots(const struct kspan_cache *cache);
unsigned long kspan_cache_in_use(struct kspan_cache *cache);
bool kspan_cache_has_spans(const struct kspan_cache *cache);

/*
 * Allocations from the arrays of all caches there are, and objects that are in use. Process
 * context; exact when nobody allocates or frees.
 */
void kspan_cache_totals(unsigned long *allocs, unsigned long *in_use)
	kspan_no_lock kspan_must_not_hold(&kspan_cache_mutex);

/* A cache as it is: its objects in use and in all, its spans, and their pages. */
struct kspan_cache_line {
	unsigned long used, objs, spans, pages;
};

void kspan_cache_look(struct kspan_cache *cache, struct kspan_cache_line *line) kspan_no_lock;

#endif /* _KSPAN_CACHE_H */
