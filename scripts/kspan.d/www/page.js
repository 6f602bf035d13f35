// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page of `kspan serve`: a flame graph and a table of what its JSON says. A mark is a heap that
 * was read before, and kept here.
 */
import { select } from "d3-selection";
import flamegraph from "d3-flame-graph";
import "./page.css";
import { TYPES, changes, frameMatches, matches, parse, tree } from "./heap.js";

const KINDS = ["heap", "allocs", "peak", "lifetime"];
/* The heaps of the switch: where the server has each, who has sampled it, its profiles. */
const SOURCES = {
	kspan: { path: "", who: "kspan", kinds: [...KINDS, "fragmentation"] },
	slab: { path: "slab/", who: "The tap", kinds: KINDS },
	pages: { path: "pages/", who: "The tap", kinds: KINDS },
};
const COLUMNS = [
	{ id: "inuse_space", title: "in use" },
	{ id: "inuse_objects", title: "objects in use" },
	{ id: "alloc_space", title: "allocated" },
	{ id: "alloc_objects", title: "objects allocated" },
	{ id: "cache", title: "cache" },
	{ id: "stack", title: "stack, innermost function first" },
];
const FRAMES = 8;
const MOST_ROWS = 500;

const $ = (id) => document.getElementById(id);
const state = { source: "kspan", kind: "inuse", unit: "space", view: "now" };
const heaps = {}, marks = {};
let sort = { id: null, descending: true };
// Functions from the outermost to the frame that fills the graph.
let zoom = [];
let chart = null, timer = null, reading = 0;

/* ---------------------------------------------------------------- text */

function bytes(value) {
	const size = Math.abs(value);
	for (const [unit, factor] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])
		if (size >= factor)
			return `${(value / factor).toFixed(size < 100 * factor ? 1 : 0)} ${unit}`;
	return `${value} B`;
}

function amount(id, value) {
	const text = id.endsWith("space") ? bytes(value) : value.toLocaleString("en");
	return state.view === "changes" && value > 0 ? `+${text}` : text;
}

const clock = (heap) => new Date(heap.time * 1000).toLocaleTimeString("en-GB");

/* ---------------------------------------------------------------- what is shown */

const typeName = () => `${state.kind}_${state.unit}`;

function term() {
	const text = $("search").value.trim();
	let regexp = null;
	try {
		regexp = text && new RegExp(text, "i");
		$("search").setCustomValidity("");
	} catch (error) {
		$("search").setCustomValidity(error.message);
	}
	return regexp || null;
}

function shownRows() {
	const heap = heaps[state.source];
	return state.view === "changes" ? changes(marks[state.source].rows, heap.rows) :
		[...heap.rows.values()];
}

/* Frames of modules stand out from those of the kernel; what has changed, by its sign. */
function colour(node) {
	const { name, module, net } = node.data;
	if (node.highlight)
		return "#c94fd8";
	let hash = 0;
	for (const character of name)
		hash = (hash * 31 + character.charCodeAt(0)) % 997;
	const shade = hash / 997;
	if (state.view === "changes") {
		const part = 0.25 + 0.75 * Math.abs(net) / (node.data.value || 1);
		return net < 0 ? `hsl(208 75% ${90 - 28 * part}%)` : `hsl(${10 + 8 * shade} 88% ${90 - 22 * part}%)`;
	}
	if (!module)
		return "#dde2ea";
	return module === "vmlinux" ? `hsl(${28 + 22 * shade} 92% ${70 + 8 * shade}%)` :
		`hsl(${140 + 30 * shade} 48% ${66 + 8 * shade}%)`;
}

function describe(node, whole) {
	const { name, module, value, net } = node.data;
	const where = module && module !== "vmlinux" ? ` [${module}]` : "";
	const share = whole ? `, ${(100 * value / whole).toFixed(1)} %` : "";
	return `${name}${where}: ${amount(typeName(), net)}${share}`;
}

/* What stands above the graph while no frame is pointed at. */
function hint(found) {
	$("details").textContent = found !== undefined ? `found: ${found.toFixed(1)} %` :
		(state.view === "changes" ? "Red has grown, blue has shrunk." : "Modules are green.") +
		" Click a frame to zoom in.";
}

