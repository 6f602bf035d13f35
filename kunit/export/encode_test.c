// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the encoders: buffer, numbering, profile.proto, legacy text, folded stacks.
 *
 * They encode snapshots that are made up here, so they need nothing of the allocator. What
 * pprof itself makes of the result is the matter of scripts/tests/pprof-readers.
 */
#include "suite.h"

#include <linux/jhash.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/buf.h"
#include "export/encode.h"
#include "export/encode_numbers.h"
#include "profile/profile.h"

/* ------------------------------------------------------------------ helpers */

static const struct kspan_symbol sym_leaf = { "leaf", "drv", 0x1000 };
static const struct kspan_symbol sym_other = { "other", "drv", 0x2000 };
static const struct kspan_symbol sym_outer = { "outer", "vmlinux", 0xc0de4500 };
static const struct kspan_symbol sym_hex = { "0xdead", "unknown", 0 };
static const struct kspan_symbol sym_odd = { "a;b c\td", "drv", 0x3000 };
static const struct kspan_symbol sym_wide = { "gr\xc3\xa0\xc2\xb5", "drv", 0x4000 };
static const struct kspan_symbol sym_bytes = { "a\xff\nb", "m\xc3", 0x5000 };
static const struct kspan_symbol sym_leaf2 = { "leaf", "net", 0x1000 };

/* A stack of two functions at most, innermost first. */
struct stack {
	unsigned long addrs[2];
	const struct kspan_symbol *symbols[2];
	unsigned int nr_frames;
};

static const struct stack stack_call = { { 0x1003, 0xc0de4567 }, { &sym_leaf, &sym_outer }, 2 };
static const struct stack stack_again = { { 0x1010, 0xc0de4567 }, { &sym_leaf, &sym_outer }, 2 };
static const struct stack stack_net = { { 0x1003, 0xc0de4567 }, { &sym_leaf2, &sym_outer }, 2 };
static const struct stack stack_other = { { 0x2004, 0xc0de4567 }, { &sym_other, &sym_outer }, 2 };
static const struct stack stack_hex = { { 0xdead, 0xc0de4567 }, { &sym_hex, &sym_outer }, 2 };
static const struct stack stack_odd = { { 0x3004 }, { &sym_odd }, 1 };
static const struct stack stack_wide = { { 0x4004 }, { &sym_wide }, 1 };
static const struct stack stack_bytes = { { 0x5004 }, { &sym_bytes }, 1 };
static const struct stack stack_none;

/* A row of which every object was sampled. */
static struct kspan_row row(const struct stack *stack, u32 slot_size, u64 allocs, u64 inuse)
{
	return (struct kspan_row){
		.addrs = stack->addrs, .symbols = stack->symbols, .nr_frames = stack->nr_frames,
		.label = "kspan-a", .slot_size = slot_size,
		.alloc_objects = allocs, .alloc_bytes = allocs * slot_size,
		.inuse_objects = inuse, .inuse_bytes = inuse * slot_size,
		.alloc_samples = allocs, .inuse_samples = inuse,
	};
}

static struct kspan_snapshot snapshot(struct kspan_row *rows, size_t nr_rows, u64 sample_bytes)
{
	return (struct kspan_snapshot){
		.rows = rows, .nr_rows = nr_rows, .sample_bytes = sample_bytes,
	};
}

static int encode_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct kspan_buf), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void encode_test_exit(struct kunit *test)
{
	if (test->priv)
		kspan_buf_free(test->priv);
}

static void expect_bytes(struct kunit *test, const struct kspan_buf *buf, const void *bytes,
			 size_t len)
{
	const u8 *want = bytes;
	size_t i;

	KUNIT_EXPECT_EQ(test, buf->err, 0);
	KUNIT_EXPECT_EQ(test, buf->len, len);
	for (i = 0; i < min(len, buf->len); i++) {
		if ((u8)buf->data[i] == want[i])
			continue;
		KUNIT_FAIL(test, "byte %zu is %02x, not %02x", i, (u8)buf->data[i], want[i]);
		return;
	}
}

static void expect_text(struct kunit *test, struct kspan_buf *buf, const char *want)
{
	KUNIT_ASSERT_EQ(test, buf->err, 0);
	kspan_buf_append(buf, "", 1);
	KUNIT_ASSERT_EQ(test, buf->err, 0);
	KUNIT_EXPECT_STREQ(test, (const char *)buf->data, want);
}

/* ------------------------------------------------------------------ buffer */

static void buf_append_keeps_what_was_there(struct kunit *test)
{
	struct kspan_buf *buf = test->priv;
	unsigned int moves = 0;
	size_t i, size;

	for (i = 0; i < 100000; i++) {
		size = buf->size;
		kspan_buf_append(buf, &(u8){ i % 251 }, 1);
		moves += buf->size != size;
	}
	/* Each copies what there is: as it grows, they become rare. */
	KUNIT_EXPECT_LE(test, moves, 8U);
	KUNIT_ASSERT_EQ(test, buf->err, 0);
	KUNIT_ASSERT_EQ(test, buf->len, (size_t)100000);
	for (i = 0; i < buf->len; i++)
		KUNIT_ASSERT_EQ(test, (u8)buf->data[i], (u8)(i % 251));
}

/* vsnprintf() needs room for a zero that is not kept: try each distance to the end. */
static void buf_printf_is_whole_at_every_fill(struct kunit *test)
{
	static const char zeros[4200];
	struct kspan_buf *buf = test->priv;
	size_t fill;

	for (fill = 4080; fill <= 4100; fill++) {
		kspan_buf_free(buf);
		kspan_buf_append(buf, zeros, fill);
		kspan_buf_printf(buf, "%s-%d", "text", 1234);
		KUNIT_ASSERT_EQ(test, buf->err, 0);
		KUNIT_ASSERT_EQ(test, buf->len, fill + 9);
		KUNIT_ASSERT_EQ(test, memcmp(buf->data + fill, "text-1234", 9), 0);
	}
}

