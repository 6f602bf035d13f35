// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the records, of the tree that a set keeps them in, and of what becomes of finalizers,
 * cleanups and weak handles once they are unlinked. The owner of the objects is no span here, and
 * none of them was allocated: all that the records know of it is what this file gives them.
 */
#include "suite.h"

#include "base/buf.h"
#include "export/debugfs.h"
#include "special/special.h"
#include "profile_helpers.h"

#define NR_THINGS	9

/* Owns things. */
struct shelf {
	struct kspan_special_set records;
	struct kspan_finalizers waiting;
	u64 things[NR_THINGS];
};

/* Not static: lockdep is told of their queues as of memory that comes and goes. */
static struct shelf *shelf, *other_shelf;

static struct shelf *shelf_open(void)
{
	struct shelf *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (s) {
		kspan_special_set_init(&s->records);
		kspan_finalizers_open(&s->waiting);
	}
	return s;
}

static void shelf_close(struct kunit *test, struct shelf *s)
{
	if (!s)
		return;
	KUNIT_EXPECT_TRUE(test, kspan_special_set_empty(&s->records));
	kspan_finalizers_close(&s->waiting);
	kfree(s);
}

static int special_init(struct kunit *test)
{
	if (test_begin(test))
		return -EINVAL;
	shelf = shelf_open();
	other_shelf = shelf_open();
	return shelf && other_shelf ? 0 : -ENOMEM;
}

static void special_exit(struct kunit *test)
{
	shelf_close(test, shelf);
	shelf_close(test, other_shelf);
	test_end(test);
}

static u32 offset_of(unsigned int thing)
{
	return thing * sizeof(shelf->things[0]);
}

static int add_record(struct shelf *s, unsigned int thing, struct kspan_special *special)
{
	unsigned long flags;
	int err;

	spin_lock_irqsave(&s->records.lock, flags);
	err = kspan_special_add(&s->records, offset_of(thing), special);
	spin_unlock_irqrestore(&s->records.lock, flags);
	return err;
}

/* Hangs a new record on a thing: 0, or the error, and then it is gone again. */
static int add(struct kunit *test, unsigned int thing, enum kspan_special_kind kind, void *mark)
{
	struct kspan_special *special = kspan_special_new(kind, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, special);
	/* Where the test knows it by; each kind keeps something else there. */
	special->cleanup.arg = mark;
	err = add_record(shelf, thing, special);
	if (err)
		kspan_special_delete(special);
	return err;
}

static struct kspan_special *unlink_kinds(unsigned int thing, unsigned int kinds)
{
	return kspan_special_unlink(&shelf->records, offset_of(thing), kinds);
}

static struct kspan_special *remove_one(unsigned int thing, enum kspan_special_kind kind)
{
	struct kspan_special *special;
	unsigned long flags;

	spin_lock_irqsave(&shelf->records.lock, flags);
	special = kspan_special_remove(&shelf->records, offset_of(thing), kind);
	spin_unlock_irqrestore(&shelf->records.lock, flags);
	return special;
}

/* The next of a list is of this kind and mark; deletes it and returns the rest. */
static struct kspan_special *expect_next(struct kunit *test, struct kspan_special *list,
					 enum kspan_special_kind kind, void *mark)
{
	struct kspan_special *rest;

	KUNIT_EXPECT_NOT_NULL(test, list);
	if (!list)
		return NULL;
	KUNIT_EXPECT_EQ(test, (int)list->kind, (int)kind);
	KUNIT_EXPECT_PTR_EQ(test, list->cleanup.arg, mark);
	rest = list->next;
	kspan_special_delete(list);
	return rest;
}

/* ------------------------------------------------------------------ records */

/* How many weak handles' records there are, as the file says. */
static long shown_as_weak(struct kunit *test)
{
	struct kspan_buf buf = {};
	const char *line = NULL;
	long nr = -1;

	KUNIT_EXPECT_EQ(test, kspan_debugfs_render("specials", &buf), 0);
	kspan_buf_append(&buf, "", 1);
	if (!buf.err)
		line = strstr(buf.data, "weak ");
	if (!line || sscanf(line, "weak %ld", &nr) != 1)
		KUNIT_FAIL(test, "the file says nothing of weak handles");
	kspan_buf_free(&buf);
	return nr;
}

static void record_is_counted_while_it_exists(struct kunit *test)
{
	unsigned long before = kspan_special_count();
	long shown = shown_as_weak(test);
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_WEAK, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before + 1);
	KUNIT_EXPECT_EQ(test, shown_as_weak(test), shown + 1);
	kspan_special_delete(special);
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
	KUNIT_EXPECT_EQ(test, shown_as_weak(test), shown);
}

