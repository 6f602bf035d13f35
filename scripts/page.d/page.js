// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page of `kspan serve`: a flame graph and tables of what it reads there. A mark is a heap that
 * was read before, and kept here.
 */
import "./page.css";
import { TYPES, changes, parseAges, parseCaches, parseHeap } from "./heap.js";
import { drawGraph, onZoom, resetZoom } from "./graph.js";
import { load, save, state, term, typeName } from "./state.js";
import { drawTable } from "./table.js";
import { amount, bytes, clock } from "./words.js";

const PROFILES = ["heap", "allocs", "peak", "lifetime", "fragmentation"];
const EVERY = 5000;
const INUSE = TYPES.indexOf("inuse_space");

const $ = (id) => document.getElementById(id);
/* By source: as last read, as marked, as first read. */
const heaps = {}, marks = {}, firsts = {};
let caches = [], timer = null, reading = 0;

/* ---------------------------------------------------------------- what is shown */

function shownRows() {
	const heap = heaps[state.source], first = firsts[state.source];
	const rows = state.view === "changes" ? changes(marks[state.source].rows, heap.rows) :
		[...heap.rows.values()];
	const minutes = (heap.time - first.time) / 60;
	return rows.map((row) => {
		const is = heap.rows.get(row.key)?.values[INUSE] ?? 0, was = first.rows.get(row.key)?.values[INUSE] ?? 0;
		return { ...row, growth: minutes > 0 ? (is - was) / minutes : undefined,
			ages: heap.ages?.get(row.key) };
	});
}

function drawStatus(rows) {
	const heap = heaps[state.source], mark = marks[state.source], changed = state.view === "changes";
	const type = TYPES.indexOf(typeName());
	const sum = rows.reduce((total, row) => total + row.values[type], 0);
	const total = document.createElement("b");
	total.textContent = amount(typeName(), changed ? Math.abs(sum) : sum) +
		(state.unit === "objects" ? " objects" : "");
	const what = state.kind === "inuse" ? "in use" : "allocated";
	const rate = heap.sampleBytes === 1 ? "every allocation sampled" :
		heap.sampleBytes ? `one sample in ${bytes(heap.sampleBytes)}` : "sampling is off";
	let text = changed ?
		`${sum < 0 ? "less" : "more"} ${what} at ${clock(heap.time)} than at the mark, ${clock(mark.time)}` :
		`${what} at ${clock(heap.time)}`;
	text += `; ${rows.length} stacks, ${rate}`;
	if (mark && !changed)
		text += `; mark set at ${clock(mark.time)}`;
	if (!rows.length)
		text += changed ? ". Nothing has changed." : ". Nothing was sampled yet.";
	$("status").replaceChildren(total, " ", text);
}

/* Links to the profiles of the heap that is shown. */
function drawLinks() {
	$("profiles").replaceChildren(...PROFILES.flatMap((name, i) => {
		const link = document.createElement("a");
		link.textContent = name;
		link.href = `debug/pprof/${name}${state.source === "kspan" ? "" : `?source=${state.source}`}`;
		return i ? [", ", link] : [link];
	}));
}

/* What the address has, and what is read, as the switches have it. */
function drawSwitches() {
	const mark = marks[state.source];
	if (!mark)
		state.view = "now";
	for (const input of document.querySelectorAll("fieldset input"))
		input.checked = state[input.name] === input.value;
	document.querySelector("input[value=changes]").disabled = !mark;
	if ($("search").value !== state.search)
		$("search").value = state.search;
	$("search").setCustomValidity(term().error);
	document.documentElement.dataset.theme = state.theme;
	$("theme").textContent = `Theme: ${state.theme}`;
}

function drawRows(rows) {
	drawTable(state.table === "caches" ? caches : rows, draw);
}

function draw() {
	drawSwitches();
	drawLinks();
	save();
	if (!heaps[state.source]) {
		$("status").textContent = "";
		drawGraph([]);
		drawRows([]);
		return;
	}
	const rows = shownRows();
	drawStatus(rows);
	drawGraph(rows);
	drawRows(rows);
}

/* ---------------------------------------------------------------- the server */

async function get(path) {
	const response = await fetch(path);
	if (!response.ok)
		throw new Error((await response.text()).trim());
	return response;
}

async function refresh() {
	const source = state.source, number = ++reading;
	try {
		const heap = await parseHeap(await get(`debug/pprof/heap?source=${source}`));
		// Ages are in the text, of a tap.
		if (source !== "kspan")
			heap.ages = parseAges(await (await get(`debug/pprof/heap?debug=1&source=${source}`)).text());
		caches = parseCaches(await (await get("api/caches")).text());
		heaps[source] = heap;
		firsts[source] ??= heap;
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

/* ---------------------------------------------------------------- what people do */

function mark() {
	if (!heaps[state.source])
		return;
	marks[state.source] = heaps[state.source];
	draw();
}

function toggleTimer() {
	clearInterval(timer);
	timer = $("auto").checked ? setInterval(refresh, EVERY) : null;
}

function nextTheme() {
	const themes = ["auto", "dark", "light"];
	state.theme = themes[(themes.indexOf(state.theme) + 1) % themes.length];
	draw();
}

async function copyLink() {
	save();
	try {
		await navigator.clipboard.writeText(location.href);
		$("link").textContent = "Copied";
	} catch {
		$("link").textContent = "See the address";
	}
	setTimeout(() => { $("link").textContent = "Copy link"; }, 2000);
}

for (const input of document.querySelectorAll("fieldset input"))
	input.addEventListener("change", () => {
		state[input.name] = input.value;
		if (["kind", "unit", "table"].includes(input.name))
			state.sort = "";
		if (input.name === "source")
			refresh();
		else
			draw();
	});
$("refresh").addEventListener("click", refresh);
$("mark").addEventListener("click", mark);
$("auto").addEventListener("change", toggleTimer);
$("theme").addEventListener("click", nextTheme);
$("link").addEventListener("click", copyLink);
$("search").addEventListener("input", () => {
	state.search = $("search").value;
	draw();
});

const KEYS = {
	"/": () => $("search").focus(), g: () => $("graph").focus(), m: mark, r: refresh,
	c: () => { if (marks[state.source]) { state.view = state.view === "now" ? "changes" : "now"; draw(); } },
	z: resetZoom, d: nextTheme,
};
document.addEventListener("keydown", (event) => {
	const typing = event.target.closest("input[type=search]");
	if (typing && event.key === "Escape")
		typing.blur();
	if (typing || event.ctrlKey || event.altKey || event.metaKey || !KEYS[event.key])
		return;
	event.preventDefault();
	KEYS[event.key]();
});

onZoom(save);
window.addEventListener("hashchange", () => {
	const source = state.source;
	load();
	if (state.source === source)
		draw();
	else
		refresh();
});
let width = window.innerWidth;
window.addEventListener("resize", () => {
	if (width !== window.innerWidth)
		draw();
	width = window.innerWidth;
});
load();
drawSwitches();
refresh();
