// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the names of caches as they are shown: whatever a cache is called, each row of a table
 * has the same fields, no two rows are alike, and a profile is UTF-8.
 */
#include "suite.h"

#include <linux/ctype.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kspan/kspan.h>

#include "base/buf.h"
#include "base/name.h"
#include "export/debugfs.h"

/* ------------------------------------------------------------------ UTF-8 */

static const struct utf8_case {
	const char *desc;
	const char *text;
	unsigned int len;
	u32 c;
} utf8_cases[] = {
	{ "nothing", "", 0 },
	{ "a letter", "a", 1, 'a' },
	{ "two bytes", "\xc3\xa9x", 2, 0xe9 },
	{ "least of two bytes", "\xc2\x80", 2, 0x80 },
	{ "three bytes", "\xe2\x82\xac", 3, 0x20ac },
	{ "least of three bytes", "\xe0\xa0\x80", 3, 0x800 },
	{ "before the surrogates", "\xed\x9f\xbf", 3, 0xd7ff },
	{ "four bytes", "\xf0\x9f\x90\xa7", 4, 0x1f427 },
	{ "the largest", "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	{ "above the largest", "\xf4\x90\x80\x80", 0 },
	{ "a surrogate", "\xed\xa0\x80", 0 },
	{ "overlong in two", "\xc0\xaf", 0 },
	{ "overlong in three", "\xe0\x9f\xbf", 0 },
	{ "overlong in four", "\xf0\x8f\xbf\xbf", 0 },
	{ "a byte that goes on", "\x80", 0 },
	{ "cut after one", "\xe2", 0 },
	{ "cut after two", "\xe2\x82", 0 },
	{ "broken off", "\xe2\x82z", 0 },
	{ "no first byte", "\xff", 0 },
};

static void utf8_desc(const struct utf8_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(utf8, utf8_cases, utf8_desc);

static void utf8_is_told_from_other_bytes(struct kunit *test)
{
	const struct utf8_case *c = test->param_value;
	u32 have = 0;

	KUNIT_EXPECT_EQ(test, kspan_utf8_char(c->text, &have), c->len);
	if (c->len)
		KUNIT_EXPECT_EQ(test, have, c->c);
}

/* ------------------------------------------------------------------ names */

static const struct name_case {
	const char *from;
	unsigned int number;
	const char *shown;
} name_cases[] = {
	{ "xfs_inode", 1, "xfs_inode" },
	{ "xfs_inode", 2, "xfs_inode#2" },
	{ "xfs_inode", 4294967295U, "xfs_inode#4294967295" },
	{ "a blank", 1, "a\\040blank" },
	{ " ", 1, "\\040" },
	{ "a\ttab\nand more\r", 1, "a\\011tab\\012and\\040more\\015" },
	{ "back\\slash", 1, "back\\134slash" },
	{ "a\\040blank", 1, "a\\134040blank" },
	{ "", 1, "\\000" },
	{ "", 2, "\\000#2" },
	{ "#comment", 1, "\\043comment" },
	{ "not#comment", 1, "not#comment" },
	{ "gr\xc3\xb6n", 1, "gr\xc3\xb6n" },
	{ "caf\xe9", 1, "caf\\351" },
	{ "\x7fline\x1b[1m", 1, "\\177line\\033[1m" },
	{ "no\xc2\xa0room", 1, "no\\302\\240room" },
	{ "line\xe2\x80\xa8sep", 1, "line\\342\\200\\250sep" },
	{ "wide\xe3\x80\x80space", 1, "wide\\343\\200\\200space" },
};

static void name_desc(const struct name_case *c, char *desc)
{
	/* What is shown has characters that mean something in a report of tests. */
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "case %td", c - name_cases);
}

KUNIT_ARRAY_PARAM(name, name_cases, name_desc);

static void name_is_shown_as_one_field(struct kunit *test)
{
	const struct name_case *c = test->param_value;
	char shown[KSPAN_NAME_SIZE];

	kspan_name_make(shown, c->from, c->number);
	KUNIT_EXPECT_STREQ(test, (const char *)shown, c->shown);
}

/* Bytes of a name of @start of one byte, and then as many of @unit bytes as go in before @more. */
static size_t longest(size_t start, size_t unit, size_t more)
{
	return start + rounddown(KSPAN_NAME_SIZE - 1 - more - start, unit) + more;
}

/* Neither the number nor half a character is where a long name is cut, and nothing is behind it. */
static void long_name_is_cut_between_characters(struct kunit *test)
{
	char *from = kunit_kzalloc(test, 3001, GFP_KERNEL);
	char buf[KSPAN_NAME_SIZE + 16], *shown = buf, *behind = buf + KSPAN_NAME_SIZE;
	unsigned int start, i;

	KUNIT_ASSERT_NOT_NULL(test, from);
	memset(behind, 'b', 16);
	for (start = 0; start < 4; start++) {
		unsigned int len = 0;
		u32 c;

		memset(from, 'x', start);
		for (i = start; i + 3 < 3000; i += 3)
			memcpy(from + i, "\xe2\x82\xac", 4);
		kspan_name_make(shown, from, 17);
		KUNIT_EXPECT_EQ(test, strlen(shown), longest(start, 3, 3));
		KUNIT_EXPECT_STREQ(test, (const char *)shown + strlen(shown) - 3, "#17");
		for (i = 0; shown[i]; i += len) {
			len = kspan_utf8_char(shown + i, &c);
			KUNIT_ASSERT_NE(test, len, 0U);
		}
		/* Nor half of what was escaped. */
		memset(from + start, '\n', 3000 - start);
		kspan_name_make(shown, from, 1);
		KUNIT_EXPECT_EQ(test, strlen(shown), longest(start, 4, 0));
		KUNIT_EXPECT_STREQ(test, (const char *)shown + strlen(shown) - 4, "\\012");
		KUNIT_EXPECT_NULL(test, memchr_inv(behind, 'b', 16));
	}
}

/* ------------------------------------------------------------------ tables */

static unsigned int fields_of(char *row)
{
	unsigned int n = 0;
	char *field;

	while ((field = strsep(&row, " ")))
		n += !!*field;
	return n;
}

struct rows {
	unsigned int nr, odd;	/* all, and those with another number of fields */
	unsigned int ours;	/* of a size that no other cache has */
	unsigned int alike;	/* of ours, those whose name another one has */
	char names[16][KSPAN_NAME_SIZE];
};

/* The rows of @file, and among them those whose @nth field is @value. */
static void read_rows(struct kunit *test, const char *file, unsigned int name_field,
		      const char *ours, struct rows *rows)
{
	unsigned int fields = 0, n, i;
	struct kspan_buf buf = {};
	char *line, *at;

	memset(rows, 0, sizeof(*rows));
	KUNIT_ASSERT_EQ(test, kspan_debugfs_render(file, &buf), 0);
	kspan_buf_append(&buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf.err, 0);
	at = buf.data;
	while ((line = strsep(&at, "\n"))) {
		char name[KSPAN_NAME_SIZE] = "", *field, *copy;

		if (*line == '#' || !*line)
			continue;
		copy = kstrdup(line, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		field = copy;
		for (i = 0; field && i <= name_field;) {
			char *word = strsep(&field, " ");

			if (word && *word && i++ == name_field)
				strscpy(name, word, sizeof(name));
		}
		kfree(copy);
		n = strstr(line, ours) ? 1 : 0;
		if (n && rows->ours < ARRAY_SIZE(rows->names)) {
			for (i = 0; i < rows->ours; i++)
				rows->alike += !strcmp(rows->names[i], name);
			strscpy(rows->names[rows->ours++], name, KSPAN_NAME_SIZE);
		}
		n = fields_of(line);
		fields = fields ?: n;
		rows->odd += n != fields;
		rows->nr++;
	}
	kspan_buf_free(&buf);
}

static void any_names_make_rows_that_can_be_read(struct kunit *test)
{
	/* Rows of caches begin with "#" only where they are no rows. */
	static const char *const names[] = {
		"a blank", "a\nnewline 1 2 3", "", "", "#", "twin", "twin", "twin", "twin#2",
		"\xff\xfe",
	};
	struct kspan_cache *caches[ARRAY_SIZE(names) + 2];
	void *objs[ARRAY_SIZE(caches)];
	char long_name[201];
	struct rows *rows = kunit_kzalloc(test, sizeof(*rows), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, rows);
	memset(long_name, 'n', 200);
	long_name[200] = '\0';
	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		const char *name = i < ARRAY_SIZE(names) ? names[i] : long_name;

		/* A size that no other cache has. */
		caches[i] = kspan_cache_create(name, 7654, 0, 0, NULL);
		KUNIT_ASSERT_NOT_NULL(test, caches[i]);
		objs[i] = kspan_cache_alloc(caches[i], GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, objs[i]);
	}
	read_rows(test, "caches", 0, " 7654 ", rows);
	KUNIT_EXPECT_EQ(test, rows->ours, (unsigned int)ARRAY_SIZE(caches));
	KUNIT_EXPECT_EQ(test, rows->odd, 0U);
	KUNIT_EXPECT_EQ(test, rows->alike, 0U);
	KUNIT_EXPECT_STREQ(test, (const char *)rows->names[0], "a\\040blank");
	read_rows(test, "spans", 1, "nnnnnnnnnn", rows);
	KUNIT_EXPECT_GE(test, rows->ours, 2U);
	KUNIT_EXPECT_EQ(test, rows->odd, 0U);
	KUNIT_EXPECT_EQ(test, rows->alike, 0U);
	for (i = 0; i < ARRAY_SIZE(caches); i++) {
		kspan_cache_free(caches[i], objs[i]);
		kspan_cache_destroy(caches[i]);
	}
}

/* Once the other one is gone the name is free. */
static void name_is_free_again_after_its_cache(struct kunit *test)
{
	struct rows *rows = kunit_kzalloc(test, sizeof(*rows), GFP_KERNEL);
	struct kspan_cache *cache;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, rows);
	for (i = 0; i < 3; i++) {
		cache = kspan_cache_create("name again", 7654, 0, 0, NULL);
		KUNIT_ASSERT_NOT_NULL(test, cache);
		read_rows(test, "caches", 0, " 7654 ", rows);
		KUNIT_EXPECT_EQ(test, rows->ours, 1U);
		KUNIT_EXPECT_STREQ(test, (const char *)rows->names[0], "name\\040again");
		kspan_cache_destroy(cache);
	}
}

static struct kunit_case name_cases_[] = {
	KUNIT_CASE_PARAM(utf8_is_told_from_other_bytes, utf8_gen_params),
	KUNIT_CASE_PARAM(name_is_shown_as_one_field, name_gen_params),
	KUNIT_CASE(long_name_is_cut_between_characters),
	KUNIT_CASE(any_names_make_rows_that_can_be_read),
	KUNIT_CASE(name_is_free_again_after_its_cache),
	{}
};

static struct kunit_suite name_suite = {
	.name = "kspan_name",
	.test_cases = name_cases_,
};

kunit_test_suite(name_suite);
