// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the files: which there are, what they hold, and which writes are refused.
 *
 * Reading through a file descriptor, in pieces and while the module is to be removed, needs user
 * space: scripts/guest-tests/debugfs.c does that in a guest.
 */
#include "suite.h"

#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/string.h>

#include "base/buf.h"
#include "export/debugfs.h"
#include "heap.h"
#include "instead.h"

/* ------------------------------------------------------------------ files */

static const struct file_case {
	const char *name;
	umode_t mode;
	const char *begins;	/* what the content begins with */
} file_cases[] = {
	{ "heap", 0400, "\x0a\x04\x08\x01\x10\x02" },	/* profile.proto: a sample type */
	{ "allocs", 0400, "\x0a\x04\x08\x01\x10\x02" },
	{ "peak", 0400, "\x0a\x04\x08\x01\x10\x02" },
	{ "lifetime", 0400, "\x0a\x04\x08\x01\x10\x02\x0a\x04\x08\x03\x10\x04" },
	{ "heap.txt", 0400, "heap profile: " },
	{ "heap.folded", 0400, "" },
	{ "fragmentation", 0400, "\x0a\x04\x08\x01\x10\x02\x0a\x04\x08\x03\x10\x04" },
	{ "caches", 0400, "" },
	{ "spans", 0400, "" },
	{ "specials", 0400, "" },
	{ "stats", 0400, "" },
	{ "sample_bytes", 0600, "" },
	{ "reset", 0600, "" },
};

static void file_desc(const struct file_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(file, file_cases, file_desc);

static void file_has_its_mode(struct kunit *test)
{
	const struct file_case *c = test->param_value;
	struct dentry *dir, *file;

	dir = debugfs_lookup(KSPAN_DEBUGFS_DIR, NULL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(dir));
	file = debugfs_lookup(c->name, dir);
	dput(dir);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(file));
	KUNIT_EXPECT_EQ(test, d_inode(file)->i_mode, (umode_t)(S_IFREG | c->mode));
	dput(file);
}

static void file_has_its_content(struct kunit *test)
{
	const struct file_case *c = test->param_value;
	size_t len = strlen(c->begins);
	struct kspan_buf buf = {};

	KUNIT_EXPECT_EQ(test, kspan_debugfs_render(c->name, &buf), 0);
	KUNIT_EXPECT_GE(test, buf.len, len);
	if (len && buf.len >= len)
		KUNIT_EXPECT_EQ(test, memcmp(buf.data, c->begins, len), 0);
	kspan_buf_free(&buf);
}

static void only_what_may_be_written_is_written(struct kunit *test)
{
	const struct file_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, kspan_debugfs_store(c->name, "1", 1), c->mode & 0200 ? 0 : -EINVAL);
}

static void unknown_file_is_refused(struct kunit *test)
{
	struct kspan_buf buf = {};

	KUNIT_EXPECT_EQ(test, kspan_debugfs_render("heap.csv", &buf), -ENOENT);
	KUNIT_EXPECT_EQ(test, kspan_debugfs_store("heap.csv", "1", 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, buf.len, (size_t)0);
}

/* ------------------------------------------------------------------ writes */

static int write_text(const char *name, const char *text)
{
	return kspan_debugfs_store(name, text, strlen(text));
}

static void expect_sample_bytes(struct kunit *test, u64 want, const char *text)
{
	struct kspan_buf buf = {};

	KUNIT_EXPECT_EQ(test, kspan_profile_sample_bytes(HEAP), want);
	KUNIT_EXPECT_EQ(test, kspan_debugfs_render("sample_bytes", &buf), 0);
	kspan_buf_append(&buf, "", 1);
	if (!buf.err)
		KUNIT_EXPECT_STREQ(test, (const char *)buf.data, text);
	kspan_buf_free(&buf);
}

/* The rate is what it was before, whatever a test leaves. */
static int debugfs_test_init(struct kunit *test)
{
	u64 *saved = kunit_kmalloc(test, sizeof(*saved), GFP_KERNEL);

	if (!saved)
		return -ENOMEM;
	*saved = kspan_profile_sample_bytes(HEAP);
	test->priv = saved;
	return 0;
}

static void debugfs_test_exit(struct kunit *test)
{
	if (test->priv)
		kspan_profile_set_sample_bytes(HEAP, *(u64 *)test->priv);
}

static const struct good_case {
	const char *write;
	u64 value;
	const char *read;
} good_cases[] = {
	{ "0", 0, "0\n" },
	{ "1\n", 1, "1\n" },
	{ "524288", 524288, "524288\n" },
	{ "0000000000000000000000000012345\n", 12345, "12345\n" },
	{ "1099511627776\n", 1ULL << 40, "1099511627776\n" },
};

static void good_desc(const struct good_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu", c->value);
}

KUNIT_ARRAY_PARAM(good, good_cases, good_desc);

static void sample_bytes_reads_what_was_written(struct kunit *test)
{
	const struct good_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 777), 0);
	KUNIT_EXPECT_EQ(test, write_text("sample_bytes", c->write), 0);
	expect_sample_bytes(test, c->value, c->read);
}

