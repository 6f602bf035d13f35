// SPDX-License-Identifier: GPL-2.0
/*
 * The tap on the kernel's slab allocator. Most of it goes by four tracepoints. What these do not
 * see is hooked by its function:
 *
 *	kmem_cache_alloc_bulk()	at its return, when the array is filled
 *	kmem_cache_free_bulk()	at its beginning: also kfree_bulk(), and batches of kfree_rcu()
 *	kvmalloc()		at its return, if it took from vmalloc()
 *	vfree()			at its beginning, for those
 *	kvfree_call_rcu()	at its beginning, that of kfree_rcu(), where there are sheaves
 *	kmalloc_nolock()	at its return
 *	kfree_nolock()		at its beginning
 *	kfree_call_rcu_nolock()	at its beginning, that of kfree_rcu_nolock()
 *
 * Documentation/tap.rst has the list of all paths, by kernel.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "base/compat.h"
#include "base/gfp.h"
#include "tap/handler.h"
#include "tap/hooks.h"
#include "tap/label.h"
#include "tap/slab_layout.h"

static DEFINE_PER_CPU(struct kspan_tap_counters, slab_counters);
static DEFINE_PER_CPU(struct kspan_tap_cpu, slab_cpus);

DEFINE_KSPAN_PROFILE(kspan_slab_profile, "slab", &kspan_tap_profile_ops);
EXPORT_SYMBOL_FOR_TESTS(kspan_slab_profile);

static struct kspan_label *describe(const struct kspan_tap_alloc *alloc,
				    struct kspan_stack *stack, gfp_t gfp)
{
	kspan_slab_trim(stack, alloc->caller);
	return kspan_tap_label(kspan_slab_name(alloc->addr, alloc->cache), gfp);
}

static noinline void notrace allocated_slowly(unsigned long addr, size_t size,
					      struct kmem_cache *cache, unsigned long caller,
					      gfp_t gfp, unsigned int what)
{
	struct kspan_tap_alloc alloc = {
		.addr = addr, .size = size, .cache = cache, .caller = caller, .gfp = gfp,
	};

	kspan_tap_look_closer(&kspan_slab_tap, &alloc, what);
}

static __always_inline void allocated(const void *ptr, size_t size, struct kmem_cache *cache,
				      unsigned long caller, gfp_t gfp)
{
	unsigned long addr = (unsigned long)ptr;
	unsigned int what = kspan_tap_look(&kspan_slab_tap, kspan_slab_profile, addr, size);

	if (unlikely(what))
		allocated_slowly(addr, size, cache, caller, gfp, what);
}

/* ------------------------------------------------------------------ tracepoints */

/* What these call but seldom they call last, with what they have, so that they need no frame. */

/* From 6.6 on, these are told of twice, first with a function as caller that tells again. */
static noinline void notrace on_large_kmalloc(unsigned long call_site, const void *ptr,
					      size_t bytes_alloc, gfp_t gfp)
{
	if (!kspan_slab_tells_again(call_site - 1))
		allocated(ptr, bytes_alloc, NULL, call_site, gfp);
}

static void notrace on_kmalloc(void *unused, unsigned long call_site, const void *ptr,
			       size_t bytes_req, size_t bytes_alloc, gfp_t gfp, int node)
{
	if (unlikely(ZERO_OR_NULL_PTR(ptr)))
		return;
	if (unlikely(bytes_alloc > KMALLOC_MAX_CACHE_SIZE))
		on_large_kmalloc(call_site, ptr, bytes_alloc, gfp);
	else
		allocated(ptr, bytes_alloc, NULL, call_site, gfp);
}

static noinline void notrace on_cache_alloc_of_any(unsigned long call_site, const void *ptr,
						   struct kmem_cache *cache, gfp_t gfp)
{
	allocated(ptr, kspan_slab_size(cache), cache, call_site, gfp);
}

static void notrace on_cache_alloc(void *unused, unsigned long call_site, const void *ptr,
				   struct kmem_cache *cache, gfp_t gfp, int node)
{
	if (unlikely(!ptr))
		return;
	if (unlikely(!kspan_slab_layout.size))
		on_cache_alloc_of_any(call_site, ptr, cache, gfp);
	else
		allocated(ptr, kspan_slab_size(cache), cache, call_site, gfp);
}

static void notrace on_kfree(void *unused, unsigned long call_site, const void *ptr)
{
	kspan_tap_freed(&kspan_slab_tap, (unsigned long)ptr);
}

static void notrace on_cache_free(void *unused, unsigned long call_site, const void *ptr,
				  const struct kmem_cache *cache)
{
	kspan_tap_freed(&kspan_slab_tap, (unsigned long)ptr);
}

static struct kspan_trace_hook trace_hooks[] = {
	{ "kfree", on_kfree },
	{ "kmem_cache_free", on_cache_free },
	{ "kmalloc", on_kmalloc },
	{ "kmem_cache_alloc", on_cache_alloc },
};