/* The frame that was zoomed in to, or the innermost around it that is still there. */
function zoomed(root) {
	let node = root;
	for (const name of zoom) {
		const child = node.children?.find(({ data }) => data.name === name);
		if (!child)
			break;
		node = child;
	}
	return node;
}

function drawGraph(rows) {
	const data = tree(rows, TYPES.indexOf(typeName()));
	const box = $("graph");
	select(box).selectAll("*").remove();
	$("unzoom").hidden = true;
	$("details").textContent = "";
	chart = null;
	if (!data.value)
		return;
	let found;
	chart = flamegraph().width(box.clientWidth).cellHeight(20).inverted(true).sort(true)
		.minFrameSize(2).resetHeightOnZoom(true).transitionDuration(150).title("")
		.setColorMapper(colour)
		.setLabelHandler((node) => describe(node, data.value))
		.setDetailsHandler((text) => {
			if (text)
				$("details").textContent = text;
			else
				hint(found);
		})
		.setSearchMatch((node, regexp) =>
			frameMatches([node.data.name, node.data.module], regexp))
		.setSearchHandler((_, sum) => {
			found = 100 * sum / data.value;
			hint(found);
		})
		.onClick((node) => {
			zoom = node.ancestors().reverse().slice(1).map((frame) => frame.data.name);
			$("unzoom").hidden = !node.parent;
		});
	select(box).datum(data).call(chart);
	hint();
	if (term())
		chart.search(term());
	const node = zoomed(select(box).datum());
	if (node.parent)
		chart.zoomTo(node);
}

function compare(a, b) {
	const order = sort.id === "cache" ? a.cache.localeCompare(b.cache) :
		sort.id === "stack" ? a.stack.at(-1)[0].localeCompare(b.stack.at(-1)[0]) :
		a.values[TYPES.indexOf(sort.id)] - b.values[TYPES.indexOf(sort.id)];
	return sort.descending ? -order : order;
}

function drawHead() {
	const row = document.querySelector("thead tr");
	row.replaceChildren(...COLUMNS.map(({ id, title }) => {
		const cell = document.createElement("th"), button = document.createElement("button");
		button.textContent = title;
		button.dataset.column = id;
		cell.className = TYPES.includes(id) ? "number" : "";
		if (sort.id === id)
			cell.setAttribute("aria-sort", sort.descending ? "descending" : "ascending");
		button.addEventListener("click", () => {
			const words = !TYPES.includes(id);
			sort = { id, descending: sort.id === id ? !sort.descending : !words };
			draw();
		});
		cell.append(button);
		return cell;
	}));
}

function stackCell(stack, all) {
	const cell = document.createElement("td");
	cell.className = "stack";
	const inner = [...stack].reverse();
	for (const [i, [name, module]] of inner.slice(0, all ? inner.length : FRAMES).entries()) {
		const frame = document.createElement(i ? "span" : "b");
		frame.textContent = name;
		frame.className = module && module !== "vmlinux" ? "module" : i ? "outer" : "";
		frame.title = module;
		cell.append(i ? " \u2190 " : "", frame);
	}
	if (!all && inner.length > FRAMES) {
		cell.append(" \u2190 \u2026");
		cell.title = "Click for the whole stack";
		cell.addEventListener("click", () => cell.replaceWith(stackCell(stack, true)), { once: true });
	}
	return cell;
}

function drawTable(rows) {
	drawHead();
	const regexp = term();
	const found = (regexp ? rows.filter((row) => matches(row, regexp)) : rows).sort(compare);
	document.querySelector("tbody").replaceChildren(...found.slice(0, MOST_ROWS).map((row) => {
		const line = document.createElement("tr");
		for (const { id } of COLUMNS.slice(0, TYPES.length)) {
			const cell = document.createElement("td"), value = row.values[TYPES.indexOf(id)];
			cell.className = "number" + (id === typeName() ? " chosen" : "");
			if (state.view === "changes" && value)
				cell.classList.add(value > 0 ? "grown" : "shrunk");
			cell.textContent = amount(id, value);
			if (id.endsWith("space"))
				cell.title = `${value} bytes`;
			line.append(cell);
		}
		const cache = document.createElement("td");
		cache.className = "cache";
		cache.textContent = row.cache;
		line.append(cache, stackCell(row.stack, false));
		return line;
	}));
	$("more").textContent = found.length > MOST_ROWS ?
		`${found.length - MOST_ROWS} more: search for them.` : "";
}

