// SPDX-License-Identifier: GPL-2.0
/*
 * Names as they are shown. Whoever makes a cache may call it anything; who reads a table takes
 * blanks for the ends of fields and newlines for those of rows, and readers of profiles want
 * UTF-8. So a name is shown with what would confuse them as a backslash and three octal digits, as
 * in /proc/mounts, and a backslash likewise: different names stay different.
 *
 * Pure functions, any context.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/name.h"

/**
 * kspan_utf8_char() - the character that a string begins with
 * @str: the string
 * @c: the character
 *
 * Context: any.
 * Return: how many bytes it has; 0 at the end, or when @str does not begin with UTF-8: overlong
 * forms, surrogates and what is above U+10FFFF are none.
 */
unsigned int kspan_utf8_char(const char *str, u32 *c)
{
	static const u32 least[] = { 0x80, 0x800, 0x10000 };
	const u8 *s = (const u8 *)str;
	unsigned int more, i;

	if (*s < 0x80) {
		*c = *s;
		return !!*s;
	}
	if (*s >= 0xc2 && *s <= 0xdf)
		more = 1;
	else if (*s >= 0xe0 && *s <= 0xef)
		more = 2;
	else if (*s >= 0xf0 && *s <= 0xf4)
		more = 3;
	else
		return 0;
	*c = *s & (0x3f >> more);
	/* The terminating zero is no such byte either. */
	for (i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[more - 1] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return more + 1;
}
EXPORT_SYMBOL_FOR_TESTS(kspan_utf8_char);

/* What ends a field or a line for somebody: Unicode's control characters and blanks. */
static bool separates(u32 c)
{
	return c <= ' ' || (c >= 0x7f && c <= 0xa0) || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/**
 * kspan_name_char() - does a string begin with what is shown as it is?
 * @str: the string
 *
 * Context: any.
 * Return: how many bytes are; 0 at the end, or when its first byte is to be escaped.
 */
unsigned int kspan_name_char(const char *str)
{
	unsigned int len;
	u32 c;

	len = kspan_utf8_char(str, &c);
	return len && c != '\\' && !separates(c) ? len : 0;
}

/**
 * kspan_name_make() - the name of a cache as it is shown
 * @name: the result; at most KSPAN_NAME_SIZE bytes, cut between two characters
 * @from: what the cache was called when it was created
 * @number: of caches with that name: from the second on it is part of the name
 *
 * The result is never empty, has no blank and does not begin as a comment.
 *
 * Context: any.
 */
void kspan_name_make(char name[KSPAN_NAME_SIZE], const char *from, unsigned int number)
{
	char suffix[12] = "";
	size_t at = 0, end;

	if (number > 1)
		snprintf(suffix, sizeof(suffix), "#%u", number);
	end = KSPAN_NAME_SIZE - 1 - strlen(suffix);
	do {
		unsigned int len = kspan_name_char(from);

		/* Escaped; a name without a character is one zero. */
		if (!len || (!at && *from == '#')) {
			if (at + 4 > end)
				break;
			at += sprintf(name + at, "\\%03o", (u8)*from);
			from += !!*from;
			continue;
		}
		if (at + len > end)
			break;
		memcpy(name + at, from, len);
		at += len;
		from += len;
	} while (*from);
	strscpy(name + at, suffix, KSPAN_NAME_SIZE - at);
}
EXPORT_SYMBOL_FOR_TESTS(kspan_name_make);
