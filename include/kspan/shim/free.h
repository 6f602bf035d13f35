/* SPDX-License-Identifier: GPL-2.0 */
/* The shim: freeing, always by owner. */
#ifndef _KSPAN_SHIM_FREE_H
#define _KSPAN_SHIM_FREE_H

static __always_inline void kspan_shim_kfree(const void *obj)
{
	if (!kspan_free_own(obj))
		kfree(obj);
}

static __always_inline void kspan_shim_kvfree(const void *obj)
{
	if (!kspan_free_own(obj))
		kvfree(obj);
}

static __always_inline void kspan_shim_kfree_sensitive(const void *obj)
{
	if (kspan_shim_owns(obj))
		kspan_free_sensitive(obj);
	else
		kfree_sensitive(obj);
}

static __always_inline void kspan_shim_kvfree_sensitive(const void *obj, size_t len)
{
	if (kspan_shim_owns(obj))
		kspan_free_sensitive(obj);
	else
		kvfree_sensitive(obj, len);
}

static __always_inline void kspan_shim_kfree_const(const void *obj)
{
	if (!kspan_free_own(obj))
		kfree_const(obj);
}

static __always_inline void kspan_shim_bitmap_free(const unsigned long *bitmap)
{
	kspan_shim_kfree(bitmap);
}

/* For inode_operations.get_link: the VFS calls it through set_delayed_call(). */
static inline void kspan_shim_kfree_link(void *link)
{
	kspan_shim_kfree(link);
}

static inline void kspan_shim_kfree_bulk(size_t n, void **objs)
{
	while (n)
		kspan_shim_kfree(objs[--n]);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
static __always_inline void kspan_shim_kvfree_atomic(const void *obj)
{
	if (!kspan_free_own(obj))
		kvfree_atomic(obj);
}

DEFINE_FREE(kspan_shim_kvfree_atomic, void *,
	    if (!IS_ERR_OR_NULL(_T)) kspan_shim_kvfree_atomic(_T))
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
/* Of what kmalloc_nolock() gave, which stays with the core; elsewhere, of anything. */
static __always_inline void kspan_shim_kfree_nolock(const void *obj)
{
	if (!kspan_free_own(obj))
		kfree_nolock(obj);
}
#endif

/* The targets of __free(kfree) and __free(kvfree). */
DEFINE_FREE(kspan_shim_kfree, void *, if (!IS_ERR_OR_NULL(_T)) kspan_shim_kfree(_T))
DEFINE_FREE(kspan_shim_kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kspan_shim_kvfree(_T))
DEFINE_FREE(kspan_shim_kfree_sensitive, void *,
	    if (!IS_ERR_OR_NULL(_T)) kspan_shim_kfree_sensitive(_T))

/* Macros, because the core's branch has to know the name of the rcu_head. */
#define kspan_shim_kfree_rcu_2(ptr, rhf)					\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else									\
		kvfree_rcu_arg_2(___kspan_ptr, rhf);				\
} while (0)

#define kspan_shim_kfree_rcu_1(ptr)						\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else									\
		kvfree_rcu_arg_1(___kspan_ptr);					\
} while (0)

#define KSPAN_SHIM_1_OR_2(_1, _2, name, ...)	name
#define kspan_shim_kfree_rcu(...)						\
	KSPAN_SHIM_1_OR_2(__VA_ARGS__, kspan_shim_kfree_rcu_2,			\
			  kspan_shim_kfree_rcu_1)(__VA_ARGS__)

/* The core's macro, with its head of another type. */
#ifdef kfree_rcu_nolock
#define kspan_shim_kfree_rcu_nolock(ptr, rhf)					\
do {										\
	typeof(ptr) ___kspan_ptr = (ptr);					\
										\
	if (kspan_shim_owns(___kspan_ptr))						\
		kspan_free_rcu((void *)___kspan_ptr);				\
	else if (___kspan_ptr)							\
		kfree_call_rcu_nolock((void *)___kspan_ptr +			\
				      offsetof(typeof(*___kspan_ptr), rhf),	\
				      (void *)___kspan_ptr);			\
} while (0)
#endif

#endif /* _KSPAN_SHIM_FREE_H */
