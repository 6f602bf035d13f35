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

static int show_pprof(struct kspan_profile *profile, enum kspan_pprof_kind kind, unsigned int more,
		      struct kspan_buf *buf)
{
	struct kspan_snapshot *snap = kspan_snapshot_take_with(profile, more);
	int err;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	err = kspan_encode_pprof(snap, kind, buf);
	kspan_snapshot_free(snap);
	return err;
}

static int show_lines(struct kspan_profile *profile, struct kspan_buf *buf,
		      int (*encode)(const struct kspan_snapshot *snap, struct kspan_buf *buf))
{
	struct kspan_snapshot *snap = kspan_snapshot_take(profile);
	int err;

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	err = encode(snap, buf);
	kspan_snapshot_free(snap);
	return err;
}

static int show_heap(void *profile, struct kspan_buf *buf)
{
	return show_pprof(profile, KSPAN_INUSE_SPACE, 0, buf);
}

static int show_allocs(void *profile, struct kspan_buf *buf)
{
	return show_pprof(profile, KSPAN_ALLOC_SPACE, 0, buf);
}

static int show_peak(void *profile, struct kspan_buf *buf)
{
	return show_pprof(profile, KSPAN_PEAK_SPACE, 0, buf);
}

static int show_lifetime(void *profile, struct kspan_buf *buf)
{
	return show_pprof(profile, KSPAN_FREED_SPACE, KSPAN_WITH_LIFETIMES, buf);
}

static int show_text(void *profile, struct kspan_buf *buf)
{
	return show_lines(profile, buf, kspan_encode_text);
}

static int show_folded(void *profile, struct kspan_buf *buf)
{
	return show_lines(profile, buf, kspan_encode_folded);
}

int kspan_show_fragmentation(void *profile, struct kspan_buf *buf)
{
	return show_pprof(profile, KSPAN_FREE_SPACE, KSPAN_WITH_FREE, buf);
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
