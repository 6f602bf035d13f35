// SPDX-License-Identifier: GPL-2.0-or-later
/* What is shown, and how: the address of the page has it, so that a link shows the same. */

const DEFAULTS = {
	source: "kspan",	/* kspan, slab, pages */
	kind: "inuse",		/* inuse, alloc */
	unit: "space",		/* space, objects */
	view: "now",		/* now, changes */
	table: "stacks",	/* stacks, caches */
	sort: "",		/* a column, with - before it from the largest down; "": the type shown */
	search: "",
	zoom: "",		/* functions from the outermost to the frame that fills the graph */
	theme: "auto",		/* auto, dark, light */
};
const ALLOWED = {
	source: /^(kspan|slab|pages)$/, kind: /^(inuse|alloc)$/, unit: /^(space|objects)$/,
	view: /^(now|changes)$/, table: /^(stacks|caches)$/, sort: /^-?[a-zA-Z_]{0,20}$/,
	theme: /^(auto|dark|light)$/,
};

export const state = { ...DEFAULTS };

/* From the address; what nobody has written there is left out. */
export function load() {
	const given = new URLSearchParams(location.hash.slice(1));
	for (const name of Object.keys(DEFAULTS)) {
		const value = given.get(name);
		state[name] = value !== null && (!ALLOWED[name] || ALLOWED[name].test(value)) ?
			value : DEFAULTS[name];
	}
}

/* Into the address, what is not as ever. */
export function save() {
	const hash = new URLSearchParams(Object.entries(state)
		.filter(([name, value]) => value !== DEFAULTS[name])).toString();
	if (location.hash.slice(1) !== hash)
		history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

export const typeName = () => `${state.kind}_${state.unit}`;

/* What is searched for, and whether it is one. */
export function term() {
	const text = state.search.trim();
	try {
		return { regexp: text ? new RegExp(text, "i") : null, error: "" };
	} catch (error) {
		return { regexp: null, error: error.message };
	}
}
