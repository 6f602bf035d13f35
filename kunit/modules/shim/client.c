// SPDX-License-Identifier: GPL-2.0
/*
 * A driver that has never heard of kspan: it includes what drivers include, allocates
 * with the kernel's own names, and is built with slab_shim.h forced in (see Kbuild). Each
 * case asks kspan_owns() whose memory it was given, uses the memory, and frees it by
 * every way there is. Loading fails with the first case that does not hold; the last
 * line of a good load is "shim_client: pass".
 *
 * This is a plain module, because the stock kernels that it is for have no KUnit.
 */
#define pr_fmt(fmt) "shim_client: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/fs.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/posix_acl.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/textsearch.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <trace/events/kmem.h>

#include <kspan/kspan.h>	/* for kspan_owns(), which no driver calls */

#include "client.h"

static bool lost;
module_param(lost, bool, 0);
MODULE_PARM_DESC(lost, "what the core frees is not handed back, and leaks");

#define SHIM_OBJECTS	64

struct shim_object {
	unsigned long value;
	struct rcu_head rcu;
	char name[40];
};

static const unsigned long constructed = 0x5ca1ab1e;

static void construct(void *obj)
{
	((struct shim_object *)obj)->value = constructed;
}

#define CHECK(cond)								\
do {										\
	if (!(cond)) {								\
		pr_err("%s: line %d: %s does not hold\n", __func__, __LINE__, #cond);	\
		return -EINVAL;							\
	}									\
} while (0)

/* kspan's, writable to the end, and zero if it should be. */
static bool ours(void *obj, size_t size, bool zero)
{
	if (!obj || !kspan_owns(obj) || ksize(obj) < size)
		return false;
	if (zero && memchr_inv(obj, 0, size))
		return false;
	memset(obj, 0x5a, size);
	return true;
}

static int kmalloc_family_is_kspans(void)
{
	static const size_t sizes[] = { 1, 8, 24, 192, 1000, 4096, 9000, 100000 };
	void *obj;
	int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t size = sizes[i];

		obj = kmalloc(size, GFP_KERNEL);
		CHECK(ours(obj, size, false));
		kfree(obj);
		obj = kzalloc(size, GFP_ATOMIC);
		CHECK(ours(obj, size, true));
		kvfree(obj);
		obj = kmalloc_array(2, size, GFP_KERNEL);
		CHECK(ours(obj, 2 * size, false));
		kfree_sensitive(obj);
		obj = kcalloc(2, size, GFP_KERNEL);
		CHECK(ours(obj, 2 * size, true));
		kfree_const(obj);
		obj = kmalloc_node(size, GFP_KERNEL, numa_mem_id());
		CHECK(ours(obj, size, false));
		kvfree_sensitive(obj, size);
		obj = kzalloc_node(size, GFP_KERNEL, NUMA_NO_NODE);
		CHECK(ours(obj, size, true));
		bitmap_free(obj);
		obj = kcalloc_node(2, size, GFP_KERNEL, NUMA_NO_NODE);
		CHECK(ours(obj, 2 * size, true));
		kfree_bulk(1, &obj);
	}
	CHECK(kzalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	CHECK(!kmalloc_array(SIZE_MAX, 2, GFP_KERNEL));
	kfree(ZERO_SIZE_PTR);
	kfree(NULL);
	kvfree(NULL);
	return 0;
}

static int kvmalloc_family_falls_back_to_vmalloc(void)
{
	void *obj;

	obj = kvmalloc(100, GFP_KERNEL);
	CHECK(ours(obj, 100, false));
	kvfree(obj);
	obj = kvzalloc(100000, GFP_KERNEL);
	CHECK(ours(obj, 100000, true));
	kvfree(obj);
	obj = kvcalloc(10, 100, GFP_KERNEL);
	CHECK(ours(obj, 1000, true));
	kvfree(obj);
	obj = kvmalloc_node(100, GFP_KERNEL, NUMA_NO_NODE);
	CHECK(ours(obj, 100, false));
	kvfree(obj);
	/* More than any slab allocator gives. */
	obj = kvmalloc_array(3, KMALLOC_MAX_SIZE, GFP_KERNEL);
	CHECK(obj && !kspan_owns(obj) && is_vmalloc_addr(obj));
	kvfree(obj);
	CHECK(!kvmalloc_array(SIZE_MAX, 2, GFP_KERNEL));
	return 0;
}

static int krealloc_keeps_content_and_owner(void)
{
	unsigned char *small, *large, *array;
	struct ts_config *core, *grown;
	int i;

	small = krealloc(NULL, 10, GFP_KERNEL);
	CHECK(ours(small, 10, false));
	for (i = 0; i < 10; i++)
		small[i] = i;
	large = krealloc(small, 5000, GFP_KERNEL);
	CHECK(large && kspan_owns(large));
	for (i = 0; i < 10; i++)
		CHECK(large[i] == i);
	array = krealloc_array(large, 10, 2, GFP_KERNEL);
	CHECK(array && kspan_owns(array) && array[9] == 9);
	CHECK(krealloc(array, 0, GFP_KERNEL) == ZERO_SIZE_PTR);

	core = alloc_ts_config(10, GFP_KERNEL);
	CHECK(!IS_ERR(core) && !kspan_owns(core));
	core->flags = 77;
	grown = krealloc(core, 2000, GFP_KERNEL);
	CHECK(grown && !kspan_owns(grown) && grown->flags == 77);
	kfree(grown);
	return 0;
}

static int strings_and_copies_are_kspans(void)
{
	static const char text[] = "a string of thirty-two characters";
	const char *constant;
	char *s;

	s = kstrdup(text, GFP_KERNEL);
	CHECK(s && kspan_owns(s) && !strcmp(s, text));
	kfree(s);
	s = kstrndup(text, 8, GFP_KERNEL);
	CHECK(s && kspan_owns(s) && !strcmp(s, "a string"));
	kfree(s);
	s = kmemdup(text, sizeof(text), GFP_KERNEL);
	CHECK(s && kspan_owns(s) && !strcmp(s, text));
	kfree(s);
	s = kmemdup_nul(text, 8, GFP_KERNEL);
	CHECK(s && kspan_owns(s) && !strcmp(s, "a string"));
	kfree(s);
	s = kasprintf(GFP_KERNEL, "%s-%d", "disk", 7);
	CHECK(s && kspan_owns(s) && !strcmp(s, "disk-7"));
	kfree(s);
	constant = kstrdup_const(text, GFP_KERNEL);
	CHECK(constant && !strcmp(constant, text));
	kfree_const(constant);
	CHECK(!kstrdup(NULL, GFP_KERNEL));
	return 0;
}

/* What the core allocates, here or in its inline functions, is the core's again. */
static int core_memory_goes_back_to_the_core(void)
{
	struct posix_acl *acl, *clone;
	unsigned long *bitmap;
	struct ts_config *conf;
	char *name;

	conf = alloc_ts_config(16, GFP_KERNEL);	/* an inline that calls kzalloc() */
	CHECK(!IS_ERR(conf) && !kspan_owns(conf));
	kfree(conf);
	bitmap = bitmap_zalloc(100, GFP_KERNEL);
	CHECK(bitmap && !kspan_owns(bitmap));
	bitmap_free(bitmap);
	/* A macro: of a cache of the core's, and in 7.x of kmalloc(). */
	name = __getname();
	CHECK(name && (!kspan_owns(name) || LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)));
	__putname(name);
	if (!IS_ENABLED(CONFIG_FS_POSIX_ACL))
		return 0;
	acl = posix_acl_alloc(2, GFP_KERNEL);
	CHECK(acl && !kspan_owns(acl));
	clone = kmemdup(acl, sizeof(*acl) + 2 * sizeof(struct posix_acl_entry), GFP_KERNEL);
	CHECK(clone && !kspan_owns(clone));
	refcount_set(&clone->a_refcount, 1);
	posix_acl_release(clone);
	posix_acl_release(acl);
	return 0;
}

