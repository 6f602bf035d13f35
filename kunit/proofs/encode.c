// SPDX-License-Identifier: GPL-2.0
/*
 * What the encoder of protobuf writes: every integer can be read back and takes as few bytes as
 * can be, a length is that of what follows, and no byte is written beyond the end of a buffer,
 * whatever its size and wherever memory runs out.
 */
#include <stdlib.h>

#include "../../mm/base/buf.h"
#include "../../mm/export/encode.h"

#define KSPAN_BUF_MIN	SZ_4K
#define WIRE_VARINT	0
#define WIRE_BYTES	2
#define BUFFERED	64

/* What was appended, here or in a buffer that is as the encoder's own. */
static u8 appended[BUFFERED];
static size_t nr_appended;

#ifdef PROOF_prove_buffer
static void *kvmalloc(size_t size, gfp_t gfp)
{
	prove(size && size <= INT_MAX);
	return nondet_bool() ? malloc(size) : NULL;
}

static void kvfree(const void *data)
{
	free((void *)data);
}

/* Where they come to, and that they have room, is what is proven; not what they are. */
#undef memcpy
#define memcpy(to, from, n)	prove(__CPROVER_w_ok(to, n))

#include "kspan_buf_reserve.inc"
#include "kspan_buf_append.inc"

void prove_buffer(void)
{
	struct kspan_buf buf = { 0 };
	size_t size = nondet_size(), before;
	int i;

	if (nondet_bool()) {
		given(size && size <= INT_MAX);
		buf.data = malloc(size);
		given(buf.data);
		buf.size = size;
		buf.len = nondet_size();
		given(buf.len <= size);
	}
	for (i = 0; i < 2; i++) {
		size = nondet_size();
		before = buf.len;
		kspan_buf_append(&buf, NULL, size);
		prove(buf.len <= buf.size && buf.size <= INT_MAX);
		prove(buf.err || buf.len == before + size);
		prove(!buf.err || buf.len == before);
	}
}
#else
void kspan_buf_append(struct kspan_buf *buf, const void *data, size_t len)
{
	const u8 *bytes = data;
	size_t i;

	for (i = 0; i < len; i++) {
		prove(nr_appended < BUFFERED);
		appended[nr_appended++] = bytes[i];
	}
}

#include "kspan_encode_varint.inc"
#include "put_tag.inc"
#include "put_u64.inc"
#include "put_bytes.inc"

/* An integer from place *@at on, which is moved behind it. */
static u64 read_varint(size_t *at)
{
	unsigned int shift = 0;
	u64 value = 0;

	while (true) {
		prove(*at < nr_appended);
		value |= (u64)(appended[*at] & 0x7f) << shift;
		if (!(appended[(*at)++] & 0x80))
			return value;
		shift += 7;
		prove(shift < 64);
	}
}

void prove_varint(void)
{
	u64 value = nondet_u64();
	size_t at = 0;

	kspan_encode_varint(NULL, value);
	prove(nr_appended >= 1 && nr_appended <= 10);
	/* No byte too many. */
	prove(nr_appended == 1 || value >> (7 * (nr_appended - 1)));
	prove(read_varint(&at) == value);
	prove(at == nr_appended);
}

void prove_field(void)
{
	unsigned int field = nondet_uint();
	u64 value = nondet_u64();
	size_t at = 0;

	given(field && field < BIT(29));
	put_u64(NULL, field, value);
	if (!value) {
		prove(!nr_appended);
		return;
	}
	prove(read_varint(&at) == (field << 3 | WIRE_VARINT));
	prove(read_varint(&at) == value);
	prove(at == nr_appended);
}

void prove_bytes(void)
{
	unsigned int field = nondet_uint();
	size_t len = nondet_size(), at = 0;
	u8 data[4];

	given(field && field < BIT(29) && len <= sizeof(data));
	put_bytes(NULL, field, data, len);
	prove(read_varint(&at) == (field << 3 | WIRE_BYTES));
	prove(read_varint(&at) == len);
	prove(nr_appended - at == len);
}
#endif
