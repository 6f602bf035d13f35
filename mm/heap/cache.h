/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Caches: named pools of objects of one size, with a list of spans for each node and an array
 * of ready objects for each CPU.
 */
#ifndef _KSPAN_CACHE_H
#define _KSPAN_CACHE_H

#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <kspan/kspan.h>

#include "base/lock.h"
#include "heap/sizeclass.h"
#include "heap/span.h"
#include "profile/sample.h"
#include "special/finalizer.h"

struct kspan_buf;
struct kspan_label;
struct kspan_left;
struct kspan_span_line;
struct kspan_symbol;
struct module;

#define KSPAN_CACHE_MAGIC	0x6b736363	/* "kscc" */

/* All flags that kspan_cache_create() knows. */
#define KSPAN_CACHE_FLAGS	(KSPAN_HWCACHE_ALIGN | KSPAN_NO_PROFILE | KSPAN_POISON | \
				 KSPAN_RED_ZONE | KSPAN_TYPESAFE_BY_RCU | KSPAN_GUARD | \
				 KSPAN_BYPASS)
/* Those whose checks need every allocation and free to take the slow path. */
#define KSPAN_CHECK_FLAGS	(KSPAN_POISON | KSPAN_RED_ZONE)

/* An object that is ready to be handed out, and its state byte. */
struct kspan_slot {
	void *obj;
	u8 *state;
};

/* The most slots that move at once between a CPU's array and a node. */
#define KSPAN_BATCH_MAX		32

/* A batch of ready objects on its way between CPUs, or the room for one: see depot.c. */
struct kspan_magazine {
	struct kspan_magazine *next;	/* in a depot, under the node's lock */
	u8 mark;			/* of the array that they come from */
	struct kspan_slot slot[];	/* cache->batch, all in use or none */
};

/*
 * One CPU's ready objects of one cache. Touched by its own CPU alone, with preemption off,
 * between kspan_pcpu_enter() and leaving (pcpu.h); the CPU-hotplug callback empties the array of
 * a CPU that is gone.
 */
struct kspan_pcpu {
	union {
		u64 word;		/* budget, busy, place and mark: see pcpu.h */
		u8 bytes[sizeof(u64)];	/* of the word */
	};
	u64 allocs;			/* allocations here, once the budget is spent */
	struct kspan_stride stride;	/* when the next sample is due, beyond the budget */
	struct kspan_magazine *spare;	/* an empty one, or NULL */
	struct kspan_slot bottom;	/* of no object: what an empty array comes upon */
	struct kspan_slot slot[];	/* directly behind it */
};

static_assert(offsetofend(struct kspan_pcpu, bottom) == offsetof(struct kspan_pcpu, slot));

/* Touched under the lock of its node. */
#define kspan_in_node	kspan_guarded_by(&lock)

/* The spans of one cache whose pages are on one node. */
struct kspan_node {
	spinlock_t lock;			/* a leaf lock */
	struct list_head partial kspan_in_node;	/* some objects handed out */
	struct list_head full kspan_in_node;	/* all */
	struct list_head empty kspan_in_node;	/* none */
	struct list_head all kspan_in_node;	/* the oldest first */
	/* In all: where a walk goes on; NULL: there is none. */
	struct list_head *walk kspan_in_node;
	unsigned long nr_spans kspan_in_node;
	unsigned long nr_empty kspan_in_node;
	unsigned long nr_pages kspan_in_node;
	unsigned long nr_objs kspan_in_node;
	/* Handed out: to callers, CPUs' arrays or the depot. */
	unsigned long nr_out kspan_in_node;

	/* The depot. */
	struct kspan_magazine *magazines kspan_in_node;	/* full ones */
	struct kspan_magazine *spares kspan_in_node;	/* empty ones */
	unsigned int nr_magazines kspan_in_node;
	unsigned int nr_spares kspan_in_node;
};

struct kspan_cache {
	struct kspan_pcpu __percpu *pcpu;
	u32 pcpu_limit;			/* slots in each CPU's array, as its word counts them */
	unsigned int batch;		/* objects that move at once between arrays and nodes */
	unsigned int depot_max;		/* the most full magazines of a node */
	unsigned int object_size;	/* bytes, as asked for */
	unsigned int slot_size;		/* bytes between objects; 0: large objects, each its own */
	unsigned int flags;		/* KSPAN_* */
	unsigned int span_pages;
	unsigned int red_zone;		/* bytes behind object_size that must stay as they are */
	/* The bytes of an object that may be copied to and from user space; never change. */
	unsigned int useroffset;
	unsigned int usersize;
	unsigned int align;		/* bytes; 0: by the size, see kspan_cache_align() */
	struct kmem_cache *kernels;	/* of a named cache that bypasses kspan, else NULL */
	void (*ctor)(void *obj);
	struct kspan_label *label;	/* name in the profile; holds a reference */
	u32 magic;
	bool internal;			/* a size class or the large objects */
	bool destroyed;			/* with objects left: kept for them, under cache_mutex */
	const struct kspan_symbol *creator;	/* the function that created it, or NULL */
	bool abandoned;			/* by its creator's module, which has left; likewise */
	struct list_head list;		/* under cache_mutex */
	struct kspan_finalizers finalizers;
	struct kspan_node *node[];	/* nr_node_ids, NULL for a node that is not possible */
};

