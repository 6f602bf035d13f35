// SPDX-License-Identifier: GPL-2.0
/*
 * The profile as pprof's profile.proto, uncompressed.
 *
 * The format is github.com/google/pprof/proto/profile.proto; the protobuf wire format is simple
 * enough that a writer of one's own is smaller than any library would be. It is written byte by
 * byte, so that neither the word size nor the byte order of the machine shows.
 *
 * What readers want beyond the format: string 0 is empty; the ids of mappings, functions and
 * locations are 1..n in the order in which they stand (Parca); an address is the return address
 * less one, so that it lies inside the call; a mapping says that it has functions, or else pprof
 * looks for a binary to take the names from; every sample has a location; and every string is
 * UTF-8, or else whoever reads it by the rules of protobuf refuses the whole profile.
 *
 * A mapping is a module. Its address range is left at 0, "not known": pprof subtracts the start
 * of a mapping from addresses before it compares two profiles (-diff_base), so a start that was
 * guessed from the addresses that happen to be in this profile would make equal call sites differ.
 *
 * Reads a snapshot only, takes no locks, allocates memory; process context.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "export/encode.h"
#include "export/encode_numbers.h"
#include "profile/profile.h"

/* Field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE		= 1,
	PROFILE_SAMPLE			= 2,
	PROFILE_MAPPING			= 3,
	PROFILE_LOCATION		= 4,
	PROFILE_FUNCTION		= 5,
	PROFILE_STRING_TABLE		= 6,
	PROFILE_TIME_NANOS		= 9,
	PROFILE_DURATION_NANOS		= 10,
	PROFILE_PERIOD_TYPE		= 11,
	PROFILE_PERIOD			= 12,
	PROFILE_DEFAULT_SAMPLE_TYPE	= 14,
};

enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3, LABEL_NUM_UNIT = 4 };
enum { MAPPING_ID = 1, MAPPING_FILENAME = 5, MAPPING_HAS_FUNCTIONS = 7, MAPPING_HAS_FILENAMES = 8 };
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION_ID = 1 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILENAME = 4 };

/* Wire types of protobuf. */
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

/**
 * struct kspan_pprof - one profile in the making
 * @out: the profile
 * @msg: a message of the profile while it is built, as its length comes before it
 * @sub: a message inside @msg
 * @kind: which profile it is
 * @strings: string -> 1 + index in the string table
 * @mappings: name of a module -> id
 * @functions: struct kspan_symbol -> id
 * @locations: (struct kspan_symbol, address) -> id. The symbol is part of the key, as an address
 *	may have belonged to one module after the other.
 */
struct kspan_pprof {
	struct kspan_buf *out;
	struct kspan_buf msg;
	struct kspan_buf sub;
	enum kspan_pprof_kind kind;
	struct kspan_numbers strings;
	struct kspan_numbers mappings;
	struct kspan_numbers functions;
	struct kspan_numbers locations;
};

/* ------------------------------------------------------------------ protobuf */

/**
 * kspan_encode_varint() - append an integer, seven bits a byte, the lowest first
 * @buf: where to
 * @value: the integer
 *
 * Context: process context; may sleep.
 */
void kspan_encode_varint(struct kspan_buf *buf, u64 value)
{
	u8 bytes[DIV_ROUND_UP(64, 7)];
	size_t len = 0;

	while (value >= 0x80) {
		bytes[len++] = 0x80 | (value & 0x7f);
		value >>= 7;
	}
	bytes[len++] = value;
	kspan_buf_append(buf, bytes, len);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_varint);

static void put_tag(struct kspan_buf *buf, unsigned int field, unsigned int wire)
{
	kspan_encode_varint(buf, field << 3 | wire);
}

/* Zero is the default of every field: it need not be written. */
static void put_u64(struct kspan_buf *buf, unsigned int field, u64 value)
{
	if (!value)
		return;
	put_tag(buf, field, WIRE_VARINT);
	kspan_encode_varint(buf, value);
}

static void put_bytes(struct kspan_buf *buf, unsigned int field, const void *data, size_t len)
{
	put_tag(buf, field, WIRE_BYTES);
	kspan_encode_varint(buf, len);
	kspan_buf_append(buf, data, len);
}

