// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of call stacks: one whose steps are known is not left to the unwinder, and is never taken
 * for another one. Kernels with PROVE_LOCKING walk each such stack both ways and warn when the
 * two differ, in these tests and in all others.
 */
#include "suite.h"

#include <linux/compiler.h>
#include <linux/string.h>

#include "base/buf.h"
#include "export/encode.h"
#include "profile/stack.h"
#include "profile_helpers.h"

#define LEVELS	5

static struct kspan_cache *cache;

static int stack_init(struct kunit *test)
{
	cache = kspan_cache_create("stack", 64, 0, 0, NULL);
	return cache ? test_begin(test) : -ENOMEM;
}

static void stack_exit(struct kunit *test)
{
	test_end(test);
	kspan_cache_destroy(cache);
}

static unsigned long walked(void)
{
	return kspan_profile_counter(HEAP, KSPAN_STACKS_WALKED);
}

/* ------------------------------------------------------------------ one of many */

/*
 * Two functions that differ in nothing but where they are, so that paths through them have the
 * same depth, and the same functions at the same places but for one. The instructions keep the
 * compiler from making one of them.
 */
static void *left(unsigned int path, unsigned int levels);
static void *right(unsigned int path, unsigned int levels);

static __always_inline void *step(unsigned int path, unsigned int levels)
{
	if (!levels)
		return kspan_cache_alloc(cache, GFP_KERNEL);
	return path & 1 ? right(path >> 1, levels - 1) : left(path >> 1, levels - 1);
}

static noinline __noclone void *left(unsigned int path, unsigned int levels)
{
	asm volatile("nop");
	return test_keep(step(path, levels));
}

static noinline __noclone void *right(unsigned int path, unsigned int levels)
{
	asm volatile("nop\n\tnop");
	return test_keep(step(path, levels));
}

/*
 * Whether the steps of a thread's stack are used once they are learned. They must be; but where
 * KASAN looks at the stack, functions realign theirs, and any of those that run a test may.
 */
static bool steps_are_used(struct kunit *test)
{
	unsigned long before = 0;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		before = walked();
		kspan_cache_free(cache, left(0, 0));
	}
	if (walked() == before)
		return true;
	if (!IS_ENABLED(CONFIG_UNWINDER_ORC))
		return false;
	if (!IS_ENABLED(CONFIG_KASAN_STACK))
		KUNIT_FAIL(test, "no step of a thread's stack is used");
	return false;
}

/* How often the row with the functions of @path was allocated from; 0 if there is none. */
static u64 allocs_of(const struct kspan_snapshot *snap, unsigned int path)
{
	u64 sum = 0;
	size_t i;
	int j;

	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];
		unsigned int seen = 0;

		if (strcmp(row->label, "stack"))
			continue;
		/* The innermost frame is that of the last step. */
		for (j = 0; j < LEVELS && j < row->nr_frames; j++)
			seen = seen << 1 | !strcmp(row->symbols[j]->name, "right");
		if (seen == path)
			sum += row->alloc_objects;
	}
	return sum;
}

/* Path p is taken p + 1 times, all mixed. */
static void paths_are_told_apart(struct kunit *test)
{
	unsigned int path, round, wrong = 0;
	unsigned long before = walked();
	struct kspan_snapshot *snap;

	for (round = 0; round < 1 << LEVELS; round++) {
		for (path = round; path < 1 << LEVELS; path++) {
			void *obj = left(path, LEVELS);

			wrong += !obj;
			kspan_cache_free(cache, obj);
		}
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U << LEVELS);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (path = 0; path < 1 << LEVELS; path++)
		KUNIT_EXPECT_EQ(test, allocs_of(snap, path), (u64)path + 1);
	kspan_snapshot_free(snap);
	before = walked() - before;
	/* There are four steps between the two, whatever the path. */
	if (steps_are_used(test))
		KUNIT_EXPECT_LE(test, before, 8UL);
}

