// SPDX-License-Identifier: GPL-2.0
/*
 * What a cache is: its geometry, the arrays of its CPUs and the spans of its nodes; the list of
 * all caches and their names; and what is asked of a cache as a whole. Who makes and destroys one,
 * and why, is not known here (api/cache.c).
 *
 * Locks: kspan_cache_mutex, see cache.h. The nodes' list locks are taken inside it.
 */
#include <linux/cpu.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/lock.h"
#include "base/name.h"
#include "base/stats.h"
#include "heap/bypass.h"
#include "heap/cache.h"
#include "heap/fence.h"
#include "heap/node.h"
#include "heap/own.h"
#include "heap/pcpu.h"
#include "heap/retire.h"
#include "profile/profile.h"

/* Guards the lists of caches, see cache.h. */
DEFINE_MUTEX(kspan_cache_mutex);
EXPORT_SYMBOL_FOR_TESTS(kspan_cache_mutex);
LIST_HEAD(kspan_caches);
EXPORT_SYMBOL_FOR_TESTS(kspan_caches);
LIST_HEAD(kspan_left_caches);
EXPORT_SYMBOL_FOR_TESTS(kspan_left_caches);

struct kspan_cache *kspan_class_cache[KSPAN_NR_CLASSES];
EXPORT_SYMBOL_GPL(kspan_class_cache);
struct kspan_cache *kspan_large_cache;
EXPORT_SYMBOL_FOR_TESTS(kspan_large_cache);

const char *kspan_cache_name(const struct kspan_cache *cache)
{
	return kspan_label_name(cache->label);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_cache_name);

/* ---- Making and freeing one ---------------------------------------------------------- */

void kspan_cache_delete(struct kspan_cache *cache)
{
	int nid;

	kspan_finalizers_close(&cache->finalizers);
	/* Spans that have gone still say whose they were. */
	kspan_retire_flush();
	for_each_node(nid)
		kfree(kspan_cache_node(cache, nid));
	if (cache->pcpu)
		kspan_count_n(KSPAN_ALLOCS, kspan_pcpu_allocs(cache));
	kspan_pcpu_destroy(cache);
	kspan_bypass_close(cache);
	if (cache->label)
		kspan_label_put(cache->label);
	kfree(kspan_cache_own(cache));
}

/* Everything of a cache but its place in the list; its geometry is set by the caller. */
static int setup(struct kspan_cache_own *own, const char *name)
{
	struct kspan_cache *cache = &own->cache;
	char shown[KSPAN_NAME_SIZE];
	struct kspan_node *node;
	int nid;

	cache->magic = KSPAN_CACHE_MAGIC;
	INIT_LIST_HEAD(&cache->list);
	kspan_name_make(shown, name, 1);
	cache->label = kspan_label_get(shown, GFP_KERNEL);
	cache->pcpu = kspan_pcpu_create(cache);
	if (!cache->label || !cache->pcpu)
		return -ENOMEM;
	for_each_node(nid) {
		node = kzalloc_node(sizeof(*node), GFP_KERNEL, nid);
		if (!node)
			return -ENOMEM;
		kspan_node_init(cache, node);
		own->node[nid] = node;
	}
	return 0;
}

struct kspan_cache *kspan_cache_new(const char *name, unsigned int object_size,
				    unsigned int align, unsigned int slot_size,
				    unsigned int span_pages, unsigned int flags,
				    void (*ctor)(void *obj))
{
	struct kspan_cache_own *own = kzalloc(struct_size(own, node, nr_node_ids), GFP_KERNEL);
	struct kspan_cache *cache;

	if (!own)
		return NULL;
	cache = &own->cache;
	kspan_finalizers_open(&cache->finalizers);
	cache->object_size = object_size;
	own->align = align;
	cache->slot_size = slot_size;
	if (slot_size)
		cache->inverse = kspan_slot_inverse(slot_size, &cache->shift);
	own->span_pages = span_pages;
	own->many_pages = slot_size ? kspan_span_pick_many(slot_size, span_pages) : span_pages;
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
	if (setup(own, name) || (flags & KSPAN_BYPASS && kspan_bypass_open(cache))) {
		kspan_cache_delete(cache);
		return NULL;
	}
	return cache;
}

/* ---- The list of all ----------------------------------------------------------------- */

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
		cache->label = kspan_label_get(shown, GFP_KERNEL);
		if (!cache->label)
			return -ENOMEM;
	}
	return 0;
}

int kspan_cache_publish(struct kspan_cache *cache, const char *name)
{
	int err;

	mutex_lock(&kspan_cache_mutex);
	err = name_apart(cache, name);
	if (!err)
		list_add_tail(&cache->list, &kspan_caches);
	mutex_unlock(&kspan_cache_mutex);
	return err;
}

/* ---- Giving back --------------------------------------------------------------------- */

void kspan_cache_drain_depots(struct kspan_cache *cache)
{
	int nid;

	for_each_node(nid)
		kspan_depot_drain(cache, kspan_cache_node(cache, nid));
}

void kspan_cache_drain(struct kspan_cache *cache)
{
	cpus_read_lock();
	kspan_pcpu_drain(cache);
	cpus_read_unlock();
	kspan_cache_drain_depots(cache);
}

unsigned long kspan_cache_release_empty(struct kspan_cache *cache, unsigned long nr)
{
	unsigned long pages = 0;
	int nid;

	for_each_node(nid)
		if (pages < nr)
			pages += kspan_node_release_empty(cache, kspan_cache_node(cache, nid),
							  nr - pages);
	return pages;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_cache_release_empty);

struct kspan_span *kspan_cache_orphan(struct kspan_cache *cache)
{
	struct kspan_span *span;
	int nid;

	for_each_node(nid) {
		span = kspan_node_orphan(kspan_cache_node(cache, nid));
		if (span) {
			/* What bypassed kspan is the kernel's, which keeps its cache too. */
			kspan_cache_own(cache)->kernels = NULL;
			return span;
		}
	}
	return NULL;
}

/* ---- Books --------------------------------------------------------------------------- */

unsigned long kspan_cache_out(const struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += READ_ONCE(kspan_cache_node(cache, nid)->nr_out);
	return sum;
}

unsigned long kspan_cache_in_depots(const struct kspan_cache *cache)
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += kspan_depot_count(cache, kspan_cache_node(cache, nid));
	return sum;
}

unsigned long kspan_cache_in_use(struct kspan_cache *cache)
{
	unsigned long out = kspan_cache_out(cache);

	return out - min(kspan_pcpu_cached(cache) + kspan_cache_in_depots(cache), out);
}

bool kspan_cache_has_spans(const struct kspan_cache *cache)
{
	int nid;

	for_each_node(nid)
		if (READ_ONCE(kspan_cache_node(cache, nid)->nr_spans))
			return true;
	return false;
}

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
			*in_use += kspan_cache_in_use(cache);
		}
	}
	mutex_unlock(&kspan_cache_mutex);
}

void kspan_cache_look(struct kspan_cache *cache, struct kspan_cache_line *line)
{
	unsigned long out = 0;
	int nid;

	*line = (struct kspan_cache_line) {};
	for_each_node(nid) {
		struct kspan_node *node = kspan_cache_node(cache, nid);
		unsigned long flags;

		kspan_lock(&node->lock, flags);
		line->objs += node->nr_objs;
		out += node->nr_out;
		line->spans += node->nr_spans;
		line->pages += node->nr_pages;
		kspan_unlock(&node->lock, flags);
	}
	line->used = out - min(kspan_pcpu_cached(cache) + kspan_cache_in_depots(cache), out);
}