static void no_memory_gives_no_record(struct kunit *test)
{
	unsigned long before = kspan_special_count();

	fail_all(KSPAN_FAIL_SPECIAL);
	KUNIT_EXPECT_NULL(test, kspan_special_new(KSPAN_SPECIAL_PROFILE, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
}

/* What an object is asked for may be nothing that a record can be asked for: slab would warn. */
static void request_for_the_object_is_not_one_for_the_record(struct kunit *test)
{
	gfp_t gfp = GFP_ATOMIC | __GFP_DMA | __GFP_ZERO | __GFP_ACCOUNT | __GFP_COMP |
		    __GFP_THISNODE;
	static struct kspan_special *specials[200];
	unsigned int i, got = 0;

	/* So many that slab needs pages for them, which is when it looks. */
	for (i = 0; i < ARRAY_SIZE(specials); i++) {
		/* Nobody may sleep in here, and PREEMPT_RT excludes no more than that. */
		rcu_read_lock();
		specials[i] = kspan_special_new(KSPAN_SPECIAL_PROFILE, gfp);
		rcu_read_unlock();
		got += !!specials[i];
	}
	KUNIT_EXPECT_EQ(test, got, (unsigned int)ARRAY_SIZE(specials));
	for (i = 0; i < ARRAY_SIZE(specials); i++)
		if (specials[i])
			kspan_special_delete(specials[i]);
}

/* ------------------------------------------------------------------ the tree */

static void records_leave_by_kind_and_cleanups_as_they_came(struct kunit *test)
{
	struct kspan_special *list;
	char marks[7];

	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[2]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_WEAK, &marks[6]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[3]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_PROFILE, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[4]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_FINALIZER, &marks[1]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[5]), 0);

	list = unlink_kinds(1, KSPAN_KINDS_ALL);
	list = expect_next(test, list, KSPAN_SPECIAL_PROFILE, &marks[0]);
	list = expect_next(test, list, KSPAN_SPECIAL_FINALIZER, &marks[1]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[2]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[3]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[4]);
	list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[5]);
	list = expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[6]);
	KUNIT_EXPECT_NULL(test, list);
}

static void only_the_kinds_asked_for_leave(struct kunit *test)
{
	struct kspan_special *list;
	char marks[3];

	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_PROFILE, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[1]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_WEAK, &marks[2]), 0);

	list = unlink_kinds(1, KSPAN_KIND(KSPAN_SPECIAL_WEAK));
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[2]));
	KUNIT_EXPECT_NULL(test, unlink_kinds(1, KSPAN_KIND(KSPAN_SPECIAL_FINALIZER)));
	list = unlink_kinds(1, KSPAN_KINDS_ALL);
	list = expect_next(test, list, KSPAN_SPECIAL_PROFILE, &marks[0]);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[1]));
}

static void those_that_come_first_leave_before_all_others(struct kunit *test)
{
	const unsigned int first = KSPAN_KIND(KSPAN_SPECIAL_FINALIZER) |
				   KSPAN_KIND(KSPAN_SPECIAL_WEAK);
	struct kspan_special *list;
	char marks[3];

	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_PROFILE, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_CLEANUP, &marks[1]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_WEAK, &marks[2]), 0);

	list = kspan_special_unlink_first(&shelf->records, offset_of(1), first);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[2]));
	list = kspan_special_unlink_first(&shelf->records, offset_of(1), first);
	list = expect_next(test, list, KSPAN_SPECIAL_PROFILE, &marks[0]);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &marks[1]));
	KUNIT_EXPECT_NULL(test, kspan_special_unlink_first(&shelf->records, offset_of(1), first));
}

static void neighbours_keep_their_records(struct kunit *test)
{
	unsigned int i;

	/* Every second leaves first. */
	for (i = 0; i < NR_THINGS; i++) {
		KUNIT_EXPECT_EQ(test, add(test, i, KSPAN_SPECIAL_CLEANUP, &shelf->things[i]), 0);
		KUNIT_EXPECT_EQ(test, add(test, i, KSPAN_SPECIAL_WEAK, &shelf->things[i]), 0);
	}
	for (i = 0; i < NR_THINGS; i++) {
		unsigned int thing = i * 2 % NR_THINGS;
		struct kspan_special *list = unlink_kinds(thing, KSPAN_KINDS_ALL);

		list = expect_next(test, list, KSPAN_SPECIAL_CLEANUP, &shelf->things[thing]);
		KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK,
						    &shelf->things[thing]));
	}
}