static void known_steps_are_not_walked(struct kunit *test)
{
	unsigned long before;
	unsigned int i;

	if (!steps_are_used(test))
		kunit_skip(test, "steps are learned where the unwinder is ORC");
	kspan_profile_reset(HEAP);
	kspan_stack_forget();
	before = walked();
	/* From one place, so that each has the same stack. */
	for (i = 0; i < 100; i++)
		kspan_cache_free(cache, left(0, LEVELS));
	KUNIT_EXPECT_EQ(test, walked() - before, 1UL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, 100ULL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U);
}

/* Threads end elsewhere than the one that runs the test, which is a thread of the same kind. */
static void alloc_in_thread(void *arg)
{
	kspan_cache_free(cache, left(1, LEVELS));
}

static void stacks_of_threads_are_whole(struct kunit *test)
{
	struct kspan_snapshot *snap;
	struct test_thread thread;
	unsigned int i;
	size_t row;

	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, test_thread_start(&thread, i, alloc_in_thread, NULL));
		test_thread_join(&thread);
	}
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (row = 0; row < snap->nr_rows; row++) {
		const struct kspan_row *r = &snap->rows[row];

		if (!strcmp(r->label, "stack"))
			KUNIT_EXPECT_TRUE(test, strstarts(r->symbols[r->nr_frames - 1]->name,
							  "ret_from_fork"));
	}
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ frames that move */

/*
 * Functions whose frame is now so long and now longer, though the call is the same one. A step that
 * was so many words long would lead into the middle of a frame the next time.
 */
static noinline __noclone void *moves(size_t bytes)
{
	char *gap = __builtin_alloca(bytes);

	OPTIMIZER_HIDE_VAR(gap);
	memset(gap, 0, bytes);
	return test_keep(step(0, 0));
}

static noinline __noclone void *realigns(void)
{
	char line[64] __aligned(64) = {};

	barrier_data(line);
	return test_keep(step(0, 0));
}

/* Has arguments on the stack. */
static noinline __noclone long sum(long a, long b, long c, long d, long e, long f, long g, long h)
{
	barrier();
	return a + b + c + d + e + f + g + h;
}

/* Pushes arguments, whence the compiler has it keep where its stack was before it was realigned. */
static noinline __noclone void *realigns_and_pushes(void)
{
	char line[64] __aligned(64) = {};
	long n = 1;

	barrier_data(line);
	OPTIMIZER_HIDE_VAR(n);
	return sum(n, n, n, n, n, n, n, n) == 8 ? test_keep(step(0, 0)) : NULL;
}

/* Frames of as many bytes as the path says, so that the stack is realigned by other lengths. */
static noinline __noclone void *moves_and_realigns(size_t bytes)
{
	char *gap = __builtin_alloca(bytes);

	OPTIMIZER_HIDE_VAR(gap);
	memset(gap, 0, bytes);
	return test_keep(realigns());
}

static noinline __noclone void *moves_realigns_and_pushes(size_t bytes)
{
	char *gap = __builtin_alloca(bytes);

	OPTIMIZER_HIDE_VAR(gap);
	memset(gap, 0, bytes);
	return test_keep(realigns_and_pushes());
}

static const struct moving {
	const char *desc;
	void *(*alloc)(size_t bytes);
} moving[] = {
	{ "alloca", moves },
	{ "realigned", moves_and_realigns },
	{ "realigned, with arguments", moves_realigns_and_pushes },
};

static void moving_desc(const struct moving *m, char *desc)
{
	strscpy(desc, m->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(moving, moving, moving_desc);

static void frames_that_move_are_left_by_the_frame_pointer(struct kunit *test)
{
	const struct moving *m = test->param_value;
	unsigned long before = walked();
	unsigned int i, n = 0;

	kspan_stack_forget();
	/* Each length a few times, and zeros wherever a wrong step may lead. */
	for (i = 0; i < 128; i++, n++)
		kspan_cache_free(cache, m->alloc(16 + i * 8 % 256));
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, (u64)n);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).rows, 1U);
	before = walked() - before;
	if (steps_are_used(test))
		KUNIT_EXPECT_LE(test, before, 2UL);
}

