/** The package as others get it: packed, installed into an app outside, and bundled as apps on phones are. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "chatapp-metro-"));
const app = join(folder, "app");

function run(cwd: string, command: string, ...words: string[]): string {
  return execFileSync(command, words, { cwd, encoding: "utf8", timeout: 240_000 });
}

beforeAll(() => {
  cpSync(join(import.meta.dirname, "app"), app, { recursive: true });
  run(root, "npm", "pack", "--ignore-scripts", "--pack-destination", folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
  run(app, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
  run(app, "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", join(folder, tarball));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(["exports", "no-exports"])("an app is bundled and starts (%s)", (how) => {
  const out = join(folder, `${how}.js`);
  run(app, "node", "bundle.js", how, out);
  const script = `require(${JSON.stringify(out)}); console.log(JSON.stringify(outcome)); process.exit()`;
  expect(JSON.parse(run(folder, "node", "-e", script))).toEqual({ status: "starting", isReact: true });
});
