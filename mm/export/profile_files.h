/* SPDX-License-Identifier: GPL-2.0 */
/* The files that each profile has, in the directory of its client. */
#ifndef _KSPAN_PROFILE_FILES_H
#define _KSPAN_PROFILE_FILES_H

#include "export/files.h"

struct kspan_buf;
struct kspan_profile;

#define KSPAN_NR_PROFILE_FILES	8

extern const struct kspan_file kspan_profile_file[KSPAN_NR_PROFILE_FILES];

/* One more, for whose memory is his own. 0 or -ENOMEM. */
int kspan_show_fragmentation(void *profile, struct kspan_buf *buf);

/* The files of @profile, heap to reset: a struct kspan_files. */
#define KSPAN_PROFILE_FILES(profile) {						\
	.file = kspan_profile_file,						\
	.nr = KSPAN_NR_PROFILE_FILES,						\
	.of = (profile),							\
}

#endif /* _KSPAN_PROFILE_FILES_H */
