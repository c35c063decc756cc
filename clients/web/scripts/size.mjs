/** Fails when the JavaScript that the first load needs is more than the budget, gzipped. Run it after the build. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET = 150_000;
const dist = resolve(import.meta.dirname, "../dist");

const html = readFileSync(join(dist, "index.html"), "utf8");
const scripts = [...html.matchAll(/(?:src|href)="(\/[^"]+\.js)"/g)].map(([, path]) => path);
const sizes = scripts.map((path) => [path, gzipSync(readFileSync(join(dist, path)), { level: 9 }).length]);
const sum = sizes.reduce((total, [, size]) => total + size, 0);
for (const [path, size] of sizes) process.stdout.write(`${String(size).padStart(8)}  ${path}\n`);
process.stdout.write(`${String(sum).padStart(8)}  in all, of at most ${BUDGET}\n`);
if (scripts.length === 0 || sum > BUDGET) process.exit(1);
