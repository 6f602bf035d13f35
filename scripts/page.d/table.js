// SPDX-License-Identifier: GPL-2.0-or-later
/* The tables of stacks and of caches: sorted by any column, cut to what is searched for. */
import { TYPES, matches } from "./heap.js";
import { state, term, typeName } from "./state.js";
import { amount, bytes, seconds } from "./words.js";

const FRAMES = 8;
const MOST_ROWS = 500;

/* id, title, what a row has there, how it is written; words are sorted from a to z. */
const number = (id, title, value, more = {}) => ({ id, title, value, number: true, ...more });
const COLUMNS = {
	stacks: [
		...["inuse_space", "inuse_objects", "alloc_space", "alloc_objects"].map((id, i) => number(id,
			["in use", "objects in use", "allocated", "objects allocated"][i],
			(row) => row.values[TYPES.indexOf(id)], { signed: true })),
		number("growth", "growth/min", (row) => row.growth, { signed: true, always: true,
			about: "Of what is in use, since the page first read this heap" }),
		number("age", "mean age", (row) => row.ages?.[1], { write: seconds,
			about: "Of what is in use" }),
		{ id: "cache", title: "cache", value: (row) => row.cache },
		{ id: "stack", title: "stack, innermost function first", value: (row) => row.stack.at(-1)?.[0] ?? "" },
	],
	caches: [
		number("memory", "memory", (row) => row.memory), number("waste", "waste", (row) => row.waste),
		number("inUse", "in use", (row) => row.inUse), number("objects", "objects", (row) => row.objects),
		number("slot", "slot bytes", (row) => row.slot), number("spans", "spans", (row) => row.spans),
		number("pages", "pages", (row) => row.pages), { id: "name", title: "cache", value: (row) => row.name },
	],
};

/* {id, descending} of the column by which the table is sorted. */
function order() {
	const columns = COLUMNS[state.table], id = state.sort.replace("-", "");
	return columns.some((column) => column.id === id) ? { id, descending: state.sort.startsWith("-") } :
		{ id: state.table === "stacks" ? typeName() : "memory", descending: true };
}

function write(column, row) {
	const value = column.value(row);
	if (value === undefined)
		return "";
	const signed = column.signed && (state.view === "changes" || column.always);
	return column.write ? column.write(value) : column.number ? amount(column.id, value, signed) : value;
}

function stackCell(cell, stack, all) {
	cell.className = "stack";
	const inner = [...stack].reverse();
	const parts = inner.slice(0, all ? inner.length : FRAMES).flatMap(([name, module], i) => {
		const frame = document.createElement(i ? "span" : "b");
		frame.textContent = name;
		frame.className = module && module !== "vmlinux" ? "module" : i ? "outer" : "";
		frame.title = module;
		return i ? [" \u2190 ", frame] : [frame];
	});
	if (parts.length && !all && inner.length > FRAMES) {
		const more = document.createElement("button");
		more.className = "more";
		more.textContent = `\u2190 ${inner.length - FRAMES} more`;
		more.addEventListener("click", () => stackCell(cell, stack, true));
		parts.push(" ", more);
	}
	cell.replaceChildren(...parts);
}

function drawHead(columns, redraw) {
	const { id: by, descending } = order();
	document.querySelector("thead tr").replaceChildren(...columns.map(({ id, title, number, about }) => {
		const cell = document.createElement("th"), button = document.createElement("button");
		button.textContent = title;
		button.title = about ?? "";
		button.dataset.column = id;
		cell.scope = "col";
		cell.className = number ? "number" : "";
		if (by === id)
			cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
		button.addEventListener("click", () => {
			state.sort = (by === id ? !descending : number) ? `-${id}` : id;
			redraw();
			document.querySelector(`th button[data-column=${id}]`).focus();
		});
		cell.append(button);
		return cell;
	}));
}

function line(columns, row) {
	const element = document.createElement("tr");
	for (const column of columns) {
		const cell = document.createElement("td"), value = column.value(row);
		if (column.id === "stack") {
			stackCell(cell, row.stack, false);
		} else {
			cell.textContent = write(column, row);
			cell.className = column.number ? "number" : "cache";
			if (column.id === typeName())
				cell.classList.add("chosen");
			if (column.signed && value && (state.view === "changes" || column.always))
				cell.classList.add(value > 0 ? "grown" : "shrunk");
			if (column.id === "age" && row.ages)
				cell.title = `youngest ${seconds(row.ages[0])}, oldest ${seconds(row.ages[2])}`;
			else if (column.number && cell.textContent !== String(value))
				cell.title = value === undefined ? "" : bytes(value) === cell.textContent ?
					`${value} bytes` : String(value);
		}
		element.append(cell);
	}
	return element;
}

/* ROWS of stacks, or of caches; redraw() when a column was chosen. */
export function drawTable(rows, redraw) {
	const columns = COLUMNS[state.table], { id, descending } = order(), { regexp } = term();
	const column = columns.find((one) => one.id === id);
	const found = rows.filter((row) => !regexp || (row.stack ? matches(row, regexp) : regexp.test(row.name)));
	found.sort((a, b) => {
		const x = column.value(a) ?? -Infinity, y = column.value(b) ?? -Infinity;
		const compared = column.number ? x - y || 0 : x.localeCompare(y);
		return descending ? -compared : compared;
	});
	drawHead(columns, redraw);
	document.querySelector("tbody").replaceChildren(...found.slice(0, MOST_ROWS).map((row) => line(columns, row)));
	document.getElementById("more").textContent = found.length > MOST_ROWS ?
		`${found.length - MOST_ROWS} more: search for them.` : found.length ? "" : "No rows.";
}
