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
 * looks for a binary to take the names from.
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

#include "compat.h"
#include "encode.h"
#include "encode_table.h"
#include "lifetime.h"
#include "snapshot.h"
#include "symbol.h"

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
	enum kspan_sample_type kind;
	struct kspan_table strings;
	struct kspan_table mappings;
	struct kspan_table functions;
	struct kspan_table locations;
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

static u32 pprof_number(struct kspan_pprof *p, struct kspan_table *table, const void *key,
			unsigned long addr)
{
	u32 number = kspan_table_number(table, key, addr);

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

struct kspan_pprof_type {
	const char *type;
	const char *unit;
};

#define TYPES_MOST	4	/* that some readers take */

/* In the order of pprof_row(). The peak has those of the heap, so that the two compare. */
static const struct kspan_pprof_type pprof_heap_types[TYPES_MOST] = {
	{ "alloc_objects", "count" },
	{ "alloc_space", "bytes" },
	{ "inuse_objects", "count" },
	{ "inuse_space", "bytes" },
}, pprof_freed_types[] = {
	{ "freed_objects", "count" },
	{ "freed_space", "bytes" },
}, pprof_sparse_types[] = {
	{ "spans", "count" },
	{ "free_space", "bytes" },
}, pprof_period_type = { "space", "bytes" };

static const struct kspan_pprof_kind {
	const struct kspan_pprof_type *types;
	unsigned int nr_types;
	const char *def;
} pprof_kinds[] = {
	[KSPAN_INUSE_SPACE] = { pprof_heap_types, TYPES_MOST, "inuse_space" },
	[KSPAN_ALLOC_SPACE] = { pprof_heap_types, TYPES_MOST, "alloc_space" },
	[KSPAN_PEAK_SPACE] = { pprof_heap_types, TYPES_MOST, "inuse_space" },
	[KSPAN_FREED_SPACE] = { pprof_freed_types, ARRAY_SIZE(pprof_freed_types), "freed_space" },
	[KSPAN_SPARSE_SPACE] = { pprof_sparse_types, ARRAY_SIZE(pprof_sparse_types), "free_space" },
};

/* The bins of lifetime.h. */
static const char *const pprof_lifetimes[] = {
	"below 10us", "10us to 100us", "100us to 1ms", "1ms to 10ms", "10ms to 100ms",
	"100ms to 1s", "1s to 10s", "10s to 100s", "100s to 1000s", "1000s and more",
};

static_assert(ARRAY_SIZE(pprof_lifetimes) == KSPAN_NR_LIFETIMES);

static void pprof_value_type(struct kspan_pprof *p, unsigned int field,
			     const struct kspan_pprof_type *type)
{
	put_u64(&p->msg, VALUE_TYPE_TYPE, pprof_string(p, type->type));
	put_u64(&p->msg, VALUE_TYPE_UNIT, pprof_string(p, type->unit));
	put_msg(p->out, field, &p->msg);
}

static void pprof_label(struct kspan_pprof *p, const char *key, const char *value)
{
	put_u64(&p->sub, LABEL_KEY, pprof_string(p, key));
	put_u64(&p->sub, LABEL_STR, pprof_string(p, value));
	put_msg(&p->msg, SAMPLE_LABEL, &p->sub);
}

/* One sample, if any of its @values is not zero. @lifetime may be NULL. */
static void pprof_sample(struct kspan_pprof *p, const struct kspan_row *row, const u64 *values,
			 const char *lifetime)
{
	unsigned int nr = pprof_kinds[p->kind].nr_types, i;

	if (!memchr_inv(values, 0, nr * sizeof(*values)))
		return;
	for (i = 0; i < row->nr_frames; i++)
		kspan_encode_varint(&p->sub, pprof_number(p, &p->locations, row->symbols[i],
							  row->addrs[i]));
	put_msg(&p->msg, SAMPLE_LOCATION_ID, &p->sub);

	for (i = 0; i < nr; i++)
		kspan_encode_varint(&p->sub, values[i]);
	put_msg(&p->msg, SAMPLE_VALUE, &p->sub);

	pprof_label(p, "cache", row->label);
	put_u64(&p->sub, LABEL_KEY, pprof_string(p, "bytes"));
	put_u64(&p->sub, LABEL_NUM, row->slot_size);
	put_u64(&p->sub, LABEL_NUM_UNIT, pprof_string(p, "bytes"));
	put_msg(&p->msg, SAMPLE_LABEL, &p->sub);
	if (lifetime)
		pprof_label(p, "lifetime", lifetime);

	put_msg(p->out, PROFILE_SAMPLE, &p->msg);
}

/* A sample for each bin. */
static void pprof_freed(struct kspan_pprof *p, const struct kspan_row *row)
{
	unsigned int bin;
	u64 objects;

	for (bin = 0; bin < KSPAN_NR_LIFETIMES; bin++) {
		objects = kspan_row_freed(row, bin);
		pprof_sample(p, row, (u64 [TYPES_MOST]) { objects, objects * row->slot_size },
			     pprof_lifetimes[bin]);
	}
}

static void pprof_row(struct kspan_pprof *p, const struct kspan_row *row,
		      const struct kspan_sparse *sparse)
{
	u64 values[TYPES_MOST] = {
		row->alloc_objects, row->alloc_bytes, row->inuse_objects, row->inuse_bytes,
	};

	switch (p->kind) {
	case KSPAN_FREED_SPACE:
		pprof_freed(p, row);
		return;
	case KSPAN_SPARSE_SPACE:
		values[0] = sparse->spans;
		values[1] = sparse->bytes;
		break;
	case KSPAN_PEAK_SPACE:
		values[2] = row->peak_objects;
		values[3] = row->peak_bytes;
		break;
	default:
		break;
	}
	pprof_sample(p, row, values, NULL);
}

static void pprof_samples(struct kspan_pprof *p, const struct kspan_snapshot *snap,
			  const struct kspan_sparse *sparse)
{
	size_t i;

	for (i = 0; i < snap->nr_rows && !p->out->err; i++) {
		pprof_row(p, &snap->rows[i], sparse ? &sparse[i] : NULL);
		cond_resched();
	}
}

/* Locations stand in the order of their ids, and give mappings and functions theirs. */
static void pprof_locations(struct kspan_pprof *p)
{
	u32 i;

	for (i = 0; i < p->locations.nr && !p->out->err; i++) {
		const struct kspan_table_entry *location = &p->locations.entries[i];
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
		const char *str = p->strings.entries[i].key;

		put_bytes(p->out, PROFILE_STRING_TABLE, str, strlen(str));
		cond_resched();
	}
}

static int encode(const struct kspan_snapshot *snap, enum kspan_sample_type kind,
		  const struct kspan_sparse *sparse, struct kspan_buf *buf)
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
	pprof_samples(&p, snap, sparse);
	pprof_locations(&p);
	pprof_mappings(&p);
	pprof_functions(&p);

	put_u64(buf, PROFILE_TIME_NANOS,
		kind == KSPAN_PEAK_SPACE ? snap->peak_time_ns : snap->time_ns);
	put_u64(buf, PROFILE_DURATION_NANOS, snap->duration_ns);
	pprof_value_type(&p, PROFILE_PERIOD_TYPE, &pprof_period_type);
	put_u64(buf, PROFILE_PERIOD, snap->sample_bytes);
	put_u64(buf, PROFILE_DEFAULT_SAMPLE_TYPE, pprof_string(&p, pprof_kinds[kind].def));
	pprof_strings(&p);

	kspan_table_free(&p.locations);
	kspan_table_free(&p.functions);
	kspan_table_free(&p.mappings);
	kspan_table_free(&p.strings);
	kspan_buf_free(&p.sub);
	kspan_buf_free(&p.msg);
	return buf->err;
}

/**
 * kspan_encode_pprof() - write a snapshot as profile.proto
 * @snap: the snapshot
 * @def: which profile, by the sample type that readers show unless asked for another
 * @buf: where to; appended
 *
 * A sample that is all zero is left out. While sampling is off the period is 0, "not known".
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_pprof(const struct kspan_snapshot *snap, enum kspan_sample_type def,
		       struct kspan_buf *buf)
{
	return encode(snap, def, NULL, buf);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_encode_pprof);

/**
 * kspan_encode_sparse() - write what fragment.c found as profile.proto
 * @snap: the snapshot
 * @sparse: for each of its rows
 * @buf: where to; appended
 *
 * Context: process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int kspan_encode_sparse(const struct kspan_snapshot *snap, const struct kspan_sparse *sparse,
			struct kspan_buf *buf)
{
	return encode(snap, KSPAN_SPARSE_SPACE, sparse, buf);
}