static void buf_of_more_than_2_gib_is_refused(struct kunit *test)
{
	u8 *byte = kunit_kzalloc(test, 1, GFP_KERNEL);
	/* It is not looked at what a full one holds before it is known that there will be more. */
	struct kspan_buf buf = { .data = byte, .len = INT_MAX - 1, .size = INT_MAX - 1 };

	kspan_buf_append(&buf, "ab", 2);
	KUNIT_EXPECT_EQ(test, buf.err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, buf.len, (size_t)INT_MAX - 1);
	KUNIT_EXPECT_PTR_EQ(test, (void *)buf.data, (void *)byte);
}

static void buf_error_sticks(struct kunit *test)
{
	struct kspan_row rows[] = { row(&stack_call, 64, 1, 1) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	kspan_buf_append(buf, "abc", 3);
	buf->err = -ENOMEM;
	kspan_buf_append(buf, "def", 3);
	kspan_buf_printf(buf, "%d", 1);
	KUNIT_EXPECT_EQ(test, buf->len, (size_t)3);
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kspan_encode_text(&snap, buf), -ENOMEM);
	KUNIT_EXPECT_EQ(test, kspan_encode_folded(&snap, buf), -ENOMEM);
	KUNIT_EXPECT_EQ(test, buf->len, (size_t)3);
}

/* ------------------------------------------------------------------ numbering */

static void table_compares_strings_by_content(struct kunit *test)
{
	struct kspan_numbers numbers = { .strings = true };
	char copy[] = "one";

	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, "one", 0), 1U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, "two", 0), 2U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, copy, 1), 1U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, "", 0), 3U);
	KUNIT_EXPECT_EQ(test, numbers.nr, 3U);
	kspan_numbers_free(&numbers);
}

static void table_compares_pointers_with_address(struct kunit *test)
{
	struct kspan_numbers numbers = {};
	char copy[] = "one";

	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, &copy[0], 7), 1U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, &copy[0], 8), 2U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, &copy[1], 7), 3U);
	KUNIT_EXPECT_EQ(test, kspan_number(&numbers, &copy[0], 7), 1U);
	kspan_numbers_free(&numbers);
}

/* What looks alike by the hash of two words, on machines of one byte order or of the other. */
static const unsigned long alike[][2][2] = {
	{ { 0x261980, 0x1000 }, { 0x3874c0, 0x1000 } },
	{ { 0x164b10, 0x1000 }, { 0x616510, 0x1000 } },
	{ { 0x1000, 0x18e4b0 }, { 0x1000, 0x608fb0 } },
	{ { 0x1000, 0x1faba0 }, { 0x1000, 0x265b40 } },
};

static u32 hash_of(const unsigned long words[2])
{
	return jhash2((const u32 *)words, 2 * sizeof(words[0]) / 4, 0);
}

static void table_tells_apart_what_has_one_hash(struct kunit *test)
{
	struct kspan_numbers numbers = {};
	unsigned int i, same = 0, n = 0;

	for (i = 0; i < ARRAY_SIZE(alike); i++) {
		const unsigned long *a = alike[i][0], *b = alike[i][1];

		same += hash_of(a) == hash_of(b);
		KUNIT_EXPECT_EQ(test, kspan_number(&numbers, (void *)a[0], a[1]), ++n);
		KUNIT_EXPECT_EQ(test, kspan_number(&numbers, (void *)b[0], b[1]), ++n);
		KUNIT_EXPECT_EQ(test, kspan_number(&numbers, (void *)a[0], a[1]), n - 1);
	}
	KUNIT_EXPECT_EQ(test, same, 2U);
	kspan_numbers_free(&numbers);
}

/* Slots that are filled, behind one that is not: with many of these, few are asked for a key. */
static u32 groups(const struct kspan_numbers *numbers)
{
	u32 i, nr = 0;

	for (i = 1; i < numbers->nr_slots; i++)
		nr += numbers->slots[i] && !numbers->slots[i - 1];
	return nr;
}

static void table_spreads_strings(struct kunit *test)
{
	struct kspan_numbers numbers = { .strings = true };
	static char texts[500][4];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(texts[i], sizeof(texts[i]), "%u", i);
		KUNIT_EXPECT_EQ(test, kspan_number(&numbers, texts[i], 0), i + 1);
	}
	KUNIT_EXPECT_GT(test, groups(&numbers), numbers.nr / 3);
	kspan_numbers_free(&numbers);
}

static void table_numbers_stay_when_it_grows(struct kunit *test)
{
	struct kspan_numbers numbers = {};
	u32 round, i, wrong = 0;

	for (round = 0; round < 2; round++)
		for (i = 0; i < 20000; i++)
			wrong += kspan_number(&numbers, NULL, i * 16UL) != i + 1;
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, numbers.nr, 20000U);
	KUNIT_EXPECT_GT(test, groups(&numbers), numbers.nr / 3);
	kspan_numbers_free(&numbers);
}

/* ------------------------------------------------------------------ profile.proto */