static int frees_after_a_grace_period(void)
{
	struct shim_object *obj;
	int i;

	for (i = 0; i < SHIM_OBJECTS; i++) {
		obj = kzalloc(sizeof(*obj), GFP_KERNEL);
		CHECK(ours(obj, sizeof(*obj), true));
		if (i & 1)
			kfree_rcu(obj, rcu);
		else
			kvfree_rcu(obj, rcu);
	}
	obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	CHECK(ours(obj, sizeof(*obj), true));
	kvfree_rcu_mightsleep(obj);
	obj = NULL;
	kfree_rcu(obj, rcu);
	return 0;
}

static int scope_ends_with_the_right_free(void)
{
	void (*release)(const void *obj) = kfree;
	char *kept __free(kfree) = kmalloc(100, GFP_KERNEL);
	struct ts_config *core __free(kfree) = alloc_ts_config(10, GFP_KERNEL);
	void *other = kmalloc(200, GFP_KERNEL);

	CHECK(kept && kspan_owns(kept));
	CHECK(!IS_ERR(core) && !kspan_owns(core));
	CHECK(other && kspan_owns(other));
	release(other);
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KVREALLOC(obj, old, size, gfp)	kvrealloc(obj, size, gfp)
#else
#define KVREALLOC(obj, old, size, gfp)	kvrealloc(obj, old, size, gfp)
#endif

/* Sizes go down and up, always with __GFP_ZERO: what was there in between has gone. */
static int resizing_with_zero_clears(void)
{
	static const size_t sizes[] = { 64, 200, 3 * PAGE_SIZE };
	gfp_t gfp = GFP_KERNEL | __GFP_ZERO;
	unsigned char *obj;
	int way, i;

	for (way = 0; way < 3; way++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			obj = kzalloc(64, GFP_KERNEL);
			CHECK(ours(obj, 64, true));
			memset(obj, 0xff, 64);
			if (way == 0)
				obj = krealloc(krealloc(obj, 16, gfp), sizes[i], gfp);
			else if (way == 1)
				obj = krealloc_array(krealloc_array(obj, 2, 8, gfp), sizes[i] / 8,
						     8, gfp);
			else
				obj = KVREALLOC(KVREALLOC(obj, 64, 16, gfp), 16, sizes[i], gfp);
			CHECK(obj && kspan_owns(obj));
			CHECK(!memchr_inv(obj, 0xff, 16));
			CHECK(!memchr_inv(obj + 16, 0, sizes[i] - 16));
			kvfree(obj);
		}
	}
	return 0;
}

