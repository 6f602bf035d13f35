// SPDX-License-Identifier: GPL-2.0-or-later
/* Heaps as `kspan serve` gives them: their rows, what changed between two, and flame graphs of them. */

/* What a heap counts, in the order in which rows have it. */
export const TYPES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"];

/* The heap in the server's JSON: rows have their stacks as [function, module], outermost first. */
export function parse(json) {
	if (json.types.join() !== TYPES.join())
		throw new Error("this is not a heap");
	const rows = new Map();
	for (const { cache, frames, values } of json.stacks) {
		const stack = frames.map((frame) => json.functions[frame]);
		rows.set(JSON.stringify([cache, stack]), { cache, stack, values });
	}
	return { on: json.on, time: json.time, sampleBytes: json.sample_bytes, rows };
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
