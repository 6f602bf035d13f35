// SPDX-License-Identifier: GPL-2.0
/*
 * The tap on the kernel's slab allocator: where that says what it does, and where it does not.
 * Most of it goes by four tracepoints. What they do not see is hooked by its function:
 *
 *	kmem_cache_alloc_bulk()		at its return, when the array is filled
 *	kmem_cache_free_bulk()		at its entry: also kfree_bulk() and batches of kfree_rcu()
 *	kvmalloc()			at its return, if it took from vmalloc()
 *	vfree()				at its entry, for those
 *
 * Documentation/tap.rst has the list of all paths.
 */
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <trace/events/kmem.h>

#include "compat.h"
#include "tap.h"
#include "tap_hooks.h"
#include "tap_label.h"
#include "tap_slab.h"

DEFINE_PER_CPU(struct kspan_sampler, kspan_slab_sampler);
static DEFINE_PER_CPU(struct kspan_tap_counters, slab_counters);

#define allocated(addr, size, cache, label, caller, gfp)					\
	kspan_tap_allocated(&kspan_slab_tap, kspan_slab_sampler, addr, size, cache, label, caller, \
			    gfp)

static struct kspan_label *describe(const struct kspan_tap_alloc *alloc, struct kspan_stack *stack)
{
	kspan_slab_trim(stack, alloc->caller);
	return alloc->label ? kspan_tap_label(alloc->label) :
			      kspan_slab_label(alloc->addr, alloc->cache);
}

/* ------------------------------------------------------------------ tracepoints */

static void notrace on_kmalloc(void *unused, unsigned long call_site, const void *ptr,
			       size_t bytes_req, size_t bytes_alloc, gfp_t gfp, int node)
{
	/* From 6.6 on, large ones are told of twice, first with the slab allocator as caller. */
	if (unlikely(bytes_alloc > KMALLOC_MAX_CACHE_SIZE) && kspan_slab_text(call_site - 1))
		return;
	if (!ZERO_OR_NULL_PTR(ptr))
		allocated((unsigned long)ptr, bytes_alloc, NULL, NULL, call_site, gfp);
}

static void notrace on_cache_alloc(void *unused, unsigned long call_site, const void *ptr,
				   struct kmem_cache *cache, gfp_t gfp, int node)
{
	if (ptr)
		allocated((unsigned long)ptr, kspan_slab_size(cache), cache, NULL, call_site, gfp);
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

#ifdef KSPAN_HAVE_PROBES

static int on_free_bulk(struct kprobe *probe, struct pt_regs *regs)
{
	size_t nr = kspan_argument(regs, 1), i;
	void **objs = (void **)kspan_argument(regs, 2);
	unsigned long flags;

	local_irq_save(flags);
	for (i = 0; i < nr; i++)
		kspan_tap_freed_probed(&kspan_slab_tap, (unsigned long)objs[i]);
	local_irq_restore(flags);
	return 0;
}

static int on_vfree(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned long flags;

	local_irq_save(flags);
	kspan_tap_freed_probed(&kspan_slab_tap, kspan_argument(regs, 0));
	local_irq_restore(flags);
	return 0;
}

/* What a call was given, kept until it returns. */
struct bulk {
	struct kmem_cache *cache;
	gfp_t gfp;
	void **objs;
};

static int on_alloc_bulk(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct bulk *bulk = (struct bulk *)instance->data;

	bulk->cache = (struct kmem_cache *)kspan_argument(regs, 0);
	bulk->gfp = (__force gfp_t)kspan_argument(regs, 1);
	bulk->objs = (void **)kspan_argument(regs, 3);
	return 0;
}

static int on_alloc_bulk_done(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct bulk *bulk = (struct bulk *)instance->data;
	unsigned long caller = get_kretprobe_retaddr(instance), flags;
	int nr = regs_return_value(regs), i;

	local_irq_save(flags);
	for (i = 0; i < nr; i++)
		allocated((unsigned long)bulk->objs[i], kspan_slab_size(bulk->cache), bulk->cache,
			  NULL, caller, bulk->gfp);
	local_irq_restore(flags);
	return 0;
}

static int on_kvmalloc(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	*(size_t *)instance->data = kspan_argument(regs, 0);
	return 0;
}

static int on_kvmalloc_done(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	unsigned long addr = regs_return_value(regs), flags;

	if (!is_vmalloc_addr((void *)addr))
		return 0;
	local_irq_save(flags);
	allocated(addr, PAGE_ALIGN(*(size_t *)instance->data), NULL, "vmalloc",
		  get_kretprobe_retaddr(instance), GFP_KERNEL);
	local_irq_restore(flags);
	return 0;
}

static struct kspan_entry_hook entry_hooks[] = {
	{ "kmem_cache_free_bulk", on_free_bulk },
	{ "vfree", on_vfree },
};

static struct kspan_return_hook return_hooks[] = {
	{ KSPAN_ALLOC_BULK, on_alloc_bulk, on_alloc_bulk_done, sizeof(struct bulk) },
	{ KSPAN_KVMALLOC, on_kvmalloc, on_kvmalloc_done, sizeof(size_t) },
};

static_assert(ARRAY_SIZE(entry_hooks) <= KSPAN_HOOKS_MAX);
static_assert(ARRAY_SIZE(return_hooks) <= KSPAN_HOOKS_MAX);

#endif

/* ------------------------------------------------------------------ the tap */

static const struct kspan_hooks hooks = {
	.trace = trace_hooks,
	.nr_trace = ARRAY_SIZE(trace_hooks),
#ifdef KSPAN_HAVE_PROBES
	.entries = entry_hooks,
	.nr_entries = ARRAY_SIZE(entry_hooks),
	.returns = return_hooks,
	.nr_returns = ARRAY_SIZE(return_hooks),
#endif
};

struct kspan_tap kspan_slab_tap = {
	.sampler = &kspan_slab_sampler,
	.counters = &slab_counters,
	.hooks = &hooks,
	.describe = describe,
	.rate = { .mean = KSPAN_SAMPLE_BYTES_DEFAULT },
	.live = KSPAN_LIVE_TABLE_INIT,
};
EXPORT_SYMBOL_FOR_TESTS(kspan_slab_tap);
