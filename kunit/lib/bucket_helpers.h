/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites of the table of call stacks share: stacks that the tests make up.
 *
 * No snapshot may be taken while a made-up stack has a frame that could be a function's.
 */
#ifndef _KSPAN_KUNIT_BUCKET_HELPERS_H
#define _KSPAN_KUNIT_BUCKET_HELPERS_H

#include "profile/label.h"
#include "profile_helpers.h"

#define ONE	KSPAN_WEIGHT_ONE

static struct kspan_label *label;

/* A suite's init. */
static inline int bucket_test_begin(struct kunit *test)
{
	label = kspan_label_get("bucket_test", GFP_KERNEL);
	if (!label)
		return -ENOMEM;
	return test_begin(test);
}

/* A suite's exit. */
static inline void bucket_test_end(struct kunit *test)
{
	test_end(test);
	if (label)
		kspan_label_put(label);
}

/* A stack of @nr_frames that only @id has. No function is at such addresses. */
static inline struct kspan_stack *make_stack(unsigned int nr_frames, unsigned long id)
{
	static struct kspan_stack stack;
	unsigned int i;

	/* What lies behind the frames is scratch, and must not matter. */
	memset(&stack, id, sizeof(stack));
	stack.nr_frames = nr_frames;
	for (i = 0; i < nr_frames; i++)
		stack.frames[i] = 0x10 + i;
	stack.frames[0] = 0x1000 + id;
	return &stack;
}

static inline struct kspan_bucket *count(struct kspan_stack *stack, u64 weight)
{
	return kspan_bucket_alloc(HEAP, stack, 64, label, weight, GFP_KERNEL);
}

#endif /* _KSPAN_KUNIT_BUCKET_HELPERS_H */