/* ------------------------------------------------------------------ deep stacks */

static noinline __noclone void *deeper(unsigned int calls)
{
	return test_keep(calls ? deeper(calls - 1) : step(0, 0));
}

/* The one row of this suite's cache; NULL if there is none or another. */
static const struct kspan_row *only_row(const struct kspan_snapshot *snap)
{
	const struct kspan_row *found = NULL;
	size_t i;

	for (i = 0; i < snap->nr_rows; i++) {
		if (strcmp(snap->rows[i].label, "stack"))
			continue;
		if (found)
			return NULL;
		found = &snap->rows[i];
	}
	return found;
}

/* Below @calls calls, twice: the first time the unwinder walks, if it has not before. */
static struct kspan_snapshot *snapshot_below(struct kunit *test, unsigned int calls)
{
	struct kspan_snapshot *snap;
	void *objs[2];
	int i;

	kspan_profile_reset(HEAP);
	for (i = 0; i < 2; i++) {
		objs[i] = deeper(calls);
		/* One loop, and not two calls. */
		OPTIMIZER_HIDE_VAR(i);
	}
	snap = kspan_snapshot_take(HEAP);
	for (i = 0; i < 2; i++)
		kspan_cache_free(cache, objs[i]);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	return snap;
}

#define TRUNCATED	"kspan_stack_truncated"

static const char *root_of(const struct kspan_row *row)
{
	return row->symbols[row->nr_frames - 1]->name;
}

/* From one that fits by far to one that does not, each depth in between. */
static void deep_stack_says_that_it_was_cut(struct kunit *test)
{
	struct kspan_snapshot *snap = snapshot_below(test, 0);
	const struct kspan_row *row = only_row(snap);
	unsigned int least, calls;

	KUNIT_ASSERT_NOT_NULL(test, row);
	least = row->nr_frames;
	KUNIT_ASSERT_LT(test, least, 32U);
	kspan_snapshot_free(snap);

	for (calls = KSPAN_MAX_FRAMES - least - 2; calls < KSPAN_MAX_FRAMES + 10; calls++) {
		bool whole = least + calls <= KSPAN_MAX_FRAMES;

		snap = snapshot_below(test, calls);
		row = only_row(snap);
		KUNIT_EXPECT_NOT_NULL(test, row);
		if (row) {
			KUNIT_EXPECT_EQ(test, row->alloc_objects, 2ULL);
			KUNIT_EXPECT_EQ(test, row->nr_frames,
					whole ? least + calls : (unsigned int)KSPAN_MAX_FRAMES);
			KUNIT_EXPECT_EQ(test, !strcmp(root_of(row), TRUNCATED), !whole);
			/* What is kept are the innermost frames. */
			KUNIT_EXPECT_STREQ(test, row->symbols[0]->name, "deeper");
		}
		kspan_snapshot_free(snap);
	}
}

/* Is @text in what @encode makes of @snap? */
static bool is_in(struct kspan_buf *buf, const char *text)
{
	size_t len = strlen(text), i;

	for (i = 0; !buf->err && i + len <= buf->len; i++)
		if (!memcmp(buf->data + i, text, len))
			return true;
	return false;
}

