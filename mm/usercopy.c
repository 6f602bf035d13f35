// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between user space and kspan's objects, held to the object as hardened usercopy holds
 * them to a slab's. The kernel's own check knows slab pages by a bit of the page and by a struct
 * kmem_cache, which no module can give; of kspan's pages it sees at most that they are one
 * compound page, and lets a copy run over all of it. So its function __check_object_size(),
 * which is called before every copy of a size that is not constant, gets a probe that looks
 * kspan's objects up. A copy that leaves its object goes on in refuse(), which does what
 * usercopy_abort() does: it says so and kills the task.
 *
 * Only with the parameter usercopy=1, since every such copy in the kernel then passes the probe.
 * Takes no lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>

#include "cache.h"
#include "compat.h"
#include "pagemap.h"
#include "usercopy.h"

#if defined(CONFIG_HARDENED_USERCOPY) && defined(CONFIG_KPROBES) && \
	defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)

/* The cache whose object @n bytes from @ptr begin in, and leave; NULL if all is well. */
static const struct kspan_cache *left(const void *ptr, unsigned long n, unsigned long *offset)
{
	const struct kspan_cache *cache = NULL;
	struct kspan_span *span;
	unsigned int i;
	u32 size = 0;

	rcu_read_lock();
	span = kspan_pagemap_find(ptr);
	if (span) {
		i = kspan_span_index_inside(span, ptr);
		*offset = kasan_reset_tag(ptr) - kasan_reset_tag(kspan_span_object(span, i));
		/* Behind the last object nothing may be copied. */
		if (i < span->nr_objs)
			size = kspan_span_usable(span, i);
		if (*offset > size || n > size - *offset)
			cache = span->cache;
	}
	rcu_read_unlock();
	return cache;
}

/* Stands in place of __check_object_size(), with its arguments and its caller. */
static noinline void refuse(const void *ptr, unsigned long n, bool to_user)
{
	const struct kspan_cache *cache;
	unsigned long offset = 0;

	cache = left(ptr, n, &offset);
	pr_emerg("Kernel memory %s attempt detected %s object of cache %s (offset %lu, size %lu)!\n",
		 to_user ? "exposure" : "overwrite", to_user ? "from" : "to",
		 cache ? kspan_cache_name(cache) : "none", offset, n);
	BUG();
}

static int check(struct kprobe *probe, struct pt_regs *regs)
{
	const void *ptr = (const void *)regs_get_kernel_argument(regs, 0);
	unsigned long n = regs_get_kernel_argument(regs, 1), offset;

	if (likely(!n || !left(ptr, n, &offset)))
		return 0;
	instruction_pointer_set(regs, (unsigned long)refuse);
	return 1;
}

/* Keeps the probe from being made a jump, from which there is no other way out. */
static void __maybe_unused after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "__check_object_size",
	.pre_handler = check,
#ifndef CONFIG_KPROBES_ON_FTRACE
	.post_handler = after,
#endif
};

int kspan_usercopy_init(bool on)
{
	return on ? register_kprobe(&probe) : 0;
}

void kspan_usercopy_exit(void)
{
	/* Never registered, it has no address. */
	if (probe.addr)
		unregister_kprobe(&probe);
}

#else

int kspan_usercopy_init(bool on)
{
	if (!on)
		return 0;
	pr_err("usercopy=1 needs a kernel with HARDENED_USERCOPY and KPROBES\n");
	return -EOPNOTSUPP;
}

void kspan_usercopy_exit(void)
{
}

#endif