static void sets_have_nothing_of_each_other(struct kunit *test)
{
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_WEAK, GFP_KERNEL);
	struct kspan_special *list;
	char marks[2];

	KUNIT_ASSERT_NOT_NULL(test, special);
	special->cleanup.arg = &marks[1];
	KUNIT_EXPECT_EQ(test, add(test, 1, KSPAN_SPECIAL_WEAK, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add_record(other_shelf, 1, special), 0);
	list = unlink_kinds(1, KSPAN_KINDS_ALL);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[0]));
	list = kspan_special_unlink(&other_shelf->records, offset_of(1), KSPAN_KINDS_ALL);
	KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK, &marks[1]));
}

static const struct kind_case {
	const char *desc;
	enum kspan_special_kind kind;
	int second;		/* what a second one on the same object gives */
} kind_cases[] = {
	{ "profile", KSPAN_SPECIAL_PROFILE, -EEXIST },
	{ "finalizer", KSPAN_SPECIAL_FINALIZER, -EEXIST },
	{ "cleanup", KSPAN_SPECIAL_CLEANUP, 0 },
	{ "weak", KSPAN_SPECIAL_WEAK, -EEXIST },
};

static void kind_desc(const struct kind_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kind_cases, kind_desc);

static void only_of_cleanups_are_there_many(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct kspan_special *list;
	char marks[2];

	KUNIT_EXPECT_EQ(test, add(test, 1, c->kind, &marks[0]), 0);
	KUNIT_EXPECT_EQ(test, add(test, 1, c->kind, &marks[1]), c->second);
	list = expect_next(test, unlink_kinds(1, KSPAN_KINDS_ALL), c->kind, &marks[0]);
	if (!c->second)
		list = expect_next(test, list, c->kind, &marks[1]);
	KUNIT_EXPECT_NULL(test, list);
}

/* Wherever the first one has come to stand in the tree. */
static void second_of_a_kind_is_refused_among_many(struct kunit *test)
{
	struct kspan_special *list;
	unsigned int i;

	for (i = 0; i < NR_THINGS; i++)
		KUNIT_EXPECT_EQ(test, add(test, i, KSPAN_SPECIAL_WEAK, &shelf->things[i]), 0);
	for (i = 0; i < NR_THINGS; i++)
		KUNIT_EXPECT_EQ(test, add(test, i, KSPAN_SPECIAL_WEAK, NULL), -EEXIST);
	for (i = 0; i < NR_THINGS; i++) {
		list = unlink_kinds(i, KSPAN_KINDS_ALL);
		KUNIT_EXPECT_NULL(test, expect_next(test, list, KSPAN_SPECIAL_WEAK,
						    &shelf->things[i]));
	}
}

static void one_is_removed_and_the_others_stay(struct kunit *test)
{
	const struct kind_case *c = test->param_value;
	struct kspan_special *special;
	int kind;

	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		KUNIT_EXPECT_EQ(test, add(test, 1, kind, NULL), 0);
	special = remove_one(1, c->kind);
	KUNIT_ASSERT_NOT_NULL(test, special);
	KUNIT_EXPECT_EQ(test, (int)special->kind, (int)c->kind);
	kspan_special_delete(special);
	KUNIT_EXPECT_NULL(test, remove_one(1, c->kind));

	special = unlink_kinds(1, KSPAN_KINDS_ALL);
	for (kind = 0; kind < KSPAN_NR_SPECIALS; kind++)
		if (kind != (int)c->kind)
			special = expect_next(test, special, kind, NULL);
	KUNIT_EXPECT_NULL(test, special);
}

/* ------------------------------------------------------------------ what waits to run */

/* What has happened, in order: a letter each. */
static char story[16];

static void tell(char what)
{
	size_t len = strlen(story);

	if (len + 1 < sizeof(story))
		story[len] = what;
}

static void finalize(void *obj, void *arg)
{
	tell(obj == arg ? 'f' : '?');
}

static void take_back(void *obj)
{
	tell(obj == &shelf->things[1] ? 't' : '?');
}

static void clean_up(void *arg)
{
	tell(*(char *)arg);
}

static void queue_finalizer(struct kunit *test, struct shelf *s, u64 *thing)
{
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_FINALIZER, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, special);
	special->finalizer.fn = finalize;
	special->finalizer.arg = thing;
	special->finalizer.obj = thing;
	special->finalizer.then = take_back;
	kspan_finalizers_add(&s->waiting, special);
}

static void queue_cleanup(struct kunit *test, struct shelf *s, void (*fn)(void *arg), void *arg)
{
	struct kspan_special *special = kspan_special_new(KSPAN_SPECIAL_CLEANUP, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, special);
	special->cleanup.fn = fn;
	special->cleanup.arg = arg;
	kspan_finalizers_add(&s->waiting, special);
}

