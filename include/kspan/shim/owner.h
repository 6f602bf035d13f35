/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shim: whose code, whose memory, whose cache. This and all but names.h is compiled while the
 * allocator's names still mean the core's.
 */
#ifndef _KSPAN_SHIM_OWNER_H
#define _KSPAN_SHIM_OWNER_H

/*
 * True in a file of the kernel's include directories. The string functions are folded by
 * the compiler. A driver's own include/linux/ would match too; that costs samples, never
 * safety.
 */
#define KSPAN_SHIM_IN(dir)	(!!__builtin_strstr(__FILE__, "include/" dir))
#define KSPAN_SHIM_CORE								\
	(KSPAN_SHIM_IN("linux/") || KSPAN_SHIM_IN("asm") || KSPAN_SHIM_IN("net/") ||	\
	 KSPAN_SHIM_IN("crypto/") || KSPAN_SHIM_IN("drm/") || KSPAN_SHIM_IN("media/") || \
	 KSPAN_SHIM_IN("rdma/") || KSPAN_SHIM_IN("scsi/") || KSPAN_SHIM_IN("sound/") ||	\
	 KSPAN_SHIM_IN("target/") || KSPAN_SHIM_IN("trace/") || KSPAN_SHIM_IN("acpi/") || \
	 KSPAN_SHIM_IN("xen/") || KSPAN_SHIM_IN("keys/") || KSPAN_SHIM_IN("kunit/"))

/* Copies of these are handed to the core, which frees them; the arguments are kmemdup()'s. */
struct posix_acl;
#define KSPAN_SHIM_CORE_TYPE(src, ...)						\
	_Generic((src), struct posix_acl *: true, const struct posix_acl *: true, default: false)

/*
 * Keep the caller on the stack: without this, "return kmalloc(...)" is compiled to a jump,
 * and the profile would blame the caller's caller.
 */
static __always_inline void *kspan_shim_no_tail_call(void *obj)
{
	OPTIMIZER_HIDE_VAR(obj);
	return obj;
}

#ifdef CONFIG_64BIT
#define KSPAN_SHIM_CACHE_BIT	BIT(62)
#else
#define KSPAN_SHIM_CACHE_BIT	BIT(0)
#endif

static __always_inline bool kspan_shim_is_ours(const struct kmem_cache *s)
{
	return s && (((unsigned long)s ^ PAGE_OFFSET) & KSPAN_SHIM_CACHE_BIT);
}

static __always_inline struct kspan_cache *kspan_shim_cache(const struct kmem_cache *s)
{
	return (struct kspan_cache *)((unsigned long)s ^ KSPAN_SHIM_CACHE_BIT);
}

/*
 * Whose an object is, where it is not only freed (free.h). Freed ones count: a double free is for
 * kspan to report, the core would take its page for a large object and give it away.
 */
static __always_inline bool kspan_shim_owns(const void *obj)
{
	return kspan_in_span(obj);
}

#endif /* _KSPAN_SHIM_OWNER_H */