/* Move a message that is complete into the one around it, and start the next. */
static void put_msg(struct kspan_buf *buf, unsigned int field, struct kspan_buf *msg)
{
	if (msg->err && !buf->err)
		buf->err = msg->err;
	put_bytes(buf, field, msg->data, msg->len);
	msg->len = 0;
}

/* ------------------------------------------------------------------ numbers */

static u32 pprof_number(struct kspan_pprof *p, struct kspan_numbers *table, const void *key,
			unsigned long addr)
{
	u32 number = kspan_number(table, key, addr);

	if (!number && !p->out->err)
		p->out->err = -ENOMEM;
	return number;
}

/* Index in the string table. The empty string was put there first, so it has index 0. */
static u64 pprof_string(struct kspan_pprof *p, const char *str)
{
	u32 number = pprof_number(p, &p->strings, str, 0);

	return number ? number - 1 : 0;
}

/* ------------------------------------------------------------------ the profile */

struct pprof_type {
	const char *type;
	const char *unit;
};

#define MOST_TYPES	4

static const struct pprof_type heap_types[] = {
	{ "alloc_objects", "count" },
	{ "alloc_space", "bytes" },
	{ "inuse_objects", "count" },
	{ "inuse_space", "bytes" },
}, lifetime_types[] = {
	{ "freed_objects", "count" },
	{ "freed_space", "bytes" },
}, free_types[] = {
	{ "free_objects", "count" },
	{ "free_space", "bytes" },
}, period_type = { "space", "bytes" };

static_assert(ARRAY_SIZE(heap_types) <= MOST_TYPES);
static_assert(ARRAY_SIZE(lifetime_types) <= MOST_TYPES);
static_assert(ARRAY_SIZE(free_types) <= MOST_TYPES);

static const struct pprof_kind {
	const struct pprof_type *types;
	unsigned int nr_types;
	const char *def;
} pprof_kinds[] = {
	[KSPAN_INUSE_SPACE] = { heap_types, ARRAY_SIZE(heap_types), "inuse_space" },
	[KSPAN_ALLOC_SPACE] = { heap_types, ARRAY_SIZE(heap_types), "alloc_space" },
	[KSPAN_PEAK_SPACE] = { heap_types, ARRAY_SIZE(heap_types), "inuse_space" },
	[KSPAN_FREE_SPACE] = { free_types, ARRAY_SIZE(free_types), "free_space" },
	[KSPAN_FREED_SPACE] = { lifetime_types, ARRAY_SIZE(lifetime_types), "freed_space" },
};

static void pprof_value_type(struct kspan_pprof *p, unsigned int field,
			     const struct pprof_type *type)
{
	put_u64(&p->msg, VALUE_TYPE_TYPE, pprof_string(p, type->type));
	put_u64(&p->msg, VALUE_TYPE_UNIT, pprof_string(p, type->unit));
	put_msg(p->out, field, &p->msg);
}

static void pprof_label_number(struct kspan_pprof *p, const char *key, u64 value,
			       const char *unit)
{
	put_u64(&p->sub, LABEL_KEY, pprof_string(p, key));
	put_u64(&p->sub, LABEL_NUM, value);
	put_u64(&p->sub, LABEL_NUM_UNIT, pprof_string(p, unit));
	put_msg(&p->msg, SAMPLE_LABEL, &p->sub);
}

/* @bin: of lifetimes, or negative. */
static void pprof_labels(struct kspan_pprof *p, const struct kspan_row *row, int bin)
{
	put_u64(&p->sub, LABEL_KEY, pprof_string(p, "cache"));
	put_u64(&p->sub, LABEL_STR, pprof_string(p, row->label));
	put_msg(&p->msg, SAMPLE_LABEL, &p->sub);

	pprof_label_number(p, "bytes", row->slot_size, "bytes");
	if (bin >= 0)
		pprof_label_number(p, "lifetime", kspan_lifetime_begin(bin), "nanoseconds");
}