/* What an object of @size bytes that does not lie in a slot of @cache's is aligned to. */
static inline unsigned int kspan_cache_align(const struct kspan_cache *cache, size_t size)
{
	if (cache->align)
		return cache->align;
	return max_t(unsigned int, is_power_of_2(size) ? size : 1, ARCH_KMALLOC_MINALIGN);
}

/* Bytes that the owner of object @index may use. */
static inline u32 kspan_span_usable(const struct kspan_span *span, unsigned int index)
{
	if (span->asked)
		return span->asked[index];
	return span->cache->object_size ?: span->slot_size;
}

/* Guards the list of caches; outermost, process context. */
extern struct mutex kspan_cache_mutex;
extern struct list_head kspan_caches kspan_guarded_by(&kspan_cache_mutex);
/* Destroyed with objects left, and kept for their late frees. */
extern struct list_head kspan_left_caches kspan_guarded_by(&kspan_cache_mutex);

/* The cache of spans with a single object; those of the size classes are in kspan.h. */
extern struct kspan_cache *kspan_large_cache;

const char *kspan_cache_name(const struct kspan_cache *cache);

int kspan_cache_init(unsigned int flags);
void kspan_cache_exit(void);
void kspan_cache_totals(unsigned long *allocs, unsigned long *in_use);
void kspan_caches_show(struct kspan_buf *buf);

/*
 * A cache that functions of @mod created and have not destroyed, once each; false if there is
 * none any more. The label is the caller's to put. Process context.
 */
bool kspan_cache_left_by(const struct module *mod, struct kspan_left *left);

/* Are objects of a span handed out in random order, or the lowest first? */
extern bool kspan_freelist_random;

/* node.c: the spans of a node. Any context but NMI, no lock held. */
void kspan_node_init(struct kspan_node *node);
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want) kspan_no_lock;
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots,
			    unsigned int want) kspan_no_lock;
void kspan_node_give(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n,
		     u8 from) kspan_no_lock;
void kspan_node_stray(struct kspan_cache *cache, const struct kspan_slot *slot) kspan_no_lock;
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr) kspan_no_lock;
unsigned long kspan_node_walk(struct kspan_node *node, struct kspan_span_line *lines,
			      unsigned long room) kspan_no_lock;

/* depot.c: the magazines of a node. Any context but NMI, no lock held. */
struct kspan_magazine *kspan_depot_put(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *full) kspan_no_lock;
struct kspan_magazine *kspan_depot_get(struct kspan_cache *cache, int nid,
				       struct kspan_magazine *empty) kspan_no_lock;
void kspan_depot_drain(struct kspan_cache *cache, struct kspan_node *node) kspan_no_lock;
unsigned long kspan_depot_count(const struct kspan_cache *cache, const struct kspan_node *node);

/* pcpu.c: the arrays of CPUs. */
struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache);
void kspan_pcpu_destroy(struct kspan_cache *cache);
void *kspan_pcpu_refill(struct kspan_cache *cache, int nid);
unsigned int kspan_pcpu_put(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			    unsigned int n, u8 from);
void kspan_pcpu_free_slow(struct kspan_cache *cache, const struct kspan_span *span, void *obj,
			  u8 *state);
void *kspan_pcpu_pop_any(struct kspan_cache *cache, bool *sampled, u64 *weight);
size_t kspan_pcpu_pop_bulk(struct kspan_cache *cache, size_t n, void **objs);
bool kspan_pcpu_charge(struct kspan_cache *cache, u64 *weight);
bool kspan_pcpu_charge_alone(const struct kspan_cache *cache, size_t slot_size, u64 *weight);
void kspan_pcpu_drain(struct kspan_cache *cache);
void kspan_pcpu_end_budgets(void);
unsigned long kspan_pcpu_allocs(struct kspan_cache *cache);
unsigned long kspan_pcpu_cached(struct kspan_cache *cache);
int kspan_pcpu_init(void);
void kspan_pcpu_exit(void);

#endif /* _KSPAN_CACHE_H */
