/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that kspan builds for, and nothing else: the other
 * sources carry no version tests. KSPAN_HAS_... are found by Kbuild in the kernel's headers.
 */
#ifndef _KSPAN_COMPAT_H
#define _KSPAN_COMPAT_H

#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "kspan builds for Linux 6.1 and later"
#endif
/* Kbuild has one file say so. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0) && defined(KSPAN_TELL_IF_NEW)
#warning "kspan is tested with Linux 6.1 to 7.3, and this kernel is newer"
#endif

/*
 * Machines that cannot run it. The word of the fast path has 64 bits, and is written by one store
 * that no interrupt can divide; the state of an object is a byte that is compared and exchanged.
 */
#ifndef CONFIG_64BIT
#error "kspan needs a 64-bit machine: the word of its fast path is written by one store of 64 bits"
#endif
#if defined(CONFIG_RISCV) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#error "kspan needs a compare-and-exchange of a byte, which RISC-V has since Linux 6.10"
#endif

/*
 * A variable that is large, and written before it is read: kernels that are configured to clear
 * what is on the stack leave it alone.
 */
#if __has_attribute(uninitialized)
#define KSPAN_UNINITIALIZED	__attribute__((uninitialized))
#else
#define KSPAN_UNINITIALIZED
#endif

/* Internals that the KUnit suites call, exported only where there is a KUnit. */
#ifdef KSPAN_HAS_NAMESPACE_STRINGS
#define KSPAN_INTERNAL_NS		"KSPAN_INTERNAL"
#else
#define KSPAN_INTERNAL_NS		KSPAN_INTERNAL
#endif
#if IS_ENABLED(CONFIG_KUNIT)
#define EXPORT_SYMBOL_FOR_TESTS(sym)	EXPORT_SYMBOL_NS_GPL(sym, KSPAN_INTERNAL_NS)
#else
#define EXPORT_SYMBOL_FOR_TESTS(sym)	static_assert(true)
#endif

/*
 * Is @addr in the text of this module? Its memory is in parts of its own since 6.4. What is built
 * in is no module: its files are linked in the order that Kbuild gives them.
 */
#ifndef MODULE
void kspan_text_begin(void);
void kspan_text_end(void);
#endif
static inline bool kspan_is_own_text(unsigned long addr)
{
#ifndef MODULE
	return addr >= (unsigned long)kspan_text_begin && addr < (unsigned long)kspan_text_end;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	const struct module_memory *text = &THIS_MODULE->mem[MOD_TEXT];

	return addr - (unsigned long)text->base < text->size;
#else
	const struct module_layout *core = &THIS_MODULE->core_layout;

	return addr - (unsigned long)core->base < core->text_size;
#endif
}

/* __assign_str() takes the source from the declaration since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define kspan_assign_str(dst, src)	__assign_str(dst)
#else
#define kspan_assign_str(dst, src)	__assign_str(dst, src)
#endif

/* What krealloc() calls, and with what; it is a macro since 6.10. */
#if defined(krealloc_node_align) && defined(DECL_TOKEN_PARAMS)
#define KSPAN_KREALLOC		krealloc_node_align_noprof
#define KSPAN_KREALLOC_PARAMS	const void *obj, DECL_TOKEN_PARAMS(size, token), \
				unsigned long align, gfp_t gfp, int node
#elif defined(krealloc_node_align)
#define KSPAN_KREALLOC		krealloc_node_align_noprof
#define KSPAN_KREALLOC_PARAMS	const void *obj, size_t size, unsigned long align, gfp_t gfp, \
				int node
#else
#ifdef krealloc
#define KSPAN_KREALLOC		krealloc_noprof
#else
#define KSPAN_KREALLOC		krealloc
#endif
#define KSPAN_KREALLOC_PARAMS	const void *obj, size_t size, gfp_t gfp
#endif

