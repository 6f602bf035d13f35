// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers as people read them. */

export function bytes(value) {
	const size = Math.abs(value);
	for (const [unit, factor] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
		if (size >= factor)
			return `${(value / factor).toFixed(size < 100 * factor ? 1 : 0)} ${unit}`;
	return `${Math.round(value)} B`;
}

/* Of a type by its name; what has changed has its sign. */
export function amount(type, value, signed) {
	const text = /space|memory|waste|growth/.test(type) ? bytes(value) : Math.round(value).toLocaleString("en");
	return signed && value > 0 ? `+${text}` : text;
}

export function seconds(value) {
	for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]])
		if (value >= 2 * length)
			return `${Math.floor(value / length)} ${unit}`;
	return `${Math.floor(value)} s`;
}

export const clock = (time) => new Date(time * 1000).toLocaleTimeString("en-GB");