static void owner_gets_its_object_back_after_the_finalizer(struct kunit *test)
{
	unsigned long before = kspan_special_count();
	char a = 'a', b = 'b';

	memset(story, 0, sizeof(story));
	queue_cleanup(test, shelf, clean_up, &a);
	queue_finalizer(test, shelf, &shelf->things[1]);
	queue_cleanup(test, shelf, clean_up, &b);
	kspan_finalizers_flush(&shelf->waiting);
	KUNIT_EXPECT_STREQ(test, story, "aftb");
	KUNIT_EXPECT_TRUE(test, kspan_finalizers_idle(&shelf->waiting));
	KUNIT_EXPECT_EQ(test, kspan_special_count(), before);
}

static bool stands, may_go;

static void stand(void *arg)
{
	test_tell(&stands);
	test_wait_for(&may_go);
}

static void owner_waits_for_no_other(struct kunit *test)
{
	char a = 'a';

	memset(story, 0, sizeof(story));
	stands = false;
	may_go = false;
	queue_cleanup(test, other_shelf, stand, NULL);
	KUNIT_EXPECT_TRUE(test, test_wait_for(&stands));
	queue_cleanup(test, shelf, clean_up, &a);
	kspan_finalizers_flush(&shelf->waiting);
	KUNIT_EXPECT_STREQ(test, story, "a");
	KUNIT_EXPECT_FALSE(test, kspan_finalizers_idle(&other_shelf->waiting));
	test_tell(&may_go);
	kspan_finalizers_flush(&other_shelf->waiting);
	KUNIT_EXPECT_TRUE(test, kspan_finalizers_idle(&other_shelf->waiting));
}

static void flush_says_whether_anything_ran(struct kunit *test)
{
	unsigned long runs = kspan_finalizers_flush(&shelf->waiting);
	char a = 'a';

	memset(story, 0, sizeof(story));
	KUNIT_EXPECT_EQ(test, kspan_finalizers_flush(&shelf->waiting), runs);
	queue_cleanup(test, shelf, clean_up, &a);
	KUNIT_EXPECT_NE(test, kspan_finalizers_flush(&shelf->waiting), runs);
}

/* ------------------------------------------------------------------ weak handles */

static void handle_of_anything_reads_null_once_released(struct kunit *test)
{
	struct kspan_special *special = kspan_weak_new(&shelf->things[1], GFP_KERNEL);
	struct kspan_weak *weak, *again;
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, special);
	weak = special->weak.handle;
	KUNIT_EXPECT_EQ(test, add_record(shelf, 1, special), 0);
	spin_lock_irqsave(&shelf->records.lock, flags);
	again = kspan_weak_find(&shelf->records, offset_of(1));
	spin_unlock_irqrestore(&shelf->records.lock, flags);
	KUNIT_EXPECT_PTR_EQ(test, again, weak);
	KUNIT_EXPECT_PTR_EQ(test, deref(weak), (void *)&shelf->things[1]);

	kspan_weak_release(unlink_kinds(1, KSPAN_KINDS_ALL));
	KUNIT_EXPECT_NULL(test, deref(weak));
	/* With two references it outlives the first that is put. */
	kspan_weak_put(again);
	KUNIT_EXPECT_NULL(test, deref(weak));
	kspan_weak_put(weak);
}

static struct kunit_case special_cases[] = {
	KUNIT_CASE(record_is_counted_while_it_exists),
	KUNIT_CASE(no_memory_gives_no_record),
	KUNIT_CASE(request_for_the_object_is_not_one_for_the_record),
	KUNIT_CASE(records_leave_by_kind_and_cleanups_as_they_came),
	KUNIT_CASE(only_the_kinds_asked_for_leave),
	KUNIT_CASE(those_that_come_first_leave_before_all_others),
	KUNIT_CASE(neighbours_keep_their_records),
	KUNIT_CASE(sets_have_nothing_of_each_other),
	KUNIT_CASE_PARAM(only_of_cleanups_are_there_many, kind_gen_params),
	KUNIT_CASE(second_of_a_kind_is_refused_among_many),
	KUNIT_CASE_PARAM(one_is_removed_and_the_others_stay, kind_gen_params),
	KUNIT_CASE(owner_gets_its_object_back_after_the_finalizer),
	KUNIT_CASE(owner_waits_for_no_other),
	KUNIT_CASE(flush_says_whether_anything_ran),
	KUNIT_CASE(handle_of_anything_reads_null_once_released),
	{}
};

static struct kunit_suite special_suite = {
	.name = "kspan_special",
	.init = special_init,
	.exit = special_exit,
	.test_cases = special_cases,
};

kunit_test_suite(special_suite);
