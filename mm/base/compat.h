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
#define KSPAN_KREALLOC_NAME	"krealloc_node_align_noprof"
#define KSPAN_KREALLOC_PARAMS	const void *obj, DECL_TOKEN_PARAMS(size, token), \
				unsigned long align, gfp_t gfp, int node
#elif defined(krealloc_node_align)
#define KSPAN_KREALLOC_NAME	"krealloc_node_align_noprof"
#define KSPAN_KREALLOC_PARAMS	const void *obj, size_t size, unsigned long align, gfp_t gfp, \
				int node
#else
#ifdef krealloc
#define KSPAN_KREALLOC_NAME	"krealloc_noprof"
#else
#define KSPAN_KREALLOC_NAME	"krealloc"
#endif
#define KSPAN_KREALLOC_PARAMS	const void *obj, size_t size, gfp_t gfp
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