/* One sample, unless all @values are zero. */
static void pprof_sample(struct kspan_pprof *p, const struct kspan_row *row,
			 const u64 values[MOST_TYPES], int bin)
{
	unsigned int nr = pprof_kinds[p->kind].nr_types, i;

	if (!memchr_inv(values, 0, nr * sizeof(*values)))
		return;
	for (i = 0; i < row->nr_frames; i++)
		kspan_encode_varint(&p->sub, pprof_number(p, &p->locations, row->symbols[i],
							  row->addrs[i]));
	if (!row->nr_frames)
		kspan_encode_varint(&p->sub, pprof_number(p, &p->locations, &kspan_no_stack, 0));
	put_msg(&p->msg, SAMPLE_LOCATION_ID, &p->sub);

	for (i = 0; i < nr; i++)
		kspan_encode_varint(&p->sub, values[i]);
	put_msg(&p->msg, SAMPLE_VALUE, &p->sub);

	/* What comes of no one cache has no size. */
	if (row->slot_size)
		pprof_labels(p, row, bin);
	put_msg(p->out, PROFILE_SAMPLE, &p->msg);
}

/* A sample for each bin. */
static void pprof_lifetimes(struct kspan_pprof *p, const struct kspan_row *row)
{
	int bin;

	for (bin = 0; row->lifetimes && bin < KSPAN_NR_LIFETIMES; bin++) {
		const u64 values[MOST_TYPES] = {
			kspan_row_freed(row, bin, 1), kspan_row_freed(row, bin, row->slot_size),
		};

		pprof_sample(p, row, values, bin);
	}
}

static void pprof_row(struct kspan_pprof *p, const struct kspan_row *row)
{
	u64 values[MOST_TYPES] = {
		row->alloc_objects, row->alloc_bytes, row->inuse_objects, row->inuse_bytes,
	};

	switch (p->kind) {
	case KSPAN_PEAK_SPACE:
		values[2] = row->peak_objects;
		values[3] = row->peak_bytes;
		break;
	case KSPAN_FREE_SPACE:
		values[0] = row->free_objects;
		values[1] = row->free_bytes;
		break;
	case KSPAN_FREED_SPACE:
		pprof_lifetimes(p, row);
		return;
	default:
		break;
	}
	pprof_sample(p, row, values, -1);
}

/* What of the peak is in no row: the rows shall add up to it. */
static void pprof_lost(struct kspan_pprof *p, const struct kspan_snapshot *snap)
{
	const struct kspan_symbol *symbol = &kspan_lost_stacks;
	const struct kspan_row row = {
		.addrs = (unsigned long [1]) {}, .symbols = &symbol, .nr_frames = 1,
	};
	const u64 values[MOST_TYPES] = { 0, 0, snap->peak_lost_objects, snap->peak_lost_bytes };

	pprof_sample(p, &row, values, -1);
}

static void pprof_samples(struct kspan_pprof *p, const struct kspan_snapshot *snap)
{
	const struct kspan_row *row;

	for (row = snap->rows; row < snap->rows + snap->nr_rows && !p->out->err; row++) {
		pprof_row(p, row);
		cond_resched();
	}
	if (p->kind == KSPAN_PEAK_SPACE)
		pprof_lost(p, snap);
}

/* Locations stand in the order of their ids, and give mappings and functions theirs. */
static void pprof_locations(struct kspan_pprof *p)
{
	u32 i;

	for (i = 0; i < p->locations.nr && !p->out->err; i++) {
		const struct kspan_numbered *location = &p->locations.entries[i];
		const struct kspan_symbol *sym = location->key;

		put_u64(&p->msg, LOCATION_ID, i + 1);
		put_u64(&p->msg, LOCATION_MAPPING_ID,
			pprof_number(p, &p->mappings, sym->module, 0));
		put_u64(&p->msg, LOCATION_ADDRESS, location->addr);
		put_u64(&p->sub, LINE_FUNCTION_ID, pprof_number(p, &p->functions, sym, 0));
		put_msg(&p->msg, LOCATION_LINE, &p->sub);
		put_msg(p->out, PROFILE_LOCATION, &p->msg);
		cond_resched();
	}
}

