// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer that encoders and the files of debugfs write to.
 *
 * A file's content must be complete when open() returns, and its length is not known before, so
 * the buffer grows as it is written. Errors stick, so that writers need not look after each
 * append. Calls the page allocator through kvmalloc(); process context; takes no locks.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/stdarg.h>
#include <linux/string.h>

#include "base/buf.h"
#include "base/compat.h"
#include "base/name.h"

#define KSPAN_BUF_MIN	SZ_4K

/* Make room for @extra more bytes. */
static bool kspan_buf_reserve(struct kspan_buf *buf, size_t extra)
{
	size_t size;
	char *data;

	if (buf->err)
		return false;
	if (extra <= buf->size - buf->len)
		return true;

	/* kvmalloc() warns above INT_MAX; that much is refused like any lack of memory */
	if (extra > INT_MAX - buf->len) {
		buf->err = -ENOMEM;
		return false;
	}
	size = clamp_t(size_t, buf->size * 2, KSPAN_BUF_MIN, INT_MAX);
	size = max(size, buf->len + extra);

	data = kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
	if (!data) {
		buf->err = -ENOMEM;
		return false;
	}
	if (buf->len)
		memcpy(data, buf->data, buf->len);
	kvfree(buf->data);
	buf->data = data;
	buf->size = size;
	return true;
}

/**
 * kspan_buf_append() - add bytes to the end
 * @buf: the buffer
 * @data: what to add
 * @len: its length in bytes
 *
 * Context: process context; may sleep.
 */
void kspan_buf_append(struct kspan_buf *buf, const void *data, size_t len)
{
	if (!len || !kspan_buf_reserve(buf, len))
		return;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_buf_append);

/**
 * kspan_buf_puts() - add a string, without its terminating zero
 * @buf: the buffer
 * @str: the string
 *
 * Context: process context; may sleep.
 */
void kspan_buf_puts(struct kspan_buf *buf, const char *str)
{
	kspan_buf_append(buf, str, strlen(str));
}

/* The end of what most names are from end to end. */
static const char *skip_plain(const char *str)
{
	while (*str > ' ' && *str < 0x7f && *str != '\\')
		str++;
	return str;
}

/* @len says how much of a string can go out as it is; of what cannot, one byte is escaped. */
static void put_escaped(struct kspan_buf *buf, const char *str,
			unsigned int (*len)(const char *str))
{
	while (*str) {
		const char *plain = str;
		unsigned int n;

		do {
			str = skip_plain(str);
			n = len(str);
			str += n;
		} while (n);
		kspan_buf_append(buf, plain, str - plain);
		if (*str)
			kspan_buf_printf(buf, "\\%03o", (u8)*str++);
	}
}

static unsigned int utf8_len(const char *str)
{
	u32 c;

	return kspan_utf8_char(str, &c);
}

/**
 * kspan_buf_put_utf8() - add a string as UTF-8
 * @buf: the buffer
 * @str: the string; a byte that is not UTF-8 becomes a backslash and three octal digits
 *
 * Context: process context; may sleep.
 */
void kspan_buf_put_utf8(struct kspan_buf *buf, const char *str)
{
	put_escaped(buf, str, utf8_len);
}

/**
 * kspan_buf_put_field() - add a string as one field of a line, in UTF-8
 * @buf: the buffer
 * @str: the string; escaped are also blanks, control characters and backslashes
 *
 * Context: process context; may sleep.
 */
void kspan_buf_put_field(struct kspan_buf *buf, const char *str)
{
	put_escaped(buf, str, kspan_name_char);
}

/**
 * kspan_buf_printf() - add formatted text
 * @buf: the buffer
 * @fmt: as printk()
 *
 * Context: process context; may sleep.
 */
void kspan_buf_printf(struct kspan_buf *buf, const char *fmt, ...)
{
	size_t room = buf->size - buf->len;
	va_list args;
	int len;

	if (buf->err)
		return;

	va_start(args, fmt);
	len = vsnprintf(room ? buf->data + buf->len : NULL, room, fmt, args);
	va_end(args);

	/* vsnprintf() also wants room for the zero that the buffer does not keep */
	if (len >= room) {
		if (!kspan_buf_reserve(buf, (size_t)len + 1))
			return;
		va_start(args, fmt);
		vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
		va_end(args);
	}
	buf->len += len;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_buf_printf);

/**
 * kspan_buf_free() - release the memory; the buffer may be used again
 * @buf: the buffer
 *
 * Context: process context.
 */
void kspan_buf_free(struct kspan_buf *buf)
{
	kvfree(buf->data);
	*buf = (struct kspan_buf){};
}
EXPORT_SYMBOL_FOR_TESTS(kspan_buf_free);