/*
 * X(function): those of the slab allocator that allocate, and have another name since 6.10. A
 * stack that a tap shows begins at their caller. Of a large object three of them have told after
 * what they call since 6.6, and kvmalloc() itself since 6.15.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define KSPAN_TELL_AGAIN	3
#else
#define KSPAN_TELL_AGAIN	0
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define KSPAN_KVMALLOC_TELLS_AGAIN	true
#else
#define KSPAN_KVMALLOC_TELLS_AGAIN	false
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define KSPAN_SLAB_ENTRIES(X)						\
	X(__kmalloc_noprof)						\
	X(__kmalloc_node_noprof)					\
	X(__kmalloc_node_track_caller_noprof)				\
	X(__kmalloc_cache_noprof)					\
	X(__kmalloc_cache_node_noprof)					\
	X(__kmalloc_large_noprof)					\
	X(__kmalloc_large_node_noprof)					\
	X(kmem_cache_alloc_noprof)					\
	X(kmem_cache_alloc_lru_noprof)					\
	X(kmem_cache_alloc_node_noprof)					\
	X(kmem_cache_alloc_bulk_noprof)					\
	X(KSPAN_KREALLOC)						\
	X(__kvmalloc_node_noprof)
#define KSPAN_ALLOC_BULK	"kmem_cache_alloc_bulk_noprof"
#define KSPAN_KVMALLOC		"__kvmalloc_node_noprof"
#else
#define KSPAN_SLAB_ENTRIES(X)						\
	X(__kmalloc)							\
	X(__kmalloc_node)						\
	X(__kmalloc_node_track_caller)					\
	X(kmalloc_trace)						\
	X(kmalloc_node_trace)						\
	X(kmalloc_large)						\
	X(kmalloc_large_node)						\
	X(kmem_cache_alloc)						\
	X(kmem_cache_alloc_lru)						\
	X(kmem_cache_alloc_node)					\
	X(kmem_cache_alloc_bulk)					\
	X(KSPAN_KREALLOC)						\
	X(kvmalloc_node)
#define KSPAN_ALLOC_BULK	"kmem_cache_alloc_bulk"
#define KSPAN_KVMALLOC		"kvmalloc_node"
#endif

/*
 * X(function): those of the page allocator, and of vmalloc(), that modules may call and that have
 * another name since 6.10. Those of many pages at once come first.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#ifdef KSPAN_HAS_ALLOC_PAGES_NOLOCK
#define KSPAN_NOLOCK_ENTRY(X)	X(alloc_pages_nolock_noprof)
#else
#define KSPAN_NOLOCK_ENTRY(X)
#endif
#define KSPAN_PAGE_ENTRIES(X)						\
	X(alloc_pages_bulk_noprof)					\
	X(alloc_pages_noprof)						\
	X(folio_alloc_noprof)						\
	X(__folio_alloc_noprof)						\
	X(get_free_pages_noprof)					\
	X(get_zeroed_page_noprof)					\
	X(alloc_pages_exact_noprof)					\
	KSPAN_NOLOCK_ENTRY(X)
#define KSPAN_VMALLOC_ENTRIES(X)					\
	X(vmalloc_noprof)						\
	X(__vmalloc_noprof)						\
	X(vzalloc_noprof)						\
	X(vmalloc_user_noprof)						\
	X(vmalloc_node_noprof)						\
	X(vzalloc_node_noprof)						\
	X(vmalloc_32_noprof)						\
	X(vmalloc_32_user_noprof)
#define KSPAN_ALLOC_PAGES_BULK	"alloc_pages_bulk_noprof"
#else
#define KSPAN_PAGE_ENTRIES(X)						\
	X(__alloc_pages_bulk)						\
	X(alloc_pages)							\
	X(folio_alloc)							\
	X(__folio_alloc)						\
	X(__get_free_pages)						\
	X(get_zeroed_page)						\
	X(alloc_pages_exact)
#define KSPAN_VMALLOC_ENTRIES(X)					\
	X(vmalloc)							\
	X(__vmalloc)							\
	X(vzalloc)							\
	X(vmalloc_user)							\
	X(vmalloc_node)							\
	X(vzalloc_node)							\
	X(vmalloc_32)							\
	X(vmalloc_32_user)
#define KSPAN_ALLOC_PAGES_BULK	"__alloc_pages_bulk"
#endif

/* Of the arguments of that of many pages: where it puts them. The list is gone since 6.14. */
#ifdef KSPAN_HAS_BULK_LIST
#define KSPAN_BULK_LIST(args)	((struct list_head *)(args)[4])
#define KSPAN_BULK_ARRAY(args)	((struct page **)(args)[5])
#else
#define KSPAN_BULK_LIST(args)	((struct list_head *)NULL)
#define KSPAN_BULK_ARRAY(args)	((struct page **)(args)[4])
#endif