static int use_cache(struct kmem_cache *cache, bool constructs)
{
	void *objs[SHIM_OBJECTS];
	struct shim_object *obj;
	int i;

	CHECK(cache);
	CHECK(kmem_cache_size(cache) == sizeof(*obj));
	for (i = 0; i < SHIM_OBJECTS; i++) {
		objs[i] = kmem_cache_alloc(cache, GFP_KERNEL);
		obj = objs[i];
		CHECK(obj && kspan_owns(obj));
		CHECK(!constructs || obj->value == constructed);
		snprintf(obj->name, sizeof(obj->name), "object %d", i);
	}
	for (i = 0; i < SHIM_OBJECTS; i++)
		kmem_cache_free(cache, objs[i]);

	obj = kmem_cache_alloc_node(cache, GFP_KERNEL, numa_mem_id());
	CHECK(obj && kspan_owns(obj));
	kmem_cache_free(cache, obj);
	if (!constructs) {
		obj = kmem_cache_zalloc(cache, GFP_ATOMIC);
		CHECK(ours(obj, sizeof(*obj), true));
		kmem_cache_free(cache, obj);
	}
	/* How many, or in 7.x whether. */
	CHECK(kmem_cache_alloc_bulk(cache, GFP_KERNEL, SHIM_OBJECTS, objs) ==
	      (typeof(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 0, objs)))SHIM_OBJECTS);
	for (i = 0; i < SHIM_OBJECTS; i++)
		CHECK(objs[i] && kspan_owns(objs[i]));
	kmem_cache_free_bulk(cache, SHIM_OBJECTS, objs);
	kmem_cache_shrink(cache);
	kmem_cache_destroy(cache);
	return 0;
}

