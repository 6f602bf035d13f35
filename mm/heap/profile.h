/* SPDX-License-Identifier: GPL-2.0 */
/* The heap's profile: what kspan's own clients allocate. */
#ifndef _KSPAN_HEAP_PROFILE_H
#define _KSPAN_HEAP_PROFILE_H

#include "profile/profile.h"

DECLARE_KSPAN_PROFILE(kspan_heap_profile);

#endif /* _KSPAN_HEAP_PROFILE_H */
