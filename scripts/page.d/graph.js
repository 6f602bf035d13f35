// SPDX-License-Identifier: GPL-2.0-or-later
/* The flame graph, by d3-flame-graph, and the keys that move in it. */
import { select } from "d3-selection";
import flamegraph from "d3-flame-graph";
import { TYPES, frameMatches, tree } from "./heap.js";
import { state, term, typeName } from "./state.js";
import { amount } from "./words.js";

const FOUND = "#c94fd8";
const box = document.getElementById("graph"), details = document.getElementById("details");
const unzoom = document.getElementById("unzoom");
let chart = null, whole = 0, found, pointed = null, changed = () => {};

/* Frames of modules stand out from those of the kernel; what has changed, by its sign. */
function colour(node) {
	const { name, module, net } = node.data;
	if (node.highlight)
		return FOUND;
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

function describe({ data: { name, module, value, net } }) {
	const where = module && module !== "vmlinux" ? ` [${module}]` : "";
	const share = whole ? `, ${(100 * value / whole).toFixed(1)} %` : "";
	return `${name}${where}: ${amount(typeName(), net, state.view === "changes")}${share}`;
}

/* What stands above the graph while no frame is pointed at. */
function hint() {
	details.textContent = found !== undefined ? `found: ${found.toFixed(1)} %` :
		(state.view === "changes" ? "Red has grown, blue has shrunk." : "Modules are green.") +
		" A click on a frame zooms in, arrow keys and Enter do too.";
}

const pathOf = (node) => node.ancestors().reverse().slice(1).map((frame) => frame.data.name);

/* The frame that was zoomed in to, or the innermost around it that is still there. */
function zoomed(root) {
	let node = root;
	for (const name of state.zoom ? state.zoom.split(";") : []) {
		const child = node.children?.find(({ data }) => data.name === name);
		if (!child)
			break;
		node = child;
	}
	return node;
}

export function onZoom(callback) {
	changed = callback;
}

export function drawGraph(rows) {
	const data = tree(rows, TYPES.indexOf(typeName()));
	select(box).selectAll("*").remove();
	unzoom.hidden = true;
	details.textContent = "";
	chart = pointed = null;
	found = undefined;
	whole = data.value;
	if (!whole)
		return;
	chart = flamegraph().width(box.clientWidth).cellHeight(20).inverted(true).sort(true)
		.minFrameSize(2).resetHeightOnZoom(true).title("")
		.transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150)
		.setColorMapper(colour).setLabelHandler(describe)
		.setDetailsHandler((text) => text ? details.textContent = text : hint())
		.setSearchMatch((node, regexp) => frameMatches([node.data.name, node.data.module], regexp))
		.setSearchHandler((_, sum) => {
			found = 100 * sum / whole;
			hint();
		})
		.onClick((node) => {
			state.zoom = pathOf(node).join(";");
			unzoom.hidden = !node.parent;
			changed();
		});
	select(box).datum(data).call(chart);
	hint();
	const { regexp } = term();
	if (regexp)
		chart.search(regexp);
	const node = zoomed(select(box).datum());
	if (node.parent)
		chart.zoomTo(node);
}

/* ---------------------------------------------------------------- keys */

const frames = () => [...box.querySelectorAll("g.frame")];
const nodeOf = (frame) => select(frame).datum();
const visible = (node) => frames().some((frame) => nodeOf(frame) === node);

function point(node) {
	pointed = node;
	for (const frame of frames())
		frame.classList.toggle("pointed", nodeOf(frame) === node);
	if (node)
		details.textContent = describe(node);
	else
		hint();
}

/* The frame beside one, with the same parent. */
function beside(node, step) {
	const siblings = (node.parent?.children ?? [node]).slice().sort((a, b) => a.x0 - b.x0);
	return siblings[siblings.indexOf(node) + step] ?? node;
}

const widest = (node) => node.children?.reduce((a, b) => b.x1 - b.x0 > a.x1 - a.x0 ? b : a) ?? node;

box.addEventListener("keydown", (event) => {
	if (!chart)
		return;
	const root = select(box).datum(), now = pointed ?? zoomed(root);
	const moves = {
		ArrowDown: () => widest(now), ArrowUp: () => now.parent ?? now,
		ArrowLeft: () => beside(now, -1), ArrowRight: () => beside(now, 1), Home: () => root,
	};
	if (moves[event.key]) {
		const next = pointed ? moves[event.key]() : now;
		point(visible(next) ? next : now);
	} else if (event.key === "Enter" && pointed) {
		chart.zoomTo(pointed);
		state.zoom = pathOf(pointed).join(";");
		unzoom.hidden = !pointed.parent;
		changed();
	} else if (event.key === "Escape") {
		resetZoom();
	} else {
		return;
	}
	event.preventDefault();
});
box.addEventListener("blur", () => chart && point(null));

export function resetZoom() {
	chart?.resetZoom();
	state.zoom = "";
	unzoom.hidden = true;
	changed();
}
unzoom.addEventListener("click", resetZoom);
