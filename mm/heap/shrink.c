// SPDX-License-Identifier: GPL-2.0
/*
 * Memory pressure: the shrinker empties depots and gives empty spans back, one cache after the
 * other. It also has a look at a few spans' pages each time (hold.c).
 *
 * Locks: it only tries kspan_cache_mutex, since it is called from allocations that may hold it;
 * the nodes' list locks are taken inside.
 */
#include <linux/mm.h>
#include <linux/shrinker.h>

#include "base/compat.h"
#include "heap/heap.h"
#include "heap/hold.h"
#include "heap/node.h"
#include "heap/own.h"

static struct shrinker *shrinker;

static unsigned long node_empty_pages(const struct kspan_node *node)
{
	/* Spans of a cache differ in size only when memory was short; an estimate will do. */
	unsigned long spans = READ_ONCE(node->nr_spans);

	return spans ? READ_ONCE(node->nr_empty) * READ_ONCE(node->nr_pages) / spans : 0;
}

static unsigned long empty_pages(const struct kspan_cache *cache)
{
	unsigned long pages = 0;
	int nid;

	for_each_node(nid)
		pages += node_empty_pages(kspan_cache_node(cache, nid));
	return pages;
}

/* What the depots hold, most of which may lie in spans that are not empty without it. */
static unsigned long depot_pages(const struct kspan_cache *cache)
{
	return kspan_cache_in_depots(cache) * cache->slot_size >> PAGE_SHIFT;
}

/* Empties the depots of @cache and gives back up to @nr pages; pages given back. */
static unsigned long shrink_one(struct kspan_cache *cache, unsigned long nr)
{
	kspan_cache_drain_depots(cache);
	return kspan_cache_release_empty(cache, nr);
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
		pages += empty_pages(cache) + depot_pages(cache);
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

int kspan_shrink_init(void)
{
	shrinker = kspan_shrinker_alloc("kspan");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = shrink_count;
	shrinker->scan_objects = shrink_scan;
	return kspan_shrinker_register(shrinker, "kspan");
}

void kspan_shrink_exit(void)
{
	kspan_shrinker_free(shrinker);
}
