// SPDX-License-Identifier: GPL-2.0
/*
 * A client of kspan for kernels without KUnit: known numbers of objects of known sizes from
 * known functions, so that what the profile says of them can be compared with what is true.
 * scripts/tests/stock has the same numbers. With mixed=N it makes N allocations of mixed sizes
 * instead, for the estimate of a sampled profile; misuse=1 adds a bad free of each kind, leak=1
 * leaves two objects of its cache behind and abandon=1 the cache itself.
 */
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <kspan/kspan.h>

#define NR_KEPT		300
#define NR_FREED	200
#define NR_CACHED	150
#define NR_LARGE	3

static unsigned int mixed;
module_param(mixed, uint, 0);
MODULE_PARM_DESC(mixed, "allocations of mixed sizes");

static bool misuse;
module_param(misuse, bool, 0);
MODULE_PARM_DESC(misuse, "free what must not be freed");

static bool leak;
module_param(leak, bool, 0);
MODULE_PARM_DESC(leak, "leave objects in the cache that is destroyed");

static bool abandon;
module_param(abandon, bool, 0);
MODULE_PARM_DESC(abandon, "do not destroy the cache");

static void *kept[NR_KEPT], *freed[NR_FREED], *cached[NR_CACHED], *large[NR_LARGE];
static struct kspan_cache *cache;
static void **live;

static noinline int client_keep(void)
{
	int i;

	for (i = 0; i < NR_KEPT; i++) {
		kept[i] = kspan_alloc(192, GFP_KERNEL);
		if (!kept[i])
			return -ENOMEM;
	}
	return 0;
}

static noinline int client_drop(void)
{
	int i;

	for (i = 0; i < NR_FREED; i++) {
		freed[i] = kspan_zalloc(1000, GFP_KERNEL);
		if (!freed[i])
			return -ENOMEM;
	}
	for (i = 0; i < NR_FREED; i++)
		kspan_free(freed[i]);
	return 0;
}

static noinline int client_cache(void)
{
	int i;

	for (i = 0; i < NR_CACHED; i++) {
		cached[i] = kspan_cache_alloc(cache, GFP_KERNEL);
		if (!cached[i])
			return -ENOMEM;
	}
	return 0;
}

static noinline int client_large(void)
{
	int i;

	for (i = 0; i < NR_LARGE; i++) {
		large[i] = kspan_calloc(25, 4000, GFP_KERNEL);
		if (!large[i])
			return -ENOMEM;
	}
	return 0;
}

/* Every size as often as the others; one allocation in 32 stays. */
static noinline int client_mixed(void)
{
	static const unsigned int sizes[] = { 16, 64, 192, 512, 1024, 2048, 4096, 16384 };
	unsigned int i;

	live = kvcalloc(mixed / 32 + 1, sizeof(*live), GFP_KERNEL);
	if (!live)
		return -ENOMEM;
	for (i = 0; i < mixed; i++) {
		void *obj = kspan_alloc(sizes[(i + i / 32) % ARRAY_SIZE(sizes)], GFP_KERNEL);

		if (!obj)
			return -ENOMEM;
		if (i % 32)
			kspan_free(obj);
		else
			live[i / 32] = obj;
		cond_resched();
	}
	return 0;
}

/* Each is reported, counted and refused, and the objects stay good. */
static noinline void client_misuse(void)
{
	static char not_ours[64];
	void *core = kmalloc(64, GFP_KERNEL);
	void *obj = kspan_alloc(64, GFP_KERNEL);

	kspan_free(not_ours);
	kspan_free(core);
	kspan_free(obj + 8);
	kspan_cache_free(cache, obj);
	kspan_free(obj);
	kspan_free(obj);
	kfree(core);
}

static void free_all(void **objs, int n)
{
	int i;

	for (i = 0; i < n; i++)
		kspan_free(objs[i]);
}

static int __init client_init(void)
{
	int err;

	if (mixed)
		return client_mixed();
	cache = kspan_cache_create("client_objects", 72, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	err = client_keep() ?: client_drop() ?: client_cache() ?: client_large();
	if (!err && misuse)
		client_misuse();
	return err;
}

static void __exit client_exit(void)
{
	free_all(kept, NR_KEPT);
	/* The first and the last, which are where the walks over a span begin and end. */
	free_all(cached + leak, NR_CACHED - 2 * leak);
	free_all(large, NR_LARGE);
	if (live)
		free_all(live, mixed / 32 + 1);
	kvfree(live);
	if (!abandon)
		kspan_cache_destroy(cache);
}

module_init(client_init);
module_exit(client_exit);
MODULE_DESCRIPTION("Known allocations from known functions");
MODULE_LICENSE("GPL");