static const struct varint_case {
	u64 value;
	const char *bytes;
	size_t len;
} varint_cases[] = {
	{ 0, "\x00", 1 },
	{ 1, "\x01", 1 },
	{ (1ULL << 7) - 1, "\x7f", 1 },
	{ 1ULL << 7, "\x80\x01", 2 },
	{ 300, "\xac\x02", 2 },
	{ (1ULL << 14) - 1, "\xff\x7f", 2 },
	{ 1ULL << 14, "\x80\x80\x01", 3 },
	{ (1ULL << 21) - 1, "\xff\xff\x7f", 3 },
	{ 1ULL << 21, "\x80\x80\x80\x01", 4 },
	{ (1ULL << 28) - 1, "\xff\xff\xff\x7f", 4 },
	{ 1ULL << 28, "\x80\x80\x80\x80\x01", 5 },
	{ U32_MAX, "\xff\xff\xff\xff\x0f", 5 },
	{ 1ULL << 35, "\x80\x80\x80\x80\x80\x01", 6 },
	{ 1ULL << 42, "\x80\x80\x80\x80\x80\x80\x01", 7 },
	{ 1ULL << 49, "\x80\x80\x80\x80\x80\x80\x80\x01", 8 },
	{ (1ULL << 56) - 1, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8 },
	{ 1ULL << 56, "\x80\x80\x80\x80\x80\x80\x80\x80\x01", 9 },
	{ (1ULL << 63) - 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 9 },
	{ 1ULL << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10 },
	{ U64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10 },
};

static void varint_desc(const struct varint_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "0x%llx", c->value);
}

KUNIT_ARRAY_PARAM(varint, varint_cases, varint_desc);

static void varint_has_seven_bits_a_byte(struct kunit *test)
{
	const struct varint_case *c = test->param_value;
	struct kspan_buf *buf = test->priv;

	kspan_encode_varint(buf, c->value);
	expect_bytes(test, buf, c->bytes, c->len);
}

/* The snapshot that golden[] is the profile of. */
static int encode_golden(enum kspan_pprof_kind type, struct kspan_buf *buf)
{
	struct kspan_row rows[] = {
		row(&stack_call, 128, 300, 2),
		row(&stack_other, 32, 0, 0),	/* all zero: not in the profile */
		row(&stack_again, 64, 1, 0),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 524288);

	rows[2].label = "kspan-b";
	snap.time_ns = 1700000000123456789ULL;
	snap.duration_ns = 5000000000ULL;
	return kspan_encode_pprof(&snap, type, buf);
}

/* Written from profile.proto with another encoder, and read with pprof. */
static const u8 golden[] = {
	/* sample_type alloc_objects/count */
	0x0a, 0x04, 0x08, 0x01, 0x10, 0x02,
	/* sample_type alloc_space/bytes */
	0x0a, 0x04, 0x08, 0x03, 0x10, 0x04,
	/* sample_type inuse_objects/count */
	0x0a, 0x04, 0x08, 0x05, 0x10, 0x02,
	/* sample_type inuse_space/bytes */
	0x0a, 0x04, 0x08, 0x06, 0x10, 0x04,
	/* sample: leaf, outer; 300 objects of 128 bytes, 2 in use */
	0x12, 0x1d, 0x0a, 0x02, 0x01, 0x02, 0x12, 0x08, 0xac, 0x02, 0x80, 0xac, 0x02, 0x02,
	0x80, 0x02, 0x1a, 0x04, 0x08, 0x07, 0x10, 0x08, 0x1a, 0x07, 0x08, 0x04, 0x18, 0x80,
	0x01, 0x20, 0x04,
	/* sample: leaf from another call, outer; one object, none in use */
	0x12, 0x18, 0x0a, 0x02, 0x03, 0x02, 0x12, 0x04, 0x01, 0x40, 0x00, 0x00, 0x1a, 0x04,
	0x08, 0x07, 0x10, 0x09, 0x1a, 0x06, 0x08, 0x04, 0x18, 0x40, 0x20, 0x04,
	/* location 1: leaf */
	0x22, 0x0b, 0x08, 0x01, 0x10, 0x02, 0x18, 0x83, 0x20, 0x22, 0x02, 0x08, 0x01,
	/* location 2: outer */
	0x22, 0x0e, 0x08, 0x02, 0x10, 0x01, 0x18, 0xe7, 0x8a, 0xf9, 0x86, 0x0c, 0x22, 0x02,
	0x08, 0x02,
	/* location 3: leaf again, from another call */
	0x22, 0x0b, 0x08, 0x03, 0x10, 0x02, 0x18, 0x90, 0x20, 0x22, 0x02, 0x08, 0x01,
	/* mapping 1: vmlinux */
	0x1a, 0x08, 0x08, 0x01, 0x28, 0x0a, 0x38, 0x01, 0x40, 0x01,
	/* mapping 2: drv */
	0x1a, 0x08, 0x08, 0x02, 0x28, 0x0b, 0x38, 0x01, 0x40, 0x01,
	/* function 1: leaf */
	0x2a, 0x08, 0x08, 0x01, 0x10, 0x0c, 0x18, 0x0c, 0x20, 0x0b,
	/* function 2: outer */
	0x2a, 0x08, 0x08, 0x02, 0x10, 0x0d, 0x18, 0x0d, 0x20, 0x0a,
	/* time_nanos 1700000000123456789 */
	0x48, 0x95, 0x9a, 0x97, 0xec, 0xe3, 0x9f, 0xe7, 0xcb, 0x17,
	/* duration_nanos 5000000000 */
	0x50, 0x80, 0xe4, 0x97, 0xd0, 0x12,
	/* period_type space/bytes */
	0x5a, 0x04, 0x08, 0x0e, 0x10, 0x04,
	/* period 524288 */
	0x60, 0x80, 0x80, 0x20,
	/* default_sample_type inuse_space */
	0x70, 0x06,
	/* string_table */
	0x32, 0,
	0x32, 13, 'a', 'l', 'l', 'o', 'c', '_', 'o', 'b', 'j', 'e', 'c', 't', 's',
	0x32, 5, 'c', 'o', 'u', 'n', 't',
	0x32, 11, 'a', 'l', 'l', 'o', 'c', '_', 's', 'p', 'a', 'c', 'e',
	0x32, 5, 'b', 'y', 't', 'e', 's',
	0x32, 13, 'i', 'n', 'u', 's', 'e', '_', 'o', 'b', 'j', 'e', 'c', 't', 's',
	0x32, 11, 'i', 'n', 'u', 's', 'e', '_', 's', 'p', 'a', 'c', 'e',
	0x32, 5, 'c', 'a', 'c', 'h', 'e',
	0x32, 7, 'k', 's', 'p', 'a', 'n', '-', 'a',
	0x32, 7, 'k', 's', 'p', 'a', 'n', '-', 'b',
	0x32, 7, 'v', 'm', 'l', 'i', 'n', 'u', 'x',
	0x32, 3, 'd', 'r', 'v',
	0x32, 4, 'l', 'e', 'a', 'f',
	0x32, 5, 'o', 'u', 't', 'e', 'r',
	0x32, 5, 's', 'p', 'a', 'c', 'e',
};

