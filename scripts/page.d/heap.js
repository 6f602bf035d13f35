// SPDX-License-Identifier: GPL-2.0-or-later
/* Heaps as `kspan serve` gives them: rows, what changed between two, and trees for flame graphs. */
import { Profile } from "pprof-format";

/* What a heap counts, in the order in which rows have it. */
export const TYPES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

async function uncompressed(response) {
	const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

const keyOf = (cache, stack) => JSON.stringify([cache, stack.map(([name]) => name)]);

/* A profile's response as a heap: rows by key, their stacks as [function, module], outermost first. */
export async function parseHeap(response) {
	const profile = Profile.decode(await uncompressed(response));
	const text = (index) => profile.stringTable.strings[Number(index)];
	const order = TYPES.map((name) =>
		profile.sampleType.findIndex(({ type }) => text(type) === name));
	if (order.includes(-1))
		throw new Error("this is not a heap");
	const modules = new Map(profile.mapping.map((m) => [Number(m.id), text(m.filename)]));
	const functions = new Map(profile.function.map((f) => [Number(f.id), text(f.name)]));
	const frames = new Map(profile.location.map(({ id, mappingId, address, line }) => [Number(id),
		(line.length ? line.map(({ functionId }) => functions.get(Number(functionId))) :
			[`0x${address.toString(16)}`])
			.map((name) => [name, modules.get(Number(mappingId)) ?? ""])]));
	const rows = new Map();
	for (const { locationId, value, label } of profile.sample) {
		const stack = locationId.flatMap((id) => frames.get(Number(id))).reverse();
		const cache = text(label.find(({ key }) => text(key) === "cache")?.str ?? 0);
		const key = keyOf(cache, stack), known = rows.get(key);
		const values = order.map((i, n) => Number(value[i]) + (known?.values[n] ?? 0));
		rows.set(key, { key, cache, stack, values });
	}
	return { time: Number(profile.timeNanos) / 1e9, sampleBytes: Number(profile.period), rows };
}

/* Ages of what stacks have in use, in seconds, from the text of a tap: key to [youngest, mean, oldest]. */
export function parseAges(text) {
	const ages = new Map();
	let stack = [];
	for (const line of text.split("\n")) {
		const frame = /^#\t0x[0-9a-f]+\t(\S+?)(\+0x[0-9a-f]+)?\t/.exec(line);
		const age = /^# age: min ([\d.]+) s, average ([\d.]+) s, max ([\d.]+) s; cache: (\S+)/.exec(line);
		if (frame)
			stack.unshift([frame[1]]);
		else if (age)
			ages.set(keyOf(age[4], stack), age.slice(1, 4).map(Number));
		else if (!line.startsWith("#"))
			stack = [];
	}
	return ages;
}

/* The file caches: rows of its columns, and what they take. */
export function parseCaches(text) {
	const rows = text.split("\n").map((line) => /^(.*\S)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/
		.exec(line)).filter((found) => found && !found[1].startsWith("#"))
		.map(([, name, ...numbers]) => {
			const [size, slot, inUse, objects, spans, pages, waste] = numbers.map(Number);
			// Large objects have no slot, and no waste that is counted.
			return { name, size, slot, inUse, objects, spans, pages, waste,
				memory: slot ? inUse * size + waste : 0 };
		});
	const whole = rows.find(({ slot, pages }) => slot && pages);
	const page = whole ? Math.floor(whole.memory / whole.pages) : 4096;
	for (const row of rows)
		if (!row.slot)
			row.memory = row.pages * page;
	return rows;
}

/* The rows of AFTER less those of BEFORE, without those that are the same. */
export function changes(before, after) {
	const rows = [];
	for (const key of new Set([...before.keys(), ...after.keys()])) {
		const was = before.get(key), is = after.get(key);
		const values = TYPES.map((_, i) => (is ? is.values[i] : 0) - (was ? was.values[i] : 0));
		if (values.some((value) => value))
			rows.push({ ...(is || was), values });
	}
	return rows;
}

/*
 * Rows as a tree of frames. A frame is as wide as the sum of what is below it, without the sign;
 * net is the sum with it, which differs where one stack has grown and another shrunk.
 */
export function tree(rows, type) {
	const root = { name: "all", module: "", value: 0, net: 0, children: [] };
	const children = new Map([[root, new Map()]]);
	for (const { stack, values } of rows) {
		const net = values[type];
		if (!net)
			continue;
		let node = root;
		for (const frame of [null, ...stack]) {
			if (frame) {
				const known = children.get(node), key = frame.join("\0");
				let child = known.get(key);
				if (!child) {
					child = { name: frame[0], module: frame[1], value: 0, net: 0, children: [] };
					known.set(key, child);
					children.set(child, new Map());
					node.children.push(child);
				}
				node = child;
			}
			node.value += Math.abs(net);
			node.net += net;
		}
	}
	return root;
}

/* Whether a row has what is searched for, a regular expression, in its stack or its cache. */
export function matches(row, term) {
	return term.test(row.cache) || row.stack.some((frame) => frameMatches(frame, term));
}

/* The same of a frame. */
export function frameMatches([name, module], term) {
	return term.test(name) || (module !== "vmlinux" && term.test(module));
}
