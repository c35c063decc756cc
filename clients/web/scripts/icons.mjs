/** Draws public/assets/icons/*.png from icon.svg, in Chromium. Run it when the icon has changed; the pictures are committed. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const folder = resolve(import.meta.dirname, "../public/assets/icons");
const svg = readFileSync(join(folder, "icon.svg"), "utf8");
/** Phones cut maskable icons to a shape of their own, and iOS rounds what it is given: no corners, more margin. */
const square = svg.replace('rx="116"', "");
const smaller = square
  .replace("<path", '<g transform="translate(51 51) scale(0.8)"><path')
  .replace("</svg>", "</g></svg>");
const ICONS = [
  ["icon-192.png", 192, svg],
  ["icon-512.png", 512, svg],
  ["icon-maskable.png", 512, smaller],
  ["apple-touch-icon.png", 180, square],
];

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
for (const [name, size, drawing] of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
  await page.screenshot({ path: join(folder, name), omitBackground: true });
}
await browser.close();
