/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slab_shim.h: give an existing driver kspan's allocator without touching its source.
 *
 * Force this header into every C file of a module, and its kmalloc(), kvmalloc(),
 * kstrdup() and kmem_cache families come from kspan:
 *
 *	make -C $KDIR M=$PWD modules KCFLAGS="-include /path/to/slab_shim.h" \
 *	     KBUILD_EXTRA_SYMBOLS=/path/to/kspan/Module.symvers
 *
 * (scripts/shim-build does this, and Documentation/shim.rst tells the whole story.)
 *
 * Three rules make that safe:
 *
 *  - A free looks at whose memory it is given. What the core kernel allocated goes back
 *    to the core, in the driver's own code and in inline functions of kernel headers.
 *  - An allocation in an inline function of a kernel header stays with the core: such
 *    memory is often the core's to free. __FILE__ tells which file a call is written in,
 *    so this holds for every header, whether it is included before the driver's first
 *    line or after, and costs nothing at run time.
 *  - A cache that the shim created looks like a struct kmem_cache pointer with one
 *    address bit turned, and each operation asks that bit. Caches that the core made, or
 *    another module, therefore work unchanged in the same file. A turned pointer is not a
 *    canonical address: should one reach the core, the machine stops at the first access
 *    with the culprit on the stack, and no memory is harmed.
 *
 * This is the one header to force; what it is made of lies in shim/: owner.h (whose code, memory
 * and cache), free.h, alloc.h, copy.h and cache.h (what the names come to mean), names.h (the
 * names).
 *
 * The shim's functions are always inlined, so the innermost frame of a sampled stack is
 * the function of the driver that allocates, and not one of these.
 *
 * What it cannot cover:
 *
 *  - Memory that the driver allocates and code outside it frees or resizes: kspan has it
 *    handed back where the kernel has kprobes, else it leaks and is reported. Known cases
 *    in the tree: URB_FREE_BUFFER, a dma_fence without release, tty_port, platform_data,
 *    drm_pending_event, ff->private, fc->source and sb->s_subtype (the VFS frees them),
 *    seq->private under seq_release_private(), an skb built over kmalloc() memory, a buffer
 *    handed to the kfree() of another module. A clone of a struct posix_acl by kmemdup() is
 *    known by its type and left to the core; kfree_link() and bitmap_free() are covered.
 *  - Names that the driver takes back: one of those of caches, and its caches are the core's.
 *  - A cache whose pointer the driver gives away: dst_ops.kmem_cachep, lc_create(), the
 *    pool_data of a mempool that another module looks into, a cache exported to a module
 *    that is built without the shim. Build with -DKSPAN_SHIM_KEEP_CACHES to leave all of
 *    the driver's caches with the core. Slab mempools themselves are covered.
 *  - Macros (not inline functions) of kernel headers expand in the driver's file and are
 *    taken for its own code. Four of them allocate what the core frees: sk_psock_init_link(),
 *    dma_fence_chain_alloc(), rdma_zalloc_drv_obj() and bpf_map_kzalloc().
 *  - Allocators beside slab: pages, vmalloc(), percpu, devm_kmalloc(), mempools of kmalloc()
 *    memory, kmem_buckets, and core functions that return new memory, as memdup_user().
 *    They work as before and are not in the profile. kvmalloc() falls back to vmalloc().
 *  - Slab flags that kspan has no counterpart for are accepted and mean nothing
 *    (SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT, ...); caches in a DMA zone stay with the core.
 *
 * Switches, as -D options, for a module or for one file with CFLAGS_file.o:
 *
 *	KSPAN_SHIM_OFF		leave this file alone
 *	KSPAN_SHIM_KEEP_CACHES	redirect the kmalloc() family only
 *	KSPAN_SHIM_OWN_PR_FMT	the file defines pr_fmt before its includes, which come
 *				after this header's; without it the compiler warns, harmlessly
 */
#ifndef _KSPAN_SLAB_SHIM_H
#define _KSPAN_SLAB_SHIM_H

/* Only a module can depend on kspan.ko; host programs and built-in code are left alone. */
#if defined(__KERNEL__) && defined(MODULE) && !defined(__ASSEMBLY__) && !defined(KSPAN_SHIM_OFF)

/*
 * What the kernel's inline functions call before a copy to or from user space: in this file, the
 * one that knows kspan's objects too. It has to come first: <linux/thread_info.h> has the calls.
 */
#define __check_object_size	kspan_check_object_size

#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mempool.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/stringify.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>
#include <linux/version.h>
/* Its events have the names of functions that are others' below. */
#include <trace/events/kmem.h>

#include "kspan.h"
#include "shim/owner.h"
#include "shim/free.h"
#include "shim/alloc.h"
#include "shim/copy.h"
#include "shim/cache.h"
/* From here on the allocator's names mean the shim's. */
#include "shim/names.h"

#ifdef KSPAN_SHIM_OWN_PR_FMT
#undef pr_fmt
#endif

#endif /* __KERNEL__ && MODULE && !__ASSEMBLY__ && !KSPAN_SHIM_OFF */
#endif /* _KSPAN_SLAB_SHIM_H */
