// SPDX-License-Identifier: GPL-2.0
/* The seam of hooks.h; built only where there is a KUnit. */
#include "base/compat.h"
#include "base/hooks.h"

static kspan_test_hook_t test_hook;

void kspan_set_test_hook(kspan_test_hook_t hook)
{
	/* Pairs with the READ_ONCE in kspan_test_point(). */
	WRITE_ONCE(test_hook, hook);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_set_test_hook);

bool kspan_test_point(enum kspan_test_point point)
{
	kspan_test_hook_t hook = READ_ONCE(test_hook);

	return hook && hook(point);
}