function drawStatus(rows) {
	const heap = heaps[state.source], mark = marks[state.source];
	const { path, who } = SOURCES[state.source];
	const type = TYPES.indexOf(typeName());
	const sum = rows.reduce((total, row) => total + row.values[type], 0);
	const total = document.createElement("b");
	total.textContent = amount(typeName(), state.view === "changes" ? Math.abs(sum) : sum)
		.replace("+", "") + (state.unit === "objects" ? " objects" : "");
	const what = state.kind === "inuse" ? "in use" : "allocated";
	const rate = heap.sampleBytes === 1 ? "every allocation sampled" :
		heap.sampleBytes ? `one sample in ${bytes(heap.sampleBytes)}` : "sampling is off";
	let text = state.view === "changes" ?
		`${sum < 0 ? "less" : "more"} ${what} at ${clock(heap)} than at the mark, ${clock(mark)}` : `${what} at ${clock(heap)}`;
	text += `; ${rows.length} stacks, ${rate}`;
	if (mark && state.view === "now")
		text += `; mark set at ${clock(mark)}`;
	if (!heap.on)
		text += `. The tap is off; as root: echo 1 > /sys/kernel/debug/kspan/${path}enable`;
	else if (!rows.length)
		text += state.view === "changes" ? ". Nothing has changed." :
			`. ${who} has sampled nothing yet.`;
	$("status").replaceChildren(total, " ", text);
}

/* Links to the profiles of the heap that is shown. */
function drawLinks() {
	const { path, kinds } = SOURCES[state.source];
	$("profiles").replaceChildren(...kinds.flatMap((kind, i) => {
		const link = document.createElement("a");
		link.textContent = kind;
		link.href = `${path}debug/pprof/${kind}`;
		return i ? [", ", link] : [link];
	}));
}

function draw() {
	const heap = heaps[state.source], mark = marks[state.source];
	if (!mark)
		state.view = "now";
	for (const [name, value] of Object.entries(state))
		document.querySelector(`input[name=${name}][value=${value}]`).checked = true;
	document.querySelector("input[value=changes]").disabled = !mark;
	drawLinks();
	if (!heap)
		return;
	if (!sort.id)
		sort.id = typeName();
	const rows = shownRows();
	drawStatus(rows);
	drawGraph(rows);
	drawTable(rows);
}

/* ---------------------------------------------------------------- the server */

async function refresh() {
	const source = state.source, number = ++reading;
	try {
		const response = await fetch(`${SOURCES[source].path}api/heap`);
		if (!response.ok)
			throw new Error((await response.text()).trim());
		heaps[source] = parse(await response.json());
		$("error").hidden = true;
	} catch (error) {
		$("error").textContent = `The heap could not be read: ${error.message}`;
		$("error").hidden = false;
	}
	// Of two that were asked for, the later one draws.
	if (number === reading) {
		draw();
		document.body.dataset.reads = number;
	}
}

for (const input of document.querySelectorAll("fieldset input"))
	input.addEventListener("change", () => {
		state[input.name] = input.value;
		if (input.name === "kind" || input.name === "unit")
			sort = { id: typeName(), descending: true };
		if (input.name === "source")
			refresh();
		else
			draw();
	});
$("refresh").addEventListener("click", refresh);
$("mark").addEventListener("click", () => {
	marks[state.source] = heaps[state.source];
	draw();
});
$("auto").addEventListener("change", () => {
	clearInterval(timer);
	timer = $("auto").checked ? setInterval(refresh, 5000) : null;
});
$("search").addEventListener("input", draw);
$("unzoom").addEventListener("click", () => chart.resetZoom());
window.addEventListener("resize", draw);
refresh();