/* Every byte, so that a machine of the other byte order or word size fails where it differs. */
static void pprof_is_the_golden_profile(struct kunit *test)
{
	struct kspan_buf *buf = test->priv;

	KUNIT_EXPECT_EQ(test, encode_golden(KSPAN_INUSE_SPACE, buf), 0);
	expect_bytes(test, buf, golden, sizeof(golden));
}

/* One field of a message: the key, and the integer or the bytes. */
struct field {
	u32 number;
	u64 value;
	const u8 *data;
	size_t len;
};

struct reader {
	const u8 *at;
	const u8 *end;
	bool bad;
};

static u64 read_varint(struct reader *r)
{
	u64 value = 0;
	unsigned int shift;

	for (shift = 0; r->at < r->end && shift < 64; shift += 7) {
		value |= (u64)(*r->at & 0x7f) << shift;
		if (!(*r->at++ & 0x80))
			return value;
	}
	r->bad = true;
	return 0;
}

static bool read_field(struct reader *r, struct field *f)
{
	u64 key;

	if (r->bad || r->at == r->end)
		return false;
	key = read_varint(r);
	*f = (struct field){ .number = key >> 3 };
	switch (key & 7) {
	case 0:
		f->value = read_varint(r);
		break;
	case 2:
		f->len = read_varint(r);
		f->data = r->at;
		if (f->len > r->end - r->at)
			r->bad = true;
		else
			r->at += f->len;
		break;
	default:
		r->bad = true;
	}
	return !r->bad;
}

static struct reader reader(const struct field *f)
{
	return (struct reader){ f->data, f->data + f->len, false };
}

/* The integer with this number in a message; 0, its default, when it is not there. */
static u64 read_number(const struct field *msg, u32 number)
{
	struct reader r = reader(msg);
	struct field f;

	while (read_field(&r, &f))
		if (f.number == number && !f.data)
			return f.value;
	return 0;
}

/* What a profile is made of, in the numbers of its fields. */
struct census {
	u32 nr[16];		/* of each field */
	u32 disorder;		/* ids that are not the next one */
	u32 dangling;		/* references to what is not there */
	u64 sums[4];		/* of the samples' values */
	u64 max_location;	/* largest id in a sample */
	bool bad;
};

static void census_sample(struct census *c, const struct field *sample)
{
	struct reader r = reader(sample);
	struct field f;
	unsigned int i;

	while (read_field(&r, &f)) {
		struct reader list = reader(&f);

		for (i = 0; f.number == 1 && list.at < list.end; i++)
			c->max_location = max(c->max_location, read_varint(&list));
		for (i = 0; f.number == 2 && list.at < list.end && i < 4; i++)
			c->sums[i] += read_varint(&list);
		c->bad |= list.bad;
	}
	c->bad |= r.bad;
}

static void take_census(struct census *c, const struct kspan_buf *buf)
{
	struct reader r = { buf->data, buf->data + buf->len, false };
	struct field f;

	memset(c, 0, sizeof(*c));
	while (read_field(&r, &f)) {
		if (f.number >= ARRAY_SIZE(c->nr)) {
			c->bad = true;
			break;
		}
		c->nr[f.number]++;
		if (f.number == 2)
			census_sample(c, &f);
		if (f.number >= 3 && f.number <= 5)
			c->disorder += read_number(&f, 1) != c->nr[f.number];
		if (f.number == 6 && c->nr[6] == 1)
			c->dangling += f.len != 0;
		cond_resched();
	}
	c->bad |= r.bad;
	c->dangling += c->max_location != c->nr[4];
}

/* The string with this index in the table of a profile, compared. */
static bool string_is(const struct kspan_buf *buf, u64 index, const char *want)
{
	struct reader r = { buf->data, buf->data + buf->len, false };
	struct field f;
	u64 i = 0;

	while (read_field(&r, &f))
		if (f.number == 6 && i++ == index)
			return f.len == strlen(want) && !memcmp(f.data, want, f.len);
	return false;
}

static const struct default_case {
	enum kspan_pprof_kind type;
	const char *name;
} default_cases[] = {
	{ KSPAN_INUSE_SPACE, "inuse_space" },
	{ KSPAN_ALLOC_SPACE, "alloc_space" },
	{ KSPAN_PEAK_SPACE, "inuse_space" },
	{ KSPAN_FREE_SPACE, "free_space" },
	{ KSPAN_FREED_SPACE, "freed_space" },
};