static int caches_are_kspans(void)
{
	int ret;

	ret = use_cache(kmem_cache_create("shim_plain", sizeof(struct shim_object), 0, 0, NULL),
			false);
	if (ret)
		return ret;
	ret = use_cache(kmem_cache_create("shim_ctor", sizeof(struct shim_object), 0,
					  SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, construct), true);
	if (ret)
		return ret;
	ret = use_cache(KMEM_CACHE(shim_object, SLAB_HWCACHE_ALIGN | SLAB_PANIC), false);
	if (ret)
		return ret;
	ret = use_cache(KMEM_CACHE_USERCOPY(shim_object, SLAB_TYPESAFE_BY_RCU, name), false);
	if (ret)
		return ret;
	kmem_cache_destroy(NULL);
	return 0;
}

/* What Linux 7 has besides. */
#ifdef kmalloc_obj
struct shim_counted {
	unsigned char nr;
	int values[] __counted_by(nr);
};

static int objects_by_their_type(void)
{
	struct shim_counted *counted;
	struct shim_object *obj;

	obj = kmalloc_obj(*obj);
	CHECK(ours(obj, sizeof(*obj), false));
	kfree(obj);
	obj = kzalloc_obj(struct shim_object, GFP_ATOMIC);
	CHECK(ours(obj, sizeof(*obj), true));
	kfree(obj);
	obj = kzalloc_objs(*obj, 5);
	CHECK(ours(obj, 5 * sizeof(*obj), true));
	kfree(obj);
	CHECK(!kmalloc_objs(*obj, SIZE_MAX / 2));
	counted = kzalloc_flex(*counted, values, 9);
	CHECK(counted && kspan_owns(counted) && ksize(counted) >= struct_size(counted, values, 9));
	kfree(counted);
	obj = kvmalloc_obj(*obj);
	CHECK(ours(obj, sizeof(*obj), false));
	kvfree(obj);
	obj = kvzalloc_objs(*obj, 1000);
	CHECK(ours(obj, 1000 * sizeof(*obj), true));
	kvfree(obj);
	return 0;
}
#else
static int objects_by_their_type(void)
{
	return 0;
}
#endif

