// SPDX-License-Identifier: GPL-2.0
/*
 * The files of a profile: its snapshot in the formats that tools read, and two controls. Whose
 * profile it is does not matter here. What its stats file says is the client's, who has more to
 * say than the profile. Process context.
 */
#include <linux/err.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/encode.h"
#include "export/profile_files.h"
#include "profile/profile.h"

static int show_snapshot(struct kspan_snapshot *snap, struct kspan_buf *buf,
			 int (*encode)(const struct kspan_snapshot *snap, struct kspan_buf *buf))
{
	int err;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	err = encode(snap, buf);
	kspan_snapshot_free(snap);
	return err;
}

static int show(struct kspan_profile *profile, struct kspan_buf *buf,
		int (*encode)(const struct kspan_snapshot *snap, struct kspan_buf *buf))
{
	return show_snapshot(kspan_snapshot_take(profile), buf, encode);
}

static int encode_heap(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_INUSE_SPACE, buf);
}

static int encode_allocs(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_ALLOC_SPACE, buf);
}

static int encode_peak(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_PEAK_SPACE, buf);
}

static int encode_lifetime(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_FREED_SPACE, buf);
}

static int show_heap(void *profile, struct kspan_buf *buf)
{
	return show(profile, buf, encode_heap);
}

static int show_allocs(void *profile, struct kspan_buf *buf)
{
	return show(profile, buf, encode_allocs);
}

static int show_peak(void *profile, struct kspan_buf *buf)
{
	return show(profile, buf, encode_peak);
}

static int show_lifetime(void *profile, struct kspan_buf *buf)
{
	return show_snapshot(kspan_snapshot_take_with(profile, KSPAN_WITH_LIFETIMES), buf,
			     encode_lifetime);
}

static int show_text(void *profile, struct kspan_buf *buf)
{
	return show(profile, buf, kspan_encode_text);
}

static int show_folded(void *profile, struct kspan_buf *buf)
{
	return show(profile, buf, kspan_encode_folded);
}

static int encode_free(const struct kspan_snapshot *snap, struct kspan_buf *buf)
{
	return kspan_encode_pprof(snap, KSPAN_FREE_SPACE, buf);
}

int kspan_show_fragmentation(void *profile, struct kspan_buf *buf)
{
	return show_snapshot(kspan_snapshot_take_with(profile, KSPAN_WITH_FREE), buf, encode_free);
}

static int show_sample_bytes(void *profile, struct kspan_buf *buf)
{
	kspan_buf_printf(buf, "%llu\n", kspan_profile_sample_bytes(profile));
	return buf->err;
}

static int store_sample_bytes(void *profile, u64 value)
{
	return kspan_profile_set_sample_bytes(profile, value);
}

static int store_reset(void *profile, u64 value)
{
	if (value != 1)
		return -EINVAL;
	kspan_profile_reset(profile);
	return 0;
}

const struct kspan_file kspan_profile_file[KSPAN_NR_PROFILE_FILES] = {
	{ "heap",	  0400, .show_of = show_heap },
	{ "allocs",	  0400, .show_of = show_allocs },
	{ "peak",	  0400, .show_of = show_peak },
	{ "lifetime",	  0400, .show_of = show_lifetime },
	{ "heap.txt",	  0400, .show_of = show_text },
	{ "heap.folded",  0400, .show_of = show_folded },
	{ "sample_bytes", 0600, .show_of = show_sample_bytes, .store = store_sample_bytes },
	{ "reset",	  0600, .store = store_reset },
};
EXPORT_SYMBOL_FOR_TESTS(kspan_profile_file);
