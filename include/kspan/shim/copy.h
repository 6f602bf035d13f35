/* SPDX-License-Identifier: GPL-2.0 */
/* The shim: strings and copies. */
#ifndef _KSPAN_SHIM_COPY_H
#define _KSPAN_SHIM_COPY_H

static __always_inline char *kspan_shim_kstrdup(bool core, const char *s, gfp_t gfp)
{
	if (core)
		return kstrdup(s, gfp);
	return kspan_shim_no_tail_call(kspan_strdup(s, gfp));
}

/* A module cannot ask what lies in the kernel's read-only data, so this always copies. */
static __always_inline const char *kspan_shim_kstrdup_const(bool core, const char *s, gfp_t gfp)
{
	return core ? kstrdup_const(s, gfp) : kspan_shim_kstrdup(false, s, gfp);
}

static __always_inline char *kspan_shim_kstrndup(bool core, const char *s, size_t max, gfp_t gfp)
{
	if (core)
		return kstrndup(s, max, gfp);
	return kspan_shim_no_tail_call(kspan_strndup(s, max, gfp));
}

static __always_inline void *kspan_shim_kmemdup(bool core, const void *src, size_t len, gfp_t gfp)
{
	if (core)
		return kmemdup(src, len, gfp);
	return kspan_shim_no_tail_call(kspan_memdup(src, len, gfp));
}

static __always_inline void *kspan_shim_kmemdup_array(bool core, const void *src, size_t n,
						      size_t size, gfp_t gfp)
{
	return kspan_shim_kmemdup(core, src, size_mul(n, size), gfp);
}

static __always_inline void *kspan_shim_kvmemdup(bool core, const void *src, size_t len, gfp_t gfp)
{
	void *obj = kspan_shim_kvmalloc(core, len, gfp);

	if (obj)
		memcpy(obj, src, len);
	return obj;
}

static __always_inline char *kspan_shim_kmemdup_nul(bool core, const char *s, size_t len, gfp_t gfp)
{
	char *obj;

	if (!s)
		return NULL;
	obj = kspan_shim_kmalloc(core, len + 1, gfp);
	if (obj) {
		memcpy(obj, s, len);
		obj[len] = '\0';
	}
	return obj;
}

/* A string that the core's kasprintf() made: varargs cannot be inlined, so take a copy. */
static __always_inline char *kspan_shim_adopt(bool core, const char *s, gfp_t gfp)
{
	char *obj;

	if (core || !s)
		return (char *)s;
	obj = kspan_shim_kstrdup(false, s, gfp);
	kfree_const(s);
	return obj;
}

#endif /* _KSPAN_SHIM_COPY_H */