/*
 * X(name, handler): what is called when a block of pages is made into smaller ones. With memory
 * cgroups these are told, of huge pages too; without them only split_page() can be asked.
 */
#if !defined(CONFIG_MEMCG)
#define KSPAN_SPLIT_ENTRIES(X)	X("split_page", on_split_to_pages)
#elif defined(KSPAN_HAS_FOLIO_SPLIT_MEMCG)
#define KSPAN_SPLIT_ENTRIES(X)	X("split_page_memcg", on_split_to_pages)	\
				X("folio_split_memcg_refs", on_split_to_order)
#elif defined(KSPAN_HAS_SPLIT_MEMCG_ORDER)
#define KSPAN_SPLIT_ENTRIES(X)	X("split_page_memcg", on_split_to_order)
#else
#define KSPAN_SPLIT_ENTRIES(X)	X("split_page_memcg", on_split_to_pages)
#endif

/* Has it failed, by what it returns? An int, the number of objects or 0, and later a bool. */
#ifdef KSPAN_HAS_BOOL_BULK
#define kspan_alloc_bulk_failed(value)	(!(u8)(value))
#else
#define kspan_alloc_bulk_failed(value)	(!(int)(value))
#endif

/*
 * X(name, handler): functions of slab's that free and have no tracepoint, besides those that every
 * kernel has. With sheaves kfree_rcu() puts objects where the next ones come from, and nobody is
 * told when the grace period is over.
 */
#ifdef KSPAN_HAS_SHEAVES
#define KSPAN_FREE_RCU_ENTRY(X)		X("kvfree_call_rcu", on_free_rcu)
#else
#define KSPAN_FREE_RCU_ENTRY(X)
#endif
#ifdef KSPAN_HAS_KFREE_NOLOCK
#define KSPAN_FREE_NOLOCK_ENTRY(X)	X("kfree_nolock", on_free_nolock)
#else
#define KSPAN_FREE_NOLOCK_ENTRY(X)
#endif
#ifdef KSPAN_HAS_KFREE_RCU_NOLOCK
#define KSPAN_FREE_RCU_NOLOCK_ENTRY(X)	X("kfree_call_rcu_nolock", on_free_rcu)
#else
#define KSPAN_FREE_RCU_NOLOCK_ENTRY(X)
#endif
#define KSPAN_SLAB_FREE_ENTRIES(X)	KSPAN_FREE_RCU_ENTRY(X) KSPAN_FREE_NOLOCK_ENTRY(X)	\
					KSPAN_FREE_RCU_NOLOCK_ENTRY(X)

/*
 * X(name, handler): those that allocate and have no tracepoint. kmalloc_nolock() is a macro since
 * it says of what type an object is.
 */
#if defined(KSPAN_HAS_KMALLOC_NOLOCK_TOKEN)
#define KSPAN_SLAB_ALLOC_RETURNS(X)	X("_kmalloc_nolock_noprof", on_kmalloc_nolock)
#elif defined(KSPAN_HAS_KMALLOC_NOLOCK)
#define KSPAN_SLAB_ALLOC_RETURNS(X)	X("kmalloc_nolock_noprof", on_kmalloc_nolock)
#else
#define KSPAN_SLAB_ALLOC_RETURNS(X)
#endif