static void default_desc(const struct default_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(default, default_cases, default_desc);

static void pprof_default_type_is_the_one_asked_for(struct kunit *test)
{
	const struct default_case *c = test->param_value;
	struct kspan_buf *buf = test->priv;
	struct field profile;

	KUNIT_EXPECT_EQ(test, encode_golden(c->type, buf), 0);
	profile = (struct field){ .data = buf->data, .len = buf->len };
	KUNIT_EXPECT_TRUE(test, string_is(buf, read_number(&profile, 14), c->name));
}

static void pprof_of_nothing_is_a_profile(struct kunit *test)
{
	struct kspan_snapshot snap = {};
	struct kspan_buf *buf = test->priv;
	struct census c;

	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.nr[1], 4U);
	KUNIT_EXPECT_EQ(test, c.nr[2], 0U);
	KUNIT_EXPECT_EQ(test, c.nr[4], 0U);
	KUNIT_EXPECT_EQ(test, c.dangling, 0U);
}

/* An address that belonged to one module and then to another is two locations. */
static void pprof_location_is_address_and_symbol(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_call, 64, 1, 1),
		row(&stack_net, 64, 1, 1),
		row(&stack_call, 32, 1, 1),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	struct census c;

	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.nr[2], 3U);	/* samples */
	KUNIT_EXPECT_EQ(test, c.nr[3], 3U);	/* mappings: vmlinux, drv, net */
	KUNIT_EXPECT_EQ(test, c.nr[4], 3U);	/* locations: two leaves, outer */
	KUNIT_EXPECT_EQ(test, c.nr[5], 3U);	/* functions */
	KUNIT_EXPECT_EQ(test, c.disorder, 0U);
}

static bool has_string(const struct kspan_buf *buf, const char *want)
{
	u64 i;

	for (i = 0; i < 100; i++)
		if (string_is(buf, i, want))
			return true;
	return false;
}

/* As the heap, but for what was in use; what no row has is a row of its own, at the end. */
static void pprof_peak_adds_up(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_call, 64, 9, 1),
		row(&stack_other, 32, 0, 0),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	struct field profile;
	struct census c;

	rows[0].peak_objects = 7;
	rows[0].peak_bytes = 7 * 64;
	snap.time_ns = 5000;
	snap.duration_ns = 4000;
	snap.peak_time_ns = 3000;
	snap.peak_duration_ns = 2000;
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_PEAK_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.nr[2], 1U);
	KUNIT_EXPECT_EQ(test, c.sums[0], 9ULL);
	KUNIT_EXPECT_EQ(test, c.sums[2], 7ULL);
	KUNIT_EXPECT_EQ(test, c.sums[3], 7ULL * 64);
	profile = (struct field){ .data = buf->data, .len = buf->len };
	KUNIT_EXPECT_EQ(test, read_number(&profile, 9), 3000ULL);
	KUNIT_EXPECT_EQ(test, read_number(&profile, 10), 2000ULL);
	KUNIT_EXPECT_FALSE(test, has_string(buf, "kspan_lost_stacks"));

	kspan_buf_free(buf);
	snap.peak_lost_objects = 3;
	snap.peak_lost_bytes = 333;
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_PEAK_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.dangling + c.disorder, 0U);
	KUNIT_EXPECT_EQ(test, c.nr[2], 2U);
	KUNIT_EXPECT_EQ(test, c.sums[0], 9ULL);
	KUNIT_EXPECT_EQ(test, c.sums[2], 10ULL);
	KUNIT_EXPECT_EQ(test, c.sums[3], 7ULL * 64 + 333);
	KUNIT_EXPECT_TRUE(test, has_string(buf, "kspan_lost_stacks"));

	/* Which is of the peak alone. */
	kspan_buf_free(buf);
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_EQ(test, c.nr[2], 1U);
	KUNIT_EXPECT_EQ(test, c.sums[2], 1ULL);
	KUNIT_EXPECT_FALSE(test, has_string(buf, "kspan_lost_stacks"));
}

/* The lifetime of the @nth sample; U64_MAX if it has none in nanoseconds. */
static u64 lifetime_label(const struct kspan_buf *buf, unsigned int nth)
{
	struct reader r = { buf->data, buf->data + buf->len, false }, labels;
	struct field sample, label;

	while (read_field(&r, &sample)) {
		if (sample.number != 2 || nth--)
			continue;
		labels = reader(&sample);
		while (read_field(&labels, &label))
			if (label.number == 3 &&
			    string_is(buf, read_number(&label, 1), "lifetime") &&
			    string_is(buf, read_number(&label, 4), "nanoseconds"))
				return read_number(&label, 3);
		break;
	}
	return U64_MAX;
}

