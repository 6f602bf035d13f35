// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the stacks of system calls: a program of user space reads a file of this module, whose
 * reads allocate. Where each system call moves its frame by a random number of bytes, its stack is
 * a different one each time, and still the same call path, walked by known steps. Kernels with
 * PROVE_LOCKING walk each such stack both ways and warn when the two differ.
 */
#include "suite.h"

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/umh.h>

#include "profile/stack.h"
#include "profile_helpers.h"

#define FILE_NAME	"kspan_stack_user_test"
#define READS		300

static struct kspan_cache *cache;
static struct dentry *file;
static unsigned int reads;

static noinline ssize_t stack_user_read(struct file *file, char __user *to, size_t count,
					loff_t *pos)
{
	if (reads == READS)
		return 0;
	reads++;
	kspan_cache_free(cache, test_keep(kspan_cache_alloc(cache, GFP_KERNEL)));
	return 1;
}

static const struct file_operations stack_user_fops = {
	.owner = THIS_MODULE,
	.read = stack_user_read,
};

static int stack_user_init(struct kunit *test)
{
	cache = kspan_cache_create("stack_user", 64, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	reads = 0;
	file = debugfs_create_file(FILE_NAME, 0400, NULL, NULL, &stack_user_fops);
	return test_begin(test);
}

static void stack_user_exit(struct kunit *test)
{
	debugfs_remove(file);
	test_end(test);
	kspan_cache_destroy(cache);
}

/* A program that reads the file to its end, in a system call for each byte; its exit status. */
static int read_file(void)
{
	char *argv[6] = {
		"/bin/busybox", "dd", "if=/sys/kernel/debug/" FILE_NAME, "of=/dev/null", "bs=1",
		NULL
	};
	char *envp[2] = { "PATH=/bin", NULL };

	return call_usermodehelper(argv[0], argv, envp, UMH_WAIT_PROC);
}

static void system_calls_have_one_stack(struct kunit *test)
{
	unsigned long before;
	struct kspan_snapshot *snap;
	size_t i;
	int err;

	kspan_stack_forget();
	before = kspan_profile_counter(HEAP, KSPAN_STACKS_WALKED);
	err = read_file();
	if (IS_BUILT_IN && err == -ENOENT)
		kunit_skip(test, "built in: there are no programs yet");
	KUNIT_ASSERT_EQ(test, err, 0);
	before = kspan_profile_counter(HEAP, KSPAN_STACKS_WALKED) - before;
	KUNIT_EXPECT_EQ(test, reads, (unsigned int)READS);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack_user", NULL).alloc_objects,
			(u64)READS);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack_user", "stack_user_read").rows, 1U);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack_user", NULL).rows, 1U);
	if (!IS_ENABLED(CONFIG_X86_64))
		return;
	/* Where KASAN looks at the stack, a function on the way may realign it: all, or none. */
	if (IS_ENABLED(CONFIG_UNWINDER_ORC) && !(IS_ENABLED(CONFIG_KASAN_STACK) && before == READS))
		KUNIT_EXPECT_LE(test, before, 2UL);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (!strcmp(row->label, "stack_user"))
			KUNIT_EXPECT_STREQ(test, row->symbols[row->nr_frames - 1]->name,
					   "entry_SYSCALL_64_after_hwframe");
	}
	kspan_snapshot_free(snap);
}

static struct kunit_case stack_user_cases[] = {
	KUNIT_CASE(system_calls_have_one_stack),
	{}
};

static struct kunit_suite stack_user_suite = {
	.name = "kspan_stack_user",
	.init = stack_user_init,
	.exit = stack_user_exit,
	.test_cases = stack_user_cases,
};

kunit_test_suite(stack_user_suite);