/* Probes whose handlers can see what the function was given. */
#if defined(CONFIG_KRETPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
#define KSPAN_HAVE_PROBES
#endif

/* Argument @n, from 0, of the function that a probe stands at; of the first six. */
#ifdef CONFIG_S390
/* What the kernel has for it is not for modules. The sixth is on the stack. */
#define kspan_argument(regs, n)						\
	((n) < 5 ? (regs)->gprs[2 + (n)] :				\
		   ((unsigned long *)((regs)->gprs[15] + STACK_FRAME_OVERHEAD))[(n) - 5])
#else
#define kspan_argument(regs, n)		regs_get_kernel_argument(regs, n)
#endif

/* The same for ftrace, where it hands them on; all registers have to be asked for before 6.2. */
#if defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define KSPAN_FTRACE_ARGUMENT(fregs, n)	ftrace_regs_get_argument(fregs, n)
#define KSPAN_FTRACE_FLAGS		0
#elif defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
#define KSPAN_FTRACE_ARGUMENT(fregs, n)	regs_get_kernel_argument(ftrace_get_regs(fregs), n)
#define KSPAN_FTRACE_FLAGS		FTRACE_OPS_FL_SAVE_REGS
#endif

/*
 * Of what it takes for a large object, kfree() drops the one reference and counts its bytes out;
 * since 6.15 it knows large objects by their page, and leaves alone what is none.
 */
#ifdef KSPAN_HAS_LARGE_KMALLOC
#define KSPAN_KFREE_DROPS	false
#else
#define KSPAN_KFREE_DROPS	true
#endif

/* Waits for what kfree_rcu() was given; false where there is no way to, until 6.12, or now. */
static inline bool kspan_kvfree_rcu_barrier(void)
{
#ifdef KSPAN_HAS_KVFREE_RCU_BARRIER
	kvfree_rcu_barrier();
	return true;
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	/* The function is not for modules, but the end of any cache calls it. */
	struct kmem_cache *cache = kmem_cache_create("kspan-barrier", sizeof(long), 0, 0, NULL);

	kmem_cache_destroy(cache);
	return cache;
#else
	return false;
#endif
}

/* Shrinkers are allocated since 6.7, and embedded before. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *kspan_shrinker_alloc(const char *name)
{
	return shrinker_alloc(0, "%s", name);
}

static inline int kspan_shrinker_register(struct shrinker *shrinker, const char *name)
{
	shrinker_register(shrinker);
	return 0;
}

static inline void kspan_shrinker_free(struct shrinker *shrinker)
{
	shrinker_free(shrinker);
}
#else
static inline struct shrinker *kspan_shrinker_alloc(const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->seeks = DEFAULT_SEEKS;
	return shrinker;
}

static inline int kspan_shrinker_register(struct shrinker *shrinker, const char *name)
{
	int err = register_shrinker(shrinker, "%s", name);

	if (err)
		kfree(shrinker);
	return err;
}

static inline void kspan_shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#endif

/* For what the tests load: timers have other names since 6.15. */
#ifdef KSPAN_HAS_TIMER_DELETE
#define kspan_timer_delete_sync	timer_delete_sync
#else
#define kspan_timer_delete_sync	del_timer_sync
#endif

#ifdef KSPAN_HAS_HRTIMER_SETUP
#define kspan_hrtimer_setup	hrtimer_setup
#else
#define kspan_hrtimer_setup(timer, fn, clock, mode)				\
do {										\
	struct hrtimer *___timer = (timer);					\
										\
	hrtimer_init(___timer, clock, mode);					\
	___timer->function = (fn);						\
} while (0)
#endif

#endif /* _KSPAN_COMPAT_H */