/* A sample for each bin with something in it, and none for a row that has none. */
static void pprof_lifetimes_are_samples(struct kunit *test)
{
	static const u64 lifetimes[KSPAN_NR_LIFETIMES] = {
		[0] = 3 << KSPAN_LIFETIME_WEIGHT_SHIFT,
		[1] = 1,	/* much less than an object, and a byte */
		[11] = (5 << KSPAN_LIFETIME_WEIGHT_SHIFT) / 2,
		[KSPAN_NR_LIFETIMES - 1] = 1 << KSPAN_LIFETIME_WEIGHT_SHIFT,
	};
	static const u64 none[KSPAN_NR_LIFETIMES];
	struct kspan_row rows[] = { row(&stack_call, 64, 9, 1), row(&stack_other, 32, 1, 1) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	struct census c;

	rows[0].lifetimes = lifetimes;
	rows[1].lifetimes = none;
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_FREED_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.dangling + c.disorder, 0U);
	KUNIT_EXPECT_EQ(test, c.nr[1], 2U);
	KUNIT_EXPECT_EQ(test, c.nr[2], 3U);
	KUNIT_EXPECT_EQ(test, c.sums[0], 3ULL + 3 + 1);
	KUNIT_EXPECT_EQ(test, c.sums[1], 64ULL * 3 + 160 + 64);
	KUNIT_EXPECT_EQ(test, lifetime_label(buf, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, lifetime_label(buf, 1), 1ULL << 20);
	KUNIT_EXPECT_EQ(test, lifetime_label(buf, 2), 1ULL << 40);
	KUNIT_EXPECT_TRUE(test, has_string(buf, "freed_objects"));
	KUNIT_EXPECT_FALSE(test, has_string(buf, "alloc_objects"));
}

/* Whoever reads protobuf by its rules refuses a profile with one string that is not. */
static void pprof_strings_are_utf8(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_wide, 64, 1, 1),
		row(&stack_bytes, 64, 1, 1),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	struct census c;

	rows[0].label = "\xe2\x82\xac";
	rows[1].label = "\xe2\x82";
	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_TRUE(test, has_string(buf, "\xe2\x82\xac"));
	KUNIT_EXPECT_TRUE(test, has_string(buf, "gr\xc3\xa0\xc2\xb5"));
	KUNIT_EXPECT_TRUE(test, has_string(buf, "\\342\\202"));
	KUNIT_EXPECT_TRUE(test, has_string(buf, "a\\377\nb"));
	KUNIT_EXPECT_TRUE(test, has_string(buf, "m\\303"));
}

static void pprof_sample_without_frames_has_a_location(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_none, 64, 1, 1),
		row(&stack_none, 32, 1, 1),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	struct census c;

	KUNIT_EXPECT_EQ(test, kspan_encode_pprof(&snap, KSPAN_INUSE_SPACE, buf), 0);
	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.nr[2], 2U);		/* samples */
	KUNIT_EXPECT_EQ(test, c.nr[4], 1U);		/* the location of both */
	KUNIT_EXPECT_EQ(test, c.max_location, 1ULL);
	KUNIT_EXPECT_EQ(test, c.nr[5], 1U);		/* its function */
	KUNIT_EXPECT_EQ(test, c.dangling, 0U);
	KUNIT_EXPECT_TRUE(test, has_string(buf, "unknown"));
}

/* ------------------------------------------------------------------ a large snapshot */

#define LARGE_ROWS	10000
#define LARGE_FRAMES	64
#define LARGE_FUNCTIONS	1000

struct large {
	struct kspan_snapshot snap;
	struct kspan_row rows[LARGE_ROWS];
	unsigned long addrs[LARGE_ROWS + LARGE_FRAMES];
	const struct kspan_symbol *symbols[LARGE_ROWS + LARGE_FRAMES];
	struct kspan_symbol functions[LARGE_FUNCTIONS];
	char names[LARGE_FUNCTIONS][16];
};

/* Each row is a window of frames, one further along than that of the row before it. */
static struct large *large_new(void)
{
	struct large *large = kvzalloc(sizeof(*large), GFP_KERNEL);
	size_t i;

	if (!large)
		return NULL;
	for (i = 0; i < LARGE_FUNCTIONS; i++) {
		snprintf(large->names[i], sizeof(large->names[i]), "function_%zu", i);
		large->functions[i] = (struct kspan_symbol){
			large->names[i], i % 2 ? "odd" : "even", 0x10000 + i * 0x100,
		};
	}
	for (i = 0; i < ARRAY_SIZE(large->addrs); i++) {
		large->symbols[i] = &large->functions[i % LARGE_FUNCTIONS];
		large->addrs[i] = large->symbols[i]->start + i / LARGE_FUNCTIONS;
	}
	for (i = 0; i < LARGE_ROWS; i++) {
		large->rows[i] = row(&stack_none, 64, 3, 2);
		large->rows[i].addrs = &large->addrs[i];
		large->rows[i].symbols = &large->symbols[i];
		large->rows[i].nr_frames = LARGE_FRAMES;
	}
	large->snap = snapshot(large->rows, LARGE_ROWS, 1);
	return large;
}

static void pprof_large_profile_is_whole(struct kunit *test)
{
	struct kspan_buf *buf = test->priv;
	struct large *large = large_new();
	struct census c;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, large);
	err = kspan_encode_pprof(&large->snap, KSPAN_INUSE_SPACE, buf);
	kvfree(large);
	KUNIT_ASSERT_EQ(test, err, 0);

	take_census(&c, buf);
	KUNIT_EXPECT_FALSE(test, c.bad);
	KUNIT_EXPECT_EQ(test, c.disorder, 0U);
	KUNIT_EXPECT_EQ(test, c.dangling, 0U);
	KUNIT_EXPECT_EQ(test, c.nr[2], (u32)LARGE_ROWS);
	KUNIT_EXPECT_EQ(test, c.nr[3], 3U);
	KUNIT_EXPECT_EQ(test, c.nr[4], (u32)LARGE_ROWS + LARGE_FRAMES - 1);
	KUNIT_EXPECT_EQ(test, c.nr[5], (u32)LARGE_FUNCTIONS);
	KUNIT_EXPECT_EQ(test, c.sums[0], 3ULL * LARGE_ROWS);
	KUNIT_EXPECT_EQ(test, c.sums[1], 3ULL * 64 * LARGE_ROWS);
	KUNIT_EXPECT_EQ(test, c.sums[2], 2ULL * LARGE_ROWS);
	KUNIT_EXPECT_EQ(test, c.sums[3], 2ULL * 64 * LARGE_ROWS);
}