static void every_format_shows_the_cut(struct kunit *test)
{
	struct kspan_snapshot *snap = snapshot_below(test, 200);
	struct kspan_buf folded = {}, text = {}, pprof = {};

	kspan_encode_folded(snap, &folded);
	kspan_encode_text(snap, &text);
	kspan_encode_pprof(snap, KSPAN_INUSE_SPACE, &pprof);
	KUNIT_EXPECT_TRUE(test, is_in(&folded, TRUNCATED ";deeper;deeper;"));
	KUNIT_EXPECT_TRUE(test, is_in(&text, "\t" TRUNCATED "+0x1\t" KSPAN_NAME "\n\n"));
	/* A string of the table: its tag, its length and itself. */
	KUNIT_EXPECT_TRUE(test, is_in(&pprof, "\x32\x15" TRUNCATED));
	kspan_buf_free(&folded);
	kspan_buf_free(&text);
	kspan_buf_free(&pprof);
	kspan_snapshot_free(snap);
}

/* ------------------------------------------------------------------ contexts */

KUNIT_ARRAY_PARAM(context, test_contexts, test_context_desc);

static void alloc_and_free(void *arg)
{
	void *obj = kspan_cache_alloc(cache, GFP_ATOMIC);

	kspan_cache_free(cache, test_keep(obj));
}

static void stack_of_an_interrupt_is_walked(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	unsigned long before;
	unsigned int i;

	if (IS_ENABLED(CONFIG_PREEMPT_RT) && c->call == test_in_hardirq)
		kunit_skip(test, "not a context for allocations on PREEMPT_RT");
	c->call(alloc_and_free, NULL);
	before = walked();
	for (i = 0; i < 19; i++)
		c->call(alloc_and_free, NULL);
	KUNIT_EXPECT_EQ(test, test_count_rows(test, "stack", NULL).alloc_objects, 20ULL);
	before = walked() - before;
	if (c->call != test_in_process || !steps_are_used(test))
		KUNIT_EXPECT_EQ(test, before, 19UL);
	else
		KUNIT_EXPECT_LE(test, before, 1UL);
}

/* A stack ends where its context began: not in whatever was interrupted, nor before. */
static bool is_root_of(const struct test_context *c, const char *name)
{
	if (c->call == test_in_softirq)
		return !strcmp(name, "handle_softirqs") || !strcmp(name, "__do_softirq");
	if (c->call == test_in_hardirq)
		return strstarts(name, "asm_sysvec_");
	return strstarts(name, "ret_from_fork");
}

static void stack_ends_where_its_context_began(struct kunit *test)
{
	const struct test_context *c = test->param_value;
	struct kspan_snapshot *snap;
	unsigned int i, rows = 0;

	if (!IS_ENABLED(CONFIG_X86_64) || IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "another machine's functions, or threads for interrupts");
	for (i = 0; i < 20; i++)
		c->call(alloc_and_free, NULL);
	snap = kspan_snapshot_take(HEAP);
	KUNIT_ASSERT_FALSE(test, IS_ERR(snap));
	for (i = 0; i < snap->nr_rows; i++) {
		const struct kspan_row *row = &snap->rows[i];

		if (strcmp(row->label, "stack"))
			continue;
		rows++;
		if (!is_root_of(c, root_of(row)))
			KUNIT_FAIL(test, "%s for a root in %s", root_of(row), c->desc);
	}
	KUNIT_EXPECT_GE(test, rows, 1U);
	kspan_snapshot_free(snap);
}

static struct kunit_case stack_cases[] = {
	KUNIT_CASE(paths_are_told_apart),
	KUNIT_CASE(known_steps_are_not_walked),
	KUNIT_CASE(stacks_of_threads_are_whole),
	KUNIT_CASE_PARAM(frames_that_move_are_left_by_the_frame_pointer, moving_gen_params),
	KUNIT_CASE(deep_stack_says_that_it_was_cut),
	KUNIT_CASE(every_format_shows_the_cut),
	KUNIT_CASE_PARAM(stack_of_an_interrupt_is_walked, context_gen_params),
	KUNIT_CASE_PARAM(stack_ends_where_its_context_began, context_gen_params),
	{}
};

static struct kunit_suite stack_suite = {
	.name = "kspan_stack",
	.init = stack_init,
	.exit = stack_exit,
	.test_cases = stack_cases,
};

kunit_test_suite(stack_suite);
