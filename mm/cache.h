/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Caches: named pools of objects of one size, with a list of spans for each node and an array
 * of ready objects for each CPU.
 */
#ifndef _KSPAN_CACHE_H
#define _KSPAN_CACHE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <kspan/kspan.h>

#include "sizeclass.h"
#include "span.h"

struct kspan_buf;
struct kspan_label;

#define KSPAN_CACHE_MAGIC	0x6b736363	/* "kscc" */

/* All flags that kspan_cache_create() knows. */
#define KSPAN_CACHE_FLAGS	(KSPAN_HWCACHE_ALIGN | KSPAN_NO_PROFILE | KSPAN_POISON | \
				 KSPAN_RED_ZONE | KSPAN_TYPESAFE_BY_RCU)
/* Those whose checks need every allocation and free to take the slow path. */
#define KSPAN_GUARD_FLAGS	(KSPAN_POISON | KSPAN_RED_ZONE)

/* An object that is ready to be handed out, and its state byte. */
struct kspan_slot {
	void *obj;
	u8 *state;
};

/* The most slots that move at once between a CPU's array and a node; they pass over the stack. */
#define KSPAN_BATCH_MAX		16

/*
 * One CPU's ready objects of one cache. Touched by its own CPU alone, with preemption off and
 * busy set; an interrupt that finds busy set goes to the node instead. The CPU-hotplug callback
 * empties the array of a CPU that is gone.
 */
struct kspan_pcpu {
	u16 busy;
	u16 count;
	u16 capacity;
	u16 batch;
	struct kspan_slot slot[];
};

/* The spans of one cache whose pages are on one node. */
struct kspan_node {
	spinlock_t lock;		/* a leaf lock */
	struct list_head partial;	/* some objects handed out; under lock, as all below */
	struct list_head full;		/* all */
	struct list_head empty;		/* none */
	unsigned long nr_spans;
	unsigned long nr_empty;
	unsigned long nr_pages;
	unsigned long nr_objs;
	unsigned long nr_out;		/* handed out, to callers or to CPUs' arrays */
};

struct kspan_cache {
	struct kspan_pcpu __percpu *pcpu;
	unsigned int object_size;	/* bytes, as asked for */
	unsigned int slot_size;		/* bytes between objects; 0: large objects, each its own */
	unsigned int flags;		/* KSPAN_* */
	unsigned int span_pages;
	unsigned int red_zone;		/* bytes behind object_size that must stay as they are */
	void (*ctor)(void *obj);
	struct kspan_label *label;	/* name in the profile; holds a reference */
	u32 magic;
	bool internal;			/* a size class or the large objects */
	bool destroyed;			/* with objects left: kept for them, under cache_mutex */
	struct list_head list;		/* under cache_mutex */
	struct kspan_node *node[];	/* nr_node_ids, NULL for a node that is not possible */
};

/* Guards the list of caches; outermost, process context. */
extern struct mutex kspan_cache_mutex;
extern struct list_head kspan_caches;

/* kspan_alloc()'s caches: one for each size class, and one of spans with a single object. */
extern struct kspan_cache *kspan_class_cache[KSPAN_NR_CLASSES];
extern struct kspan_cache *kspan_large_cache;

const char *kspan_cache_name(const struct kspan_cache *cache);

int kspan_cache_init(void);
void kspan_cache_exit(void);
void kspan_caches_show(struct kspan_buf *buf);
void kspan_spans_show(struct kspan_buf *buf);

/* node.c: the spans of a node. Any context but NMI, no lock held. */
void kspan_node_init(struct kspan_node *node);
unsigned int kspan_node_take(struct kspan_cache *cache, int nid, struct kspan_slot *slots,
			     unsigned int want);
unsigned int kspan_node_add(struct kspan_span *span, struct kspan_slot *slots,
			    unsigned int want);
void kspan_node_give(struct kspan_slot *slots, unsigned int n);
unsigned long kspan_node_release_empty(struct kspan_cache *cache, struct kspan_node *node,
				       unsigned long nr);

/* pcpu.c: the arrays of CPUs. */
struct kspan_pcpu __percpu *kspan_pcpu_create(struct kspan_cache *cache);
unsigned int kspan_pcpu_put(struct kspan_cache *cache, struct kspan_slot *slots, unsigned int n);
void kspan_pcpu_free_slow(struct kspan_cache *cache, void *obj, u8 *state);
void kspan_pcpu_drain(struct kspan_cache *cache, int cpu);
void kspan_pcpu_drain_online(struct kspan_cache *cache);
unsigned long kspan_pcpu_cached(struct kspan_cache *cache);
unsigned int kspan_pcpu_batch(const struct kspan_cache *cache);
int kspan_pcpu_init(void);
void kspan_pcpu_exit(void);

#endif /* _KSPAN_CACHE_H */