/* A stack comes back every LARGE_FUNCTIONS rows: that many lines, ten rows in each. */
static void folded_large_profile_is_whole(struct kunit *test)
{
	struct kspan_buf *buf = test->priv;
	struct large *large = large_new();
	u32 lines = 0, wrong = 0;
	size_t i, start = 0;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, large);
	err = kspan_encode_folded(&large->snap, buf);
	kvfree(large);
	KUNIT_ASSERT_EQ(test, err, 0);

	for (i = 0; i < buf->len; i++) {
		if (buf->data[i] != '\n')
			continue;
		wrong += i - start < 5 || memcmp(&buf->data[i - 5], " 1280", 5);
		start = i + 1;
		lines++;
	}
	KUNIT_EXPECT_EQ(test, lines, (u32)LARGE_FUNCTIONS);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	KUNIT_EXPECT_EQ(test, start, buf->len);
}

/* ------------------------------------------------------------------ legacy text */

/*
 * pprof takes a header whose alloc columns equal the inuse ones, or are "0", as text, for one
 * without alloc columns: in none of these may both be so.
 */
static const struct header_case {
	const char *desc;
	u64 allocs;
	u64 inuse;
	const char *header;
} header_cases[] = {
	{
		"nothing was allocated",
		0, 0,
		"heap profile: 0: 0 [00: 0] @ heap_v2/1\n",
	}, {
		"nothing was freed",
		3, 3,
		"heap profile: 3: 192 [03: 192] @ heap_v2/1\n",
	}, {
		"some was freed",
		3, 1,
		"heap profile: 1: 64 [3: 192] @ heap_v2/1\n",
	}, {
		"all was freed",
		3, 0,
		"heap profile: 0: 0 [3: 192] @ heap_v2/1\n",
	}, {
		"live from before a reset",
		0, 2,
		"heap profile: 2: 128 [00: 0] @ heap_v2/1\n",
	},
};

static void header_desc(const struct header_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(header, header_cases, header_desc);

static void text_header_keeps_the_alloc_columns(struct kunit *test)
{
	const struct header_case *c = test->param_value;
	struct kspan_row rows[] = { row(&stack_call, 64, c->allocs, c->inuse) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;
	char *newline;

	KUNIT_ASSERT_EQ(test, kspan_encode_text(&snap, buf), 0);
	newline = memchr(buf->data, '\n', buf->len);
	KUNIT_ASSERT_NOT_NULL(test, newline);
	buf->len = newline + 1 - buf->data;
	expect_text(test, buf, c->header);
}

#if BITS_PER_LONG == 64
#define TEXT_MAPPING	"MAPPED_LIBRARIES:\n0000000000000000-ffffffffffffffff " \
			"r-xp 00000000 00:00 0 [kernel]\n"
#else
#define TEXT_MAPPING	"MAPPED_LIBRARIES:\n00000000-ffffffff r-xp 00000000 00:00 0 [kernel]\n"
#endif

/* Readers take one from each address, so return addresses are written; symbols stand below. */
static void text_records_have_symbol_lines(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_call, 128, 3, 2),
		row(&stack_other, 64, 0, 0),
		row(&stack_hex, 64, 1, 0),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_text(&snap, buf), 0);
	expect_text(test, buf,
		    "heap profile: 2: 256 [4: 448] @ heap_v2/1\n"
		    "2: 256 [3: 384] @ 0x1004 0xc0de4568\n"
		    "#\t0x1004\tleaf+0x4\tdrv\n"
		    "#\t0xc0de4568\touter+0x68\tvmlinux\n"
		    "\n"
		    "0: 0 [1: 64] @ 0xdeae 0xc0de4568\n"
		    "#\t0xdeae\t0xdead\tunknown\n"
		    "#\t0xc0de4568\touter+0x68\tvmlinux\n"
		    "\n"
		    TEXT_MAPPING);
}

static void text_frames_are_lines_of_utf8(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_wide, 64, 1, 1),
		row(&stack_bytes, 64, 1, 1),
		row(&stack_none, 64, 1, 1),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_text(&snap, buf), 0);
	expect_text(test, buf,
		    "heap profile: 3: 192 [03: 192] @ heap_v2/1\n"
		    "1: 64 [1: 64] @ 0x4005\n"
		    "#\t0x4005\tgr\xc3\xa0\xc2\xb5+0x5\tdrv\n"
		    "\n"
		    "1: 64 [1: 64] @ 0x5005\n"
		    "#\t0x5005\ta\\377\\012b+0x5\tm\\303\n"
		    "\n"
		    "1: 64 [1: 64] @ 0x1\n"
		    "#\t0x1\tunknown\tunknown\n"
		    "\n"
		    TEXT_MAPPING);
}

static const struct rate_case {
	u64 sample_bytes;
	const char *text;
	bool mixed;
} rate_cases[] = {
	{ 524288, "heap profile: 1: 64 [2: 128] @ heap_v2/524288\n1: 64 [2: 128] @" },
	{ 1, "heap profile: 8192: 524288 [16384: 1048576] @ heap_v2/1\n"
	     "8192: 524288 [16384: 1048576] @" },
	{ 0, "heap profile: 8192: 524288 [16384: 1048576] @ heap_v2/1\n"
	     "8192: 524288 [16384: 1048576] @" },
	{ 524288, "heap profile: 8192: 524288 [16384: 1048576] @ heap_v2/1\n"
	     "8192: 524288 [16384: 1048576] @", true },
	{ 0, "heap profile: 8192: 524288 [16384: 1048576] @ heap_v2/1\n"
	     "8192: 524288 [16384: 1048576] @", true },
};

