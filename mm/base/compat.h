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

/* __assign_str() takes the source from the declaration since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define kspan_assign_str(dst, src)	__assign_str(dst)
#else
#define kspan_assign_str(dst, src)	__assign_str(dst, src)
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
