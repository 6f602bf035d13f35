/* SPDX-License-Identifier: GPL-2.0 */
/* The profile that most suites look at, and what it is made of. */
#ifndef _KSPAN_KUNIT_HEAP_H
#define _KSPAN_KUNIT_HEAP_H

#include "heap/profile.h"
#include "profile/bucket.h"

#define HEAP	(&kspan_heap_profile)

#endif /* _KSPAN_KUNIT_HEAP_H */
