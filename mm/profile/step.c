// SPDX-License-Identifier: GPL-2.0
/*
 * The table of learned steps: a small cache with four places for each address. Its entries are
 * single words that are read and written whole, from any context, without a lock. What gets
 * lost when two write at once is learned again.
 */
#include "base/compat.h"
#include "profile/step.h"

u64 kspan_steps[1 << KSPAN_STEP_BITS];
EXPORT_SYMBOL_FOR_TESTS(kspan_steps);

void kspan_step_learn(unsigned long ip, u64 step)
{
	u64 tag = (u64)ip << KSPAN_STEP_SHIFT, *empty = NULL, *victim = NULL;
	unsigned int i;

	/* All places first: whoever has one already gets no second one. */
	for (i = 0; i < KSPAN_STEP_WAYS; i++) {
		u64 *at = kspan_step_place(ip, i), old = READ_ONCE(*at);

		if (!old) {
			empty = empty ?: at;
		} else if (kspan_step_is_known(old ^ tag)) {
			if ((old ^ tag) != step)
				WRITE_ONCE(*at, tag | KSPAN_STEP_NEVER);
			return;
		} else if ((old & KSPAN_STEP_NEVER) != KSPAN_STEP_NEVER) {
			/*
			 * The last: of five for the same four places, one is learned again and
			 * again. What must not be used has to stay, or would be used again.
			 */
			victim = at;
		}
	}
	if (empty ?: victim)
		WRITE_ONCE(*(empty ?: victim), tag | step);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_step_learn);

void kspan_step_forget(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kspan_steps); i++)
		WRITE_ONCE(kspan_steps[i], 0);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_step_forget);
