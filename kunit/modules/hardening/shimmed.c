// SPDX-License-Identifier: GPL-2.0
/*
 * A file that is built through the shim, as a driver would be: reading or writing copies from or to
 * an object of its cache, wherever that leads.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "object_file.h"
#include "shimmed.h"

static struct kmem_cache *cache;
const struct file_operations shimmed_fops = OBJECT_FILE_OPS;

bool shimmed_new(void)
{
	cache = kmem_cache_create_usercopy("shimmed", 112, 0, 0, 16, 64, NULL);
	if (!cache)
		return false;
	shared = kmem_cache_zalloc(cache, GFP_KERNEL);
	return shared;
}

void shimmed_free(void)
{
	if (shared)
		kmem_cache_free(cache, shared);
	kmem_cache_destroy(cache);
}
