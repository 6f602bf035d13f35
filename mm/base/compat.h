/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that kspan builds for, and nothing else: the other
 * sources carry no version tests.
 */
#ifndef _KSPAN_COMPAT_H
#define _KSPAN_COMPAT_H

#include <linux/export.h>
#include <linux/gfp.h>
#include <linux/kconfig.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/shrinker.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#error "kspan builds for Linux 6.1 to 6.12"
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

/* Internals that the KUnit suites call, exported only where there is a KUnit. */
#if IS_ENABLED(CONFIG_KUNIT)
#define EXPORT_SYMBOL_FOR_TESTS(sym)	EXPORT_SYMBOL_NS_GPL(sym, KSPAN_INTERNAL)
#else
#define EXPORT_SYMBOL_FOR_TESTS(sym)	static_assert(true)
#endif

/* Is @addr in the text of this module? Its memory is in parts of its own since 6.4. */
static inline bool kspan_is_own_text(unsigned long addr)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	const struct module_memory *text = &THIS_MODULE->mem[MOD_TEXT];

	return addr - (unsigned long)text->base < text->size;
#else
	const struct module_layout *core = &THIS_MODULE->core_layout;

	return addr - (unsigned long)core->base < core->text_size;
#endif
}

/* MAX_ORDER counted the orders until 6.4, and is the largest one (MAX_PAGE_ORDER) since 6.8. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define KSPAN_MAX_ORDER		MAX_PAGE_ORDER
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define KSPAN_MAX_ORDER		MAX_ORDER
#else
#define KSPAN_MAX_ORDER		(MAX_ORDER - 1)
#endif

/* __assign_str() takes the source from the declaration since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define kspan_assign_str(dst, src)	__assign_str(dst)
#else
#define kspan_assign_str(dst, src)	__assign_str(dst, src)
#endif

/*
 * X(function): those of the slab allocator that allocate, and have another name since 6.10. A
 * stack that a tap shows begins at their caller.
 */
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
	X(krealloc_noprof)						\
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
	X(krealloc)							\
	X(kvmalloc_node)
#define KSPAN_ALLOC_BULK	"kmem_cache_alloc_bulk"
#define KSPAN_KVMALLOC		"kvmalloc_node"
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

/* krealloc() is a macro since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define KSPAN_KREALLOC_NAME	"krealloc_noprof"
#else
#define KSPAN_KREALLOC_NAME	"krealloc"
#endif

/* Waits for what kfree_rcu() was given; false where there is no way to, until 6.12. */
static inline bool kspan_kvfree_rcu_barrier(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	kvfree_rcu_barrier();
	return true;
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
#include <linux/slab.h>

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

#endif /* _KSPAN_COMPAT_H */
