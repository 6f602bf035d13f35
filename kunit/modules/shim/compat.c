// SPDX-License-Identifier: GPL-2.0
/*
 * A file of the shim's client that adapts the allocator to old kernels, as drivers out of the tree
 * do: it brings functions itself that the kernel does not have, takes names back with #undef, and
 * looks at the allocator's events.
 */
#define pr_fmt(fmt) "shim_client: " fmt

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/version.h>
#include <trace/events/kmem.h>

#include <kspan/kspan.h>

#include "client.h"

static unsigned int own_calls;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0)
static inline void *kmemdup_array(const void *src, size_t count, size_t element_size, gfp_t gfp)
{
	own_calls++;
	return kmemdup(src, size_mul(element_size, count), gfp);
}

static inline void *kvmemdup(const void *src, size_t len, gfp_t gfp)
{
	void *copy = kvmalloc(len, gfp);

	own_calls++;
	return copy ? memcpy(copy, src, len) : NULL;
}

DEFINE_FREE(kvfree, void *, own_calls++; kvfree(_T))
#define OWN_CALLS	3
#else
#define OWN_CALLS	0
#endif

static void use_own(bool *ok)
{
	static const u32 table[] = { 1, 2, 3 };
	u32 *copy = kmemdup_array(table, ARRAY_SIZE(table), sizeof(table[0]), GFP_KERNEL);
	u32 *other __free(kvfree) = kvmemdup(table, sizeof(table), GFP_KERNEL);

	*ok = copy && copy[2] == 3 && kspan_owns(copy) && other && other[2] == 3;
	kfree(copy);
}

/* The names of the events are the kernel's. */
static void on_kfree(void *count, unsigned long ip, const void *obj)
{
	WRITE_ONCE(*(bool *)count, true);
}

static bool events_are_the_kernels(void)
{
	static bool seen;

	char **words = argv_split(GFP_KERNEL, "two words", NULL);

	if (!words || register_trace_kfree(on_kfree, &seen))
		return false;
	argv_free(words);
	unregister_trace_kfree(on_kfree, &seen);
	tracepoint_synchronize_unregister();
	return READ_ONCE(seen);
}

#undef kmem_cache_free
#undef kmem_cache_destroy

/* One allocator for each operation, whichever it is. */
static bool one_allocator(struct kmem_cache *cache)
{
	void *obj;

	if (!cache)
		return false;
	obj = kmem_cache_alloc(cache, GFP_KERNEL);
	if (!obj || kspan_owns(obj))
		return false;
	kmem_cache_free(cache, obj);
	kmem_cache_destroy(cache);
	return true;
}

int caches_of_a_file_that_takes_names_back(void)
{
	struct pair { long a, b; };
	bool ok;

	use_own(&ok);
	if (!ok || own_calls != OWN_CALLS) {
		pr_err("functions that the driver brings are not its own: %u calls\n", own_calls);
		return -EINVAL;
	}
	if (!events_are_the_kernels()) {
		pr_err("an event of the kernel's is not seen\n");
		return -EINVAL;
	}
	if (!one_allocator(kmem_cache_create("shim_part", 64, 0, 0, NULL)) ||
	    !one_allocator(kmem_cache_create_usercopy("shim_part", 64, 0, 0, 0, 64, NULL)) ||
	    !one_allocator(KMEM_CACHE(pair, 0)) ||
	    !one_allocator(KMEM_CACHE_USERCOPY(pair, 0, b))) {
		pr_err("a cache is not used by the allocator that made it\n");
		return -EINVAL;
	}
	return 0;
}