static void rate_desc(const struct rate_case *c, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu%s", c->sample_bytes, c->mixed ? ", mixed" : "");
}

KUNIT_ARRAY_PARAM(rate, rate_cases, rate_desc);

/* Readers scale by the rate in the header: they get what was sampled, or the estimate and 1. */
static void text_counts_fit_the_rate(struct kunit *test)
{
	const struct rate_case *c = test->param_value;
	struct kspan_row rows[] = { row(&stack_call, 64, 2, 1) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), c->sample_bytes);
	struct kspan_buf *buf = test->priv;

	snap.mixed = c->mixed;
	rows[0].alloc_objects = 16384;
	rows[0].alloc_bytes = 16384 * 64;
	rows[0].inuse_objects = 8192;
	rows[0].inuse_bytes = 8192 * 64;
	KUNIT_ASSERT_EQ(test, kspan_encode_text(&snap, buf), 0);
	KUNIT_ASSERT_GE(test, buf->len, strlen(c->text));
	buf->len = strlen(c->text);
	expect_text(test, buf, c->text);
}

/* ------------------------------------------------------------------ folded stacks */

static void folded_of_nothing_is_nothing(struct kunit *test)
{
	struct kspan_snapshot snap = snapshot(NULL, 0, 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_EXPECT_EQ(test, kspan_encode_folded(&snap, buf), 0);
	KUNIT_EXPECT_EQ(test, buf->len, (size_t)0);
}

static void folded_goes_from_the_outermost_in(struct kunit *test)
{
	struct kspan_row rows[] = { row(&stack_call, 128, 3, 2) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 524288);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_folded(&snap, buf), 0);
	expect_text(test, buf, "outer;leaf 256\n");
}

static void folded_merges_and_sorts_stacks(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_other, 64, 1, 1),
		row(&stack_call, 128, 3, 2),
		row(&stack_hex, 16, 1, 1),
		row(&stack_again, 32, 1, 1),	/* another line of the same functions */
		row(&stack_net, 8, 1, 1),		/* another module, the same names */
		row(&stack_other, 8, 1, 0),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_folded(&snap, buf), 0);
	expect_text(test, buf, "outer;0xdead 16\n"
			       "outer;leaf 296\n"
			       "outer;other 64\n");
}

static void folded_leaves_out_what_is_not_in_use(struct kunit *test)
{
	struct kspan_row rows[] = { row(&stack_call, 128, 3, 0) };
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_folded(&snap, buf), 0);
	expect_text(test, buf, "");
}

static void folded_separators_stay_out_of_frames(struct kunit *test)
{
	struct kspan_row rows[] = {
		row(&stack_odd, 64, 1, 1),
		row(&stack_none, 32, 1, 1),
		row(&stack_wide, 16, 1, 1),
		row(&stack_bytes, 8, 1, 1),
	};
	struct kspan_snapshot snap = snapshot(rows, ARRAY_SIZE(rows), 1);
	struct kspan_buf *buf = test->priv;

	KUNIT_ASSERT_EQ(test, kspan_encode_folded(&snap, buf), 0);
	expect_text(test, buf, "unknown 32\n"
			       "a_b_c_d 64\n"
			       "a\\377_b 8\n"
			       "gr\xc3\xa0\xc2\xb5 16\n");
}

/* ------------------------------------------------------------------ suite */

static struct kunit_case encode_cases[] = {
	KUNIT_CASE(buf_append_keeps_what_was_there),
	KUNIT_CASE(buf_printf_is_whole_at_every_fill),
	KUNIT_CASE(buf_of_more_than_2_gib_is_refused),
	KUNIT_CASE(buf_error_sticks),
	KUNIT_CASE(table_compares_strings_by_content),
	KUNIT_CASE(table_compares_pointers_with_address),
	KUNIT_CASE(table_tells_apart_what_has_one_hash),
	KUNIT_CASE(table_spreads_strings),
	KUNIT_CASE(table_numbers_stay_when_it_grows),
	KUNIT_CASE_PARAM(varint_has_seven_bits_a_byte, varint_gen_params),
	KUNIT_CASE(pprof_is_the_golden_profile),
	KUNIT_CASE_PARAM(pprof_default_type_is_the_one_asked_for, default_gen_params),
	KUNIT_CASE(pprof_of_nothing_is_a_profile),
	KUNIT_CASE(pprof_peak_adds_up),
	KUNIT_CASE(pprof_lifetimes_are_samples),
	KUNIT_CASE(pprof_location_is_address_and_symbol),
	KUNIT_CASE(pprof_strings_are_utf8),
	KUNIT_CASE(pprof_sample_without_frames_has_a_location),
	KUNIT_CASE(pprof_large_profile_is_whole),
	KUNIT_CASE(folded_large_profile_is_whole),
	KUNIT_CASE_PARAM(text_header_keeps_the_alloc_columns, header_gen_params),
	KUNIT_CASE(text_records_have_symbol_lines),
	KUNIT_CASE(text_frames_are_lines_of_utf8),
	KUNIT_CASE_PARAM(text_counts_fit_the_rate, rate_gen_params),
	KUNIT_CASE(folded_of_nothing_is_nothing),
	KUNIT_CASE(folded_goes_from_the_outermost_in),
	KUNIT_CASE(folded_merges_and_sorts_stacks),
	KUNIT_CASE(folded_leaves_out_what_is_not_in_use),
	KUNIT_CASE(folded_separators_stay_out_of_frames),
	{}
};

static struct kunit_suite encode_suite = {
	.name = "kspan_encode",
	.init = encode_test_init,
	.exit = encode_test_exit,
	.test_cases = encode_cases,
};

kunit_test_suite(encode_suite);