/* The type of each handler is what its tracepoint calls. */
static void __maybe_unused check_types(void)
{
	check_trace_callback_type_kmalloc(on_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(on_cache_alloc);
	check_trace_callback_type_kfree(on_kfree);
	check_trace_callback_type_kmem_cache_free(on_cache_free);
}

/* ------------------------------------------------------------------ functions */

static void on_free_bulk(const unsigned long *args)
{
	size_t nr = args[1], i;
	void **objs = (void **)args[2];

	for (i = 0; i < nr; i++)
		kspan_tap_freed(&kspan_slab_tap, (unsigned long)objs[i]);
}

/* (struct rcu_head *head, void *ptr) */
static void __maybe_unused on_free_rcu(const unsigned long *args)
{
	kspan_tap_freed(&kspan_slab_tap, args[1]);
}

static void __maybe_unused on_free_nolock(const unsigned long *args)
{
	kspan_tap_freed(&kspan_slab_tap, args[0]);
}

static void on_vfree(const unsigned long *args)
{
	kspan_tap_freed(&kspan_slab_tap, args[0]);
}

/* All or nothing. */
static void on_alloc_bulk(const struct kspan_call *call, unsigned long value,
			  unsigned long caller)
{
	struct kmem_cache *cache = (struct kmem_cache *)call->args[0];
	gfp_t gfp = (__force gfp_t)call->args[1];
	size_t nr = kspan_alloc_bulk_failed(value) ? 0 : call->args[2], i;
	void **objs = (void **)call->args[3];

	for (i = 0; i < nr; i++)
		allocated(objs[i], kspan_slab_size(cache), cache, caller, gfp);
}

/* It may have been called from anywhere. */
static void __maybe_unused on_kmalloc_nolock(const struct kspan_call *call, unsigned long value,
					     unsigned long caller)
{
	if (value)
		allocated((void *)value, kspan_slab_slot(value, call->args[0]), NULL, caller,
			  KSPAN_GFP_NOTHING);
}

/* What it takes from kmalloc() has been told. */
static void on_kvmalloc(const struct kspan_call *call, unsigned long value, unsigned long caller)
{
	if (is_vmalloc_addr((void *)value))
		allocated((void *)value, PAGE_ALIGN(call->args[0]), NULL, caller, GFP_KERNEL);
}

#define KSPAN_ENTRY_HOOK(name, handler)	{ name, handler },
static struct kspan_entry_hook entry_hooks[] = {
	{ "kmem_cache_free_bulk", on_free_bulk },
	{ "vfree", on_vfree },
	KSPAN_SLAB_FREE_ENTRIES(KSPAN_ENTRY_HOOK)
};

#undef KSPAN_ENTRY_HOOK

#define KSPAN_RETURN_HOOK(name, fn)	{ .function = name, .handler = fn },
static struct kspan_return_hook return_hooks[] = {
	{ KSPAN_ALLOC_BULK, on_alloc_bulk },
	{ KSPAN_KVMALLOC, on_kvmalloc },
	KSPAN_SLAB_ALLOC_RETURNS(KSPAN_RETURN_HOOK)
};

#undef KSPAN_RETURN_HOOK

/* ------------------------------------------------------------------ the tap */

static int prepare_size(size_t size)
{
	void *obj = kmalloc(size, GFP_KERNEL);

	if (!obj)
		return -ENOMEM;
	preempt_disable();
	kspan_tap_label(kspan_slab_name((unsigned long)obj, NULL), GFP_NOWAIT);
	preempt_enable();
	kfree(obj);
	return 0;
}

/*
 * Labels that are there already, of what may come from where none can be made. There are caches
 * between two powers of two as well, by the machine of 96 and 192 bytes.
 */
static int prepare_slab(void)
{
	size_t size;
	int err = 0;

	for (size = KMALLOC_MIN_SIZE; !err && size <= KMALLOC_MAX_CACHE_SIZE; size *= 2) {
		err = prepare_size(size);
		if (!err && size < KMALLOC_MAX_CACHE_SIZE)
			err = prepare_size(size + size / 2);
	}
	return err;
}

static const struct kspan_hooks hooks = {
	.trace = trace_hooks,
	.nr_trace = ARRAY_SIZE(trace_hooks),
	.entries = entry_hooks,
	.nr_entries = ARRAY_SIZE(entry_hooks),
	.returns = return_hooks,
	.nr_returns = ARRAY_SIZE(return_hooks),
};

struct kspan_tap kspan_slab_tap = {
	.profile = &kspan_slab_profile,
	.cache_name = "kspan_slab_samples",
	.counters = &slab_counters,
	.cpus = &slab_cpus,
	.hooks = &hooks,
	.init = kspan_slab_layout_init,
	.prepare = prepare_slab,
	.describe = describe,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_slab_tap);