static const struct bad_case {
	const char *desc;
	const char *text;
	size_t len;
} bad_cases[] = {
	{ "nothing", "", 0 },
	{ "a newline", "\n", 1 },
	{ "a word", "on", 2 },
	{ "negative", "-1", 2 },
	{ "a plus sign", "+1", 2 },
	{ "hexadecimal", "0x1", 3 },
	{ "a fraction", "1.5", 3 },
	{ "a space before", " 1", 2 },
	{ "a space after", "1 ", 2 },
	{ "garbage after", "1k", 2 },
	{ "a second line", "1\n1", 3 },
	{ "two newlines", "1\n\n", 3 },
	{ "a zero byte", "1\0", 2 },
	{ "garbage after a zero byte", "1\0x", 3 },
	{ "above the largest mean", "1099511627777", 13 },
	{ "2^64", "18446744073709551616", 20 },
	{ "longer than any number", "000000000000000000000000000000001", 33 },
};

static void bad_desc(const struct bad_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(bad, bad_cases, bad_desc);

static void bad_write_changes_nothing(struct kunit *test)
{
	const struct bad_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, kspan_profile_set_sample_bytes(HEAP, 777), 0);
	KUNIT_EXPECT_EQ(test, kspan_debugfs_store("sample_bytes", c->text, c->len), -EINVAL);
	KUNIT_EXPECT_EQ(test, kspan_debugfs_store("reset", c->text, c->len), -EINVAL);
	expect_sample_bytes(test, 777, "777\n");
}

static void reset_takes_only_a_one(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, write_text("reset", "0"), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_text("reset", "2\n"), -EINVAL);
	KUNIT_EXPECT_EQ(test, write_text("reset", "1"), 0);
	KUNIT_EXPECT_EQ(test, write_text("reset", "1\n"), 0);
}

/* ------------------------------------------------------------------ start and end */

static bool there(void)
{
	struct dentry *dir = debugfs_lookup(KSPAN_DEBUGFS_DIR, NULL);
	bool is = !IS_ERR_OR_NULL(dir);

	if (is)
		dput(dir);
	return is;
}

static const struct start_case {
	const char *desc;
	const char *function;	/* of debugfs, */
	unsigned int skip;	/* which after so many calls */
	int err;		/* returns that */
	int returns;
} start_cases[] = {
	{ "not in this kernel", "debugfs_create_dir", 0, -ENODEV, 0 },
	{ "switched off", "debugfs_create_dir", 0, -EPERM, 0 },
	{ "no memory for the directory", "debugfs_create_dir", 0, -ENOMEM, -ENOMEM },
	{ "no memory for a file", "debugfs_create_file", 0, -ENOMEM, -ENOMEM },
	{ "no memory for the last file", "debugfs_create_file", ARRAY_SIZE(file_cases) - 1, -ENOMEM,
	  -ENOMEM },
};

static void start_desc(const struct start_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(start, start_cases, start_desc);

/* Without debugfs kspan is an allocator all the same; without memory it says so, and has none. */
static void start_without_debugfs_or_memory(struct kunit *test)
{
	const struct start_case *c = test->param_value;
	int (*start)(void) = find_function(KSPAN_TEXT "kspan_debugfs_init"), err;
	void (*end)(void) = find_function(KSPAN_TEXT "kspan_debugfs_exit");

	if (!start || !end)
		kunit_skip(test, "cannot be probed");
	end();
	KUNIT_EXPECT_FALSE(test, there());
	KUNIT_ASSERT_TRUE(test, instead_begin(c->function, (unsigned long)(long)c->err, c->skip));
	err = start();
	instead_end();
	KUNIT_EXPECT_EQ(test, err, c->returns);
	KUNIT_EXPECT_FALSE(test, there());
	/* There is nothing to end, and that does no harm. */
	end();
	end();
	KUNIT_EXPECT_EQ(test, start(), 0);
	KUNIT_EXPECT_TRUE(test, there());
}

static struct kunit_case debugfs_cases[] = {
	KUNIT_CASE_PARAM(start_without_debugfs_or_memory, start_gen_params),
	KUNIT_CASE_PARAM(file_has_its_mode, file_gen_params),
	KUNIT_CASE_PARAM(file_has_its_content, file_gen_params),
	KUNIT_CASE_PARAM(only_what_may_be_written_is_written, file_gen_params),
	KUNIT_CASE(unknown_file_is_refused),
	KUNIT_CASE_PARAM(sample_bytes_reads_what_was_written, good_gen_params),
	KUNIT_CASE_PARAM(bad_write_changes_nothing, bad_gen_params),
	KUNIT_CASE(reset_takes_only_a_one),
	{}
};

static struct kunit_suite debugfs_suite = {
	.name = "kspan_debugfs",
	.init = debugfs_test_init,
	.exit = debugfs_test_exit,
	.test_cases = debugfs_cases,
};

kunit_test_suite(debugfs_suite);
