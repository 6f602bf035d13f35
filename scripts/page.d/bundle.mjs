// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes the page, in the directory that is its argument: page.js and page.css with the libraries
 * in them, index.html, and LICENSES.txt with the licence of every package that went in.
 */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
const { metafile } = await build({
	entryPoints: ["page.js"],
	outdir: out,
	bundle: true,
	// Whoever gets it, in the Debian source too, can read it.
	minify: false,
	lineLimit: 120,
	// d3-flame-graph knows d3's nodes by the name of their class.
	keepNames: true,
	format: "iife",
	target: "es2022",
	legalComments: "none",
	banner: { js: "/* See /LICENSES.txt. */" },
	metafile: true,
	logLevel: "warning",
});
copyFileSync("index.html", join(out, "index.html"));

const packages = new Set();
for (const input of Object.keys(metafile.inputs)) {
	const found = input.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
	if (found)
		packages.add(found[1]);
}
let text = "The page of kspan serve is GPL-2.0-or-later, and has these packages in it.\n";
for (const name of [...packages].sort()) {
	const directory = join("node_modules", name);
	const { version, license } = JSON.parse(readFileSync(join(directory, "package.json")));
	const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file));
	if (!files.length)
		throw new Error(`${name} comes without its licence`);
	text += `\n${"=".repeat(80)}\n${name} ${version}: ${license}\n\n`;
	for (const file of files)
		text += readFileSync(join(directory, file), "utf8");
}
writeFileSync(join(out, "LICENSES.txt"), text);
