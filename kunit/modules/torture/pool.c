// SPDX-License-Identifier: GPL-2.0
/*
 * Caches that come and go under torture, with every combination of flags. A cache dies in
 * steps: nobody allocates from it any more, its objects are looked for and freed, and once the
 * last has been, it is destroyed.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "torture.h"

#define NR_POOLS	12
#define ALL_FLAGS	(KSPAN_HWCACHE_ALIGN | KSPAN_NO_PROFILE | KSPAN_POISON | KSPAN_RED_ZONE | \
			 KSPAN_TYPESAFE_BY_RCU)

static struct torture_pool pools[NR_POOLS];

static u64 ctor_word(const void *obj)
{
	return (unsigned long)obj ^ 0x6b7370616e637472ULL;
}

static void construct(void *obj)
{
	*(u64 *)obj = ctor_word(obj);
}

bool torture_ctor_ok(const void *obj)
{
	return READ_ONCE(*(const u64 *)obj) == ctor_word(obj);
}

/* A cache to allocate from, with a reference for the object; NULL if that one is not there. */
struct torture_pool *torture_pool_get(struct torture_actor *actor)
{
	struct torture_pool *pool = &pools[torture_random(actor, NR_POOLS)];

	return atomic_inc_not_zero(&pool->users) ? pool : NULL;
}

/* Its object was freed. */
void torture_pool_put(struct torture_pool *pool)
{
	atomic_dec(&pool->users);
}

static void create(struct torture_actor *actor, struct torture_pool *pool)
{
	unsigned int flags = torture_random(actor, ALL_FLAGS + 1) & ALL_FLAGS, align = 0;
	char name[16];

	pool->size = 1 + torture_random(actor, torture_one_in(actor, 4) ? 9000 : 600);
	pool->ctor = pool->size >= sizeof(u64) && torture_one_in(actor, 3);
	if (torture_one_in(actor, 2))
		align = 1U << torture_random(actor, PAGE_SHIFT + 1);
	snprintf(name, sizeof(name), "torture-%td", pool - pools);
	pool->cache = kspan_cache_create(name, pool->size, align, flags,
					 pool->ctor ? construct : NULL);
	torture_count(OP_CREATE, !pool->cache);
	if (!pool->cache)
		return;
	if (kspan_cache_size(pool->cache) != pool->size)
		torture_error("a cache of %u bytes, not %u", kspan_cache_size(pool->cache),
			      pool->size);
	pool->dying = false;
	atomic_set_release(&pool->users, 1);
}

/* Frees what is left of a cache that dies. */
static void sweep(struct torture_actor *actor, const struct torture_pool *pool)
{
	unsigned int i;

	for (i = 0; i < torture_nr_slots; i++) {
		struct torture_slot *slot = &torture_slots[i];

		if (!torture_trylock(&slot->busy))
			continue;
		if (slot->obj && slot->pool == pool)
			torture_object_free(actor, slot);
		torture_unlock(&slot->busy);
	}
}

static void destroy(struct torture_pool *pool)
{
	kspan_cache_destroy(pool->cache);
	pool->cache = NULL;
	torture_count(OP_DESTROY, false);
}

/* One step in the life of a cache. Only from who may sleep. */
void torture_pool_any(struct torture_actor *actor)
{
	struct torture_pool *pool = &pools[torture_random(actor, NR_POOLS)];

	if (!torture_trylock(&pool->busy))
		return;
	if (!pool->cache) {
		create(actor, pool);
	} else if (torture_one_in(actor, 2)) {
		kspan_cache_shrink(pool->cache);
		torture_count(OP_SHRINK, false);
	} else if (!pool->dying) {
		pool->dying = true;
		atomic_dec(&pool->users);
	} else if (atomic_read_acquire(&pool->users)) {
		sweep(actor, pool);
	} else {
		destroy(pool);
	}
	torture_unlock(&pool->busy);
}

/* Every object has been freed: the caches go, and nothing must be left in the classes either. */
void torture_pool_end(void)
{
	int i;

	for (i = 0; i < NR_POOLS; i++) {
		struct torture_pool *pool = &pools[i];

		if (pool->cache && atomic_read(&pool->users) != !pool->dying)
			torture_error("cache %d has %d users", i, atomic_read(&pool->users));
		if (pool->cache)
			destroy(pool);
	}
	for (i = 0; i < KSPAN_NR_CLASSES; i++)
		if (kspan_cache_shrink(kspan_class_cache[i]))
			torture_error("size class %d keeps spans", i);
}
