// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the interned names: what is made of the kernel's text, and the life of a name.
 */
#include "suite.h"

#include <linux/kallsyms.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "profile/profile.h"
#include "profile/symbol.h"
#include "allocator.h"

/* No function lies this low, on any kernel. */
#define NOWHERE		0x10UL

static const struct parse_case {
	const char *text;
	const char *name;
	const char *module;
	unsigned long start;
} parse_cases[] = {
	{ "schedule+0x10/0x40", "schedule", "vmlinux", 0x12335 },
	{ "schedule+0x0/0x40", "schedule", "vmlinux", 0x12345 },
	{ "xfs_iget+0x12345/0x20000 [xfs]", "xfs_iget", "xfs", 0 },
	{ "xfs_iget+0x345/0x400 [xfs]", "xfs_iget", "xfs", 0x12000 },
	{ "f+0x5/0x9 [m 0123456789abcdef0123456789abcdef01234567]", "f", "m", 0x12340 },
	{ "foo.constprop.0+0x1/0x2 [drm_kms]", "foo.constprop.0", "drm_kms", 0x12344 },
	{ "bpf_prog_6deef735+0x45/0x70 [bpf]", "bpf_prog_6deef735", "bpf", 0x12300 },
	{ "0x12345", "0x12345", "unknown", 0 },
};

static void parse_desc(const struct parse_case *c, char *desc)
{
	strscpy(desc, c->text, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(parse, parse_cases, parse_desc);

static void text_is_taken_apart(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	char *text = kunit_kzalloc(test, KSYM_SYMBOL_LEN, GFP_KERNEL);
	struct kspan_symbol sym;

	KUNIT_ASSERT_NOT_NULL(test, text);
	strscpy(text, c->text, KSYM_SYMBOL_LEN);
	kspan_symbol_parse(text, 0x12345, &sym);
	KUNIT_EXPECT_STREQ(test, sym.name, c->name);
	KUNIT_EXPECT_STREQ(test, sym.module, c->module);
	KUNIT_EXPECT_EQ(test, sym.start, c->start);
}

/* A name of its own in this module, that the compiler can neither merge nor drop. */
static noinline void symbol_test_target(struct kunit *test)
{
	KUNIT_SUCCEED(test);
}

static void kernel_function_is_in_vmlinux(struct kunit *test)
{
	unsigned long start = (unsigned long)sprint_symbol;
	const struct kspan_symbol *sym = kspan_symbol_get(start + 1);

	KUNIT_ASSERT_NOT_NULL(test, sym);
	KUNIT_EXPECT_STREQ(test, sym->name, "sprint_symbol");
	KUNIT_EXPECT_STREQ(test, sym->module, "vmlinux");
	KUNIT_EXPECT_EQ(test, sym->start, start);
	kspan_symbol_put(sym);
}

static void function_of_a_suite_is_where_that_is(struct kunit *test)
{
	unsigned long start = (unsigned long)symbol_test_target;
	const struct kspan_symbol *sym = kspan_symbol_get(start + 1);

	symbol_test_target(test);
	KUNIT_ASSERT_NOT_NULL(test, sym);
	KUNIT_EXPECT_STREQ(test, sym->name, "symbol_test_target");
	KUNIT_EXPECT_STREQ(test, sym->module, THIS_TEXT);
	KUNIT_EXPECT_EQ(test, sym->start, start);
	kspan_symbol_put(sym);
}

static void unknown_address_is_its_own_name(struct kunit *test)
{
	const struct kspan_symbol *a = kspan_symbol_get(NOWHERE);
	const struct kspan_symbol *b = kspan_symbol_get(NOWHERE + 1);

	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_STREQ(test, a->name, "0x10");
	KUNIT_EXPECT_STREQ(test, a->module, "unknown");
	KUNIT_EXPECT_EQ(test, a->start, 0UL);
	KUNIT_EXPECT_STREQ(test, b->name, "0x11");
	kspan_symbol_put(a);
	kspan_symbol_put(b);
}

/* As without KALLSYMS: an address tells functions apart, and other tools can look it up. */
static void function_without_a_name_is_its_address(struct kunit *test)
{
	unsigned long addr = (unsigned long)symbol_test_target + 1;
	const struct kspan_symbol *sym, *other;
	char want[24];

	fail_all(KSPAN_FAIL_KALLSYMS);
	sym = kspan_symbol_get(addr);
	other = kspan_symbol_get(addr + 1);
	fail_nothing();
	KUNIT_ASSERT_NOT_NULL(test, sym);
	KUNIT_ASSERT_NOT_NULL(test, other);
	snprintf(want, sizeof(want), "0x%lx", addr);
	KUNIT_EXPECT_STREQ(test, sym->name, (const char *)want);
	KUNIT_EXPECT_STREQ(test, sym->module, "unknown");
	KUNIT_EXPECT_EQ(test, sym->start, 0UL);
	KUNIT_EXPECT_PTR_NE(test, sym, other);
	kspan_symbol_put(sym);
	kspan_symbol_put(other);
}

/* symbol_test_target() is in nobody else's stack: whatever else goes on, its name is new here. */
static void name_is_kept_once_until_its_last_user_leaves(struct kunit *test)
{
	unsigned long start = (unsigned long)symbol_test_target;
	size_t before = kspan_symbol_bytes(), one;
	const struct kspan_symbol *a = kspan_symbol_get(start + 1);
	const struct kspan_symbol *b;

	KUNIT_ASSERT_NOT_NULL(test, a);
	one = kspan_symbol_bytes();
	KUNIT_EXPECT_GE(test, one, before + sizeof(*a) + sizeof("symbol_test_target"));

	b = kspan_symbol_get(start + 2);
	KUNIT_EXPECT_PTR_EQ(test, a, b);
	KUNIT_EXPECT_EQ(test, kspan_symbol_bytes(), one);

	kspan_symbol_put(a);
	KUNIT_EXPECT_EQ(test, kspan_symbol_bytes(), one);
	KUNIT_EXPECT_STREQ(test, b->name, "symbol_test_target");

	kspan_symbol_put(b);
	KUNIT_EXPECT_EQ(test, kspan_symbol_bytes(), before);
}

static void putting_nothing_is_fine(struct kunit *test)
{
	size_t before = kspan_symbol_bytes();

	kspan_symbol_put(NULL);
	KUNIT_EXPECT_EQ(test, kspan_symbol_bytes(), before);
}

static struct kunit_case symbol_cases[] = {
	KUNIT_CASE_PARAM(text_is_taken_apart, parse_gen_params),
	KUNIT_CASE(kernel_function_is_in_vmlinux),
	KUNIT_CASE(function_of_a_suite_is_where_that_is),
	KUNIT_CASE(unknown_address_is_its_own_name),
	KUNIT_CASE(function_without_a_name_is_its_address),
	KUNIT_CASE(name_is_kept_once_until_its_last_user_leaves),
	KUNIT_CASE(putting_nothing_is_fine),
	{}
};

static struct kunit_suite symbol_suite = {
	.name = "kspan_symbol",
	.test_cases = symbol_cases,
};

kunit_test_suite(symbol_suite);
