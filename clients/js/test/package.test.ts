import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const LIMIT = 52_000; // 12 KB of them for acts on messages, settings and all that follows from them
const root = resolve(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));

test("the built SDK stays below 52 KB gzipped, socket.io-client aside", () => {
  for (const name of ["index.js", "index.cjs", "react.js", "react.cjs"]) {
    const size = gzipSync(readFileSync(resolve(root, "dist", name))).length;
    expect(size, `${name} has ${size} bytes gzipped`).toBeLessThan(LIMIT);
  }
});

test("everything that package.json promises is there", () => {
  const files = JSON.stringify(manifest.exports).match(/\.\/dist\/[\w.]+/g) ?? [];
  expect(files.length).toBeGreaterThanOrEqual(8);
  for (const file of files) expect(existsSync(resolve(root, file)), file).toBe(true);
});

test("it can be imported and required from outside", async () => {
  const imported = await import(manifest.exports["."].import.default.replace("./", `${root}/`));
  const required = createRequire(import.meta.url)(resolve(root, manifest.exports["."].require.default));
  expect(Object.keys(imported).sort()).toEqual(Object.keys(required).sort());
  expect(imported.createChat).toBeTypeOf("function");
  const hooks = await import(manifest.exports["./react"].import.default.replace("./", `${root}/`));
  expect(hooks.useMessages).toBeTypeOf("function");
});

test("it needs nothing at run time but socket.io-client", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["socket.io-client"]);
  const code = readFileSync(resolve(root, "dist/index.js"), "utf8");
  const imports = [...code.matchAll(/^import .* from "([^"]+)"/gm)].map(([, name]) => name);
  expect(imports).toEqual(["socket.io-client"]);
});
