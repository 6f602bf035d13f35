// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between user space and kspan's objects, held to the object as hardened usercopy holds
 * them to a slab's, and to the part of it that kspan_cache_create_usercopy() was told of. The
 * kernel's own check knows slab pages by a bit of the page and by a struct kmem_cache, which no
 * module can give; of kspan's pages it sees at most that they are one compound page, and lets a
 * copy run over all of it. So kspan has to be asked:
 *
 *	by a module		kspan_check_object_size(), which the shim puts in place of the
 *				kernel's own check in all that is compiled into a driver, and
 *				kspan_usercopy_ok()
 *	by the kernel		with the parameter usercopy=1 the kernel's __check_object_size(),
 *				which is called before every copy of a size that is not constant,
 *				is rerouted for a copy that leaves its object. All such copies
 *				pass the probe then.
 *
 * A copy that leaves its object ends in refuse(), which does what usercopy_abort() does: it says
 * so and kills the task. Takes no lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/thread_info.h>

#include <kspan/kspan.h>

#include "base/compat.h"
#include "heap/heap.h"
#include "shim/reroute.h"
#include "shim/shim.h"

/* Does it leave the bytes of object @i of @span that user space may see? */
static bool leaves(const struct kspan_span *span, unsigned int i, unsigned long offset,
		   unsigned long n)
{
	const struct kspan_cache *cache = span->cache;
	u32 size;

	/* Behind the last object nothing may be copied. */
	if (i >= span->nr_objs || offset < cache->useroffset)
		return true;
	size = kspan_span_usable(span, i) - cache->useroffset;
	size = min(size, cache->usersize);
	offset -= cache->useroffset;
	return offset > size || n > size - offset;
}

/* The cache whose object @n bytes from @ptr begin in, and leave; NULL if all is well. */
static const struct kspan_cache *left(const void *ptr, unsigned long n, unsigned long *offset)
{
	const struct kspan_cache *cache = NULL;
	struct kspan_span *span;
	unsigned int i;

	rcu_read_lock();
	span = kspan_pagemap_find(ptr);
	if (span) {
		i = kspan_span_index_inside(span, ptr);
		*offset = kasan_reset_tag(ptr) - kasan_reset_tag(kspan_span_object(span, i));
		if (leaves(span, i, *offset, n))
			cache = span->cache;
	}
	rcu_read_unlock();
	return cache;
}

/**
 * kspan_usercopy_ok() - may so many bytes be copied to or from user space?
 * @ptr: where they begin in the kernel's memory; any value
 * @n: how many
 *
 * For who copies by other means than the kernel's functions, or wants to return an error.
 *
 * Context: any.
 * Return: false if they begin in memory of kspan's and leave the object there, or the part of it
 * that its cache lets user space see. True for memory that is not kspan's.
 */
bool kspan_usercopy_ok(const void *ptr, size_t n)
{
	unsigned long offset;

	return !n || !left(ptr, n, &offset);
}
EXPORT_SYMBOL_GPL(kspan_usercopy_ok);

#ifdef CONFIG_HARDENED_USERCOPY

/* Has the arguments, and if rerouted the caller, of __check_object_size(). */
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

static void *pick(struct pt_regs *regs)
{
	const void *ptr = (const void *)kspan_reroute_arg(regs, 0);
	unsigned long n = kspan_reroute_arg(regs, 1), offset;

	return likely(!n || !left(ptr, n, &offset)) ? NULL : refuse;
}

static struct kspan_reroute route = { .name = "__check_object_size", .pick = pick };

int kspan_usercopy_init(bool on)
{
	return on ? kspan_reroute_start(&route) : 0;
}

void kspan_usercopy_exit(void)
{
	kspan_reroute_stop(&route, 1);
}

/* The kernel without HARDENED_USERCOPY looks at nothing. */
static void check_object_size_of_all(const void *ptr, unsigned long n, bool to_user)
{
	unsigned long offset;

	if (unlikely(n && left(ptr, n, &offset)))
		refuse(ptr, n, to_user);
	__check_object_size(ptr, n, to_user);
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

static void check_object_size_of_all(const void *ptr, unsigned long n, bool to_user)
{
}

#endif

/**
 * kspan_check_object_size() - check a copy to or from user space
 * @ptr: where it begins in the kernel's memory
 * @n: bytes
 * @to_user: which way it goes
 *
 * As __check_object_size(), which it ends with, and kspan's objects are looked at too: a task that
 * copies what kspan_usercopy_ok() says no to is killed. Does nothing where the kernel is built
 * without HARDENED_USERCOPY.
 *
 * Context: any.
 */
void kspan_check_object_size(const void *ptr, unsigned long n, bool to_user)
{
	check_object_size_of_all(ptr, n, to_user);
}
EXPORT_SYMBOL_GPL(kspan_check_object_size);
