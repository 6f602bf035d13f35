/* SPDX-License-Identifier: GPL-2.0 */
/* What of a request's gfp is passed on, and to whom. */
#ifndef _KSPAN_GFP_H
#define _KSPAN_GFP_H

#include <linux/gfp.h>

/* What a request's gfp may say to the slab allocator about metadata that it makes necessary. */
#define KSPAN_GFP_METADATA	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_NOWARN | \
				 __GFP_RETRY_MAYFAIL | __GFP_NORETRY | __GFP_MEMALLOC | \
				 __GFP_NOMEMALLOC)
/* And to the page allocator: __GFP_ZERO is done here, __GFP_ACCOUNT charges nobody. */
#define KSPAN_GFP_PAGES		(KSPAN_GFP_METADATA | __GFP_NOFAIL | __GFP_THISNODE | \
				 __GFP_HARDWALL | __GFP_DMA | __GFP_DMA32)

/*
 * For what is nice to have, where there is something else to fall back on or nothing need be done:
 * a span larger than an object, pages near a CPU, a magazine, the record of a sample. Nothing is
 * reclaimed, compacted or killed for it, and no reserve is touched.
 */
#define KSPAN_GFP_OPTIONAL	(__GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC)

/* Nothing may be allocated at all, as where any lock may be held: what is at hand has to do. */
#define KSPAN_GFP_NOTHING	((__force gfp_t)0)

static inline gfp_t kspan_gfp_optional(gfp_t gfp)
{
	return (gfp & ~(__GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL |
			__GFP_RETRY_MAYFAIL)) | KSPAN_GFP_OPTIONAL;
}

#endif /* _KSPAN_GFP_H */