static void pprof_mappings(struct kspan_pprof *p)
{
	u32 i;

	for (i = 0; i < p->mappings.nr; i++) {
		put_u64(&p->msg, MAPPING_ID, i + 1);
		put_u64(&p->msg, MAPPING_FILENAME, pprof_string(p, p->mappings.entries[i].key));
		put_u64(&p->msg, MAPPING_HAS_FUNCTIONS, true);
		put_u64(&p->msg, MAPPING_HAS_FILENAMES, true);
		put_msg(p->out, PROFILE_MAPPING, &p->msg);
	}
}

/*
 * The module is also the file of a function, as pprof knows functions by name and file:
 * -granularity=filefunctions tells two static functions of one name apart, and =files sums up
 * by module.
 */
static void pprof_functions(struct kspan_pprof *p)
{
	u32 i;

	for (i = 0; i < p->functions.nr && !p->out->err; i++) {
		const struct kspan_symbol *sym = p->functions.entries[i].key;
		u64 name = pprof_string(p, sym->name);

		put_u64(&p->msg, FUNCTION_ID, i + 1);
		put_u64(&p->msg, FUNCTION_NAME, name);
		put_u64(&p->msg, FUNCTION_SYSTEM_NAME, name);
		put_u64(&p->msg, FUNCTION_FILENAME, pprof_string(p, sym->module));
		put_msg(p->out, PROFILE_FUNCTION, &p->msg);
		cond_resched();
	}
}

static void pprof_strings(struct kspan_pprof *p)
{
	u32 i;

	for (i = 0; i < p->strings.nr && !p->out->err; i++) {
		kspan_buf_put_utf8(&p->msg, p->strings.entries[i].key);
		put_msg(p->out, PROFILE_STRING_TABLE, &p->msg);
		cond_resched();
	}
}

/* When it was, and how long it took to come to that. */
static void pprof_times(struct kspan_pprof *p, const struct kspan_snapshot *snap)
{
	bool peak = p->kind == KSPAN_PEAK_SPACE;

	put_u64(p->out, PROFILE_TIME_NANOS, peak ? snap->peak_time_ns : snap->time_ns);
	put_u64(p->out, PROFILE_DURATION_NANOS,
		peak ? snap->peak_duration_ns : snap->duration_ns);
}

/**
 * kspan_encode_pprof() - write a snapshot as profile.proto
 * @snap: the snapshot
 * @kind: which profile of it
 * @buf: where to; appended
 *
 * A row that is all zero is left out. While sampling is off the period is 0, "not known".
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_pprof(const struct kspan_snapshot *snap, enum kspan_pprof_kind kind,
		       struct kspan_buf *buf)
{
	struct kspan_pprof p = {
		.out = buf,
		.kind = kind,
		.strings.strings = true,
		.mappings.strings = true,
	};
	unsigned int i;

	pprof_string(&p, "");
	/* the first mapping is the "main binary", which pprof names above its tables */
	pprof_number(&p, &p.mappings, KSPAN_VMLINUX, 0);
	for (i = 0; i < pprof_kinds[kind].nr_types; i++)
		pprof_value_type(&p, PROFILE_SAMPLE_TYPE, &pprof_kinds[kind].types[i]);

	/* each gives numbers to what the next one writes */
	pprof_samples(&p, snap);
	pprof_locations(&p);
	pprof_mappings(&p);
	pprof_functions(&p);

	pprof_times(&p, snap);
	pprof_value_type(&p, PROFILE_PERIOD_TYPE, &period_type);
	put_u64(buf, PROFILE_PERIOD, snap->sample_bytes);
	put_u64(buf, PROFILE_DEFAULT_SAMPLE_TYPE, pprof_string(&p, pprof_kinds[kind].def));
	pprof_strings(&p);

	kspan_numbers_free(&p.locations);
	kspan_numbers_free(&p.functions);
	kspan_numbers_free(&p.mappings);
	kspan_numbers_free(&p.strings);
	kspan_buf_free(&p.sub);
	kspan_buf_free(&p.msg);
	return buf->err;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_pprof);