/* What may be called in any context is the core's; what frees it may be given anything. */
#ifdef kmalloc_nolock
static int frees_without_a_lock(void)
{
	void *core = kmalloc_nolock(100, 0, NUMA_NO_NODE);
	void *obj = kmalloc(100, GFP_KERNEL);

	CHECK(core && !kspan_owns(core) && ours(obj, 100, false));
	kfree_nolock(core);
	kfree_nolock(obj);
	kfree_nolock(NULL);
	CHECK(!kspan_owns(obj));
	return 0;
}
#else
static int frees_without_a_lock(void)
{
	return 0;
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
static int frees_while_atomic(void)
{
	char *kept __free(kvfree_atomic) = kmalloc(100, GFP_KERNEL);
	char *obj = kvmalloc(100, GFP_KERNEL), *large = kvmalloc(2 * KMALLOC_MAX_SIZE, GFP_KERNEL);

	CHECK(kept && kspan_owns(kept) && obj && kspan_owns(obj) && large && !kspan_owns(large));
	kvfree_atomic(obj);
	kvfree_atomic(large);
	CHECK(!kspan_owns(obj));
	return 0;
}
#else
static int frees_while_atomic(void)
{
	return 0;
}
#endif

#ifdef kfree_rcu_nolock
static int heads_of_another_type(void)
{
	struct {
		unsigned long value;
		struct kvfree_rcu_head rcu;
	} *obj, *core;
	int i;

	for (i = 0; i < SHIM_OBJECTS; i++) {
		obj = kzalloc_obj(*obj);
		CHECK(ours(obj, sizeof(*obj), true));
		core = kmalloc_nolock(sizeof(*core), 0, NUMA_NO_NODE);
		CHECK(core && !kspan_owns(core));
		if (i & 1) {
			kfree_rcu(obj, rcu);
			kfree_rcu(core, rcu);
		} else {
			kfree_rcu_nolock(obj, rcu);
			kfree_rcu_nolock(core, rcu);
		}
	}
	return 0;
}
#else
static int heads_of_another_type(void)
{
	return 0;
}
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static int caches_with_all_arguments(void)
{
	struct kmem_cache_args args = {
		.align = 64,
		.usersize = 8,
		.ctor = construct,
#ifdef SLAB_NO_SHEAVES
		.sheaf_capacity = 32,
#endif
	};
	struct kmem_cache *cache;
	struct shim_object *obj;

	cache = kmem_cache_create("shim_args", sizeof(*obj), &args, 0);
	CHECK(cache);
	obj = kmem_cache_alloc(cache, GFP_KERNEL);
	CHECK(obj && kspan_owns(obj) && obj->value == constructed);
	CHECK(IS_ALIGNED((unsigned long)obj, 64));
	CHECK(kspan_usercopy_ok(obj, 8) && !kspan_usercopy_ok(obj, 9));
	CHECK(kmem_cache_charge(obj, GFP_KERNEL));
	kmem_cache_free(cache, obj);
	kmem_cache_destroy(cache);
	return 0;
}
#else
static int caches_with_all_arguments(void)
{
	return 0;
}
#endif

static int slab_mempools_work(void)
{
	struct kmem_cache *cache = KMEM_CACHE(shim_object, 0);
	mempool_t *pool, *plain;
	void *obj;

	CHECK(cache);
	pool = mempool_create_slab_pool(4, cache);
	CHECK(pool);
	obj = mempool_alloc(pool, GFP_KERNEL);
	CHECK(obj && kspan_owns(obj));
	mempool_free(obj, pool);
	mempool_destroy(pool);
	pool = mempool_create(4, mempool_alloc_slab, mempool_free_slab, cache);
	CHECK(pool);
	obj = mempool_alloc(pool, GFP_KERNEL);
	CHECK(obj && kspan_owns(obj));
	mempool_free(obj, pool);
	mempool_destroy(pool);
	kmem_cache_destroy(cache);

	plain = mempool_create_kmalloc_pool(4, 100);
	CHECK(plain);
	obj = mempool_alloc(plain, GFP_KERNEL);
	CHECK(obj);
	mempool_free(obj, plain);
	mempool_destroy(plain);
	return 0;
}

/* ---- What the core itself frees ------------------------------------------------------ */

/* An array of strings, each with a neighbour. */
struct strings {
	char **array;
	char *before[SHIM_OBJECTS], *behind[SHIM_OBJECTS];
};

static int strings_new(struct strings *s)
{
	int i;

	s->array = kcalloc(SHIM_OBJECTS, sizeof(*s->array), GFP_KERNEL);
	CHECK(s->array && kspan_owns(s->array));
	for (i = 0; i < SHIM_OBJECTS; i++) {
		s->before[i] = kasprintf(GFP_KERNEL, "a string, the one before %d", i);
		s->array[i] = kasprintf(GFP_KERNEL, "a string, which is freed %d", i);
		s->behind[i] = kasprintf(GFP_KERNEL, "a string, the one behind %d", i);
		CHECK(s->before[i] && s->array[i] && s->behind[i]);
	}
	return 0;
}

/* Whoever gets free pages now writes to them. */
static int neighbours_are_well(struct strings *s)
{
	char text[40];
	void *pages[SHIM_OBJECTS];
	int i;

	for (i = 0; i < SHIM_OBJECTS; i++) {
		pages[i] = (void *)__get_free_page(GFP_KERNEL);
		CHECK(pages[i]);
		memset(pages[i], 0x22, PAGE_SIZE);
	}
	for (i = 0; i < SHIM_OBJECTS; i++) {
		snprintf(text, sizeof(text), "a string, the one before %d", i);
		CHECK(!strcmp(s->before[i], text));
		snprintf(text, sizeof(text), "a string, the one behind %d", i);
		CHECK(!strcmp(s->behind[i], text));
		kfree(s->before[i]);
		kfree(s->behind[i]);
		free_page((unsigned long)pages[i]);
	}
	return 0;
}

static int strings_that_the_core_frees(void)
{
	struct strings *s = kzalloc(sizeof(*s), GFP_KERNEL);
	char *freed[SHIM_OBJECTS];
	char **array;
	int ret, i;

	CHECK(s);
	ret = strings_new(s);
	if (ret)
		return ret;
	array = s->array;
	memcpy(freed, array, sizeof(freed));
	kfree_strarray(array, SHIM_OBJECTS);
	for (i = 0; i < SHIM_OBJECTS; i++)
		CHECK(kspan_owns(freed[i]) == lost);
	CHECK(kspan_owns(array) == lost);
	ret = neighbours_are_well(s);
	kfree(s);
	return ret;
}

static const char *fence_name(struct dma_fence *fence)
{
	return "shim_client";
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
};

/* As many as make the core free them at once, and not some seconds later. */
#define SHIM_FENCES	2000

/* After a grace period, and many at a time. */
static int fences_that_the_core_frees(void)
{
	struct dma_fence **fences = kcalloc(SHIM_FENCES, sizeof(*fences), GFP_KERNEL);
	static DEFINE_SPINLOCK(lock);
	void *neighbour;
	int i, gone = 0, tries;

	CHECK(fences);
	neighbour = kzalloc(sizeof(**fences), GFP_KERNEL);
	CHECK(neighbour);
	for (i = 0; i < SHIM_FENCES; i++) {
		fences[i] = kzalloc(sizeof(*fences[i]), GFP_KERNEL);
		CHECK(fences[i]);
		dma_fence_init(fences[i], &fence_ops, &lock, 1, i);
	}
	for (i = 0; i < SHIM_FENCES; i++) {
		dma_fence_signal(fences[i]);
		dma_fence_put(fences[i]);
	}
	for (tries = 0; tries < 3000 && gone < SHIM_FENCES; tries++) {
		msleep(20);
		for (gone = 0; gone < SHIM_FENCES && !kspan_owns(fences[gone]); gone++)
			;
	}
	CHECK(gone == SHIM_FENCES);
	CHECK(!memchr_inv(neighbour, 0, sizeof(**fences)));
	kfree(neighbour);
	kfree(fences);
	return 0;
}

static int what_the_core_frees_goes_back(void)
{
	int ret = strings_that_the_core_frees();

	return ret ?: fences_that_the_core_frees();
}

/* ---- Names --------------------------------------------------------------------------- */

/* A driver's table of functions, with members that have the names of the core's. */
struct shim_ops {
	void *(*kmalloc)(size_t size, gfp_t gfp);
	void (*kfree)(const void *obj);
	void (*kmem_cache_free)(struct kmem_cache *cache, void *obj);
	unsigned long (*copy_to_user)(void __user *to, const void *from, unsigned long n);
};

static void *op_kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static void op_kfree(const void *obj)
{
	kfree(obj);
}

static const struct shim_ops shim_ops = {
	.kmalloc = op_kmalloc,
	.kfree = op_kfree,
	.kmem_cache_free = kmem_cache_free,
};

static int members_may_have_these_names(void)
{
	const struct shim_ops *ops = &shim_ops;
	struct kmem_cache *cache = KMEM_CACHE(shim_object, 0);
	void *obj = (ops->kmalloc)(100, GFP_KERNEL);

	CHECK(obj && kspan_owns(obj));
	ops->kfree(obj);
	CHECK(!kspan_owns(obj));
	CHECK(cache);
	obj = kmem_cache_alloc(cache, GFP_KERNEL);
	CHECK(obj && kspan_owns(obj));
	ops->kmem_cache_free(cache, obj);
	kmem_cache_destroy(cache);
	return 0;
}

/* ---- Copies to and from user space --------------------------------------------------- */

static int copies_are_held_to_the_object(void)
{
	unsigned long addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	struct kmem_cache *open = KMEM_CACHE_USERCOPY(shim_object, 0, name);
	struct kmem_cache *closed = KMEM_CACHE(shim_object, 0);
	void __user *user = (void __user *)addr;
	unsigned long n = sizeof_field(struct shim_object, name);
	struct shim_object *obj, *shut;
	char *plain = kmalloc(100, GFP_KERNEL);

	CHECK(!IS_ERR_VALUE(addr) && open && closed && plain);
	obj = kmem_cache_zalloc(open, GFP_KERNEL);
	shut = kmem_cache_zalloc(closed, GFP_KERNEL);
	CHECK(obj && shut);
	/* Not a constant, which nobody checks. */
	OPTIMIZER_HIDE_VAR(n);
	strscpy(obj->name, "from the driver", sizeof(obj->name));
	CHECK(!copy_to_user(user, obj->name, n));
	memset(obj->name, 0, sizeof(obj->name));
	CHECK(!copy_from_user(obj->name, user, n));
	CHECK(!strcmp(obj->name, "from the driver"));
	CHECK(kspan_usercopy_ok(obj->name, n) && kspan_usercopy_ok(obj->name + n, 0));
	CHECK(!kspan_usercopy_ok(obj->name, n + 1) && !kspan_usercopy_ok(obj->name - 1, n));
	CHECK(!kspan_usercopy_ok(obj, 1) && !kspan_usercopy_ok(shut->name, 1));
	CHECK(kspan_usercopy_ok(plain, 100) && kspan_usercopy_ok(plain + 90, 10));
	CHECK(!kspan_usercopy_ok(plain, 4096) && kspan_usercopy_ok(&n, sizeof(n)));
	kmem_cache_free(open, obj);
	kmem_cache_free(closed, shut);
	kmem_cache_destroy(open);
	kmem_cache_destroy(closed);
	kfree(plain);
	CHECK(!vm_munmap(addr, PAGE_SIZE));
	return 0;
}

static int (*const cases[])(void) = {
	kmalloc_family_is_kspans,
	kvmalloc_family_falls_back_to_vmalloc,
	krealloc_keeps_content_and_owner,
	resizing_with_zero_clears,
	strings_and_copies_are_kspans,
	core_memory_goes_back_to_the_core,
	frees_after_a_grace_period,
	scope_ends_with_the_right_free,
	objects_by_their_type,
	frees_without_a_lock,
	frees_while_atomic,
	heads_of_another_type,
	caches_are_kspans,
	caches_with_all_arguments,
	slab_mempools_work,
	members_may_have_these_names,
	copies_are_held_to_the_object,
	what_the_core_frees_goes_back,
	caches_of_a_file_that_takes_names_back,
};

static int __init shim_client_init(void)
{
	int i, ret;

	if (lost)
		return strings_that_the_core_frees();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ret = cases[i]();
		if (ret)
			return ret;
	}
	pr_info("pass\n");
	return 0;
}

static void __exit shim_client_exit(void)
{
}

module_init(shim_client_init);
module_exit(shim_client_exit);
MODULE_DESCRIPTION("Uses the slab allocator's interface through kspan's shim");
MODULE_LICENSE("GPL");
