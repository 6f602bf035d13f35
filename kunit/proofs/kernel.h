/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the sources in mm/ that cbmc looks at have from the kernel, in front of each of them: its
 * headers are empty here, since cbmc does not read them. Only what is plain C is done; what is not,
 * a test does.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef unsigned int gfp_t;

#define U16_MAX			UINT16_MAX
#define S16_MAX			INT16_MAX
#define U64_MAX			UINT64_MAX
#define S32_MAX			INT32_MAX
#define SZ_4K			4096
#define SZ_32K			32768
#define SZ_64K			65536
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define BITS_PER_LONG		64
#define MAX_NUMNODES		1024
/* Nothing depends on which bits they are. */
enum {
	GFP_KERNEL = 1, __GFP_NOWARN = 2, __GFP_ZERO = 4, __GFP_DMA = 8, __GFP_DMA32 = 16,
	__GFP_RECLAIM = 32, __GFP_HIGH = 64, __GFP_IO = 128, __GFP_FS = 256, __GFP_MEMALLOC = 512,
	__GFP_RETRY_MAYFAIL = 1024, __GFP_NORETRY = 2048, __GFP_NOFAIL = 4096,
	__GFP_NOMEMALLOC = 8192, __GFP_HARDWALL = 16384, __GFP_THISNODE = 32768,
};
/* No proof is about NMI. */
#define NMI_MASK		0x00f00000
#define preempt_count()		0
#define ENOMEM			12

/* What adapts kernels has none to adapt here. */
#define _KSPAN_COMPAT_H
#define IS_ENABLED(option)	0
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	(((u64)(n) + (d) - 1) / (d))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define clamp_t(type, x, a, b)	min((type)max((type)(x), (type)(a)), (type)(b))
#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

#undef __always_inline
#define __always_inline		inline
#define __malloc
#define __alloc_size(...)
#define __percpu
#define __rcu
#define __printf(a, b)
#define noinline
#define likely(x)		(x)
#define unlikely(x)		(x)
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))
#define data_race(x)		(x)
#define barrier()		do { } while (0)
#define smp_load_acquire(p)	(*(p))	/* one CPU needs no order */
#define rcu_read_lock()		do { } while (0)
#define rcu_read_unlock()	do { } while (0)
#define rcu_dereference_raw(p)	(p)
#define rcu_dereference_check(p, held)	(p)
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))
#define EXPORT_SYMBOL_GPL(name)
#define EXPORT_SYMBOL_FOR_TESTS(name)
#define static_assert(...)	_Static_assert(__VA_ARGS__, "")

/* What structures of kspan's are made of, and is looked into by nobody here. */
typedef struct {} spinlock_t, atomic_t, refcount_t;
struct list_head {};
struct hlist_node {};
struct llist_head {};
struct llist_node {};
struct rb_node {};
struct rb_root {};
struct rcu_head {};
struct rnd_state {};
struct work_struct {};
struct lock_class_key {};
struct lockdep_map {};
struct static_key_false {};

#define kasan_reset_tag(addr)		((void *)(addr))
#define DECLARE_PER_CPU(type, name)	extern type name
#define DECLARE_STATIC_KEY_FALSE(name)	extern bool name
#define static_branch_likely(key)	(*(key))
#define static_branch_unlikely(key)	(*(key))

static inline unsigned int __ffs(unsigned long word)
{
	return __builtin_ctzl(word);
}

static inline u64 ror64(u64 word, unsigned int shift)
{
	return (word >> (shift & 63)) | (word << (-shift & 63));
}

#define prove(condition)	__CPROVER_assert(condition, #condition)
#define given(condition)	__CPROVER_assume(condition)

void __CPROVER_assume(_Bool condition);
void __CPROVER_assert(_Bool condition, const char *text);

/* Any value at all. */
size_t nondet_size(void);
unsigned int nondet_uint(void);
u64 nondet_u64(void);
u32 nondet_u32(void);
u8 nondet_u8(void);
bool nondet_bool(void);

#endif /* KERNEL_H */
