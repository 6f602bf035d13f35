// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the two functions of sampling theory, against values that were computed with the
 * exp() and log() of a machine that has floating point.
 */
#include "suite.h"

#include <linux/math64.h>

#include "profile/bucket.h"
#include "profile/fixmath.h"

static void expect_within(struct kunit *test, u64 value, u64 want, u64 tolerance)
{
	u64 off = value > want ? value - want : want - value;

	KUNIT_EXPECT_LE_MSG(test, off, tolerance, "%llu is not %llu", value, want);
}

/* ------------------------------------------------------------------ weights */

static const struct weight_case {
	u64 size, mean;
	u64 weight;	/* round(2^20 / -expm1(-size / mean)) */
} weight_cases[] = {
	/* The default mean. */
	{ 8, 524288, 68720001025ULL },
	{ 64, 524288, 8590458891ULL },
	{ 100, 524288, 5498082444ULL },
	{ 4096, 524288, 134742699ULL },
	{ 32768, 524288, 17306965ULL },
	{ 262144, 524288, 2664950ULL },
	/* Where one way of computing it ends and the other begins. */
	{ 524287, 524288, 1658825ULL },
	{ 524288, 524288, 1658823ULL },
	{ 524289, 524288, 1658821ULL },
	{ 4095, 4096, 1659059ULL },
	{ 4096, 4096, 1658823ULL },
	{ 4097, 4096, 1658587ULL },
	/* Almost certain, and so certain that nothing is left of the exponential. */
	{ 1048576, 524288, 1212697ULL },
	{ 4194304, 524288, 1048928ULL },
	{ 16384, 1024, 1048576ULL },
	{ 22528, 1024, 1048576ULL },
	{ 30000, 1024, 1048576ULL },
	{ 4194304, 2, 1048576ULL },
	{ 1, 1, 1658823ULL },
	/* Small numbers. */
	{ 1, 2, 2664950ULL },
	{ 3, 2, 1349745ULL },
	{ 7, 3, 1161178ULL },
	{ 8, 2, 1068140ULL },
	{ 1000, 10000, 11018785ULL },
	/* The largest means and sizes. */
	{ 1, 1048576, 1099512152064ULL },
	{ 1, 1099511627776, 1152921504607371264ULL },
	{ 8, 1099511627776, 144115188076380160ULL },
	{ 4194304, 1099511627776, 274878431232ULL },
	{ 4194304, 1099511627775, 274878431232ULL },
	{ 4294963200, 8589934592, 2664952ULL },
};

static void weight_desc(const struct weight_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu bytes of %llu", c->size, c->mean);
}

KUNIT_ARRAY_PARAM(weight, weight_cases, weight_desc);

/* A tenth of a percent is promised; what is done is a part in 40000 and a last bit. */
static void weight_is_that_of_the_exponential(struct kunit *test)
{
	const struct weight_case *c = test->param_value;
	u64 weight = kspan_weight(c->size, c->mean);

	expect_within(test, weight, c->weight, div_u64(c->weight, 1000));
	expect_within(test, weight, c->weight, div_u64(c->weight, 40000) + 1);
}

static void weight_falls_as_the_size_grows(struct kunit *test)
{
	u64 last = kspan_weight(1, 4096), size;

	for (size = 2; size < 32768; size += 1 + size / 64) {
		u64 weight = kspan_weight(size, 4096);

		KUNIT_EXPECT_LE_MSG(test, weight, last, "at %llu bytes", size);
		KUNIT_EXPECT_GE_MSG(test, weight, KSPAN_WEIGHT_ONE, "at %llu bytes", size);
		last = weight;
	}
}

/* ------------------------------------------------------------------ logarithm */

static const struct log_case {
	u32 r;
	u64 neg_log;	/* round(-log((r + 1) / 2^32) * 2^32) */
} log_cases[] = {
	{ 0U, 95265423098ULL },
	{ 1U, 92288378626ULL },
	{ 2U, 90546919247ULL },
	{ 3U, 89311334155ULL },
	{ 1000U, 65592547265ULL },
	{ 65535U, 47632711549ULL },
	{ 65536U, 47632646014ULL },
	{ 16777216U, 23816355519ULL },
	{ 1073741824U, 5954088940ULL },
	{ 2147483647U, 2977044472ULL },
	{ 2147483648U, 2977044470ULL },
	{ 3000000000U, 1541170210ULL },
	{ 4294967040U, 255ULL },
	{ 4294967290U, 5ULL },
	{ 4294967294U, 1ULL },
	{ 4294967295U, 0ULL },
};

static void log_desc(const struct log_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u", c->r);
}

KUNIT_ARRAY_PARAM(log, log_cases, log_desc);

static void variate_is_that_of_the_logarithm(struct kunit *test)
{
	const struct log_case *c = test->param_value;

	/* A tenth of a percent of it, or a millionth of the mean where there is almost nothing. */
	expect_within(test, kspan_neg_log(c->r), c->neg_log,
		      max_t(u64, div_u64(c->neg_log, 1000), (1ULL << 32) / 1000000));
}

static struct kunit_case fixmath_cases[] = {
	KUNIT_CASE_PARAM(weight_is_that_of_the_exponential, weight_gen_params),
	KUNIT_CASE(weight_falls_as_the_size_grows),
	KUNIT_CASE_PARAM(variate_is_that_of_the_logarithm, log_gen_params),
	{}
};

static struct kunit_suite fixmath_suite = {
	.name = "kspan_fixmath",
	.test_cases = fixmath_cases,
};

kunit_test_suite(fixmath_suite);
